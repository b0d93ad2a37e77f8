/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers of a queue's items, and their places in an array. Only as much of the array is in use as
 * ever was at a time: a queue that went round all of it would touch all of its pages in the course
 * of hours, however little happens. The array is the caller's, and has room for `max` items. Pure.
 */
#ifndef SOCKLINE_BASE_RING_H
#define SOCKLINE_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring {
	uint64_t first, next; /* numbers: of the oldest item, and of the one that comes */
	uint32_t size, max;   /* places in use, and at most; powers of two */
};

#define RING_SIZE_FIRST 64

/* max: a power of two of at least RING_SIZE_FIRST. */
static inline struct ring ring_of(uint32_t max)
{
	return (struct ring){ .size = RING_SIZE_FIRST, .max = max };
}

static inline uint32_t ring_count(const struct ring *ring)
{
	return (uint32_t)(ring->next - ring->first);
}

/* Where the item of that number is; its number modulo max has the same place. */
static inline uint32_t ring_place(const struct ring *ring, uint64_t number)
{
	return (uint32_t)number & (ring->size - 1);
}

/*
 * Makes room for one more item, whose number ring->next is until the caller adds 1 to it. False:
 * there are max of them. Items may be moved in the array.
 */
bool ring_reserve(struct ring *ring, void *items, size_t item_size);

#endif
