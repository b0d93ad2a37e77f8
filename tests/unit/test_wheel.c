/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Timers in slots of a second: never early, in the first run after it, removed in any state. */
#include "base/wheel.h"

#include "base/clock.h"
#include "check.h"
#include "random.h"

#define ENTRIES 8
#define START   (1000 * NS_PER_SECOND)

static struct wheel wheel;
static struct entry {
	struct wheel_link link;
	int64_t deadline_ns;
	bool in;
	int runs;
} entries[ENTRIES];
static int refuse_after;

static struct wheel_link *link_of(void *context, uint32_t number)
{
	(void)context;
	return &entries[number].link;
}

static bool on_due(void *context, uint32_t number, int64_t now_ns)
{
	struct entry *entry = &entries[number];

	(void)context;
	if (refuse_after == 0)
		return false;
	refuse_after--;
	wheel_remove(&wheel, number);
	if (entry->deadline_ns > now_ns) { /* it came round */
		wheel_add(&wheel, number, entry->deadline_ns, now_ns);
		return true;
	}
	entry->in = false;
	entry->runs++;
	return true;
}

static void begin(void)
{
	wheel_init(&wheel, link_of, NULL);
	memset(entries, 0, sizeof entries);
	refuse_after = 1 << 30;
}

static void add(uint32_t number, int64_t deadline_ns, int64_t now_ns)
{
	entries[number].deadline_ns = deadline_ns;
	entries[number].in = true;
	wheel_add(&wheel, number, deadline_ns, now_ns);
}

static int runs(void)
{
	int sum = 0;

	for (int i = 0; i < ENTRIES; i++)
		sum += entries[i].runs;
	return sum;
}

static void test_due(void)
{
	begin();
	CHECK(wheel_run(&wheel, START, on_due), "an empty wheel");
	add(0, START + 3 * NS_PER_SECOND, START);
	wheel_run(&wheel, START + 3 * NS_PER_SECOND - 1, on_due);
	CHECK_EQUAL(runs(), 0, "not before its deadline");
	wheel_run(&wheel, START + 4 * NS_PER_SECOND, on_due);
	CHECK_EQUAL(runs(), 1, "at most a second after it");
	wheel_run(&wheel, START + 9 * NS_PER_SECOND, on_due);
	CHECK_EQUAL(runs(), 1, "and once");
	add(1, START, START + 9 * NS_PER_SECOND);
	wheel_run(&wheel, START + 10 * NS_PER_SECOND, on_due);
	CHECK_EQUAL(entries[1].runs, 1,
	            "a deadline that has passed already is due at the next second");
	add(2, START + 20 * NS_PER_SECOND, START + 10 * NS_PER_SECOND);
	wheel_run(&wheel, START + 9000 * NS_PER_SECOND, on_due);
	CHECK_EQUAL(entries[2].runs, 1, "after a long pause");
}

/* What is next in the slot that is being run is removed meanwhile. */
static void test_removed_while_running(void)
{
	begin();
	for (uint32_t i = 0; i < 3; i++)
		add(i, START + NS_PER_SECOND, START);
	refuse_after = 1;
	CHECK(!wheel_run(&wheel, START + 5 * NS_PER_SECOND, on_due), "there is no room for more");
	CHECK_EQUAL(runs(), 1, "one was run");
	for (uint32_t i = 0; i < 3; i++) {
		if (entries[i].in && wheel.running == i) {
			wheel_remove(&wheel, i);
			entries[i].in = false;
			break;
		}
	}
	refuse_after = 10;
	CHECK(wheel_run(&wheel, START + 5 * NS_PER_SECOND, on_due), "the rest");
	CHECK_EQUAL(runs(), 2, "without the one that was removed");
	CHECK(wheel_run(&wheel, START + 6 * NS_PER_SECOND, on_due) && runs() == 2,
	      "nothing is left");
}

static void test_random(void)
{
	struct random random = random_begin();
	int64_t now = START;
	int late = 0;

	begin();
	for (int step = 0; step < 20000; step++) {
		uint32_t number = (uint32_t)random_below(&random, ENTRIES);

		if (!entries[number].in) {
			add(number, now + (int64_t)random_below(&random, 1500) * NS_PER_SECOND,
			    now);
		} else if (random_below(&random, 4) == 0) {
			wheel_remove(&wheel, number);
			entries[number].in = false;
		}
		now += (int64_t)random_below(&random, 3 * NS_PER_SECOND);
		refuse_after = (int)random_below(&random, 3);
		if (!wheel_run(&wheel, now, on_due))
			continue;
		for (int i = 0; i < ENTRIES; i++)
			late += entries[i].in && entries[i].deadline_ns + 2 * NS_PER_SECOND < now;
	}
	CHECK_EQUAL(late, 0, "none is forgotten in %d runs", runs());
}

int main(void)
{
	test_due();
	test_removed_while_running();
	test_random();
	return check_done();
}
