/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/recent.h"

#include <stdlib.h>
#include <string.h>

#include "attribution/windows.h"
#include "base/table.h"

struct entry {
	struct tuple tuple;
	uint32_t netns;
	int64_t verified_ns;
	uint64_t hash;
	struct owner owner;
};

/* A ring: entries are overwritten in the order in which they were first put. */
struct recent {
	struct hash_key key;
	struct table *index;
	struct entry *entries;
	uint32_t max, used, next;
};

struct recent *recent_new(uint32_t max_entries, const struct hash_key *key)
{
	struct recent *recent = calloc(1, sizeof *recent);

	if (!recent)
		return NULL;
	recent->key = *key;
	recent->max = max_entries;
	recent->index = table_new(max_entries);
	recent->entries =
		calloc(max_entries, sizeof *recent->entries); /* untouched pages cost nothing */
	if (!recent->index || !recent->entries) {
		recent_free(recent);
		return NULL;
	}
	return recent;
}

void recent_free(struct recent *recent)
{
	if (!recent)
		return;
	for (uint32_t i = 0; i < recent->used; i++)
		owner_clear(&recent->entries[i].owner);
	free(recent->entries);
	table_free(recent->index);
	free(recent);
}

static struct entry *find(const struct recent *recent, uint64_t hash, uint32_t netns,
                          const struct tuple *tuple)
{
	struct table_cursor cursor = table_cursor(recent->index, hash);
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct entry *entry = &recent->entries[number];

		if (entry->netns == netns && tuple_equal(&entry->tuple, tuple))
			return entry;
	}
	return NULL;
}

void recent_put(struct recent *recent, uint32_t netns, const struct tuple *tuple,
                const struct owner *owner, int64_t now_ns)
{
	uint64_t hash = tuple_hash(&recent->key, netns, tuple);
	struct entry *entry = find(recent, hash, netns, tuple);

	if (!entry) {
		entry = &recent->entries[recent->next];
		if (recent->used == recent->max)
			table_remove(recent->index, entry->hash, recent->next);
		else
			recent->used++;
		if (table_insert(recent->index, hash, recent->next) != 0) {
			/* Out of memory: this slot stays in the ring, found by nobody. */
			owner_clear(&entry->owner);
			return;
		}
		recent->next = (recent->next + 1) % recent->max;
		entry->tuple = *tuple;
		entry->netns = netns;
		entry->hash = hash;
	}
	entry->verified_ns = now_ns;
	owner_copy(&entry->owner, owner);
}

const struct owner *recent_find(const struct recent *recent, uint32_t netns,
                                const struct tuple *tuple, int64_t since_ns, int64_t now_ns)
{
	const struct entry *entry =
		find(recent, tuple_hash(&recent->key, netns, tuple), netns, tuple);

	if (!entry || entry->verified_ns < since_ns ||
	    now_ns - entry->verified_ns > WINDOW_RECENT_KEEP_NS || !owner_known(&entry->owner))
		return NULL;
	return &entry->owner;
}
