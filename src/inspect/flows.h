/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first bytes of each direction of a TCP connection, in order. Bounded: FLOWS_MAX
 * connections, of which FLOWS_BUFFERS directions may wait for more, each with FLOWS_BYTES. A
 * newer one takes the place of the one that was idle longest. Pure.
 */
#ifndef SOCKLINE_INSPECT_FLOWS_H
#define SOCKLINE_INSPECT_FLOWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "decode/packet.h"

#define FLOWS_MAX     4096
#define FLOWS_BUFFERS 64
#define FLOWS_BYTES   8192

struct flows;
struct flow_direction;

/* What is known of a direction, from where it was looked at last. */
struct flow_view {
	const uint8_t *bytes;
	size_t length;
	bool cut;     /* no more will follow: the next bytes were not captured, or do not fit */
	bool initial; /* the connection's beginning was seen: these are the first bytes */
	unsigned consumed; /* how often bytes before these were done with, at most 255 */
	struct flow_direction *direction, *other;
};

struct flows *flows_new(const struct hash_key *key); /* NULL: no memory */
void flows_free(struct flows *flows);

/* Where the connection of a packet may be; for flows.c alone. */
struct flows_place {
	uint32_t first, tag, check;
	uint32_t side; /* 0 or 1: which of its two directions the packet has */
};

struct flows_place flows_place_of(const struct flows *flows, const struct packet *packet);

enum flows_interest {
	FLOWS_UNKNOWN, /* of no connection that is known: flows_add() takes what starts one */
	FLOWS_WANTED,
	FLOWS_DONE, /* flows_add() would not take it */
};

/* Quick, since most TCP packets with bytes are not of interest. */
enum flows_interest flows_interest(const struct flows *flows, const struct flows_place *place,
                                   const struct packet *packet);
/*
 * Takes a TCP packet: captured bytes of its payload. True: there are bytes to look at, and
 * flows_wait or flows_done must be called before the next packet. A packet of a connection whose
 * SYN was not seen is taken if starts is true: one could begin with it.
 */
bool flows_add(struct flows *flows, const struct flows_place *place, const struct packet *packet,
               const uint8_t *payload, size_t captured, bool starts, struct flow_view *view);
/* The first bytes, so many, are done with; the others are kept until more come. */
void flows_wait(struct flows *flows, const struct flow_view *view, size_t consumed);
/* This direction is not looked at any more. */
void flows_done(struct flows *flows, struct flow_direction *direction);

#endif
