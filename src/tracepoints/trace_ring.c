/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_ring.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int trace_ring_map(struct trace_ring *ring, int fd, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map = mmap(NULL, page + size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	ring->page = map;
	ring->data = (uint8_t *)map + page;
	ring->size = size;
	ring->mapped = page + size;
	ring->head = ring->tail = 0;
	return 0;
}

void trace_ring_unmap(struct trace_ring *ring)
{
	if (ring->page)
		munmap(ring->page, ring->mapped);
	ring->page = NULL;
}

/* The longest record, or in a small ring as long a one as is likely. */
static size_t room_for_record(const struct trace_ring *ring)
{
	return ring->size / 8 < TRACE_RING_RECORD_MAX ? ring->size / 8 : TRACE_RING_RECORD_MAX;
}

void trace_ring_begin(struct trace_ring *ring)
{
	/* Pairs with the kernel's barrier between data and data_head, perf_output_put_handle. */
	ring->head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
	ring->full = ring->head - ring->tail > ring->size - room_for_record(ring);
	ring->peeked = NULL;
}

/* In one piece; NULL when there is none. */
static const struct perf_event_header *look(struct trace_ring *ring)
{
	size_t at = (size_t)ring->tail & (ring->size - 1);
	size_t to_end = ring->size - at;
	uint64_t available = ring->head - ring->tail;
	/* The header never wraps: records are multiples of 8 bytes. */
	const struct perf_event_header *record = (const void *)(ring->data + at);

	if (available == 0)
		return NULL;
	if (record->size < sizeof *record || record->size % 8 != 0 || record->size > available ||
	    record->size > sizeof ring->copy) {
		ring->broken++;
		ring->tail = ring->head;
		return NULL;
	}
	if (record->size <= to_end)
		return record;
	memcpy(ring->copy, record, to_end);
	memcpy((uint8_t *)ring->copy + to_end, ring->data, record->size - to_end);
	return (const void *)ring->copy;
}

const struct perf_event_header *trace_ring_peek(struct trace_ring *ring)
{
	if (!ring->peeked)
		ring->peeked = look(ring);
	return ring->peeked;
}

void trace_ring_take(struct trace_ring *ring)
{
	const struct perf_event_header *record =
		(const void *)(ring->data + ((size_t)ring->tail & (ring->size - 1)));
	uint16_t size = record->size;

	if (ring->secret && ring->peeked == (const void *)ring->copy)
		explicit_bzero(ring->copy, size);
	ring->tail += size;
	ring->peeked = NULL;
}

void trace_ring_end(struct trace_ring *ring)
{
	/* The kernel must not write over what is still being read. */
	__atomic_store_n(&ring->page->data_tail, ring->tail, __ATOMIC_RELEASE);
}
