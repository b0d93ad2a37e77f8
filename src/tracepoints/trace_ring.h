/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ring buffer of one CPU, shared with the kernel (perf_event_open(2), "MMAP
 * layout"): read without system calls.
 */
#ifndef SOCKLINE_TRACEPOINTS_TRACE_RING_H
#define SOCKLINE_TRACEPOINTS_TRACE_RING_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A record that wraps around is copied here; the longest asked for is a mapping with its path. */
#define TRACE_RING_RECORD_MAX 8192

struct trace_ring {
	struct perf_event_mmap_page *page; /* NULL: not mapped */
	uint8_t *data;
	bool secret; /* the copy is wiped; the kernel lets nobody write to the ring, nor dump it */
	size_t size; /* of data, a power of two */
	size_t mapped;
	uint64_t head, tail; /* of the records that trace_ring_begin found */
	bool full; /* when trace_ring_begin looked: there may have been no room for the next record */
	const struct perf_event_header *peeked; /* the record at the tail; NULL: not looked at */
	uint64_t broken; /* times that all was thrown away because a length made no sense */
	uint64_t copy[TRACE_RING_RECORD_MAX / 8];
};

/* Maps the ring of perf event fd, size bytes of data (a power of two of pages). 0 or -errno. */
int trace_ring_map(struct trace_ring *ring, int fd, size_t size);
void trace_ring_unmap(struct trace_ring *ring);

/* Finds what has been written so far. */
void trace_ring_begin(struct trace_ring *ring);
/* The oldest record not taken, in one piece, aligned to 8; NULL when there is none. */
const struct perf_event_header *trace_ring_peek(struct trace_ring *ring);
void trace_ring_take(struct trace_ring *ring);
/* Gives the room of what was taken back to the kernel. */
void trace_ring_end(struct trace_ring *ring);

#endif
