/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/pending_connects.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define NONE UINT32_MAX

/*
 * Most are taken microseconds after they were put, so the entry given back last
 * is used next: it is in the cache. When none is free, they are overwritten in turn.
 */
struct pending_connects {
	struct hash_key key;
	struct table *index;
	struct pending_connect *entries;
	uint32_t max, used; /* used: ever */
	uint32_t free;      /* linked by netns */
	uint32_t next;      /* to be overwritten */
};

struct pending_connects *pending_connects_new(uint32_t max, const struct hash_key *key)
{
	struct pending_connects *connects = calloc(1, sizeof *connects);

	if (!connects)
		return NULL;
	connects->key = *key;
	connects->max = max;
	connects->free = NONE;
	connects->index = table_new(max);
	connects->entries = calloc(max, sizeof *connects->entries);
	if (!connects->index || !connects->entries) {
		pending_connects_free(connects);
		return NULL;
	}
	return connects;
}

void pending_connects_free(struct pending_connects *connects)
{
	if (!connects)
		return;
	table_free(connects->index);
	free(connects->entries);
	free(connects);
}

static uint64_t hash_of(const struct pending_connects *connects, uint64_t socket)
{
	return hash_number(&connects->key, socket);
}

static void forget(struct pending_connects *connects, uint32_t number)
{
	struct pending_connect *entry = &connects->entries[number];

	table_remove(connects->index, hash_of(connects, entry->socket), number);
	*entry = (struct pending_connect){ .netns = connects->free };
	connects->free = number;
}

static uint32_t allocate(struct pending_connects *connects, bool *evicted)
{
	uint32_t number = connects->free;

	*evicted = number == NONE && connects->used == connects->max;
	if (*evicted) {
		forget(connects, connects->next);
		connects->next = (connects->next + 1) % connects->max;
		number = connects->free;
	}
	if (number == NONE)
		return connects->used++;
	connects->free = connects->entries[number].netns;
	return number;
}

static struct pending_connect *find(const struct pending_connects *connects, uint64_t socket)
{
	struct table_cursor cursor = table_cursor(connects->index, hash_of(connects, socket));
	uint32_t number;

	while (table_next(&cursor, &number))
		if (connects->entries[number].socket == socket)
			return &connects->entries[number];
	return NULL;
}

bool pending_connects_put(struct pending_connects *connects,
                          const struct pending_connect *pending_connect)
{
	struct pending_connect *entry = find(connects, pending_connect->socket);
	uint32_t number;
	bool evicted;

	if (entry) {
		*entry = *pending_connect;
		return false;
	}
	number = allocate(connects, &evicted);
	connects->entries[number] = *pending_connect;
	if (table_insert(connects->index, hash_of(connects, pending_connect->socket), number) !=
	    0) {
		connects->entries[number] = (struct pending_connect){ .netns = connects->free };
		connects->free = number;
		return true; /* out of memory */
	}
	return evicted;
}

bool pending_connects_take(struct pending_connects *connects, uint64_t socket,
                           struct pending_connect *pending_connect)
{
	struct pending_connect *entry = find(connects, socket);

	if (!entry)
		return false;
	*pending_connect = *entry;
	forget(connects, (uint32_t)(entry - connects->entries));
	return true;
}

void pending_connects_clear(struct pending_connects *connects)
{
	table_clear(connects->index);
	memset(connects->entries, 0, connects->used * sizeof *connects->entries);
	connects->used = connects->next = 0;
	connects->free = NONE;
}
