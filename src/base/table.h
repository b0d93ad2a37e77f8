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
 */
#ifndef SOCKLINE_BASE_TABLE_H
#define SOCKLINE_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table;

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
/* Removes the pair; false when it is not there. */
bool table_remove(struct table *table, uint64_t hash, uint32_t number);
void table_clear(struct table *table);
uint32_t table_count(const struct table *table);
size_t table_bytes(const struct table *table); /* memory held, for the stats */

struct table_cursor table_cursor(const struct table *table, uint64_t hash);
/* The next candidate. False at the end. Insert and remove invalidate cursors. */
bool table_next(struct table_cursor *cursor, uint32_t *number);
/* Fetches the slot's cache line ahead of a lookup. */
void table_prefetch(const struct table *table, uint64_t hash);

#endif
