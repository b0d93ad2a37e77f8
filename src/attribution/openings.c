/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/openings.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

/* A ring: entries are overwritten in the order in which they were put. */
struct openings {
	struct hash_key key;
	struct table *index;
	struct opening *entries;
	uint32_t max, next;
};

struct openings *openings_new(uint32_t max, const struct hash_key *key)
{
	struct openings *openings = calloc(1, sizeof *openings);

	if (!openings)
		return NULL;
	openings->key = *key;
	openings->max = max;
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
	return hash_bytes(&openings->key, &socket, sizeof socket);
}

static void forget(struct openings *openings, uint32_t number)
{
	struct opening *entry = &openings->entries[number];

	table_remove(openings->index, hash_of(openings, entry->socket), number);
	entry->socket = 0;
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
	bool evicted;

	if (entry) {
		*entry = *opening;
		return false;
	}
	entry = &openings->entries[openings->next];
	evicted = entry->socket != 0;
	if (evicted)
		forget(openings, openings->next);
	if (table_insert(openings->index, hash_of(openings, opening->socket), openings->next) != 0)
		return true; /* out of memory */
	*entry = *opening;
	openings->next = (openings->next + 1) % openings->max;
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
	memset(openings->entries, 0, openings->max * sizeof *openings->entries);
	openings->next = 0;
}
