/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/final_info.h"

#include <stdlib.h>

#define ENTRIES 4096 /* power of two */

struct final_info {
	struct hash_key key;
	struct {
		uint64_t hash; /* of tuple and namespace: 64 bits stand for them */
		int64_t time_ns;
		struct socket_tcp_info info;
	} entries[ENTRIES];
};

struct final_info *final_info_new(const struct hash_key *key)
{
	struct final_info *finals = calloc(1, sizeof *finals);

	if (finals)
		finals->key = *key;
	return finals;
}

void final_info_free(struct final_info *finals)
{
	free(finals);
}

void final_info_put(struct final_info *finals, const struct socket *socket, int64_t now_ns)
{
	uint64_t hash = tuple_hash(&finals->key, socket->netns, &socket->tuple);

	finals->entries[hash % ENTRIES].hash = hash;
	finals->entries[hash % ENTRIES].time_ns = now_ns;
	finals->entries[hash % ENTRIES].info = socket->tcp_info;
}

bool final_info_find(const struct final_info *finals, uint32_t netns, const struct tuple *tuple,
                     int64_t now_ns, struct socket_tcp_info *info)
{
	uint64_t hash = tuple_hash(&finals->key, netns, tuple);
	uint32_t number = hash % ENTRIES;

	if (finals->entries[number].hash != hash || finals->entries[number].time_ns == 0 ||
	    now_ns - finals->entries[number].time_ns > FINAL_INFO_KEEP_NS)
		return false;
	*info = finals->entries[number].info;
	return true;
}

bool final_info_died(const struct final_info *finals, uint32_t netns, const struct tuple *tuple,
                     int64_t since_ns)
{
	uint64_t hash = tuple_hash(&finals->key, netns, tuple);

	return finals->entries[hash % ENTRIES].hash == hash &&
	       finals->entries[hash % ENTRIES].time_ns > since_ns;
}
