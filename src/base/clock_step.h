/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Steps of the wall clock: somebody set it, or the machine slept. NTP's slewing changes the wall
 * clock and the monotonic one alike, so the distance of the two changes by a step alone.
 */
#ifndef SOCKLINE_BASE_CLOCK_STEP_H
#define SOCKLINE_BASE_CLOCK_STEP_H

#include <stdint.h>

struct clock_step {
	int64_t offset_ns;  /* wall clock less monotonic */
	int64_t before_ns;  /* the same before the latest step */
	int64_t checked_ns; /* monotonic: of the latest check */
	int64_t sure_ns;    /* monotonic: of the last check before the latest step */
};

/* Reads both clocks. */
void clock_step_init(struct clock_step *clock);
/* The step since the last check, negative when the clock was set back; 0: none. */
int64_t clock_step_check(struct clock_step *clock);
/* The same with readings of one moment, for tests. */
int64_t clock_step_take(struct clock_step *clock, int64_t realtime_ns, int64_t monotonic_ns);
/*
 * The monotonic time of a stamp of the wall clock, which is not younger than the latest check.
 * A stamp that was made before a step is seen as such: under the new offset it would be in the
 * future, or from before the clock was known to be the old one.
 */
int64_t clock_step_monotonic_ns(const struct clock_step *clock, int64_t realtime_ns);

#endif
