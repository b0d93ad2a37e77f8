/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What stream.c and stream_packet.c share; nobody else includes it. */
#ifndef SOCKLINE_STREAM_STREAM_PRIVATE_H
#define SOCKLINE_STREAM_STREAM_PRIVATE_H

#include "base/clock_step.h"
#include "capture/origin.h"
#include "stream/destroyed.h"
#include "stream/duplicates.h"
#include "stream/existing.h"
#include "stream/unclaimed_errors.h"
#include "stream/fragments.h"
#include "stream/local_ports.h"
#include "stream/naming.h"
#include "stream/payload.h"
#include "stream/stream.h"
#include "stream/traffic.h"

/* Packets that are far ahead of the one before: see stream_replay.c. */
#define STREAM_HELD_MAX 4
/* A packet and what carries it. */
#define STREAM_LAYERS_MAX (PACKET_TUNNELS_MAX + 1)

/* A TCP connection that no process was seen to open. */
struct stream_untraced {
	uint32_t number;
	uint64_t id;
};
#define STREAM_UNTRACED 64 /* the latest that are kept, a power of two */

struct stream {
	struct stream_options options;
	const struct origin *origin; /* borrowed; NULL: none */
	struct connection_table *connections;
	struct binder *binder;
	struct duplicates *duplicates;
	struct fragments *fragments;
	struct destroyed *destroyed;
	struct existing *existing; /* NULL: nothing was listed */
	struct local_ports *ports; /* NULL: no owner is asked for */
	/* The report of the port that is looked at, and the listing of sockets after it. */
	int64_t ports_since_ns, ports_listed_ns;
	int64_t echoes_ns; /* when echo requests were looked at last, and at how many exits */
	uint32_t echoes_exits;
	bool echoes_changed; /* there are new ones, or owners of theirs */
	int64_t captured_ns; /* monotonic: since then what was there at the start is captured */
	struct stream_untraced untraced[STREAM_UNTRACED];
	uint32_t untraced_count;
	struct unclaimed_errors
		*errors;         /* NULL: calls of connect(2) without packets are no records */
	struct naming *naming;   /* NULL: nothing is looked into */
	uint32_t changes;        /* attribution_changes() of this batch */
	struct traffic *traffic; /* NULL: not asked for */
	bool behind;             /* timers had more to report than the sink has room for */
	int64_t traffic_ns;      /* when it was last reported, in the table's time */
	struct clock_step clock; /* packets have the wall clock's time */
	int64_t passed_ns;       /* monotonic: of the latest packet */
	int64_t timers_ns;       /* live, monotonic: up to when timers ran; never back */
	int64_t packet_time_ns;  /* replay: the clock at the latest packet; never back */
	int64_t tick_ns;         /* replay: when timers may be due again */
	bool wants_packets, wants_states;
	struct packet batch[STREAM_BATCH]; /* added, but not passed yet */
	int64_t batch_ns[STREAM_BATCH];    /* replay: the clock at each of them */
	int batched;
	int64_t replay_ns; /* replay: the clock at the packet that was added last */
	struct held {
		struct packet layers[STREAM_LAYERS_MAX];
		int count;
	} held[STREAM_HELD_MAX];
	int held_count;
	struct payload_store payloads; /* of batch, then of held */
	struct packet_counters counters;
};

static inline const struct interface *stream_stated_interface(const struct stream *stream,
                                                              const struct packet *packet)
{
	return stream->origin ? origin_interface(stream->origin, packet->interface) : NULL;
}

/* Adds what was captured as one to the batch, the outermost packet first; payload is of the last. */
void stream_gather(struct stream *stream, const struct packet *layers, int count,
                   struct payload payload);
/*
 * stream_replay.c: sets the clock of a replay, replay_ns, to a packet that is about to be gathered.
 * False: the packet is kept, and gathered once it is known whether its time is right.
 */
bool stream_replay_advance(struct stream *stream, const struct packet *layers, int count,
                           struct payload payload);

void stream_emit_connection(struct stream *stream, enum event_action action, int64_t time_ns,
                            struct connection *connection);
/* stream_destroyed.c: the socket of an end, as the kernel reports it. */
struct stream_socket {
	uint32_t netns;
	struct tuple tuple; /* this end as source */
	uint64_t hash;      /* connection_table_hash() of these */
};
struct stream_socket stream_socket_of(const struct connection *connection, enum connection_end end);
/* Where NAT is, the connection is found by the tuples of its sockets from now on. */
void stream_note_sockets(struct stream *stream, struct connection *connection);
/* stream_ports.c: a UDP connection was opened, or its sockets are known; it was closed. */
void stream_note_ports(struct stream *stream, const struct connection *connection);
void stream_drop_ports(struct stream *stream, const struct connection *connection);
/* A UDP socket that was not connected was destroyed. */
void stream_port_destroyed(struct stream *stream, const struct socket *socket, int64_t now_ns);
/* Connections whose sockets are gone stand as such afterwards. Nanoseconds to the next need; -1: none. */
int64_t stream_take_ports(struct stream *stream, int64_t now_ns);
/* stream_echoes.c: echo requests are kept as those of one port, in no namespace. */
#define STREAM_ECHOES ((struct local_port){ 0, 0 })
/* A connection was opened, or has another owner. */
void stream_note_echo(struct stream *stream, const struct connection *connection);
/* Processes have exited: which of them are at their end is looked at by stream_take_ports. */
void stream_await_echoes(struct stream *stream, int64_t now_ns);
void stream_look_at_echo(struct stream *stream, struct connection *connection);
/* A socket of a new connection is gone already. */
void stream_note_deaths(struct stream *stream, struct connection *connection, int64_t now_ns);
/* What the kernel reported of the socket's end before any packet of it was read. */
/*
 * The kernel's numbers of a TCP connection that goes on, for the record of now alone. False: there
 * are none, or those of its end.
 */
bool stream_add_live_info(const struct stream *stream, struct connection *connection);
void stream_add_last_info(const struct stream *stream, struct connection *connection);
/* All sockets that were reported as destroyed stand in the connections afterwards. */
void stream_take_destroyed(struct stream *stream);
void stream_emit_state(struct stream *stream, struct connection *connection,
                       enum socket_state previous, int64_t time_ns);
void stream_emit_closed(struct stream *stream, struct connection *connection, int64_t time_ns);
/* A packet of no connection, which may be an ICMP error about one. */
void stream_apply_icmp_error(struct stream *stream, const struct packet *packet, int64_t now_ns);
/*
 * Calls of connect(2) that failed become connections, where no packets did it, and ended before
 * that time (monotonic); INT64_MAX: all, whatever the room. What packets did show is that their
 * application gave up. False: there are more than the sink has room for.
 */
bool stream_take_failed_connects(struct stream *stream, int64_t before_ns);
/* A connection is new: if its owner is not known, a failed connect(2) may be its beginning. */
void stream_note_untraced(struct stream *stream, const struct connection *connection);
/*
 * Those of which the end was reported before that time (monotonic), and of which no packet was read,
 * become connections that are closed, if a record has their id. False as above.
 */
bool stream_end_existing(struct stream *stream, int64_t before_ns);
/* May a timer report something now? context: the stream. */
bool stream_has_room(void *context);
/* For a connection that its packets closed: the record comes after those that are late. */
void stream_hold_closed(struct stream *stream, struct connection *connection);

/* stream_stated.c: the owners that the file states for the packet, or that it states none. */
void stream_set_stated(const struct stream *stream, const struct packet *packet,
                       struct event_packet *event);
/*
 * The same for its connection, whose end `from` sent it. connection_attributed reports that an owner
 * became known, or is another, when the connection has been reported before.
 */
void stream_bind_stated(struct stream *stream, struct connection *connection,
                        enum connection_end from, const struct packet *packet);

/* For packets from this one on, no UDP socket that was reported so far is looked at any more. */
void stream_settle_destroyed(const struct stream *stream, struct connection *connection,
                             int64_t seen_ns);

#endif
