/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What one of the sentinel's threads reports: the only way from it to the loop. */
#ifndef SOCKLINE_SENTINEL_SENTINEL_REPORT_H
#define SOCKLINE_SENTINEL_SENTINEL_REPORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/spsc_ring.h"
#include "processes/process.h"
#include "sentinel/sentinel.h"

#define SENTINEL_REPORT_SIGHTINGS 4096
#define SENTINEL_REPORT_PROCESSES 512

/* As in struct sentinel_counters; each has one writer, the thread. */
enum sentinel_report_count {
	SENTINEL_PACKETS,
	SENTINEL_RESOLVED,
	SENTINEL_NOT_RESOLVED,
	SENTINEL_NO_SOCKET,
	SENTINEL_REPEATED,
	SENTINEL_LATE,
	SENTINEL_OVER_BUDGET,
	SENTINEL_PAUSED,
	SENTINEL_EXCLUDED_PORTS,
	SENTINEL_RING_LOST,
	SENTINEL_KERNEL_LOST,
	SENTINEL_EVENTS_LOST,
	SENTINEL_CHILDREN,
	SENTINEL_COUNTS,
};

struct sentinel_report {
	struct spsc_ring sightings, processes;
	_Atomic uint64_t counts[SENTINEL_COUNTS];
	/*
	 * Whom to wake: an eventfd of the loop, and whether it knows already. Both shared by
	 * threads.
	 */
	int wake_fd;
	atomic_bool *woken;
	struct sentinel_sighting sighting_room[SENTINEL_REPORT_SIGHTINGS];
	struct sentinel_process process_room[SENTINEL_REPORT_PROCESSES];
};

void sentinel_report_init(struct sentinel_report *report, int wake_fd, atomic_bool *woken);

void sentinel_report_count(struct sentinel_report *report, enum sentinel_report_count what);
void sentinel_report_set(struct sentinel_report *report, enum sentinel_report_count what,
                         uint64_t value);

/*
 * Reports what the process is, whose directory is dir, before a sighting names it; seen at
 * seen_ns, monotonic, if it is gone. False: there was no room, and it is to be reported again.
 */
bool sentinel_report_process(struct sentinel_report *report, int pid, int dir,
                             const struct process_stat *seen, int64_t seen_ns);
/*
 * The loop is woken when the queue is half full, and at once where it has to act: while
 * a socket is known whose holder is not.
 */
void sentinel_report_sighting(struct sentinel_report *report,
                              const struct sentinel_sighting *sighting);

#endif
