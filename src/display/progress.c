/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "display/progress.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"
#include "display/units.h"

#define SECONDS_MAX (99 * 3600) /* more is no forecast */

/* At the rate so far; -1: not known. */
static int64_t seconds_left(const struct progress *progress)
{
	uint64_t left = progress->total - progress->done;
	double seconds;

	if (progress->done == 0 || progress->elapsed_ns <= 0)
		return -1;
	seconds = (double)progress->elapsed_ns / NS_PER_SECOND / (double)progress->done *
	          (double)left;
	return seconds < SECONDS_MAX ? (int64_t)(seconds + 0.5) : -1;
}

static void append_time(char *text, size_t size, int64_t seconds)
{
	if (seconds >= 3600)
		snprintf(text, size, ", %" PRId64 ":%02d:%02d left", seconds / 3600,
		         (int)(seconds / 60 % 60), (int)(seconds % 60));
	else if (seconds >= 0)
		snprintf(text, size, ", %d:%02d left", (int)(seconds / 60), (int)(seconds % 60));
}

void progress_format(char text[PROGRESS_TEXT_MAX], const struct progress *progress)
{
	/* A file that grows, or that was cut, has other bytes than it had. */
	bool known = progress->total > 0 && progress->done <= progress->total;
	char packets[UNITS_MAX], rate[UNITS_MAX] = "";
	size_t length = 0;

	units_format(packets, progress->packets);
	if (known)
		length = (size_t)snprintf(
			text, PROGRESS_TEXT_MAX, "%u %%, ",
			(unsigned)((double)progress->done * 100 / (double)progress->total));
	length +=
		(size_t)snprintf(text + length, PROGRESS_TEXT_MAX - length, "%s packets", packets);
	if (progress->elapsed_ns > 0) {
		units_format(rate, units_rate(progress->packets, progress->elapsed_ns));
		length +=
			(size_t)snprintf(text + length, PROGRESS_TEXT_MAX - length, ", %s/s", rate);
	}
	if (known)
		append_time(text + length, PROGRESS_TEXT_MAX - length, seconds_left(progress));
}
