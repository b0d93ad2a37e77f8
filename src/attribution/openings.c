/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/openings.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define NONE UINT32_MAX

/*
 * Most are taken microseconds after they were put, so the entry given back last
 * is used next: it is in the cache. When none is free, they are overwritten in turn.
 */
struct openings {
	struct hash_key key;
	struct table *index;
	struct opening *entries;
	uint32_t max, used; /* used: ever */
	uint32_t free;      /* linked by netns */
	uint32_t next;      /* to be overwritten */
};

struct openings *openings_new(uint32_t max, const struct hash_key *key)
{
	struct openings *openings = calloc(1, sizeof *openings);

	if (!openings)
		return NULL;
	openings->key = *key;
	openings->max = max;
	openings->free = NONE;
	openings->index = table_new(max);
	openings->entries = calloc(max, sizeof *openings->entries);
	if (!openings->index || !openings->entries) {
		openings_free(openings);
		return NULL;
	}
	return openings;
}

void openings_free(struct openings *openings)
{
	if (!openings)
		return;
	table_free(openings->index);
	free(openings->entries);
	free(openings);
}

static uint64_t hash_of(const struct openings *openings, uint64_t socket)
{
	return hash_number(&openings->key, socket);
}

static void forget(struct openings *openings, uint32_t number)
{
	struct opening *entry = &openings->entries[number];

	table_remove(openings->index, hash_of(openings, entry->socket), number);
	*entry = (struct opening){ .netns = openings->free };
	openings->free = number;
}

static uint32_t allocate(struct openings *openings, bool *evicted)
{
	uint32_t number = openings->free;

	*evicted = number == NONE && openings->used == openings->max;
	if (*evicted) {
		forget(openings, openings->next);
		openings->next = (openings->next + 1) % openings->max;
		number = openings->free;
	}
	if (number == NONE)
		return openings->used++;
	openings->free = openings->entries[number].netns;
	return number;
}

static struct opening *find(const struct openings *openings, uint64_t socket)
{
	struct table_cursor cursor = table_cursor(openings->index, hash_of(openings, socket));
	uint32_t number;

	while (table_next(&cursor, &number))
		if (openings->entries[number].socket == socket)
			return &openings->entries[number];
	return NULL;
}

bool openings_put(struct openings *openings, const struct opening *opening)
{
	struct opening *entry = find(openings, opening->socket);
	uint32_t number;
	bool evicted;

	if (entry) {
		*entry = *opening;
		return false;
	}
	number = allocate(openings, &evicted);
	openings->entries[number] = *opening;
	if (table_insert(openings->index, hash_of(openings, opening->socket), number) != 0) {
		openings->entries[number] = (struct opening){ .netns = openings->free };
		openings->free = number;
		return true; /* out of memory */
	}
	return evicted;
}

bool openings_take(struct openings *openings, uint64_t socket, struct opening *opening)
{
	struct opening *entry = find(openings, socket);

	if (!entry)
		return false;
	*opening = *entry;
	forget(openings, (uint32_t)(entry - openings->entries));
	return true;
}

void openings_clear(struct openings *openings)
{
	table_clear(openings->index);
	memset(openings->entries, 0, openings->used * sizeof *openings->entries);
	openings->used = openings->next = 0;
	openings->free = NONE;
}
