/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* More urgent than anybody else, on one CPU, in memory that stays: as far as it is granted. */
#ifndef SOCKLINE_SENTINEL_SENTINEL_SCHEDULE_H
#define SOCKLINE_SENTINEL_SENTINEL_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

/* The best comes first. */
enum sentinel_schedule_mode {
	SENTINEL_SCHEDULE_FIFO,
	SENTINEL_SCHEDULE_SLICE, /* nice -20 and a slice of 0.1 ms (EEVDF, Linux 6.12) */
	SENTINEL_SCHEDULE_NICE,  /* nice -20 */
	SENTINEL_SCHEDULE_ORDINARY,
};

/*
 * Makes the calling thread urgent. SCHED_FIFO is refused (EPERM) without CAP_SYS_NICE, and to
 * root as well in a cgroup of v1 that has no real-time budget (sched(7)).
 */
enum sentinel_schedule_mode sentinel_schedule_urgent(void);
const char *sentinel_schedule_name(enum sentinel_schedule_mode mode);

/* False: there is no such CPU now, or it is not for us (cpuset(7)); the thread runs anywhere. */
bool sentinel_schedule_pin(int cpu);

/* Pages stay once they are touched. False: RLIMIT_MEMLOCK is too small, and no CAP_IPC_LOCK. */
bool sentinel_schedule_lock(void *memory, size_t length);
/* The same for the calling thread's stack. */
bool sentinel_schedule_lock_stack(void);

#endif
