/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock_step.h"

#include "base/clock.h"
#include "check.h"

#define HOUR (3600 * NS_PER_SECOND)
#define NOW  (100 * NS_PER_SECOND) /* monotonic */
#define WALL (INT64_C(1700000000) * NS_PER_SECOND)

/* Both clocks were read at NOW, and the wall clock has been the same for long. */
static struct clock_step begin(void)
{
	struct clock_step clock = { .offset_ns = WALL, .before_ns = WALL };

	CHECK(clock_step_take(&clock, WALL + NOW, NOW) == 0, "no step at first");
	return clock;
}

static void test_steps(void)
{
	static const int64_t none[] = { 0, 1, -1, 9 * NS_PER_MS, -9 * NS_PER_MS };
	static const int64_t steps[] = { 10 * NS_PER_MS, -10 * NS_PER_MS, NS_PER_SECOND,
		                         HOUR,           -HOUR,           24 * 365 * HOUR };
	struct clock_step clock;

	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		clock = begin();
		CHECK(clock_step_take(&clock, WALL + NOW + NS_PER_SECOND + none[i],
		                      NOW + NS_PER_SECOND) == 0,
		      "%lld ns: the readings are apart", (long long)none[i]);
	}
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		clock = begin();
		CHECK(clock_step_take(&clock, WALL + NOW + NS_PER_SECOND + steps[i],
		                      NOW + NS_PER_SECOND) == steps[i],
		      "%lld ns: a step", (long long)steps[i]);
		CHECK(clock_step_take(&clock, WALL + NOW + 2 * NS_PER_SECOND + steps[i],
		                      NOW + 2 * NS_PER_SECOND) == 0,
		      "reported once");
	}
}

/* A stamp of the wall clock, made at a monotonic time before or after the step. */
static void check_stamp(const struct clock_step *clock, const char *title, int64_t at_ns,
                        int64_t offset_ns)
{
	int64_t found = clock_step_monotonic_ns(clock, at_ns + offset_ns);

	CHECK(found == at_ns, "%s: %lld, not %lld", title, (long long)at_ns, (long long)found);
}

static void test_stamps(void)
{
	static const int64_t steps[] = { NS_PER_SECOND * 2, -2 * NS_PER_SECOND, HOUR, -HOUR };
	struct clock_step clock = begin();

	check_stamp(&clock, "without a step: now", NOW, WALL);
	check_stamp(&clock, "without a step: a while ago", NOW - NS_PER_SECOND, WALL);
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		const int64_t later = NOW + 50 * NS_PER_MS;

		clock = begin();
		clock_step_take(&clock, WALL + steps[i] + later, later);
		check_stamp(&clock, "before the step", NOW - 90 * NS_PER_MS, WALL);
		check_stamp(&clock, "just before it", NOW, WALL);
		check_stamp(&clock, "after it", later, WALL + steps[i]);
		clock_step_take(&clock, WALL + steps[i] + later + NS_PER_SECOND,
		                later + NS_PER_SECOND);
		check_stamp(&clock, "long after it", later + NS_PER_SECOND, WALL + steps[i]);
	}
}

static void test_real(void)
{
	struct clock_step clock;

	clock_step_init(&clock);
	for (int i = 0; i < 10000; i++)
		if (clock_step_check(&clock) != 0)
			CHECK(false, "a step where none was");
	CHECK(clock_step_monotonic_ns(&clock, clock_realtime_ns()) <=
	              clock_monotonic_ns() + NS_PER_MS,
	      "the clocks of the machine: no step, and a stamp of now is of now");
}

int main(void)
{
	test_steps();
	test_stamps();
	test_real();
	return check_done();
}
