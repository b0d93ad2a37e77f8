/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/windows.h"
#include "stream/fragments.h"

#include <stdlib.h>

#define ENTRIES 1024 /* power of two */

struct entry {
	uint64_t hash; /* of the whole key: 64 bits stand for it */
	uint64_t id;
	int64_t time_ns;
	uint32_t number;
	enum connection_end from;
};

struct fragments {
	struct hash_key key;
	struct entry entries[ENTRIES];
};

struct fragments *fragments_new(const struct hash_key *key)
{
	struct fragments *fragments = calloc(1, sizeof *fragments);

	if (fragments)
		fragments->key = *key;
	return fragments;
}

void fragments_free(struct fragments *fragments)
{
	free(fragments);
}

static uint64_t hash_datagram(const struct fragments *fragments, const struct packet *packet)
{
	struct {
		struct inet_address source, destination;
		uint32_t netns, id, protocol, lane;
	} key = {
		.source = packet->tuple.source,
		.destination = packet->tuple.destination,
		.netns = packet->netns,
		.id = packet->fragment_id,
		.protocol = packet->tuple.protocol,
		.lane = packet->tunnel_lane,
	};

	return hash_bytes(&fragments->key, &key, sizeof key);
}

void fragments_put(struct fragments *fragments, const struct packet *packet,
                   const struct connection *connection, enum connection_end from)
{
	uint64_t hash = hash_datagram(fragments, packet);

	fragments->entries[hash % ENTRIES] = (struct entry){
		.hash = hash,
		.id = connection->id,
		.time_ns = packet->time_ns,
		.number = connection_table_number(connection),
		.from = from,
	};
}

struct connection *fragments_find(const struct fragments *fragments, const struct packet *packet,
                                  const struct connection_table *connections,
                                  enum connection_end *from)
{
	uint64_t hash = hash_datagram(fragments, packet);
	const struct entry *entry = &fragments->entries[hash % ENTRIES];

	if (entry->hash != hash || entry->id == 0 ||
	    packet->time_ns - entry->time_ns > WINDOW_FRAGMENTS_NS)
		return NULL;
	*from = entry->from;
	return connection_table_at(connections, entry->number, entry->id);
}
