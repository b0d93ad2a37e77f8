/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/spsc_ring.h"

#include <pthread.h>
#include <sched.h>

#include "check.h"
#include "random.h"

struct item {
	uint64_t number, check;
	char rest[40];
};

#define ROOM 8
#define SENT 200000

static struct item room[ROOM];
static struct spsc_ring ring;

static struct item item_of(uint64_t number)
{
	struct item item = { .number = number, .check = ~number };

	memset(item.rest, (int)(number & 0x7f), sizeof item.rest);
	return item;
}

static bool is_item(const struct item *item, uint64_t number)
{
	struct item expected = item_of(number);

	return memcmp(item, &expected, sizeof expected) == 0;
}

static void test_bounds(void)
{
	struct item item = { .number = 0 };
	int put = 0;

	spsc_ring_init(&ring, room, sizeof *room, ROOM);
	CHECK(!spsc_ring_take(&ring, &item) && spsc_ring_waiting(&ring) == 0, "empty at first");
	do
		item = item_of((uint64_t)put);
	while (spsc_ring_put(&ring, &item) && put++ < 2 * ROOM);
	CHECK(put == ROOM && spsc_ring_waiting(&ring) == ROOM, "%d find room", put);
	CHECK(spsc_ring_take(&ring, &item) && is_item(&item, 0), "the oldest comes first");
	item = item_of(ROOM);
	CHECK(spsc_ring_put(&ring, &item), "which makes room for one");
	CHECK(!spsc_ring_put(&ring, &item), "and no more");
}

static void test_order(void)
{
	struct random random = random_begin();
	uint64_t put = 0, taken = 0, wrong = 0;
	struct item item;

	spsc_ring_init(&ring, room, sizeof *room, ROOM);
	/* Counts have no bound: begin shortly before they wrap. */
	ring.put = ring.taken = (size_t)-100;
	for (int i = 0; i < 20000; i++) {
		if (random_below(&random, 2)) {
			bool fits = put - taken < ROOM;

			item = item_of(put);
			wrong += spsc_ring_put(&ring, &item) != fits;
			put += fits;
		} else {
			bool any = put > taken;

			wrong += spsc_ring_take(&ring, &item) != any;
			wrong += any && !is_item(&item, taken);
			taken += any;
		}
		wrong += spsc_ring_waiting(&ring) != put - taken;
	}
	CHECK(wrong == 0 && taken > 5000, "%d taken in the order they were put", (int)taken);
}

static void *write_all(void *context)
{
	uint64_t *refused = context;

	for (uint64_t number = 0; number < SENT; number++) {
		struct item item = item_of(number);

		while (!spsc_ring_put(&ring, &item)) {
			(*refused)++;
			sched_yield();
		}
	}
	return NULL;
}

static void test_threads(void)
{
	uint64_t refused = 0, wrong = 0, next = 0;
	struct item item;
	pthread_t writer;

	spsc_ring_init(&ring, room, sizeof *room, ROOM);
	pthread_create(&writer, NULL, write_all, &refused);
	while (next < SENT) {
		if (!spsc_ring_take(&ring, &item)) {
			sched_yield();
			continue;
		}
		wrong += !is_item(&item, next++);
	}
	pthread_join(writer, NULL);
	CHECK(wrong == 0 && !spsc_ring_take(&ring, &item),
	      "%d items between two threads, each whole and once", SENT);
}

int main(void)
{
	test_bounds();
	test_order();
	test_threads();
	return check_done();
}
