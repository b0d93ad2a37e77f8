/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock_step.h"

#include <stdbool.h>

#include "base/clock.h"

/* Two readings are apart by less, unless the process is interrupted between them each time. */
#define STEP_MIN_NS  (10 * NS_PER_MS)
#define READING_NS   2000 /* so near are packets and events that are compared */
#define READINGS_MAX 10
/* A stamp may be this much younger than the reading of the clock that it is compared with. */
#define FUTURE_NS (NS_PER_MS / 2)
/* Packets come later than this from no ring that is read. */
#define OLD_STAMPS_NS (10 * NS_PER_SECOND)

/* Both clocks at one moment, as near as can be. */
static void read_both(int64_t *realtime_ns, int64_t *monotonic_ns)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < READINGS_MAX && best > READING_NS; i++) {
		int64_t before = clock_monotonic_ns(), wall = clock_realtime_ns();
		int64_t took = clock_monotonic_ns() - before;

		if (took >= best)
			continue;
		best = took;
		*realtime_ns = wall;
		*monotonic_ns = before + took / 2;
	}
}

void clock_step_init(struct clock_step *clock)
{
	int64_t realtime_ns = 0, monotonic_ns = 0;

	read_both(&realtime_ns, &monotonic_ns);
	*clock = (struct clock_step){
		.offset_ns = realtime_ns - monotonic_ns,
		.before_ns = realtime_ns - monotonic_ns,
		.checked_ns = monotonic_ns,
		.sure_ns = monotonic_ns - OLD_STAMPS_NS,
	};
}

int64_t clock_step_take(struct clock_step *clock, int64_t realtime_ns, int64_t monotonic_ns)
{
	int64_t step = realtime_ns - monotonic_ns - clock->offset_ns;

	if (step > -STEP_MIN_NS && step < STEP_MIN_NS) {
		clock->offset_ns += step;
		clock->checked_ns = monotonic_ns;
		return 0;
	}
	clock->before_ns = clock->offset_ns;
	clock->sure_ns = clock->checked_ns;
	clock->offset_ns += step;
	clock->checked_ns = monotonic_ns;
	return step;
}

int64_t clock_step_check(struct clock_step *clock)
{
	int64_t realtime_ns = 0, monotonic_ns = 0;

	read_both(&realtime_ns, &monotonic_ns);
	return clock_step_take(clock, realtime_ns, monotonic_ns);
}

int64_t clock_step_monotonic_ns(const struct clock_step *clock, int64_t realtime_ns)
{
	int64_t now = realtime_ns - clock->offset_ns;
	int64_t before = realtime_ns - clock->before_ns;
	bool is_new = now >= clock->sure_ns && now <= clock->checked_ns + FUTURE_NS;
	bool can_be_old =
		before <= clock->checked_ns + FUTURE_NS && before >= clock->sure_ns - OLD_STAMPS_NS;

	return !is_new && can_be_old ? before : now;
}
