/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/duplicates.h"

#include <stdlib.h>

#define ENTRIES          16384 /* power of two */
#define LOOPBACK_IFINDEX 1     /* in every namespace: drivers/net/loopback.c, since Linux 3.5 */

struct entry {
	uint64_t hash;
	uint64_t number;
	int64_t time_ns;
	uint32_t netns, ifindex;
};

struct duplicates {
	struct hash_key key;
	struct entry entries[ENTRIES];
};

struct duplicates *duplicates_new(const struct hash_key *key)
{
	struct duplicates *duplicates = calloc(1, sizeof *duplicates);

	if (duplicates)
		duplicates->key = *key;
	return duplicates;
}

void duplicates_free(struct duplicates *duplicates)
{
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

	return hash_bytes(&duplicates->key, &headers, sizeof headers);
}

uint64_t duplicates_check(struct duplicates *duplicates, const struct packet *packet,
                          bool *same_netns)
{
	uint64_t hash, number = 0;
	struct entry *entry;
	int64_t distance;

	/* What crosses lo is on no other interface. */
	if (packet->ifindex == 0 || packet->ifindex == LOOPBACK_IFINDEX ||
	    (packet->network != PACKET_IPV4 && packet->network != PACKET_IPV6))
		return 0;
	hash = hash_headers(duplicates, packet);
	entry = &duplicates->entries[hash % ENTRIES];
	distance = packet->time_ns - entry->time_ns;
	if (entry->hash == hash && entry->number != 0 && distance < DUPLICATES_WINDOW_NS &&
	    distance > -DUPLICATES_WINDOW_NS &&
	    (entry->ifindex != packet->ifindex || entry->netns != packet->netns)) {
		*same_netns = entry->netns == packet->netns;
		number = entry->number;
		/* The first one stays: each further copy repeats that. */
		return number;
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
