/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/duplicates.h"

#include <stdlib.h>

#include "base/pages.h"

#define ENTRIES          16384 /* power of two */
#define LOOPBACK_IFINDEX 1     /* in every namespace: drivers/net/loopback.c, since Linux 3.5 */

struct entry {
	uint64_t hash;
	uint64_t number;
	int64_t time_ns;
	uint32_t netns, ifindex;
};

#define ENTRIES_BYTES (ENTRIES * sizeof(struct entry))

struct duplicates {
	struct hash_key key;
	struct entry *entries; /* two to a cache line, none in two */
};

struct duplicates *duplicates_new(const struct hash_key *key)
{
	struct duplicates *duplicates = calloc(1, sizeof *duplicates);

	if (!duplicates)
		return NULL;
	duplicates->key = *key;
	duplicates->entries = pages_new(ENTRIES_BYTES);
	if (!duplicates->entries) {
		free(duplicates);
		return NULL;
	}
	return duplicates;
}

void duplicates_free(struct duplicates *duplicates)
{
	if (!duplicates)
		return;
	pages_free(duplicates->entries, ENTRIES_BYTES);
	free(duplicates);
}

static uint64_t hash_headers(const struct duplicates *duplicates, const struct packet *packet)
{
	struct {
		struct tuple tuple;
		uint32_t ip_length, fragment_id, fragment_offset, payload;
		uint32_t sequence, acknowledgement;
		uint16_t icmp_id, ip_id;
		uint8_t flags, icmp_type;
		uint8_t zero[2]; /* instead of padding, which has no value */
	} headers = {
		.tuple = packet->tuple,
		.ip_length = packet->ip_length,
		.fragment_id = packet->fragment_id,
		.fragment_offset = packet->fragment_offset,
		.payload = packet->payload,
		.sequence = packet->tcp_sequence,
		.acknowledgement = packet->tcp_acknowledgement,
		.icmp_id = packet->icmp_id,
		.ip_id = packet->ip_id,
		.flags = packet->tcp_flags,
		.icmp_type = packet->icmp_type,
	};

	return hash_siphash(&duplicates->key, &headers, sizeof headers, 1, 3);
}

uint64_t duplicates_expect(const struct duplicates *duplicates, const struct packet *packet)
{
	uint64_t hash;

	/* What crosses lo is on no other interface. */
	if (packet->ifindex == 0 || packet->ifindex == LOOPBACK_IFINDEX ||
	    (packet->network != PACKET_IPV4 && packet->network != PACKET_IPV6))
		return 0;
	hash = hash_headers(duplicates, packet);
	__builtin_prefetch(&duplicates->entries[hash % ENTRIES], 1);
	return hash;
}

uint64_t duplicates_check(struct duplicates *duplicates, const struct packet *packet, uint64_t hash,
                          bool *same_netns)
{
	struct entry *entry = &duplicates->entries[hash % ENTRIES];
	int64_t distance;

	if (hash == 0)
		return 0;
	distance = packet->time_ns - entry->time_ns;
	if (entry->hash == hash && distance < DUPLICATES_WINDOW_NS &&
	    distance > -DUPLICATES_WINDOW_NS &&
	    (entry->ifindex != packet->ifindex || entry->netns != packet->netns)) {
		*same_netns = entry->netns == packet->netns;
		/* The first one stays: each further copy repeats that. */
		return entry->number;
	}
	*entry = (struct entry){
		.hash = hash,
		.number = packet->number,
		.time_ns = packet->time_ns,
		.netns = packet->netns,
		.ifindex = packet->ifindex,
	};
	return 0;
}
