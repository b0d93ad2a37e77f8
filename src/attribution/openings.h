/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections that are being opened: a process took a socket to SYN_SENT,
 * when its local port was not chosen yet; the socket's next transition tells the
 * ports, in whatever context. Pure, bounded, keyed by the kernel's address of
 * the socket.
 */
#ifndef SOCKLINE_ATTRIBUTION_OPENINGS_H
#define SOCKLINE_ATTRIBUTION_OPENINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

struct openings;

struct opening {
	uint64_t socket; /* 0 = free entry */
	int pid;
	uint32_t netns;
	int64_t time_ns; /* of the step to SYN_SENT */
};

struct openings *openings_new(uint32_t max, const struct hash_key *key); /* NULL: no memory */
void openings_free(struct openings *openings);

/* The latest one for a socket counts. True when there was no room and another was dropped. */
bool openings_put(struct openings *openings, const struct opening *opening);
/* Removes it; false when it is not there. */
bool openings_take(struct openings *openings, uint64_t socket, struct opening *opening);
/* After lost events: an address may belong to another socket by now. */
void openings_clear(struct openings *openings);

#endif
