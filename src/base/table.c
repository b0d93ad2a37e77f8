/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

#define SLOTS_MIN 64
/* The tag alone says where an entry belongs: more slots than tags would stay empty. */
#define SLOTS_MAX ((uint64_t)UINT32_MAX + 1)

/*
 * Linear probing: a lookup walks to the end of a run, as one hash may stand several times. When three
 * quarters are taken that is 8.5 slots on average, 2.5 of one half (Knuth, TAOCP 6.4).
 */
static bool is_full(const struct table *table)
{
	return table->count >= ((uint64_t)table->mask + 1) / 2;
}

static size_t slots_bytes(const struct table *table)
{
	return (table->mask + 1) * sizeof *table->slots;
}

struct table *table_new(uint32_t max_entries)
{
	struct table *table = malloc(sizeof *table);

	if (!table)
		return NULL;
	*table = (struct table){
		.slots = pages_new(SLOTS_MIN * sizeof *table->slots),
		.mask = SLOTS_MIN - 1,
		.max_entries = max_entries,
	};
	if (!table->slots) {
		free(table);
		return NULL;
	}
	return table;
}

void table_free(struct table *table)
{
	if (!table)
		return;
	pages_free(table->slots, slots_bytes(table));
	free(table);
}

static void place(struct table_slot *slots, size_t mask, struct table_slot slot)
{
	size_t at = slot.tag & mask;

	while (slots[at].number_up1 != 0)
		at = (at + 1) & mask;
	slots[at] = slot;
}

static int grow(struct table *table)
{
	uint64_t wanted = ((uint64_t)table->mask + 1) * 2;

	if (wanted > SLOTS_MAX || wanted > SIZE_MAX / sizeof *table->slots)
		return -ENOSPC;
	struct table_slot *slots = pages_new((size_t)wanted * sizeof *slots);
	size_t mask = (size_t)wanted - 1;

	if (!slots)
		return -ENOMEM;
	/* In the order of the old slots both tables are walked front to back, cache line by line. */
	for (size_t i = 0; i <= table->mask; i++)
		if (table->slots[i].number_up1 != 0)
			place(slots, mask, table->slots[i]);
	pages_free(table->slots, slots_bytes(table));
	table->slots = slots;
	table->mask = mask;
	return 0;
}

int table_reserve(struct table *table)
{
	if (table->count >= table->max_entries)
		return -ENOSPC;
	return is_full(table) ? grow(table) : 0;
}

int table_insert(struct table *table, uint64_t hash, uint32_t number)
{
	int result = table_reserve(table);

	if (result < 0)
		return result;
	place(table->slots, table->mask,
	      (struct table_slot){ .tag = (uint32_t)(hash >> 32), .number_up1 = number + 1 });
	table->count++;
	return 0;
}

/*
 * Fills the hole at `hole` with the next entry of the run that may stand there,
 * and so on: one whose home lies cyclically in (hole, at] would become
 * unreachable. Knuth, The Art of Computer Programming, vol. 3, 6.4, algorithm R.
 */
static void shift_back(struct table *table, size_t hole)
{
	struct table_slot *slots = table->slots;
	size_t mask = table->mask;

	for (size_t at = (hole + 1) & mask; slots[at].number_up1 != 0; at = (at + 1) & mask) {
		size_t from_home = (at - (slots[at].tag & mask)) & mask;

		if (from_home >= ((at - hole) & mask)) {
			slots[hole] = slots[at];
			hole = at;
		}
	}
	slots[hole] = (struct table_slot){ 0 };
}

bool table_remove(struct table *table, uint64_t hash, uint32_t number)
{
	uint32_t tag = (uint32_t)(hash >> 32);

	for (size_t at = tag & table->mask; table->slots[at].number_up1 != 0;
	     at = (at + 1) & table->mask) {
		if (table->slots[at].tag == tag && table->slots[at].number_up1 == number + 1) {
			shift_back(table, at);
			table->count--;
			return true;
		}
	}
	return false;
}

void table_clear(struct table *table)
{
	memset(table->slots, 0, slots_bytes(table));
	table->count = 0;
}

uint32_t table_count(const struct table *table)
{
	return table->count;
}

size_t table_bytes(const struct table *table)
{
	return sizeof *table + slots_bytes(table);
}
