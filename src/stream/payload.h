/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beginning of the payloads of packets that wait to pass (--payload), or the packets (-w):
 * copied when they come, since the capture takes its memory back. Pure and bounded.
 */
#ifndef SOCKLINE_STREAM_PAYLOAD_H
#define SOCKLINE_STREAM_PAYLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/packet.h"

/* What is there of a payload. Points into the captured bytes, or into a store. */
struct payload {
	const uint8_t *bytes;
	uint32_t length; /* 0 = none, or none is wanted */
};

struct payload_store {
	uint8_t *bytes;
	uint32_t *lengths;
	uint32_t max; /* bytes of each; 0 = none is wanted */
	bool whole;   /* all of a packet is kept, its headers too */
};

/* 0 or -ENOMEM. With max 0 it takes no memory. */
int payload_store_init(struct payload_store *store, uint32_t max, bool whole, uint32_t slots);
void payload_store_fini(struct payload_store *store);

/* What is to be kept. bytes: as captured; NULL = they are not there. */
struct payload payload_of(const struct payload_store *store, const struct packet *packet,
                          const uint8_t *bytes);
/* payload may be one of this store. */
void payload_store_put(struct payload_store *store, uint32_t slot, struct payload payload);
struct payload payload_store_get(const struct payload_store *store, uint32_t slot);
/* Up to max bytes of the payload, of what was kept of the packet. */
struct payload payload_within(const struct payload_store *store, const struct packet *packet,
                              struct payload kept, uint32_t max);

#endif
