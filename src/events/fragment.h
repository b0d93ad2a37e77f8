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

struct fragment {
	uint64_t generation; /* of the object when it was encoded */
	uint32_t length;
	uint32_t split[4]; /* offsets into bytes, meaning known to the encoder */
	char bytes[];
};

static inline void fragment_free(struct fragment *fragment)
{
	free(fragment);
}

#endif
