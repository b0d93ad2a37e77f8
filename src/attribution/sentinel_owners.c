/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/sentinel_owners.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "base/table.h"
#include "processes/process_table.h"

#define SENTINEL_OWNERS_MAX 65536

struct sighting {
	struct tuple tuple;
	uint32_t netns;
	uint32_t ifindex; /* of the packet; 0 = any */
	int64_t time_ns;
	uint64_t hash;
	struct owner owner;
};

/* A ring: entries are overwritten in the order in which they were first put. */
struct sentinel_owners {
	struct sentinel *sentinel;
	struct process_table *processes;
	struct hash_key key;
	struct table *index;
	struct sighting *entries;
	uint32_t used, next;
	uint32_t changes;
	int64_t changed_ns;               /* of the latest change */
	sentinel_owners_resolve *resolve; /* during a drain */
	void *context;
};

struct sentinel_owners *sentinel_owners_new(struct sentinel *sentinel,
                                            struct process_table *processes,
                                            const struct hash_key *key)
{
	struct sentinel_owners *owners = calloc(1, sizeof *owners);

	if (!owners)
		return NULL;
	owners->sentinel = sentinel;
	owners->processes = processes;
	owners->key = *key;
	owners->index = table_new(SENTINEL_OWNERS_MAX);
	owners->entries = calloc(SENTINEL_OWNERS_MAX, sizeof *owners->entries);
	if (!owners->index || !owners->entries) {
		sentinel_owners_free(owners);
		return NULL;
	}
	return owners;
}

void sentinel_owners_free(struct sentinel_owners *owners)
{
	if (!owners)
		return;
	for (uint32_t i = 0; i < owners->used; i++)
		owner_clear(&owners->entries[i].owner);
	free(owners->entries);
	table_free(owners->index);
	free(owners);
}

/* Datagrams to a group or to all: on each link, another socket may have sent them. */
static bool is_on_link(const struct sighting *sighting, uint32_t ifindex)
{
	const struct tuple *tuple = &sighting->tuple;

	if (ifindex == 0 || sighting->ifindex == 0 || sighting->ifindex == ifindex)
		return true;
	return !tuple_is_of_link(tuple) && !inet_is_multicast(&tuple->destination);
}

/*
 * The one of this tuple nearest to a time: a tuple can be another process's soon
 * after. NULL: none between from_ns and to_ns.
 */
static const struct sighting *find(const struct sentinel_owners *owners, uint64_t hash,
                                   uint32_t netns, uint32_t ifindex, const struct tuple *tuple,
                                   int64_t from_ns, int64_t to_ns, int64_t near_ns)
{
	struct table_cursor cursor = table_cursor(owners->index, hash);
	const struct sighting *nearest = NULL;
	uint32_t number;

	while (table_next(&cursor, &number)) {
		const struct sighting *sighting = &owners->entries[number];

		if (sighting->netns != netns || !tuple_equal(&sighting->tuple, tuple) ||
		    sighting->time_ns < from_ns || sighting->time_ns > to_ns ||
		    !is_on_link(sighting, ifindex))
			continue;
		if (!nearest ||
		    llabs(sighting->time_ns - near_ns) < llabs(nearest->time_ns - near_ns))
			nearest = sighting;
	}
	return nearest;
}

static struct sighting *make(struct sentinel_owners *owners, uint64_t hash, uint32_t netns,
                             const struct tuple *tuple)
{
	struct sighting *sighting = &owners->entries[owners->next];

	if (owners->used == SENTINEL_OWNERS_MAX)
		table_remove(owners->index, sighting->hash, owners->next);
	owner_clear(&sighting->owner);
	if (table_insert(owners->index, hash, owners->next) != 0)
		return NULL;
	if (owners->used < SENTINEL_OWNERS_MAX)
		owners->used++;
	owners->next = (owners->next + 1) % SENTINEL_OWNERS_MAX;
	sighting->tuple = *tuple;
	sighting->netns = netns;
	sighting->hash = hash;
	return sighting;
}

/* A process that was sighted is read while it may still be there, else remembered as it was. */
static void on_process(void *context, const struct sentinel_process *seen)
{
	struct sentinel_owners *owners = context;
	struct process *process = process_table_get(owners->processes, seen->pid, NULL);
	struct process_memory memory = {
		.pid = seen->pid,
		.parent_pid = seen->parent_pid,
		.start_ticks = seen->start_ticks,
		.name = seen->name[0] ? seen->name : NULL,
		.executable = seen->executable[0] ? seen->executable : NULL,
		.executable_deleted = seen->executable_deleted,
		.read_ns = seen->time_ns,
		.exited_ns = clock_monotonic_ns(),
	};

	if (!process || process->start_ticks != seen->start_ticks)
		process_table_remember(owners->processes, &memory);
}

/* The threads gave up for time; here there is more of it. */
static void look_on(struct sentinel_owners *owners, const struct sentinel_sighting *seen,
                    struct owner *owner)
{
	struct socket socket = {
		.kind = SOCKET_TCP,
		.tuple = seen->tuple,
		.netns = seen->netns,
		.inode = seen->inode,
		.cookie = seen->cookie,
		.uid = seen->uid,
		.has_uid = seen->has_uid,
	};

	if (seen->inode != 0)
		owners->resolve(owners->context, &socket, seen->time_ns, owner);
}

static struct owner owner_of(struct sentinel_owners *owners, const struct sentinel_sighting *seen)
{
	struct owner owner = {
		.method =
			seen->how == SENTINEL_LISTENER ? ATTRIBUTION_LISTENER : ATTRIBUTION_SOCKET,
		.inode = seen->inode,
		.cookie = seen->cookie,
		.netns = seen->netns,
		.uid = seen->uid,
		.has_uid = seen->has_uid,
	};
	struct process *process =
		process_table_find(owners->processes, seen->pid, seen->start_ticks);

	if (!process)
		return (struct owner){ .reason = ATTRIBUTION_EXITED };
	owner.process = process_ref(process);
	return owner;
}

/*
 * A socket was sighted in the name of the packet that it sent, however late; a child that has
 * an accepted one, when its descriptor was seen.
 */
static int64_t time_of(const struct sentinel_sighting *seen)
{
	if (seen->how == SENTINEL_CHILD)
		return seen->time_ns;
	return seen->packet_ns - clock_realtime_offset_ns();
}

/*
 * A thread that looked late met the next socket with these ends. Where forks are not reported, when
 * a process began is known to a clock tick.
 */
static bool is_of_next(const struct sentinel_sighting *seen, const struct process *process,
                       int64_t time_ns)
{
	int64_t looked_ns = seen->how == SENTINEL_UNRESOLVED ? clock_monotonic_ns() : seen->time_ns;

	return process_began_after(process, time_ns + WINDOW_TRACE_EXACT_NS) ||
	       (looked_ns - time_ns > WINDOW_SENTINEL_YOUNG_NS &&
	        process_may_have_begun_after(process, time_ns));
}

static void keep(struct sentinel_owners *owners, const struct sentinel_sighting *seen,
                 struct owner *owner)
{
	uint64_t hash = tuple_hash(&owners->key, seen->netns, &seen->tuple);
	int64_t time_ns = time_of(seen);
	const struct sighting *previous;
	struct sighting *sighting;

	if (is_of_next(seen, owner->process, time_ns)) {
		owner_clear(owner);
		return;
	}
	previous = find(owners, hash, seen->netns, 0, &seen->tuple, 0, INT64_MAX, time_ns);
	if (previous && previous->owner.process != owner->process) {
		owners->changes++;
		owners->changed_ns = time_ns;
	}
	sighting = make(owners, hash, seen->netns, &seen->tuple);
	if (!sighting) {
		owner_clear(owner);
		return;
	}
	sighting->owner = *owner;
	sighting->time_ns = time_ns;
	sighting->ifindex = seen->ifindex;
}

static void on_sighting(void *context, const struct sentinel_sighting *seen)
{
	struct sentinel_owners *owners = context;
	struct owner owner = { 0 };

	switch (seen->how) {
	case SENTINEL_SOCKET:
	case SENTINEL_CHILD:
		owner = owner_of(owners, seen);
		break;
	case SENTINEL_UNRESOLVED:
		look_on(owners, seen, &owner);
		break;
	case SENTINEL_LISTENER:
	case SENTINEL_PORT:
		/* Which of several it was is looked up when a packet asks. */
		return;
	case SENTINEL_UNRESOLVED_LISTENER:
		look_on(owners, seen, &owner);
		if (owner.process)
			sentinel_listener(owners->sentinel, owner.process->pid);
		owner_clear(&owner);
		return;
	}
	if (owner.process)
		keep(owners, seen, &owner);
	else
		owner_clear(&owner);
}

void sentinel_owners_drain(struct sentinel_owners *owners, sentinel_owners_resolve *resolve,
                           void *context)
{
	const struct sentinel_callbacks callbacks = {
		.process = on_process,
		.sighting = on_sighting,
		.context = owners,
	};

	owners->resolve = resolve;
	owners->context = context;
	sentinel_drain(owners->sentinel, &callbacks);
}

bool sentinel_owners_find(struct sentinel_owners *owners,
                          const struct attribution_question *question, struct owner *owner)
{
	uint64_t hash = tuple_hash(&owners->key, question->netns, &question->tuple);
	int64_t now = clock_monotonic_ns();
	bool accepted = question->tuple.protocol == IPPROTO_TCP && question->responder;
	int64_t before_ns =
		question->died && !accepted ? WINDOW_SENTINEL_CLOCKS_NS : WINDOW_SENTINEL_AROUND_NS;
	int64_t from_ns = question->seen_ns - before_ns > question->heir_ns
	                          ? question->seen_ns - before_ns
	                          : question->heir_ns;
	/* A child is seen when its connection is long open; who sent the first packet at once. */
	const struct sighting *sighting =
		find(owners, hash, question->netns, question->ifindex, &question->tuple, from_ns,
	             accepted ? now : question->seen_ns + WINDOW_SENTINEL_CLOCKS_NS,
	             accepted ? now : question->seen_ns);

	if (!sighting || !sighting->owner.process ||
	    now - sighting->time_ns > WINDOW_SENTINEL_KEEP_NS)
		return false;
	return owner_copy(owner, &sighting->owner) == 0;
}

uint32_t sentinel_owners_changes(const struct sentinel_owners *owners)
{
	return owners->changes;
}

bool sentinel_owners_is_contested(const struct sentinel_owners *owners,
                                  const struct attribution_question *question)
{
	int64_t since_ns = question->since_ns - WINDOW_SENTINEL_AROUND_NS;
	const struct sighting *first = NULL;
	struct table_cursor cursor;
	uint32_t number;
	uint64_t hash;

	if (owners->changed_ns < since_ns || question->tuple.protocol == IPPROTO_TCP)
		return false;
	hash = tuple_hash(&owners->key, question->netns, &question->tuple);
	cursor = table_cursor(owners->index, hash);
	while (table_next(&cursor, &number)) {
		const struct sighting *sighting = &owners->entries[number];

		if (sighting->netns != question->netns || sighting->time_ns < since_ns ||
		    !tuple_equal(&sighting->tuple, &question->tuple))
			continue;
		if (first && first->owner.process != sighting->owner.process)
			return true;
		first = sighting;
	}
	return false;
}
