/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks in nanoseconds; clock_gettime(2) cannot fail for these. */
#ifndef SOCKLINE_BASE_CLOCK_H
#define SOCKLINE_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MS     INT64_C(1000000)

int64_t clock_realtime_ns(void);  /* since the epoch: goes into records */
int64_t clock_monotonic_ns(void); /* for timers and intervals */
/*
 * CLOCK_REALTIME - CLOCK_MONOTONIC, read so that losing the processor between the two does not
 * show: packets have the one clock's time, what happens to sockets the other's.
 */
int64_t clock_realtime_offset_ns(void);
int64_t clock_boottime_ns(void); /* CLOCK_BOOTTIME: process start times count from here, proc(5) */
int64_t clock_cpu_ns(void);      /* CPU time of this process, user and system */
int64_t clock_thread_ns(void);   /* of the calling thread alone */
/*
 * What a time namespace adds to a clock, "monotonic" or "boottime", by the text of
 * /proc/PID/timens_offsets, time_namespaces(7). 0 also where the text does not have the clock.
 */
int64_t clock_offset_in(const char *text, const char *clock);

#endif
