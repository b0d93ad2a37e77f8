/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Three readings take some 100 ns; more than this, and something came in between. */
#define OFFSET_EXACT_NS 2000
#define OFFSET_TRIES    8

static int64_t read_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

int64_t clock_realtime_ns(void)
{
	return read_ns(CLOCK_REALTIME);
}

int64_t clock_monotonic_ns(void)
{
	return read_ns(CLOCK_MONOTONIC);
}

int64_t clock_realtime_offset_ns(void)
{
	int64_t best_ns = INT64_MAX, offset_ns = 0;

	for (int i = 0; i < OFFSET_TRIES && best_ns > OFFSET_EXACT_NS; i++) {
		int64_t before_ns = clock_monotonic_ns();
		int64_t realtime_ns = clock_realtime_ns();
		int64_t took_ns = clock_monotonic_ns() - before_ns;

		if (took_ns >= best_ns)
			continue;
		best_ns = took_ns;
		offset_ns = realtime_ns - before_ns - took_ns / 2;
	}
	return offset_ns;
}

int64_t clock_boottime_ns(void)
{
	return read_ns(CLOCK_BOOTTIME);
}

int64_t clock_cpu_ns(void)
{
	return read_ns(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t clock_thread_ns(void)
{
	return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

int64_t clock_offset_in(const char *text, const char *clock)
{
	const char *line = strstr(text, clock);
	int64_t seconds;
	char *at;

	if (!line)
		return 0;
	seconds = strtoll(line + strlen(clock), &at, 10);
	return seconds * NS_PER_SECOND + strtoll(at, NULL, 10);
}
