/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded JSON that hangs on the object it describes and is freed with it: a
 * cache of bytes and nothing else, so that the owners of processes and
 * connections need no knowledge of the encoder. One allocation.
 */
#ifndef SOCKLINE_EVENTS_FRAGMENT_H
#define SOCKLINE_EVENTS_FRAGMENT_H

#include <stdint.h>
#include <stdlib.h>

#define FRAGMENT_PIECES 6

struct fragment {
	uint64_t generation; /* of the object when it was encoded */
	uint32_t length;
	uint16_t split[FRAGMENT_PIECES]; /* where in bytes each piece ends */
	char bytes[];
};

#define FRAGMENT_PREFETCH 320 /* bytes: most are no longer */

/* Fetches what is likely to be read soon. NULL is fine. */
static inline void fragment_prefetch(const struct fragment *fragment)
{
	for (int at = 0; fragment && at < FRAGMENT_PREFETCH; at += 64)
		__builtin_prefetch((const char *)fragment + at);
}

static inline void fragment_free(struct fragment *fragment)
{
	free(fragment);
}

#endif
