/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Binds the ends of connections to their owners, at once where that is possible
 * and within two seconds where it is not: no record waits for it.
 */
#ifndef SOCKLINE_STREAM_BINDER_H
#define SOCKLINE_STREAM_BINDER_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "decode/packet.h"
#include "connections/connection_table.h"

struct binder;
struct destroyed;

/* An owner became known, or turned out to be another process, after records went out. */
typedef void binder_callback(void *context, struct connection *connection);

struct binder_options {
	struct attribution *attribution;      /* borrowed; NULL in a replay: every end is unknown */
	struct connection_table *connections; /* borrowed */
	const struct destroyed *destroyed;    /* borrowed; NULL: none is reported */
	binder_callback *callback;
	/* An end has another host's address and is of this one: so are the packets that were counted. */
	binder_callback *found_local;
	/* Takes in which sockets were destroyed by now. NULL: all that is reported is taken in. */
	void (*read_ended)(void *context);
	void *context;
};

struct binder_counters {
	struct owner_counters owners;
	uint64_t forgotten; /* retries given up because too many were waiting */
};

struct binder *binder_new(const struct binder_options *options); /* NULL: no memory */
void binder_free(struct binder *binder);

/* Asks for the local ends of a new connection. `from` sent the packet at hand. */
void binder_bind(struct binder *binder, struct connection *connection, enum connection_end from,
                 const struct packet *packet, int64_t now_ns);
/* The same for one without packets, which is about to be closed. */
void binder_bind_unseen(struct binder *binder, struct connection *connection, int64_t now_ns);
/*
 * A packet of a known connection, seen at seen_ns: a listener's owner is refined when its end
 * speaks, and so is one of several. Packets that were taken together have the same now_ns.
 */
void binder_packet(struct binder *binder, struct connection *connection, enum connection_end from,
                   const struct packet *packet, int64_t seen_ns, int64_t now_ns);
/*
 * A socket on the end's port was destroyed: which process has the end at the packet of
 * seen_ns (monotonic), which it sent, or received? An end without owner remains so. NO_SOCKET: none
 * is there. UNKNOWN: its owner is not found any more, and no other process is.
 */
enum binder_now { BINDER_SAME, BINDER_ANOTHER, BINDER_NO_SOCKET, BINDER_UNKNOWN };
enum binder_now binder_who_now(struct binder *binder, const struct connection *connection,
                               enum connection_end end, bool sender, int64_t seen_ns);
/*
 * The owners that are known need not be those of this packet: `changes` (attribution_changes())
 * is another than before, or several processes use an end. Returns BINDER_* << end for each end
 * of which it is not known whose the packet is, or not yet.
 */
#define BINDER_AMBIGUOUS 1u
#define BINDER_PENDING   4u
/* Not of binder_judge: the end's socket was closed before, and no other is there. */
#define BINDER_GONE 16u
/* As much of `changes` as a connection keeps; its 0 = its owners are looked at in any case. */
static inline uint16_t binder_version(uint32_t changes)
{
	return (uint16_t)((changes << 1 | 1) & 0x7fff);
}
unsigned binder_judge(struct binder *binder, struct connection *connection,
                      enum connection_end from, const struct packet *packet, int64_t seen_ns,
                      uint32_t changes);
/*
 * The same of the sender of a packet that has TCP data, where that is of a send which is not reported
 * yet: BINDER_AMBIGUOUS << from when its owner is not seen to have begun it.
 */
unsigned binder_judge_send(struct binder *binder, struct connection *connection,
                           enum connection_end from, const struct packet *packet, int64_t seen_ns,
                           uint32_t changes);
/*
 * The end's owner was born after the packet of seen_ns, as far as events report births: a server's
 * child, say, that was handed the connection that its parent accepted. The packet is not its own.
 */
bool binder_is_unborn(const struct connection *connection, enum connection_end end,
                      int64_t seen_ns);
/*
 * BINDER_GONE << end when the owner of the end that a datagram of seen_ns came to had exited by
 * then, and left its socket to no process: none received it. Else 0. The kernel closes the socket
 * later, and reports that later still.
 */
unsigned binder_ended(const struct connection *connection, enum connection_end from,
                      int64_t seen_ns);
/*
 * The owner of a packet that binder_is_unborn is true of. False, and *owner (must be clear) remains
 * so: it is not surely known.
 */
bool binder_find_listening(const struct binder *binder, const struct connection *connection,
                           enum connection_end end, int64_t seen_ns, struct owner *owner);
/* NAT: the end's socket has that tuple (this end as source), as an answer showed. */
void binder_translated(struct binder *binder, struct connection *connection,
                       enum connection_end end, const struct tuple *socket);
/*
 * The connection closed: the last chance to look, then what is known is remembered and counted.
 * last_ns: of its last packet (monotonic).
 */
void binder_closing(struct binder *binder, struct connection *connection, int64_t last_ns);
/*
 * The same of one whose record is held back: an owner that is still looked for is looked for until
 * binder_settled(), which comes before the record.
 */
void binder_held(struct binder *binder, struct connection *connection, int64_t last_ns);
void binder_settled(struct binder *binder, struct connection *connection);

/* An owner became known, or is another: what was encoded of it is made anew. */
void binder_report(struct binder *binder, struct connection *connection);

/* Asks again where that is due. Returns the nanoseconds to the next such time, -1 = none. */
int64_t binder_retry(struct binder *binder, int64_t now_ns);

const struct binder_counters *binder_counters(const struct binder *binder);

#endif
