/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What stream_packet.c, stream_passage.c and stream_emit.c share; no other file includes it. */
#ifndef SOCKLINE_STREAM_PASSAGE_H
#define SOCKLINE_STREAM_PASSAGE_H

#include "stream/locality.h"
#include "stream/stream_private.h"

/* A packet under way, and what is known of it so far. */
struct passage {
	const struct packet *packet;
	struct passage *outer; /* of the packet that carries it; NULL: none does */
	uint64_t copy_hash;    /* what duplicates_expect said */
	bool has_key;          /* it belongs to a connection that can be looked up */
	struct connection_key key;
	bool has_looked;                               /* at these two: */
	const struct attribution_namespace *namespace; /* NULL: not known, or a replay */
	const struct interface *interface;             /* the same */
	struct locality locality;
	int64_t now_ns;  /* in the connection table's time */
	int64_t seen_ns; /* monotonic: when it was captured; 0 in a replay */
	struct connection *connection;
	uint64_t connection_id; /* of it, once an outer packet has passed */
	enum connection_end from;
	bool opened;
	unsigned doubtful; /* BINDER_* << end: it is not of the owner of that end, or may not be */
	bool is_copy;      /* counted before, on another interface of the namespace */
};

/*
 * stream_emit.c: the packet's record, and the packet itself with -w. duplicate_of: the number of the
 * same packet on another interface; 0 = there is none.
 */
void stream_emit_packet(struct stream *stream, const struct passage *passage,
                        uint64_t duplicate_of);

/* stream_passage.c: a packet of a known connection that makes no record itself needs none of it. */
void stream_look_around(struct stream *stream, struct passage *passage);
/* That of what carries it; NULL: none does, or it has gone, as there was no room for two. */
struct connection *stream_outer_connection(const struct stream *stream,
                                           const struct passage *passage);
/* The packet's own is the one in which the tunnel ends. */
const struct interface *stream_captured_at(const struct passage *passage);
/* A captured packet counts once: the innermost that has an end of this host. */
void stream_count_traffic(struct stream *stream, struct passage *passage);

/*
 * stream_loopback.c: a packet whose tuple no connection has. That of which NAT replaced an end, and
 * whose other direction it is; NULL: none.
 */
struct connection *stream_find_looped(struct stream *stream, struct passage *passage);

/*
 * stream_successor.c: a UDP socket of an end was destroyed meanwhile, and the packet is of one that
 * followed. False, and BINDER_GONE is set: no socket has followed that could receive it.
 */
bool stream_is_of_another_socket(struct stream *stream, struct connection *connection,
                                 struct passage *passage);

/* stream_existing.c: what was listed of the connection that this packet is about to open. */
struct stream_existing {
	struct existing_connection connection;
	enum existing_fit fit; /* ANOTHER also when there was none */
};
/* Looked around before. */
struct stream_existing stream_take_existing(struct stream *stream, const struct passage *passage);
void stream_set_existing(struct stream *stream, struct connection *connection,
                         const struct stream_existing *taken);

#endif
