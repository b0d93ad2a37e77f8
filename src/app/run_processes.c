/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Records of processes that start, execute another program and end. */
#include "app/run_private.h"

#include <errno.h>
#include <time.h>

#include "attribution/windows.h"
#include "base/clock.h"

#define LOOK_NS      (1 * NS_PER_MS) /* for statuses of what ended just now */
#define DRAIN_MIN_NS (10 * NS_PER_MS)

int run_processes_open(struct run *run, struct error *error)
{
	if (run_is_replay(run) || !emitter_wants(run->emitter, EVENT_PROCESS_STARTED))
		return 0;
	run->process_log = process_log_new(run->emitter, run->options->all_processes);
	return run->process_log ? 0 : error_set(error, ENOMEM, "out of memory");
}

void run_on_process(void *context, enum host_life life, struct process *process, int64_t time_ns)
{
	const struct run *run = context;

	/* run_started is the first record: what was taken in before it has none. */
	if (!run->process_log || !run->started)
		return;
	switch (life) {
	case HOST_PROCESS_STARTED:
		process_log_started(run->process_log, process, time_ns);
		break;
	case HOST_PROCESS_EXECUTED:
		process_log_executed(run->process_log, process, time_ns);
		break;
	case HOST_PROCESS_SETTLED:
		process_log_settled(run->process_log, process, time_ns);
		break;
	case HOST_PROCESS_ENDED:
		process_log_ended(run->process_log, process, time_ns);
		break;
	}
}

void run_on_process_named(void *context, struct process *process, int64_t wall_ns)
{
	const struct run *run = context;

	if (run->process_log)
		process_log_named(run->process_log, process, wall_ns);
}

int64_t run_processes_write(const struct run *run)
{
	return run->process_log ? process_log_write(run->process_log, clock_monotonic_ns()) : -1;
}

/*
 * Events wake the loop only when a ring is half full. Where records are made of them, not only
 * owners of packets, they are taken in as often as records are written.
 */
int64_t run_processes_timeout_ns(const struct run *run)
{
	int64_t interval_ns = run->options->flush_interval_ns;

	if (!run->process_log && !(run->host && host_reads_args(run->host)))
		return -1;
	return interval_ns > DRAIN_MIN_NS ? interval_ns : DRAIN_MIN_NS;
}

/*
 * The kernel wakes the parent of a process before it reports its exit status, and arguments are
 * read by other threads: what is not complete has the time that it has in the middle of a run.
 */
static void settle(const struct run *run)
{
	static const struct timespec pause = { .tv_nsec = LOOK_NS };
	const int64_t deadline_ns = clock_monotonic_ns() + WINDOW_STATUS_NS;

	host_catch_up(run->host, HOST_ALL);
	while (run_processes_write(run) > 0 && clock_monotonic_ns() < deadline_ns) {
		nanosleep(&pause, NULL);
		host_catch_up(run->host, HOST_ALL);
	}
}

void run_processes_finish(const struct run *run)
{
	if (!run->process_log)
		return;
	settle(run);
	process_log_finish(run->process_log);
}
