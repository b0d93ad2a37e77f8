/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_report.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/process.h"
#include "processes/process_read.h"

void sentinel_report_init(struct sentinel_report *report, int wake_fd, atomic_bool *woken)
{
	spsc_ring_init(&report->sightings, report->sighting_room, sizeof *report->sighting_room,
	               SENTINEL_REPORT_SIGHTINGS);
	spsc_ring_init(&report->processes, report->process_room, sizeof *report->process_room,
	               SENTINEL_REPORT_PROCESSES);
	for (int i = 0; i < SENTINEL_COUNTS; i++)
		atomic_init(&report->counts[i], 0);
	report->wake_fd = wake_fd;
	report->woken = woken;
}

void sentinel_report_set(struct sentinel_report *report, enum sentinel_report_count what,
                         uint64_t value)
{
	atomic_store_explicit(&report->counts[what], value, memory_order_relaxed);
}

void sentinel_report_count(struct sentinel_report *report, enum sentinel_report_count what)
{
	uint64_t before = atomic_load_explicit(&report->counts[what], memory_order_relaxed);

	sentinel_report_set(report, what, before + 1);
}

static void wake(struct sentinel_report *report)
{
	static const uint64_t one = 1;

	if (atomic_exchange_explicit(report->woken, true, memory_order_acq_rel))
		return;
	if (write(report->wake_fd, &one, sizeof one) < 0) {
		/* Full: then it is readable anyway. */
	}
}

static void wake_if_half_full(struct sentinel_report *report, const struct spsc_ring *ring)
{
	if (spsc_ring_waiting(ring) == ring->count / 2)
		wake(report);
}

static void read_executable(int dir, struct sentinel_process *process)
{
	ssize_t length = readlinkat(dir, "exe", process->executable, sizeof process->executable);
	size_t kept = 0;

	if (length > 0 && (size_t)length < sizeof process->executable) /* else perhaps cut */
		kept = (size_t)length;
	process->executable_deleted = process_strip_deleted(process->executable, &kept);
	process->executable[kept] = '\0';
}

bool sentinel_report_process(struct sentinel_report *report, int pid, int dir,
                             const struct process_stat *seen, int64_t seen_ns)
{
	struct sentinel_process process = { .pid = pid,
		                            .parent_pid = seen->parent_pid,
		                            .start_ticks = seen->start_ticks,
		                            .time_ns = clock_monotonic_ns() };
	struct process_stat now;

	/* It may have run another program since it was seen: both are of one moment, now. */
	read_executable(dir, &process);
	if (process_read_stat(dir, &now) == 0) {
		memcpy(process.name, now.name, sizeof process.name - 1);
	} else {
		memcpy(process.name, seen->name, sizeof process.name - 1);
		process.executable[0] = '\0';
		process.time_ns = seen_ns;
	}
	if (!spsc_ring_put(&report->processes, &process))
		return false;
	wake_if_half_full(report, &report->processes);
	return true;
}

void sentinel_report_sighting(struct sentinel_report *report,
                              const struct sentinel_sighting *sighting)
{
	sentinel_report_count(report, sighting->pid ? SENTINEL_RESOLVED : SENTINEL_NOT_RESOLVED);
	if (!spsc_ring_put(&report->sightings, sighting)) {
		sentinel_report_count(report, SENTINEL_RING_LOST);
		return;
	}
	if (sighting->pid == 0)
		wake(report);
	else
		wake_if_half_full(report, &report->sightings);
}
