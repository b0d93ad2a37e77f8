/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_merge.h"

void trace_merge_add(struct trace_merge *merge, int64_t time_ns, void *source)
{
	struct trace_merge_entry *entries = merge->entries;
	int at = merge->count++;

	while (at > 0 && entries[(at - 1) / 2].time_ns > time_ns) {
		entries[at] = entries[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	entries[at] = (struct trace_merge_entry){ time_ns, source };
}

/* Sinks the first entry to where it belongs. */
static void sink(struct trace_merge *merge)
{
	struct trace_merge_entry *entries = merge->entries;
	struct trace_merge_entry sinking = entries[0];
	int at = 0;

	for (;;) {
		int child = 2 * at + 1;

		if (child + 1 < merge->count && entries[child + 1].time_ns < entries[child].time_ns)
			child++;
		if (child >= merge->count || entries[child].time_ns >= sinking.time_ns)
			break;
		entries[at] = entries[child];
		at = child;
	}
	entries[at] = sinking;
}

void trace_merge_advance(struct trace_merge *merge, int64_t time_ns)
{
	merge->entries[0].time_ns = time_ns;
	sink(merge);
}

void trace_merge_remove_first(struct trace_merge *merge)
{
	merge->entries[0] = merge->entries[--merge->count];
	if (merge->count > 1)
		sink(merge);
}
