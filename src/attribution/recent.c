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

#define EXPIRE_LENGTH 2048 /* entries that are looked at in one go */

/* A ring: entries are overwritten in the order in which they were first put. */
struct recent {
	struct hash_key key;
	struct table *index;
	struct entry *entries;
	uint32_t max, used;
	uint32_t next;  /* makes room for another one when it is too old, or all are in use */
	uint32_t sweep; /* recent_expire goes on here */
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

/*
 * The number of an entry to write to. As many are in use as were ever asked for within the time
 * that they are good for: all pages would be touched in the course of hours, however little happens.
 */
static uint32_t allocate(struct recent *recent, int64_t now_ns)
{
	const struct entry *entry = &recent->entries[recent->next];
	uint32_t number = recent->next;

	if (recent->used == 0 ||
	    (recent->used < recent->max && now_ns - entry->verified_ns <= WINDOW_RECENT_KEEP_NS))
		return recent->used++;
	recent->next = (recent->next + 1) % recent->used;
	table_remove(recent->index, entry->hash, number);
	return number;
}

void recent_put(struct recent *recent, uint32_t netns, const struct tuple *tuple,
                const struct owner *owner, int64_t now_ns)
{
	uint64_t hash = tuple_hash(&recent->key, netns, tuple);
	struct entry *entry = find(recent, hash, netns, tuple);

	if (!entry) {
		uint32_t number = allocate(recent, now_ns);

		entry = &recent->entries[number];
		if (table_insert(recent->index, hash, number) != 0) {
			/* Out of memory: no search finds this entry until it is taken again. */
			owner_clear(&entry->owner);
			return;
		}
		entry->tuple = *tuple;
		entry->netns = netns;
		entry->hash = hash;
	}
	entry->verified_ns = now_ns;
	owner_copy(&entry->owner, owner);
}

void recent_expire(struct recent *recent, int64_t now_ns)
{
	for (uint32_t i = 0; i < EXPIRE_LENGTH && i < recent->used; i++) {
		struct entry *entry = &recent->entries[recent->sweep];

		if (now_ns - entry->verified_ns > WINDOW_RECENT_KEEP_NS) {
			table_remove(recent->index, entry->hash, recent->sweep);
			owner_clear(&entry->owner);
		}
		recent->sweep = (recent->sweep + 1) % recent->used;
	}
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
