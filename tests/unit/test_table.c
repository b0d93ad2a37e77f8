/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <errno.h>

#include "check.h"
#include "random.h"

#define MODEL_MAX 600

/* The same by brute force: pairs in no order. */
struct model {
	struct {
		uint64_t hash;
		uint32_t number;
	} pairs[MODEL_MAX];
	uint32_t count;
};

static uint64_t hash_of_tag(uint64_t tag, uint64_t low)
{
	return tag << 32 | low;
}

/* Every entry can be reached from its home without a hole, and the count is right. */
static bool is_sound(const struct table *table)
{
	uint32_t count = 0;

	for (size_t slot = 0; slot <= table->mask; slot++) {
		if (table->slots[slot].number_up1 == 0)
			continue;
		count++;
		for (size_t at = table->slots[slot].tag & table->mask; at != slot;
		     at = (at + 1) & table->mask)
			if (table->slots[at].number_up1 == 0)
				return false;
	}
	return count == table_count(table);
}

/* How often the table offers number for hash; -1 when it offers one whose upper half differs. */
static int offered(const struct table *table, const struct model *model, uint64_t hash,
                   uint32_t number)
{
	struct table_cursor cursor = table_cursor(table, hash);
	uint32_t candidate, seen = 0, times = 0, expected = 0;

	while (table_next(&cursor, &candidate)) {
		seen++;
		times += candidate == number;
	}
	for (uint32_t i = 0; i < model->count; i++)
		expected += model->pairs[i].hash >> 32 == hash >> 32;
	return seen == expected ? (int)times : -1;
}

/* Random operations on few tags, so that runs collide, merge and wrap around the end. */
static void test_against_model(struct random *random)
{
	static struct model model;
	struct table *table = table_new(500);
	int wrong = 0, unsound = 0, full = 0;

	for (int step = 0; step < 200000; step++) {
		uint32_t bias = step / 20000 % 2 ? 3 : 6; /* grow and shrink by turns */
		uint64_t tag = random_below(random, 2) ? random_below(random, 40) + UINT32_MAX - 20
		                                       : random_u64(random) >> 32;
		uint64_t hash = hash_of_tag((uint32_t)tag, random_below(random, 2));
		uint32_t number =
			random_below(random, 10) == 0 ? UINT32_MAX - 1 : random_below(random, 64);
		uint32_t at = random_below(random, model.count + 1);

		if (random_below(random, 10) < bias) {
			int result = table_insert(table, hash, number);

			if (result != (model.count < 500 ? 0 : -ENOSPC))
				wrong++;
			full += result == -ENOSPC;
			if (result == 0) {
				model.pairs[model.count].hash = hash;
				model.pairs[model.count++].number = number;
			}
		} else if (at < model.count) {
			wrong += !table_remove(table, model.pairs[at].hash, model.pairs[at].number);
			model.pairs[at] = model.pairs[--model.count];
		} else {
			int expected = 0;

			for (uint32_t i = 0; i < model.count; i++)
				expected += model.pairs[i].hash >> 32 == hash >> 32 &&
				            model.pairs[i].number == number;
			wrong += offered(table, &model, hash, number) != expected;
			if (expected == 0)
				wrong += table_remove(table, hash, number);
		}
		wrong += table_count(table) != model.count;
		if (step % 64 == 0)
			unsound += !is_sound(table);
	}
	CHECK_EQUAL(wrong, 0, "200,000 random operations as the model says");
	CHECK_EQUAL(unsound, 0, "no entry behind a hole");
	CHECK(full > 100, "the limit was met %d times", full);
	while (model.count > 0) {
		model.count--;
		wrong += !table_remove(table, model.pairs[model.count].hash,
		                       model.pairs[model.count].number);
	}
	CHECK(wrong == 0 && table_count(table) == 0 && is_sound(table), "emptied one by one");
	table_free(table);
}

static void test_clear_and_limits(void)
{
	struct table *table = table_new(0);
	uint32_t number;
	struct table_cursor cursor;

	CHECK_EQUAL(table_insert(table, 1, 1), -ENOSPC, "a table for 0 entries takes none");
	CHECK(!table_remove(table, 1, 1), "and has none to remove");
	table_free(table);
	table_free(NULL);

	table = table_new(UINT32_MAX);
	for (uint32_t i = 0; i < 1000; i++)
		table_insert(table, hash_of_tag(i * 2654435761u, 0), i);
	table_clear(table);
	cursor = table_cursor(table, 0);
	CHECK(table_count(table) == 0 && !table_next(&cursor, &number), "cleared");
	CHECK(table_insert(table, 7, 3) == 0 && table_count(table) == 1 && is_sound(table),
	      "and usable again");
	table_prefetch(table, 7);
	table_free(table);
}

/*
 * Growth moves each entry about once, and random tags leave short runs. Both are
 * counted, not timed, so a busy machine changes nothing.
 */
static void test_growth(struct random *random)
{
	const uint32_t entries = 1000000;
	struct table *table = table_new(entries);
	size_t bytes = table_bytes(table), moved = 0, distance = 0;
	bool loose = true;

	for (uint32_t i = 0; i < entries; i++) {
		if (table_insert(table, random_u64(random), i) != 0)
			break;
		if (table_bytes(table) != bytes)
			moved += i;
		bytes = table_bytes(table);
		loose = loose && table_count(table) <= (table->mask + 1) / 2;
	}
	CHECK(table_count(table) == entries && is_sound(table), "a million entries");
	CHECK(moved <= 2 * (size_t)entries, "%zu entries were moved while growing", moved);
	CHECK(loose, "never more than half full");
	CHECK(bytes <= sizeof *table + (size_t)entries / 3 * 4 * 2 * sizeof(struct table_slot),
	      "%zu bytes", bytes);
	for (size_t slot = 0; slot <= table->mask; slot++)
		if (table->slots[slot].number_up1 != 0)
			distance += (slot - (table->slots[slot].tag & table->mask)) & table->mask;
	CHECK(distance < 2 * (size_t)entries, "an entry is %.2f slots from home",
	      (double)distance / entries);
	table_free(table);
}

int main(void)
{
	struct random random = random_begin();

	test_against_model(&random);
	test_clear_and_limits();
	test_growth(&random);
	return check_done();
}
