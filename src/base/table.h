/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of a hash table: it maps a 64-bit hash to the caller's 32-bit entry
 * numbers and knows nothing of keys. Open addressing, linear probing, 8 bytes a
 * slot (32 bits of hash, 32 bits of entry number), so one cache line holds eight
 * candidates and a wrong one is almost never followed. Deleting shifts back:
 * no tombstones, no slow decay. Doubles up to the limit given at creation.
 *
 * Entry numbers are < 2^32 - 1. The caller compares keys:
 *
 *	struct table_cursor cursor = table_cursor(table, hash);
 *	while (table_next(&cursor, &number))
 *		if (key_equal(&entries[number], key))
 *			return number;
 *
 * Why not a library's. uthash hangs entries into chains by a handle of 56 bytes in
 * each, nearly a cache line, and has no way to fetch ahead: with the connections of
 * tests/bench/bench_tables a lookup took 56 ns among a thousand and 1,017 among a
 * million, here 38 and 482, and 36 and 67 in batches. ck_ht (Concurrency Kit) is made
 * for readers beside a writer: that costs tombstones and sweeping, these tables have one
 * thread, and it compares the bytes of one key, where a connection is found by
 * its tuple either way round. libnl's never grows, allocates a node for each entry
 * and takes libnl's objects only.
 */
#ifndef SOCKLINE_BASE_TABLE_H
#define SOCKLINE_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
	uint32_t tag;        /* upper half of the hash; its low bits are the home slot */
	uint32_t number_up1; /* entry number + 1; 0 = free, so that fresh pages are free slots */
};

/* In sight only for the inline lookup below. */
struct table {
	struct table_slot *slots;
	size_t mask; /* slots - 1; a power of two of slots */
	uint32_t count;
	uint32_t max_entries;
};

struct table_cursor {
	const struct table *table;
	size_t slot;
	uint32_t tag;
};

/* Room for at most max_entries; NULL when memory is short. */
struct table *table_new(uint32_t max_entries);
void table_free(struct table *table); /* NULL is fine */

/* 0, -ENOSPC at max_entries, -ENOMEM. The same number may stand under several hashes. */
int table_insert(struct table *table, uint64_t hash, uint32_t number);
/* The same without inserting: the next insertion has room. */
int table_reserve(struct table *table);
/* Removes the pair; false when it is not there. */
bool table_remove(struct table *table, uint64_t hash, uint32_t number);
void table_clear(struct table *table);
uint32_t table_count(const struct table *table);
size_t table_bytes(const struct table *table); /* memory held, for the stats */

static inline struct table_cursor table_cursor(const struct table *table, uint64_t hash)
{
	uint32_t tag = (uint32_t)(hash >> 32);

	return (struct table_cursor){ .table = table, .slot = tag & table->mask, .tag = tag };
}

/* The next candidate. False at the end. Insert and remove invalidate cursors. */
static inline bool table_next(struct table_cursor *cursor, uint32_t *number)
{
	const struct table *table = cursor->table;

	for (;;) {
		struct table_slot slot = table->slots[cursor->slot];

		if (slot.number_up1 == 0)
			return false;
		cursor->slot = (cursor->slot + 1) & table->mask;
		if (slot.tag == cursor->tag) {
			*number = slot.number_up1 - 1;
			return true;
		}
	}
}

/* Fetches the slot's cache line ahead of a lookup. */
static inline void table_prefetch(const struct table *table, uint64_t hash)
{
	__builtin_prefetch(&table->slots[(uint32_t)(hash >> 32) & table->mask]);
}

#endif
