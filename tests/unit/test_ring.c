/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ring.h"

#include "check.h"
#include "random.h"

#define MAX   256
#define STEPS 100000

static uint64_t items[MAX];

/* Numbers of modulo MAX have the same places. */
static bool are_in_place(const struct ring *ring)
{
	for (uint64_t number = ring->first; number < ring->next; number++)
		if (items[ring_place(ring, number)] != number ||
		    items[ring_place(ring, number % MAX)] != number)
			return false;
	return true;
}

/* At most `most` at a time, from a first number on that is anywhere. */
static void check_queue(struct random *random, uint32_t most, uint64_t first, uint32_t size)
{
	struct ring ring = ring_of(MAX);
	uint32_t wrong = 0, refused = 0;

	ring.first = ring.next = first;
	for (int step = 0; step < STEPS; step++) {
		if (ring_count(&ring) < most && random_below(random, 2)) {
			if (!ring_reserve(&ring, items, sizeof *items)) {
				refused++;
				continue;
			}
			items[ring_place(&ring, ring.next)] = ring.next;
			ring.next++;
		} else if (ring_count(&ring) > 0 && random_below(random, 8)) {
			ring.first++;
		}
		wrong += !are_in_place(&ring);
	}
	CHECK(wrong == 0, "%u at a time: %u of %d times one is not in its place", most, wrong,
	      STEPS);
	CHECK(ring.size == size && refused == 0, "they have %u places of %d", ring.size, MAX);
}

static void test_full(void)
{
	struct ring ring = ring_of(MAX);
	uint32_t count = 0;

	while (count <= MAX && ring_reserve(&ring, items, sizeof *items)) {
		items[ring_place(&ring, ring.next)] = ring.next;
		ring.next++;
		count++;
	}
	CHECK(count == MAX && are_in_place(&ring), "there is room for %u", count);
	ring.first++;
	CHECK(ring_reserve(&ring, items, sizeof *items), "and again when one is taken");
}

int main(void)
{
	struct random random = random_begin();

	check_queue(&random, 20, 0, RING_SIZE_FIRST);
	check_queue(&random, RING_SIZE_FIRST, 77, RING_SIZE_FIRST);
	check_queue(&random, MAX, 1000 + MAX / 2 + 3, MAX);
	test_full();
	return check_done();
}
