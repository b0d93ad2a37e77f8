/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spsc_ring.h"

#include <string.h>

void spsc_ring_init(struct spsc_ring *ring, void *memory, size_t item_size, size_t count)
{
	ring->items = memory;
	ring->item_size = item_size;
	ring->count = count;
	atomic_init(&ring->put, 0);
	atomic_init(&ring->taken, 0);
}

static unsigned char *item_at(const struct spsc_ring *ring, size_t number)
{
	return ring->items + (number & (ring->count - 1)) * ring->item_size;
}

bool spsc_ring_put(struct spsc_ring *ring, const void *item)
{
	size_t put = atomic_load_explicit(&ring->put, memory_order_relaxed);
	/* Pairs with the release in take: the reader is done with the place. */
	size_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);

	if (put - taken >= ring->count)
		return false;
	memcpy(item_at(ring, put), item, ring->item_size);
	atomic_store_explicit(&ring->put, put + 1, memory_order_release);
	return true;
}

bool spsc_ring_take(struct spsc_ring *ring, void *item)
{
	size_t taken = atomic_load_explicit(&ring->taken, memory_order_relaxed);
	size_t put = atomic_load_explicit(&ring->put, memory_order_acquire);

	if (taken == put)
		return false;
	memcpy(item, item_at(ring, taken), ring->item_size);
	atomic_store_explicit(&ring->taken, taken + 1, memory_order_release);
	return true;
}

size_t spsc_ring_waiting(const struct spsc_ring *ring)
{
	/* taken first: it never overtakes put. */
	size_t taken = atomic_load_explicit(&ring->taken, memory_order_acquire);

	return atomic_load_explicit(&ring->put, memory_order_acquire) - taken;
}
