/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue between one writing and one reading thread, without locks: neither
 * ever waits for the other. Items are copied; what finds no room is refused. Pure.
 */
#ifndef SOCKLINE_BASE_SPSC_RING_H
#define SOCKLINE_BASE_SPSC_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct spsc_ring {
	unsigned char *items; /* borrowed */
	size_t item_size;
	size_t count; /* a power of two */
	/* Counts of items ever put and taken; on lines of their own, each has one writer. */
	_Alignas(64) _Atomic size_t put;
	_Alignas(64) _Atomic size_t taken;
};

/* memory: item_size * count bytes, aligned as the items need it. */
void spsc_ring_init(struct spsc_ring *ring, void *memory, size_t item_size, size_t count);

/* The writer: false when there is no room. */
bool spsc_ring_put(struct spsc_ring *ring, const void *item);
/* The reader: false when there is nothing. */
bool spsc_ring_take(struct spsc_ring *ring, void *item);
/* Items that wait, as far as the caller can see: either side. */
size_t spsc_ring_waiting(const struct spsc_ring *ring);

#endif
