/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/destroyed.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "attribution/windows.h"
#include "base/ring.h"
#include "base/table.h"

#define SLOTS    (1 << 16) /* power of two */
#define INFO_MAX 8192      /* power of two */

struct info {
	uint64_t hash;      /* of the connection, in its namespace */
	struct tuple tuple; /* from this end */
	int64_t time_ns;
	struct socket_tcp_info info;
};

struct destroyed {
	struct hash_key key;
	struct {
		uint32_t count;
		int64_t time_ns;
	} ports[1 << 16]; /* UDP, in all namespaces */
	/* By protocol, namespace, port and, of connected ones, remote end. */
	struct destroyed_times slots[SLOTS];
	int64_t lost_since_ns, lost_ns; /* between the two any may be; 0 = never */
	int64_t latest_ns;              /* of all reports */
	struct table *infos_index;
	struct ring infos_ring; /* in the order of time */
	struct info infos[INFO_MAX];
	uint32_t waiting_tail, waiting_count; /* a ring, too */
	struct destroyed_socket waiting[DESTROYED_WAITING_MAX];
};

struct destroyed *destroyed_new(const struct hash_key *key)
{
	struct destroyed *destroyed =
		calloc(1, sizeof *destroyed); /* untouched pages cost nothing */

	if (!destroyed)
		return NULL;
	destroyed->key = *key;
	destroyed->infos_ring = ring_of(INFO_MAX);
	destroyed->infos_index = table_new(INFO_MAX);
	if (!destroyed->infos_index) {
		free(destroyed);
		return NULL;
	}
	return destroyed;
}

void destroyed_free(struct destroyed *destroyed)
{
	if (!destroyed)
		return;
	table_free(destroyed->infos_index);
	free(destroyed);
}

/* Sockets bound to any local address and to one are not distinguished. */
static uint64_t slot_of(const struct destroyed *destroyed, uint32_t netns,
                        const struct tuple *tuple, bool connected)
{
	struct tuple end = { .protocol = tuple->protocol, .source_port = tuple->source_port };

	if (connected) {
		end.destination = tuple->destination;
		end.destination_port = tuple->destination_port;
	}
	return tuple_hash(&destroyed->key, netns, &end) % SLOTS;
}

void destroyed_add(struct destroyed *destroyed, uint32_t netns, const struct tuple *tuple,
                   int64_t now_ns)
{
	struct destroyed_times *slot =
		&destroyed->slots[slot_of(destroyed, netns, tuple, tuple->destination_port != 0)];

	destroyed->latest_ns = now_ns;
	slot->previous_ns = slot->last_ns;
	slot->last_ns = now_ns;
	if (tuple->protocol != IPPROTO_UDP)
		return;
	destroyed->ports[tuple->source_port].count++;
	destroyed->ports[tuple->source_port].time_ns = now_ns;
}

void destroyed_lost(struct destroyed *destroyed, int64_t since_ns, int64_t now_ns)
{
	/* Two losses in a row count as one: what was reported in between is not distinguished. */
	if (destroyed->lost_ns == 0 || since_ns - destroyed->lost_ns > WINDOW_DESTROYED_LATE_NS)
		destroyed->lost_since_ns = since_ns;
	destroyed->lost_ns = destroyed->latest_ns = now_ns;
	for (int port = 0; port < 1 << 16; port++) {
		destroyed->ports[port].count++;
		destroyed->ports[port].time_ns = now_ns;
	}
}

uint32_t destroyed_count(const struct destroyed *destroyed, uint16_t port)
{
	return destroyed->ports[port].count;
}

bool destroyed_port_since(const struct destroyed *destroyed, uint16_t port, int64_t since_ns)
{
	return destroyed->ports[port].time_ns > since_ns;
}

bool destroyed_any_since(const struct destroyed *destroyed, int64_t since_ns)
{
	return destroyed->latest_ns >= since_ns;
}

static void join(struct destroyed_times *times, int64_t time_ns)
{
	if (time_ns > times->last_ns) {
		times->previous_ns = times->last_ns;
		times->last_ns = time_ns;
	} else if (time_ns > times->previous_ns) {
		times->previous_ns = time_ns;
	}
}

struct destroyed_times destroyed_last(const struct destroyed *destroyed, uint32_t netns,
                                      const struct tuple *tuple, int64_t seen_ns)
{
	bool lost = seen_ns >= destroyed->lost_since_ns && seen_ns < destroyed->lost_ns;
	const struct destroyed_times *open =
		&destroyed->slots[slot_of(destroyed, netns, tuple, false)];
	const struct destroyed_times *connected =
		&destroyed->slots[slot_of(destroyed, netns, tuple, true)];
	struct destroyed_times times = *open;

	join(&times, connected->last_ns);
	join(&times, connected->previous_ns);
	/* Any number of reports may have been lost. */
	for (int i = 0; i < 2 && destroyed->lost_ns != 0; i++)
		join(&times, lost ? seen_ns : destroyed->lost_ns);
	return times;
}

/* In the index numbers are modulo INFO_MAX. */
static const struct info *info_at(const struct destroyed *destroyed, uint64_t number)
{
	return &destroyed->infos[ring_place(&destroyed->infos_ring, number)];
}

static void remove_oldest_info(struct destroyed *destroyed)
{
	uint64_t oldest = destroyed->infos_ring.first++;

	table_remove(destroyed->infos_index, info_at(destroyed, oldest)->hash, oldest % INFO_MAX);
}

void destroyed_add_info(struct destroyed *destroyed, const struct connection_key *key,
                        const struct socket_tcp_info *info, int64_t now_ns)
{
	struct ring *ring = &destroyed->infos_ring;

	while (ring_count(ring) > 0 &&
	       (ring_count(ring) == INFO_MAX ||
	        now_ns - info_at(destroyed, ring->first)->time_ns > WINDOW_DESTROYED_INFO_NS))
		remove_oldest_info(destroyed);
	ring_reserve(ring, destroyed->infos, sizeof *destroyed->infos);
	if (table_insert(destroyed->infos_index, key->hash, ring->next % INFO_MAX) != 0)
		return; /* out of memory */
	destroyed->infos[ring_place(ring, ring->next++)] =
		(struct info){ key->hash, key->tuple, now_ns, *info };
}

/* The latest: ports are used again. */
static const struct info *find_info(const struct destroyed *destroyed, uint64_t hash,
                                    const struct tuple *tuple)
{
	struct table_cursor cursor = table_cursor(destroyed->infos_index, hash);
	const struct info *latest = NULL;
	uint32_t number;

	while (table_next(&cursor, &number)) {
		const struct info *info = info_at(destroyed, number);

		/* No more of a hash is kept with a connection. */
		if (info->hash >> 32 == hash >> 32 && tuple_equal(&info->tuple, tuple) &&
		    (!latest || info->time_ns > latest->time_ns))
			latest = info;
	}
	return latest;
}

bool destroyed_info(const struct destroyed *destroyed, uint64_t hash, const struct tuple *tuple,
                    int64_t now_ns, struct socket_tcp_info *info)
{
	const struct info *found = find_info(destroyed, hash, tuple);

	if (!found || now_ns - found->time_ns > WINDOW_DESTROYED_INFO_NS)
		return false;
	*info = found->info;
	return true;
}

bool destroyed_since(const struct destroyed *destroyed, uint64_t hash, const struct tuple *tuple,
                     int64_t since_ns)
{
	const struct info *found = find_info(destroyed, hash, tuple);

	return found && found->time_ns > since_ns;
}

bool destroyed_wait(struct destroyed *destroyed, const struct destroyed_socket *socket)
{
	if (destroyed->waiting_count == DESTROYED_WAITING_MAX)
		return false;
	destroyed->waiting[(destroyed->waiting_tail + destroyed->waiting_count++) %
	                   DESTROYED_WAITING_MAX] = *socket;
	return true;
}

bool destroyed_take(struct destroyed *destroyed, struct destroyed_socket *socket)
{
	if (destroyed->waiting_count == 0)
		return false;
	*socket = destroyed->waiting[destroyed->waiting_tail];
	destroyed->waiting_tail = (destroyed->waiting_tail + 1) % DESTROYED_WAITING_MAX;
	destroyed->waiting_count--;
	return true;
}
