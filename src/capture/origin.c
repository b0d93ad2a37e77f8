/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/origin.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/table.h"

#define LOOPBACK_IFINDEX 1
#define NAME_MAX_BYTES   255 /* longer ones are cut */

struct origin {
	struct interface *interfaces[ORIGIN_INTERFACES_MAX];
	uint32_t netns[ORIGIN_INTERFACES_MAX]; /* of each */
	uint32_t interface_count;
	struct stated_owner {
		uint64_t hash;
		struct owner owner;
	} * owners;
	uint32_t owner_count, owner_capacity;
	struct table *by_hash;
};

struct origin *origin_new(void)
{
	struct origin *origin = calloc(1, sizeof *origin);

	if (!origin)
		return NULL;
	origin->by_hash = table_new(ORIGIN_OWNERS_MAX);
	if (origin->by_hash)
		return origin;
	free(origin);
	return NULL;
}

void origin_free(struct origin *origin)
{
	if (!origin)
		return;
	for (uint32_t i = 0; i < origin->interface_count; i++)
		free(origin->interfaces[i]);
	for (uint32_t i = 0; i < origin->owner_count; i++)
		owner_clear(&origin->owners[i].owner);
	free(origin->owners);
	table_free(origin->by_hash);
	free(origin);
}

static uint32_t find_interface(const struct origin *origin, uint32_t index, uint32_t netns,
                               const char *name)
{
	for (uint32_t i = 0; i < origin->interface_count; i++)
		if (origin->interfaces[i]->ifindex == index && origin->netns[i] == netns &&
		    strcmp(origin->interfaces[i]->long_name, name) == 0)
			return i + 1;
	return 0;
}

uint32_t origin_add_interface(struct origin *origin, uint32_t index, uint32_t netns,
                              const char *name, size_t length)
{
	char text[NAME_MAX_BYTES + 1];
	struct interface *interface;
	uint32_t number;
	char *copy;

	length = name ? strnlen(name, length < NAME_MAX_BYTES ? length : NAME_MAX_BYTES) : 0;
	memcpy(text, name ? name : "", length);
	text[length] = '\0';
	number = find_interface(origin, index, netns, text);
	if (number > 0 || origin->interface_count == ORIGIN_INTERFACES_MAX)
		return number;
	interface = calloc(1, sizeof *interface + length + 1);
	if (!interface)
		return 0;
	copy = (char *)(interface + 1);
	memcpy(copy, text, length);
	interface->ifindex = index;
	interface->long_name = copy;
	interface->loopback = strcmp(text, "lo") == 0 || strcmp(text, "lo0") == 0;
	origin->netns[origin->interface_count] = netns;
	origin->interfaces[origin->interface_count++] = interface;
	return origin->interface_count;
}

const struct interface *origin_interface(const struct origin *origin, uint32_t number)
{
	return number > 0 && number <= origin->interface_count ? origin->interfaces[number - 1]
	                                                       : NULL;
}

uint32_t origin_netns(const struct origin *origin, uint32_t number)
{
	return number > 0 && number <= origin->interface_count ? origin->netns[number - 1] : 0;
}

uint32_t origin_ifindex(const struct origin *origin, uint32_t number)
{
	const struct interface *interface = origin_interface(origin, number);

	if (!interface)
		return 0;
	return interface->loopback ? LOOPBACK_IFINDEX : number + LOOPBACK_IFINDEX;
}

uint64_t origin_hash(const void *bytes, size_t length, uint64_t before)
{
	static const struct hash_key key = { { 0, 0 } };
	const uint64_t both[] = { before, hash_bytes(&key, bytes, length) };

	return hash_bytes(&key, both, sizeof both);
}

uint32_t origin_find_owner(const struct origin *origin, uint64_t hash)
{
	struct table_cursor cursor = table_cursor(origin->by_hash, hash);
	uint32_t index;

	while (table_next(&cursor, &index))
		if (origin->owners[index].hash == hash)
			return index + 1;
	return 0;
}

static bool has_room(struct origin *origin)
{
	uint32_t capacity = origin->owner_capacity ? 2 * origin->owner_capacity : 16;
	struct stated_owner *grown;

	if (origin->owner_count < origin->owner_capacity)
		return true;
	if (origin->owner_count == ORIGIN_OWNERS_MAX)
		return false;
	grown = realloc(origin->owners, capacity * sizeof *grown);
	if (!grown)
		return false;
	origin->owners = grown;
	origin->owner_capacity = capacity;
	return true;
}

static struct process *process_of(const struct owner_facts *facts)
{
	struct process *process = calloc(1, sizeof *process);

	if (!process)
		return NULL;
	process->references = 1;
	process->stated = true;
	process->pid = facts->pid;
	process->parent_pid = facts->parent_pid;
	process->entity_id = facts->entity_id;
	process->start_ns = facts->start_ns;
	process->has_uid = facts->has_uid;
	process->uid = facts->uid;
	process->has_real_uid = facts->has_real_uid;
	process->real_uid = facts->real_uid;
	if (process_set_texts(process, &facts->texts) == 0)
		return process;
	process_unref(process);
	return NULL;
}

static bool set_process(struct owner *owner, const struct owner_facts *facts)
{
	owner->method = facts->likely ? ATTRIBUTION_GUESS : ATTRIBUTION_CAPTURE;
	owner->process = process_of(facts);
	return owner->process;
}

/* The socket's user, whose name is that of the file's host. */
static bool set_user(struct owner *owner, const struct owner_facts *facts)
{
	struct owner_common common = { .count = 1 };
	bool done;

	owner->reason = facts->reason;
	if (!facts->has_real_uid)
		return true;
	owner->has_uid = true;
	owner->uid = facts->real_uid;
	common.processes[0] = process_of(facts);
	done = common.processes[0] && owner_set_common(owner, &common) == 0;
	process_unref(common.processes[0]);
	return done;
}

/* False: no memory, and there is nothing to be cleared. */
static bool make_owner(struct owner *owner, const struct owner_facts *facts)
{
	*owner = (struct owner){ 0 };
	if ((facts->pid > 0 ? set_process(owner, facts) : set_user(owner, facts)) &&
	    owner_set_shared(owner, facts->shared_pids, facts->shared_count) == 0)
		return true;
	owner_clear(owner);
	return false;
}

uint32_t origin_add_owner(struct origin *origin, uint64_t hash, const struct owner_facts *facts)
{
	struct stated_owner *stated;

	if ((facts->pid <= 0 && facts->reason == ATTRIBUTION_REASON_NONE) || !has_room(origin))
		return 0;
	stated = &origin->owners[origin->owner_count];
	if (!make_owner(&stated->owner, facts))
		return 0;
	stated->hash = hash;
	if (table_insert(origin->by_hash, hash, origin->owner_count) != 0) {
		owner_clear(&stated->owner);
		return 0;
	}
	return ++origin->owner_count;
}

const struct owner *origin_owner(const struct origin *origin, uint32_t number)
{
	return number > 0 && number <= origin->owner_count ? &origin->owners[number - 1].owner
	                                                   : NULL;
}
