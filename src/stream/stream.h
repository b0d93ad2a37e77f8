/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From decoded packets to records: finds or opens the connection, has its ends
 * bound to owners, and emits what happened in the order in which it is true:
 * opened, packet, closed. Time comes from the packets and the caller alone, so a
 * replay gives the same bytes each time.
 */
#ifndef SOCKLINE_STREAM_STREAM_H
#define SOCKLINE_STREAM_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "base/hash.h"
#include "decode/packet.h"
#include "connections/connection_table.h"
#include "sockets/socket.h"
#include "stream/binder.h"
#include "stream/emitter.h"
#include "stream/traffic.h"

struct origin;
struct stream;

struct stream_options {
	struct emitter *emitter;         /* borrowed */
	struct attribution *attribution; /* borrowed; NULL in a replay */
	struct hash_key key;             /* of tables that grow: random */
	/*
	 * The key of connection ids, and of caches that have a fixed size, where a newer entry
	 * takes the place of an older one: the same in each replay of a file.
	 */
	struct hash_key id_key;
	uint32_t max_connections;
	int64_t update_interval_ns; /* 0 = none */
	uint16_t community_id_seed;
	bool no_community_ids; /* no record has them: they are not computed */
	uint32_t netns;        /* our own network namespace; packets of others say theirs */
	bool dedupe;  /* no records of packets that were seen on another interface before */
	bool replay;  /* packets are the clock */
	bool guess;   /* replay: owners that the file states as likely are taken */
	bool inspect; /* look into first packets for names */
	/*
	 * All packets are: a connect(2) without any is one that failed, and what is inside of a tunnel
	 * that ends here is seen on its interface, too.
	 */
	bool sees_all;
	bool takes_traffic;   /* stream_take_traffic will be called */
	bool tunnels;         /* packets in packets are packets */
	uint32_t payload_max; /* bytes of payload in a packet's record; 0 = none */
	uint32_t frame_max;   /* bytes of each packet that are kept until its record; 0 = none */
	/*
	 * Called before packets pass, the youngest of them captured at packets_ns (monotonic): what the
	 * kernel reported by now has to come first. NULL: none.
	 */
	void (*catch_up)(void *context, int64_t packets_ns);
	/* Takes in which sockets were destroyed by now, after a lookup. NULL: none is made. */
	void (*read_ended)(void *context);
	void *context;
};

int stream_new(struct stream **result, const struct stream_options *options, struct error *error);
/* What there is at the start of a live run is captured from now on. */
void stream_set_captured(struct stream *stream);
/* Borrowed: what the packets' interfaces are, in a replay. NULL: nothing is known. */
void stream_set_origin(struct stream *stream, const struct origin *origin);
void stream_free(struct stream *stream); /* without records: stream_finish first */

/*
 * Packets in the order of their capture. Memory is slow: STREAM_BATCH packets are gathered, and
 * then pass together. stream_pass_packets passes those that are left; a caller that has no more
 * packets at the moment, or whose next step must come after them, calls it. The packet's bytes
 * are looked into before this returns (inspect).
 */
#define STREAM_BATCH 32
/* bytes: as captured, for options.payload_max; NULL = they are not there. */
void stream_add_packet(struct stream *stream, const struct packet *packet, const uint8_t *bytes);
void stream_pass_packets(struct stream *stream);
/*
 * A replay holds a few packets back that are far ahead of those before: one that is alone there has
 * a wrong time, and moves no timer. At the end, and when a pipe brings no more for a while, they are
 * believed.
 */
bool stream_holds_packets(const struct stream *stream);
void stream_release_packets(struct stream *stream);
/*
 * The kernel said that a socket died: a TCP socket's last numbers, the end of a connection
 * where no packet shows it, and that a UDP port may be another's from now on.
 */
void stream_socket_destroyed(struct stream *stream, const struct socket *socket);
/* What it said since then (monotonic) was lost. */
void stream_sockets_lost(struct stream *stream, int64_t since_ns);
/*
 * What is there after that: each TCP socket, and then that these, listed from began_ns (monotonic)
 * on, were all of the namespace.
 */
void stream_socket_listed(struct stream *stream, const struct socket *socket);
void stream_sockets_listed(struct stream *stream, uint32_t netns, int64_t began_ns);
/*
 * A socket that is there as the capture of its namespace begins, by a listing that began at
 * listed_ns (since the epoch): before any of its packets is added.
 */
void stream_add_existing(struct stream *stream, const struct socket *socket, int64_t listed_ns);
/* The id of the connection that such a socket is of, for a record of the socket; 0: there is none. */
uint64_t stream_announce_existing(struct stream *stream, const struct socket *socket);
/* The namespace is gone, and its sockets with it. */
void stream_forget_existing(struct stream *stream, uint32_t netns);

/*
 * Timers: expiry and late binding. Returns nanoseconds to the next need, -1 = in a second. unread:
 * packets wait to be read. For what they may belong to it is not later than the latest that passed.
 */
int64_t stream_tick(struct stream *stream, bool unread);
/* Records of timers wait for room in the sink: call stream_tick again as soon as there is some. */
bool stream_is_behind(const struct stream *stream);
/* process_traffic records of the interval that ends now, when they are asked for. */
void stream_emit_traffic(struct stream *stream);
/* What processes had since the last such call; only where options.takes_traffic. */
void stream_take_traffic(struct stream *stream, traffic_taker *taker, void *context);
/* Closes what is open (reason shutdown). */
void stream_finish(struct stream *stream);

/* @timestamp for records that are not packets: the wall clock, in a replay the latest packet. */
int64_t stream_time_ns(const struct stream *stream);

const struct packet_counters *stream_counters(const struct stream *stream);
const struct connection_table *stream_connections(const struct stream *stream);
const struct binder_counters *stream_binder_counters(const struct stream *stream);

#endif
