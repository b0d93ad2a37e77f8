/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process and the user that make more events than the rings of the tracepoints have room for.
 * What was lost is not known; what filled the rings is. Bounded, and only events of full rings are
 * counted.
 */
#ifndef SOCKLINE_ATTRIBUTION_TRACE_FLOOD_H
#define SOCKLINE_ATTRIBUTION_TRACE_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heavy_hitters.h"
#include "processes/process_table.h"
#include "tracepoints/trace_event.h"

struct trace_flood {
	struct heavy_hitters users, processes;
	/* In these what a process does that began meanwhile is its parent's. */
	struct heavy_hitters families;
	int64_t since_ns; /* the first event */
	bool lost;        /* events about processes: whose the next events are is not sure */
};

/* What made more than half of the events; what is not known is not set. */
struct trace_flood_source {
	/* By itself, or else by those of its user that it began meanwhile; borrowed. */
	struct process *process;
	bool has_uid;
	uint32_t uid; /* real */
};

/* process: that of the event, as process_history_add returns it. */
void trace_flood_add(struct trace_flood *flood, struct process_table *processes,
                     const struct trace_event *event, const struct process *process);
/* Begins anew. */
struct trace_flood_source trace_flood_take(struct trace_flood *flood,
                                           struct process_table *processes);

#endif
