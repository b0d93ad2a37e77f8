/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <time.h>

#include "check.h"

int main(void)
{
	int64_t wall = clock_realtime_ns(), boot = clock_boottime_ns(), cpu = clock_cpu_ns();
	int64_t monotonic = clock_monotonic_ns(), backwards = 0, last = monotonic, now;

	/* A second of slack: time(2) is allowed to lag, a busy machine to sleep in between. */
	CHECK(llabs(wall / NS_PER_SECOND - (int64_t)time(NULL)) <= 1, "the time of day");
	CHECK(boot >= monotonic - NS_PER_SECOND, "the time since boot counts suspended time too");
	for (int i = 0; i < 100000; i++) {
		now = clock_monotonic_ns();
		backwards += now < last;
		last = now;
	}
	CHECK(backwards == 0 && last > monotonic, "the monotonic clock moves forwards");
	now = clock_cpu_ns();
	CHECK(now > cpu && now < NS_PER_SECOND * 60, "100,000 readings took %lld us of CPU",
	      (long long)(now - cpu) / 1000);
	cpu = clock_cpu_ns();
	monotonic = clock_monotonic_ns();
	usleep(50000);
	now = clock_monotonic_ns() - monotonic;
	CHECK(now >= 50 * NS_PER_MS, "50 ms of sleep are at least that");
	CHECK(clock_cpu_ns() - cpu < now, "and cost less CPU than time");
	CHECK(clock_offset_in("monotonic  -5  250000000\nboottime  1000  0\n", "boottime") ==
	                      1000 * NS_PER_SECOND &&
	              clock_offset_in("monotonic  -5  250000000\n", "monotonic") ==
	                      -4750 * NS_PER_MS &&
	              clock_offset_in("monotonic  7  0\n", "boottime") == 0 &&
	              clock_offset_in("", "monotonic") == 0,
	      "what a time namespace adds to a clock");
	return check_done();
}
