/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enters what the kernel's events report of processes into the table of processes: which
 * one had a pid at a time, and which image it ran then, also of one that lived half a
 * millisecond and is long gone.
 */
#ifndef SOCKLINE_ATTRIBUTION_PROCESS_HISTORY_H
#define SOCKLINE_ATTRIBUTION_PROCESS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/process_changes.h"
#include "processes/process_table.h"
#include "tracepoints/trace_event.h"

struct process_history {
	struct process_table *processes; /* borrowed */
	/*
	 * Every change of the network namespace comes as an event. Without, netns is what the
	 * process inherited: true unless one in its line called setns(2) or unshare(2).
	 */
	bool follows_namespaces;
	struct process_changes *changes; /* of ids; NULL = none are reported. Borrowed. */
	uint64_t forks, exits;
	uint64_t orphans; /* forks whose parent was not known: nothing to inherit */
};

/*
 * Events in the order of time; kinds that do not concern processes are ignored. Returns
 * the process that the event concerns, NULL where none is sure.
 */
struct process *process_history_add(struct process_history *history,
                                    const struct trace_event *event);

#endif
