/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include <string.h>

/* In a ring of twice the size every other round begins in the upper half. */
static void grow(struct ring *ring, void *items, size_t item_size)
{
	char *bytes = items;

	for (uint64_t number = ring->first; number < ring->next; number++) {
		size_t place = ring_place(ring, number);

		if (number & ring->size)
			memcpy(bytes + (place + ring->size) * item_size, bytes + place * item_size,
			       item_size);
	}
	ring->size *= 2;
}

bool ring_reserve(struct ring *ring, void *items, size_t item_size)
{
	if (ring_count(ring) < ring->size)
		return true;
	if (ring->size == ring->max)
		return false;
	grow(ring, items, item_size);
	return true;
}
