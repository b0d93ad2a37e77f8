/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/trace_flood.h"

#include <string.h>

#include "base/clock.h"

#define PID_SHIFT   42 /* pids have 22 bits at most */
#define TICKS_SHIFT 8

/* A pid alone is another process's in the next second of a storm of forks. */
static uint64_t key_of(const struct process *process)
{
	const uint64_t start = process->start_ticks << TICKS_SHIFT | process->turn;

	return (uint64_t)process->pid << PID_SHIFT | (start & ((UINT64_C(1) << PID_SHIFT) - 1));
}

static const struct process *parent_of(const struct trace_flood *flood,
                                       struct process_table *processes,
                                       const struct process *process)
{
	return process->forked_ns >= flood->since_ns && process->parent_pid > 0
	               ? process_table_at(processes, process->parent_pid, process->forked_ns)
	               : process;
}

static void add_process(struct heavy_hitters *hitters, const struct process *process,
                        int64_t time_ns)
{
	if (process)
		heavy_hitters_add(hitters, key_of(process), time_ns);
	else
		heavy_hitters_add_unknown(hitters);
}

static void add_user(struct heavy_hitters *hitters, const struct process *process, int64_t time_ns)
{
	if (process && process->has_real_uid)
		heavy_hitters_add(hitters, process->real_uid, time_ns);
	else
		heavy_hitters_add_unknown(hitters);
}

void trace_flood_add(struct trace_flood *flood, struct process_table *processes,
                     const struct trace_event *event, const struct process *process)
{
	flood->lost |= event->kind == TRACE_EVENT_LOST_PROCESSES;
	if (!event->ring_full || flood->lost)
		return;
	if (flood->since_ns == 0)
		flood->since_ns = event->time_ns;
	/* What is done in an interrupt is nobody's. */
	if (!event->process_context)
		process = NULL;
	add_user(&flood->users, process, event->time_ns);
	if (event->process_context && event->kind == TRACE_EVENT_FORK)
		process = process_table_at(processes, event->parent_pid, event->time_ns);
	add_process(&flood->processes, process, event->time_ns);
	add_process(&flood->families, process ? parent_of(flood, processes, process) : NULL,
	            event->time_ns);
}

/* As it was when it was counted last; NULL: it is not known any more. */
static struct process *process_then(struct process_table *processes,
                                    const struct heavy_hitter *most)
{
	struct process *process =
		process_table_at(processes, (int)(most->key >> PID_SHIFT), most->time_ns);
	int64_t ago_ns = clock_monotonic_ns() - most->time_ns;

	return process && key_of(process) == most->key
	               ? process_at(process, clock_realtime_ns() - ago_ns)
	               : NULL;
}

struct trace_flood_source trace_flood_take(struct trace_flood *flood,
                                           struct process_table *processes)
{
	const struct heavy_hitter *user = heavy_hitters_majority(&flood->users);
	const struct heavy_hitter *most = heavy_hitters_majority(&flood->processes);
	struct trace_flood_source source = { .has_uid = user != NULL };

	if (!most)
		most = heavy_hitters_majority(&flood->families);
	if (user)
		source.uid = (uint32_t)user->key;
	if (most)
		source.process = process_then(processes, most);
	/* It may have begun them for another user, as sudo(8) does. */
	if (source.process && user && source.process->real_uid != source.uid)
		source.process = NULL;
	memset(flood, 0, sizeof *flood);
	return source;
}
