/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/domains.h"

#include <stdlib.h>
#include <string.h>

#include "inspect/dns_name.h"

#define WAYS 8
#define SETS (DOMAINS_MAX / WAYS)

struct fact {
	struct inet_address address;
	struct domains_client client;
	int64_t from_ns, until_ns; /* until 0: free */
	char name[DOMAINS_NAME_MAX];
};

struct set {
	struct fact facts[WAYS];
	/* Facts that hold until then had to go: some of these addresses, a bit for each hash. */
	int64_t lost_until_ns;
	uint64_t lost;
};

struct domains {
	struct hash_key key;
	bool any;
	struct set sets[SETS];
};

struct domains *domains_new(const struct hash_key *key)
{
	struct domains *domains = calloc(1, sizeof *domains);

	if (domains)
		domains->key = *key;
	return domains;
}

void domains_free(struct domains *domains)
{
	free(domains);
}

static uint64_t hash_of(const struct domains *domains, uint32_t netns,
                        const struct inet_address *address)
{
	const struct {
		struct inet_address address;
		uint32_t netns;
	} bytes = { *address, netns };

	return hash_bytes(&domains->key, &bytes, sizeof bytes);
}

static uint64_t bit_of(uint64_t hash)
{
	return UINT64_C(1) << (hash >> 58);
}

static bool is_same(const struct fact *fact, const struct domains_client *client,
                    const struct inet_address *address, const char *name)
{
	return fact->until_ns != 0 && fact->client.netns == client->netns &&
	       fact->client.lane == client->lane && fact->client.owner == client->owner &&
	       inet_equal(&fact->client.address, &client->address) &&
	       inet_equal(&fact->address, address) && strcmp(fact->name, name) == 0;
}

/* The fact to write to: the same one, which begins anew only if it had ended, or another's place. */
static struct fact *place_for(struct domains *domains, const struct domains_client *client,
                              const struct inet_address *address, const char *name, int64_t time_ns)
{
	struct set *set = &domains->sets[hash_of(domains, client->netns, address) % SETS];
	struct fact *place = &set->facts[0];

	for (int i = 0; i < WAYS; i++) {
		struct fact *fact = &set->facts[i];

		if (is_same(fact, client, address, name) && fact->until_ns >= time_ns)
			return fact;
		if (fact->until_ns < place->until_ns)
			place = fact;
	}
	if (place->until_ns >= time_ns) {
		if (set->lost_until_ns < time_ns)
			set->lost = 0;
		set->lost |= bit_of(hash_of(domains, place->client.netns, &place->address));
		if (set->lost_until_ns < place->until_ns)
			set->lost_until_ns = place->until_ns;
	}
	place->until_ns = 0;
	return place;
}

static void add_fact(struct domains *domains, const struct domains_client *client,
                     const struct inet_address *address, const char *name, int64_t time_ns,
                     int64_t until_ns)
{
	struct fact *fact = place_for(domains, client, address, name, time_ns);

	if (fact->until_ns == 0) {
		fact->address = *address;
		fact->client = *client;
		fact->from_ns = time_ns;
		memcpy(fact->name, name, strlen(name) + 1);
	}
	if (fact->until_ns < until_ns)
		fact->until_ns = until_ns;
	domains->any = true;
}

void domains_add(struct domains *domains, const struct domains_client *client,
                 const struct dns_message *answer, int64_t time_ns)
{
	const char *current = answer->has_question ? dns_text(answer, answer->question) : NULL;
	uint32_t ttl = INT32_MAX; /* RFC 2181 8 */
	char name[DOMAINS_NAME_MAX];

	if (!current || answer->code != 0 || strlen(current) >= sizeof name)
		return;
	dns_name_lower(name, current, strlen(current) + 1);
	for (int i = 0; i < answer->answer_count; i++) {
		const struct dns_answer *record = &answer->answers[i];
		const char *owner = dns_text(answer, record->name);
		int64_t until_ns;

		if (!owner || !dns_name_equal(owner, current))
			continue;
		if (record->ttl < ttl)
			ttl = record->ttl;
		if (record->type == DNS_TYPE_CNAME && dns_text(answer, record->data))
			current = dns_text(answer, record->data);
		if (!record->has_address)
			continue;
		until_ns = (int64_t)ttl * 1000000000;
		if (until_ns < DOMAINS_LEAST_NS)
			until_ns = DOMAINS_LEAST_NS;
		/* A file's times can be of 2262, where 64 bits end. */
		until_ns = until_ns < INT64_MAX - time_ns ? time_ns + until_ns : INT64_MAX;
		add_fact(domains, client, &record->address, name, time_ns, until_ns);
	}
}

static bool holds(const struct fact *fact, const struct domains_client *client,
                  const struct inet_address *address, int64_t time_ns)
{
	if (fact->until_ns < time_ns || fact->from_ns > time_ns || fact->until_ns == 0 ||
	    fact->client.netns != client->netns || !inet_equal(&fact->address, address))
		return false;
	return (fact->client.local && client->local) ||
	       (fact->client.lane == client->lane &&
	        inet_equal(&fact->client.address, &client->address));
}

const char *domains_find(const struct domains *domains, const struct domains_client *client,
                         const struct inet_address *address, int64_t time_ns)
{
	const char *name = NULL, *own = NULL;
	bool several = false, several_own = false;
	const struct set *set;
	uint64_t hash;

	if (!domains->any)
		return NULL;
	hash = hash_of(domains, client->netns, address);
	set = &domains->sets[hash % SETS];
	for (int i = 0; i < WAYS; i++) {
		const struct fact *fact = &set->facts[i];

		if (!holds(fact, client, address, time_ns))
			continue;
		several |= name && strcmp(name, fact->name) != 0;
		name = fact->name;
		if (client->owner == 0 || fact->client.owner != client->owner)
			continue;
		several_own |= own && strcmp(own, fact->name) != 0;
		own = fact->name;
	}
	if (set->lost_until_ns >= time_ns && (set->lost & bit_of(hash)))
		return NULL;
	if (several)
		return several_own ? NULL : own;
	return name;
}
