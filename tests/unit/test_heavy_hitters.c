/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heavy_hitters.h"

#include "check.h"
#include "random.h"

#define MANY 20000

static struct heavy_hitters hitters;

static void begin(void)
{
	hitters = (struct heavy_hitters){ .total = 0 };
}

/* A share of so many in a hundred of one key, the rest of keys that come once, in random order. */
static bool is_named(int share, uint64_t seed)
{
	struct random random = { seed };
	const struct heavy_hitter *most;

	begin();
	for (uint64_t i = 0; i < MANY; i++)
		heavy_hitters_add(&hitters,
		                  random_below(&random, 100) < (uint64_t)share ? 7 : 1000 + i,
		                  (int64_t)i);
	most = heavy_hitters_majority(&hitters);
	if (most && most->key != 7)
		CHECK(false, "key %" PRIu64 " is named", most->key);
	return most && most->key == 7;
}

static void test_few(void)
{
	begin();
	CHECK(!heavy_hitters_majority(&hitters), "nothing has no majority");
	heavy_hitters_add(&hitters, 0, 5);
	CHECK(heavy_hitters_majority(&hitters)->key == 0 &&
	              heavy_hitters_majority(&hitters)->time_ns == 5,
	      "one is the majority of one, key 0 too");
	heavy_hitters_add(&hitters, 1, 6);
	CHECK(!heavy_hitters_majority(&hitters), "half is none");
	heavy_hitters_add(&hitters, 0, 7);
	CHECK(heavy_hitters_majority(&hitters)->key == 0 &&
	              heavy_hitters_majority(&hitters)->time_ns == 7,
	      "two of three are; the last time counts");
	heavy_hitters_add_unknown(&hitters);
	CHECK(!heavy_hitters_majority(&hitters), "those unknown may be of another");
}

int main(void)
{
	int named = 0, wrong = 0;

	test_few();
	for (uint64_t seed = 1; seed <= 20; seed++) {
		named += is_named(60, seed);
		wrong += is_named(45, seed);
	}
	CHECK_EQUAL(named, 20, "60 of 100 are named among any number of others");
	CHECK_EQUAL(wrong, 0, "45 of 100 are not");
	return check_done();
}
