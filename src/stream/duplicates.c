/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/duplicates.h"

#include <stdlib.h>
#include <string.h>

#include "base/pages.h"

#define SETS             4096 /* power of two */
#define WAYS             4 /* in two cache lines; the captures of two namespaces are read in turns */
#define LOOPBACK_IFINDEX 1 /* in every namespace: drivers/net/loopback.c, since Linux 3.5 */

#define OTHERS 3

/* The first of the copies. */
struct entry {
	uint32_t hash; /* what the entry's place leaves open */
	uint32_t netns;
	uint64_t number : 48; /* at a million packets a second, for nine years */
	uint64_t link : 16;
	int64_t time_ns;
	uint16_t ifindex;
	uint16_t others[OTHERS]; /* namespaces with further copies, folded; 0 = none */
};

_Static_assert(sizeof(struct entry) == 32, "two to a cache line");

struct set {
	struct entry ways[WAYS];
};

#define ENTRIES_BYTES (SETS * sizeof(struct set))

struct duplicates {
	struct hash_key key;
	struct set *sets; /* no entry in two cache lines */
};

struct duplicates *duplicates_new(const struct hash_key *key)
{
	struct duplicates *duplicates = calloc(1, sizeof *duplicates);

	if (!duplicates)
		return NULL;
	duplicates->key = *key;
	duplicates->sets = pages_new(ENTRIES_BYTES);
	if (!duplicates->sets) {
		free(duplicates);
		return NULL;
	}
	return duplicates;
}

void duplicates_free(struct duplicates *duplicates)
{
	if (!duplicates)
		return;
	pages_free(duplicates->sets, ENTRIES_BYTES);
	free(duplicates);
}

static uint64_t hash_headers(const struct duplicates *duplicates, const struct packet *packet)
{
	struct {
		struct tuple tuple;
		uint32_t ip_length, fragment_id, fragment_offset, payload;
		uint32_t sequence, acknowledgement;
		uint32_t content;
		uint16_t icmp_id, ip_id;
		uint8_t flags, icmp_type;
		uint8_t source_mac[6];
	} headers = {
		.tuple = packet->tuple,
		.ip_length = packet->ip_length,
		.fragment_id = packet->fragment_id,
		.fragment_offset = packet->fragment_offset,
		.payload = packet->payload,
		.sequence = packet->tcp_sequence,
		.acknowledgement = packet->tcp_acknowledgement,
		.content = packet->content,
		.icmp_id = packet->icmp_id,
		.ip_id = packet->ip_id,
		.flags = packet->tcp_flags,
		.icmp_type = packet->icmp_type,
	};

	/* Hosts on two links may have one address, and no router passes what they send. */
	if (packet->has_mac && tuple_is_of_link(&packet->tuple))
		memcpy(headers.source_mac, packet->source_mac, sizeof headers.source_mac);
	return hash_siphash(&duplicates->key, &headers, sizeof headers, 1, 3);
}

uint64_t duplicates_expect(const struct duplicates *duplicates, const struct packet *packet)
{
	const struct set *set;
	uint64_t hash;

	/* What crosses lo is on no other interface. */
	if (packet->ifindex == 0 || packet->ifindex == LOOPBACK_IFINDEX ||
	    (packet->network != PACKET_IPV4 && packet->network != PACKET_IPV6))
		return 0;
	hash = hash_headers(duplicates, packet);
	set = &duplicates->sets[hash % SETS];
	__builtin_prefetch(&set->ways[0], 1);
	__builtin_prefetch(&set->ways[WAYS / 2], 1);
	return hash;
}

/* Below the interface in which its tunnel ends is another place than that. */
static uint16_t place_of(const struct packet *packet)
{
	return (uint16_t)(packet->ends_here ? ~packet->ifindex : packet->ifindex);
}

static uint16_t fold(uint32_t number)
{
	uint16_t folded = (uint16_t)(number ^ number >> 16);

	return folded ? folded : UINT16_MAX;
}

/* True when there was a copy in this namespace before. */
static bool was_there(struct entry *entry, uint32_t netns)
{
	uint16_t other = fold(netns);
	int last = 0;

	if (entry->netns == netns)
		return true;
	while (last < OTHERS - 1 && entry->others[last] != 0 && entry->others[last] != other)
		last++;
	if (entry->others[last] == other)
		return true;
	entry->others[last] = other;
	return false;
}

static bool is_copy(const struct entry *entry, const struct packet *packet, uint64_t hash,
                    uint32_t link)
{
	return entry->hash == hash >> 32 &&
	       (entry->netns != packet->netns ||
	        (entry->ifindex != place_of(packet) && entry->link == fold(link)));
}

/*
 * The first of its copies, of several that are alike the nearest in time; or where the packet is to
 * be remembered: in place of what was read first.
 */
static struct entry *find(struct set *set, const struct packet *packet, uint64_t hash,
                          uint32_t link, bool *found)
{
	struct entry *oldest = &set->ways[0], *nearest = NULL;
	int64_t nearest_ns = DUPLICATES_WINDOW_NS - 1;

	for (int i = 0; i < WAYS; i++) {
		struct entry *entry = &set->ways[i];
		int64_t distance = packet->time_ns - entry->time_ns;

		if (distance <= nearest_ns && distance >= -nearest_ns &&
		    is_copy(entry, packet, hash, link) &&
		    (!nearest || distance != nearest_ns || entry->number > nearest->number)) {
			nearest = entry;
			nearest_ns = distance < 0 ? -distance : distance;
		}
		if (entry->number < oldest->number)
			oldest = entry;
	}
	*found = nearest != NULL;
	return nearest ? nearest : oldest;
}

uint64_t duplicates_check(struct duplicates *duplicates, const struct packet *packet, uint64_t hash,
                          uint32_t link, bool *same_netns)
{
	struct entry *entry;
	bool found;

	if (hash == 0)
		return 0;
	entry = find(&duplicates->sets[hash % SETS], packet, hash, link, &found);
	if (found) {
		*same_netns = was_there(entry, packet->netns);
		/* The first one stays: each further copy repeats that. */
		return entry->number;
	}
	*entry = (struct entry){
		.hash = (uint32_t)(hash >> 32),
		.netns = packet->netns,
		.number = packet->number & ((UINT64_C(1) << 48) - 1),
		.link = fold(link),
		.time_ns = packet->time_ns,
		.ifindex = place_of(packet),
	};
	return 0;
}
