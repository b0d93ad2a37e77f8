/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several rings as one stream in the order of time: a heap with the ring whose
 * next record is the oldest on top (Knuth, The Art of Computer Programming,
 * vol. 3, 5.4.1). Pure.
 */
#ifndef SOCKLINE_TRACEPOINTS_TRACE_MERGE_H
#define SOCKLINE_TRACEPOINTS_TRACE_MERGE_H

#include <stdint.h>

struct trace_merge_entry {
	int64_t time_ns; /* of the next record */
	void *source;
};

struct trace_merge {
	struct trace_merge_entry *entries; /* room for every source; the caller's */
	int count;
};

void trace_merge_add(struct trace_merge *merge, int64_t time_ns, void *source);
/* entries[0] is the oldest when count > 0. Its source has a next record at time_ns ... */
void trace_merge_advance(struct trace_merge *merge, int64_t time_ns);
/* ... or none any more. */
void trace_merge_remove_first(struct trace_merge *merge);

/* The next record of the others; INT64_MAX: there is none. Up to then the first remains so. */
static inline int64_t trace_merge_others_ns(const struct trace_merge *merge)
{
	const struct trace_merge_entry *entries = merge->entries;

	if (merge->count < 2)
		return INT64_MAX;
	if (merge->count == 2 || entries[1].time_ns <= entries[2].time_ns)
		return entries[1].time_ns;
	return entries[2].time_ns;
}

#endif
