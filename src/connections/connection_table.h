/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All connections, by 5-tuple and network namespace: bounded, seeded, with
 * timers. Time is the caller's: monotonic nanoseconds live, packet time in a
 * replay; it never goes back. Pure: what happens is reported by callbacks.
 */
#ifndef SOCKLINE_CONNECTIONS_CONNECTION_TABLE_H
#define SOCKLINE_CONNECTIONS_CONNECTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "decode/packet.h"
#include "connections/connection.h"

struct connection_table;

enum connection_change {
	CONNECTION_CHANGE_UPDATED, /* the update interval has passed, or packets came late */
	CONNECTION_CHANGE_CLOSED,  /* reason and outcome stand in the connection */
	CONNECTION_CHANGE_SETTLED, /* closed a while ago and held: its totals are whole */
};
typedef void connection_callback(void *context, struct connection *connection,
                                 enum connection_change change);

struct connection_table_options {
	uint32_t max_connections;
	int64_t update_interval_ns; /* 0 = no updates */
	struct hash_key key;    /* of the index: random, so that no sender can fill one bucket */
	struct hash_key id_key; /* of connection ids alone: what they are depends on it */
	connection_callback *callback;
	/* May a timer report a change now? What is due waits until then. NULL: always. */
	bool (*ready)(void *context);
	void *context;
};

/* Ends of silence: after these, without a packet, a connection is closed. */
#define CONNECTION_UNANSWERED_NS                                                                   \
	(INT64_C(135) * 1000000000) /* TCP: longer than tcp_syn_retries lasts */
#define CONNECTION_TCP_IDLE_NS (INT64_C(7200) * 1000000000)
#define CONNECTION_FIN_IDLE_NS                                                                     \
	(INT64_C(60) * 1000000000) /* TCP: FINs seen, or its socket is gone */
#define CONNECTION_OTHER_IDLE_NS (INT64_C(60) * 1000000000) /* UDP, ICMP and the rest */

struct connection_table *connection_table_new(const struct connection_table_options *options);
/* Frees without callbacks: connection_table_shutdown first. NULL is fine. */
void connection_table_free(struct connection_table *table);

/* What a connection is looked up by; its hash is the same for both orientations of the tuple. */
struct connection_key {
	struct tuple tuple;
	uint32_t netns;
	uint32_t lane;
	bool any_lane; /* that of the lane is no matter but for CONNECTION_LANE_MAPPED */
	/* [end]: the packet's source may be that end. Both but for ICMP, which says it. */
	bool from[2];
	uint64_t hash;
};

/* In any lane, from either end. */
struct connection_key connection_table_key(const struct connection_table *table, uint32_t netns,
                                           const struct tuple *tuple);
/* Either orientation; *from is which end the packet's source is. Closed ones that linger too. */
struct connection *connection_table_find(const struct connection_table *table,
                                         const struct connection_key *key,
                                         enum connection_end *from);
/*
 * NAT: the socket of that end has another tuple (this end as source) than the packets, and maybe another
 * namespace: connection_table_find_socket finds the connection by these, an open one first. When
 * memory is short, it does not.
 */
void connection_table_set_socket(struct connection_table *table, struct connection *connection,
                                 enum connection_end end, uint32_t netns,
                                 const struct tuple *tuple);
struct connection *connection_table_find_socket(const struct connection_table *table,
                                                const struct connection_key *key,
                                                enum connection_end *end);
/* From now on it is found in this lane too: the same packets pass there. */
void connection_table_add_lane(struct connection *connection, uint32_t lane);
/*
 * For callers that look up several at once: the cache lines of the index for all of
 * them first, then those that show whether the entries are those looked for.
 * Returns the entry that it is most likely, NULL when there is none: what is
 * wanted of it besides can be fetched too, its counts with
 * connection_prefetch_counts.
 */
void connection_table_prefetch(const struct connection_table *table,
                               const struct connection_key *key);
const struct connection *connection_table_prefetch_entry(const struct connection_table *table,
                                                         const struct connection_key *key);
/*
 * A new one; the key's tuple as initiator -> responder, time_ns of its first packet. A
 * full table evicts the longest silent of a few candidates first (callback). NULL when
 * memory is short.
 */
struct connection *connection_table_open(struct connection_table *table,
                                         const struct connection_key *key, int64_t time_ns,
                                         int64_t now_ns);
/*
 * The id of one that was there before its packets are looked at, as a listing of start_ns showed:
 * the same for both of its ends, and no other's.
 */
uint64_t connection_table_existing_id(const struct connection_table *table, uint32_t netns,
                                      const struct tuple *tuple, int64_t start_ns);
/* The next function, where it may be so. */
bool connection_table_cannot_have(const struct connection *connection, enum connection_end from,
                                  const struct packet *packet);

/* True when this packet of that end cannot belong to the connection: close it and open another. */
static inline bool connection_table_restarts(const struct connection *connection,
                                             enum connection_end from, const struct packet *packet)
{
	const uint8_t flags = packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST);

	/* Quick, for each packet: while it is open, a SYN alone. */
	return (connection->life.closed || flags == TCP_FLAG_SYN) &&
	       connection_table_cannot_have(connection, from, packet);
}
/* Takes a connection as established that was met in its middle (TCP). */
void connection_table_met_midway(struct connection *connection);

/*
 * Counts the packet and advances the state. True: the connection closed with it, no
 * callback. Packets after the close are counted and change nothing else: what was under
 * way comes after a RST, the answer to a FIN that was sent again after both.
 */
bool connection_table_account(struct connection_table *table, struct connection *connection,
                              enum connection_end from, const struct packet *packet,
                              int64_t now_ns);
/* The kernel reported that the socket of a local end is gone, which no packet need show. */
void connection_table_died(struct connection_table *table, struct connection *connection,
                           int64_t now_ns);
/*
 * After reports were lost: all open TCP connections of the namespace that have a local end whose
 * socket was not marked as listed are as connection_table_died. Those with a packet
 * since before_ns may be younger than the listing, those of a proxy or behind NAT have sockets
 * of other tuples: they stay. Marks are cleared.
 */
void connection_table_unlisted(struct connection_table *table, uint32_t netns, int64_t before_ns,
                               int64_t now_ns);
/*
 * Closes now, without a callback. False when it was closed already. One that had an ICMP
 * error and no answer failed with that, however it ends.
 */
bool connection_table_close(struct connection_table *table, struct connection *connection,
                            enum connection_reason reason, enum connection_outcome outcome,
                            int64_t now_ns);
/*
 * Its end is reported by a callback (SETTLED) by connection_table_settle_next, after
 * WINDOW_HELD_NS and with what came late. What comes later still is reported at the
 * end of its lingering (UPDATED).
 */
void connection_table_hold(struct connection_table *table, struct connection *connection);
/* Reports the first that is due; false: there is none. */
bool connection_table_settle_next(struct connection_table *table, int64_t now_ns);
/* Nanoseconds until there is one that is due; -1: none is held. */
int64_t connection_table_settle_wait_ns(const struct connection_table *table, int64_t now_ns);
/* Forgets a closed connection at once, after the callback for what was not reported yet. */
void connection_table_forget(struct connection_table *table, struct connection *connection);
bool connection_table_is_closed(const struct connection *connection);

/* Runs the timers that are due. Call it at least once a second. False: not all were run. */
bool connection_table_expire(struct connection_table *table, int64_t now_ns);
/* Closes all that are open and reports what is held, in the order of their opening. */
void connection_table_shutdown(struct connection_table *table, int64_t now_ns);

/*
 * A connection's number is stable while it lives and reused later: number and
 * id together are a weak reference. NULL when it is another one now.
 */
uint32_t connection_table_number(const struct connection *connection);
/* As its key has it, the upper half: the rest is 0. */
uint64_t connection_table_hash(const struct connection *connection);
struct connection *connection_table_at(const struct connection_table *table, uint32_t number,
                                       uint64_t id);

/* NULL: none that is open has that number. */
struct connection *connection_table_numbered(const struct connection_table *table, uint32_t number);

/* Calls back for each, those that linger too, any order; the table must not change meanwhile. */
void connection_table_each(const struct connection_table *table,
                           void (*callback)(void *context, const struct connection *connection),
                           void *context);
uint32_t connection_table_count(const struct connection_table *table); /* open ones */
size_t connection_table_bytes(const struct connection_table *table);
const struct connection_counters *connection_table_counters(const struct connection_table *table);

#endif
