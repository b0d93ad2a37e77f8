/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tracepoints/tracefs.h"
#include "tracepoints/tracepoints.h"

/*
 * perf's CLOCK_MONOTONIC knows nothing of time namespaces, time_namespaces(7):
 * what our own clock is ahead of it stands in /proc.
 */
int64_t tracepoints_clock_shift(void)
{
	static const char name[] = "monotonic";
	char text[128], *at = text;
	int64_t seconds;

	if (tracefs_read_text("/proc/self/timens_offsets", text, sizeof text) <= 0 ||
	    strncmp(text, name, sizeof name - 1) != 0)
		return 0;
	seconds = strtoll(text + sizeof name - 1, &at, 10);
	return seconds * NS_PER_SECOND + strtoll(at, NULL, 10);
}
