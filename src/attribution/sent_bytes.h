/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process sent which bytes of a TCP socket that several processes may have. What one has sent
 * waits in the socket, and leaves it when another one sends, or when its process is gone: by the
 * times of packets it is anybody's, by its place in the stream it is not. Pure, bounded: the socket
 * that was opened first makes room.
 */
#ifndef SOCKLINE_ATTRIBUTION_SENT_BYTES_H
#define SOCKLINE_ATTRIBUTION_SENT_BYTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"

struct sent_bytes;

/* One direction of a connection, as struct socket_history has it. */
struct sent_bytes_stream {
	uint64_t hash;
	struct inet_address source;
	int64_t opened_ns; /* it is known since then */
	uint32_t netns;    /* 0 = not known */
	bool reversed;
};

struct sent_bytes_sender {
	int64_t time_ns; /* when it was the process */
	int pid;
	uint32_t netns; /* of the process; 0 = not known */
};

enum sent_bytes_answer {
	SENT_BYTES_NONE,   /* nothing is known of the stream, or that is long ago */
	SENT_BYTES_BEYOND, /* no report of that byte yet: a send goes on */
	SENT_BYTES_FOUND,
};

struct sent_bytes *sent_bytes_new(void); /* NULL: no memory */
void sent_bytes_free(struct sent_bytes *bytes);

/* After lost reports: what was counted is wrong. */
void sent_bytes_clear(struct sent_bytes *bytes);

/* A stream of which the process has sent all up to now. Returns its number, never 0. */
uint32_t sent_bytes_open(struct sent_bytes *bytes, const struct sent_bytes_stream *stream,
                         const struct sent_bytes_sender *first);
/* The process sent from byte `from` up to `to`. False: the stream has made room for another one. */
bool sent_bytes_add(struct sent_bytes *bytes, uint32_t number,
                    const struct sent_bytes_sender *sender, uint64_t from, uint64_t to);
/* offset: of the byte, the first of the stream being 0; wraps. A stream from before since_ns does not count. */
enum sent_bytes_answer sent_bytes_find(const struct sent_bytes *bytes,
                                       const struct sent_bytes_stream *stream, int64_t since_ns,
                                       uint32_t offset, struct sent_bytes_sender *sender);

#endif
