/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/existing_owners.h"

#include <stdlib.h>

#include "base/table.h"

/* Slots in the order of time, from `first` on; a slot that was forgotten has inode 0. */
struct existing_owners {
	struct hash_key key;
	struct table *index;
	struct existing_owner *slots;
	uint32_t max, first, used;
	uint32_t passed; /* of the used ones: were given out */
	uint32_t turn;   /* of the passed ones: the next in turn */
};

struct existing_owners *existing_owners_new(uint32_t max, const struct hash_key *key)
{
	struct existing_owners *owners = calloc(1, sizeof *owners);

	if (!owners)
		return NULL;
	owners->key = *key;
	owners->max = max;
	owners->index = table_new(max);
	owners->slots = calloc(max, sizeof *owners->slots); /* untouched pages cost nothing */
	if (!owners->index || !owners->slots) {
		existing_owners_free(owners);
		return NULL;
	}
	return owners;
}

static struct existing_owner *slot(const struct existing_owners *owners, uint32_t number)
{
	return &owners->slots[(owners->first + number) % owners->max];
}

void existing_owners_free(struct existing_owners *owners)
{
	if (!owners)
		return;
	for (uint32_t i = 0; i < owners->used; i++)
		process_unref(slot(owners, i)->process);
	table_free(owners->index);
	free(owners->slots);
	free(owners);
}

static void clear(struct existing_owners *owners, struct existing_owner *owner)
{
	if (owner->inode != 0)
		table_remove(owners->index, hash_number(&owners->key, owner->inode),
		             (uint32_t)(owner - owners->slots));
	process_unref(owner->process);
	*owner = (struct existing_owner){ .inode = 0 };
}

static void remove_first(struct existing_owners *owners)
{
	clear(owners, slot(owners, 0));
	owners->used--;
	owners->first = owners->used > 0 ? (owners->first + 1) % owners->max : 0;
	owners->passed -= owners->passed > 0;
	owners->turn -= owners->turn > 0;
}

/* What was forgotten makes room before one that is known does. */
static void remove_forgotten(struct existing_owners *owners)
{
	while (owners->used > 0 && slot(owners, 0)->inode == 0)
		remove_first(owners);
}

void existing_owners_add(struct existing_owners *owners, uint64_t inode, int64_t listed_ns)
{
	struct existing_owner *owner;

	if (inode == 0 || existing_owners_find(owners, inode))
		return;
	if (owners->used == owners->max)
		remove_first(owners);
	owner = slot(owners, owners->used);
	if (table_insert(owners->index, hash_number(&owners->key, inode),
	                 (uint32_t)(owner - owners->slots)) != 0)
		return;
	*owner = (struct existing_owner){ .inode = inode, .listed_ns = listed_ns };
	owners->used++;
}

struct existing_owner *existing_owners_find(const struct existing_owners *owners, uint64_t inode)
{
	struct table_cursor cursor = table_cursor(owners->index, hash_number(&owners->key, inode));
	uint32_t number;

	while (table_next(&cursor, &number))
		if (owners->slots[number].inode == inode)
			return &owners->slots[number];
	return NULL;
}

void existing_owners_forget(struct existing_owners *owners, uint64_t inode)
{
	struct existing_owner *owner = existing_owners_find(owners, inode);

	if (!owner)
		return;
	clear(owners, owner);
	remove_forgotten(owners);
}

struct existing_owner *existing_owners_first(const struct existing_owners *owners)
{
	return owners->passed < owners->used ? slot(owners, owners->passed) : NULL;
}

void existing_owners_pass(struct existing_owners *owners)
{
	owners->passed += owners->passed < owners->used;
}

struct existing_owner *existing_owners_turn(struct existing_owners *owners)
{
	if (owners->passed == 0)
		return NULL;
	owners->turn %= owners->passed;
	return slot(owners, owners->turn++);
}

void existing_owners_set_process(struct existing_owner *owner, struct process *process)
{
	struct process *former = owner->process;

	owner->process = process ? process_ref(process) : NULL;
	process_unref(former);
}

uint32_t existing_owners_count(const struct existing_owners *owners)
{
	return table_count(owners->index);
}
