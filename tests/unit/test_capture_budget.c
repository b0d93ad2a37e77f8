/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_budget.h"
#include "check.h"

#define TOTAL (8u << 20)

static void test_shares(void)
{
	/* In this order: what all queues hold, whether they are read, and what each of 4 may hold then. */
	static const struct {
		const char *name;
		size_t held, each;
		bool stopped, changed;
	} steps[] = {
		{ "nothing", 0, TOTAL, false, false },
		{ "a burst that has room", TOTAL, TOTAL, false, false },
		{ "more than there is", TOTAL + 1, TOTAL / 4, false, true },
		{ "less, but not yet half", TOTAL / 2 + 1, TOTAL / 4, false, false },
		{ "half", TOTAL / 2, TOTAL, false, true },
		{ "no room in the output", 0, TOTAL / 4, true, true },
		{ "still none", 0, TOTAL / 4, true, false },
		{ "room again", 0, TOTAL, false, true },
	};
	struct capture_budget budget = { .total = TOTAL };

	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
		bool changed = capture_budget_update(&budget, steps[i].held, steps[i].stopped);

		CHECK(changed == steps[i].changed &&
		              capture_budget_each(&budget, 4) == steps[i].each,
		      "%s: each may hold %zu", steps[i].name, steps[i].each);
	}
}

static void test_least(void)
{
	struct capture_budget budget = { .total = TOTAL };

	capture_budget_update(&budget, 0, true);
	CHECK(capture_budget_each(&budget, 100000) == CAPTURE_BUDGET_LEAST,
	      "however many there are, a share is of use");
	CHECK(capture_budget_each(&budget, 0) == TOTAL, "none: all of it");
}

int main(void)
{
	test_shares();
	test_least();
	return check_done();
}
