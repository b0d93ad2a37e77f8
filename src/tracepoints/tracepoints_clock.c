/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"
#include "tracepoints/tracefs.h"
#include "tracepoints/tracepoints.h"

/*
 * perf's CLOCK_MONOTONIC knows nothing of time namespaces, time_namespaces(7):
 * what our own clock is ahead of it stands in /proc.
 */
int64_t tracepoints_clock_shift(void)
{
	char text[128];

	tracefs_read_text("/proc/self/timens_offsets", text, sizeof text);
	return clock_offset_in(text, "monotonic");
}
