/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/dns_queries.h"

#include <stdlib.h>
#include <string.h>

#define WAYS 8
#define SETS (DNS_QUERIES_MAX / WAYS)

struct dns_queries {
	struct hash_key key;
	uint32_t count;
	uint32_t hand; /* where dns_queries_expire looks first */
	/* Those of a set lie in one line of the cache, and most of its queries need no look. */
	uint32_t tags[DNS_QUERIES_MAX]; /* of the hash; 0: free */
	struct dns_query queries[DNS_QUERIES_MAX];
};

/* Where a query may be: WAYS places from the first on. */
struct place {
	uint32_t first, tag;
};

struct dns_queries *dns_queries_new(const struct hash_key *key)
{
	struct dns_queries *queries = calloc(1, sizeof *queries);

	if (queries)
		queries->key = *key;
	return queries;
}

void dns_queries_free(struct dns_queries *queries)
{
	free(queries);
}

/* By the client alone: the server of an answer may be another than the group that was asked. */
static struct place place_of(const struct dns_queries *queries, uint32_t netns,
                             const struct inet_address *client, uint16_t port, uint16_t id)
{
	struct {
		struct inet_address client;
		uint32_t netns;
		uint16_t port, id;
	} bytes = { *client, netns, port, id };
	uint64_t hash = hash_bytes(&queries->key, &bytes, sizeof bytes);

	return (struct place){
		.first = (uint32_t)(hash % SETS) * WAYS,
		.tag = (uint32_t)(hash >> 32) | 1,
	};
}

static void release(struct dns_queries *queries, uint32_t number)
{
	queries->tags[number] = 0;
	queries->count--;
}

static bool fits(const struct dns_query *query, uint32_t netns, const struct tuple *tuple,
                 const struct dns_message *message)
{
	const char *question = message->has_question ? dns_text(message, message->question) : NULL;

	if (query->id != message->id || query->netns != netns ||
	    query->tuple.protocol != tuple->protocol ||
	    query->tuple.source_port != tuple->source_port ||
	    !inet_equal(&query->tuple.source, &tuple->source))
		return false;
	if (!inet_is_multicast(&query->tuple.destination) && !tuple_equal(&query->tuple, tuple))
		return false;
	/* A server may refuse a query without repeating its question. */
	if (!question || !query->has_question)
		return message->response;
	return query->type == message->question_type && query->class == message->question_class &&
	       dns_name_equal(query->question, question);
}

static void keep(struct dns_query *place, const struct dns_query *where,
                 const struct dns_message *message)
{
	const char *question;
	size_t length;

	*place = *where;
	place->id = message->id;
	place->opcode = message->opcode;
	place->flags = message->flags;
	place->has_question = message->has_question;
	place->question_total = message->question_total;
	place->question[0] = '\0';
	if (!message->has_question)
		return;
	place->type = message->question_type;
	place->class = message->question_class;
	question = dns_text(message, message->question);
	length = strnlen(question, sizeof place->question - 1);
	memcpy(place->question, question, length);
	place->question[length] = '\0';
}

/* A free one, else the one that was asked longest ago. */
static uint32_t best_of(const struct dns_queries *queries, uint32_t first)
{
	uint32_t best = first;

	for (uint32_t i = first; i < first + WAYS; i++) {
		if (queries->tags[i] == 0)
			return i;
		if (queries->queries[i].time_ns < queries->queries[best].time_ns)
			best = i;
	}
	return best;
}

bool dns_queries_add(struct dns_queries *queries, const struct dns_query *where,
                     const struct dns_message *message, struct dns_query *displaced)
{
	struct place place = place_of(queries, where->netns, &where->tuple.source,
	                              where->tuple.source_port, message->id);
	uint32_t best;
	bool full;

	for (uint32_t i = place.first; i < place.first + WAYS; i++)
		if (queries->tags[i] == place.tag &&
		    fits(&queries->queries[i], where->netns, &where->tuple, message))
			return false;
	best = best_of(queries, place.first);
	full = queries->tags[best] != 0;
	if (full)
		*displaced = queries->queries[best];
	else
		queries->count++;
	queries->tags[best] = place.tag;
	keep(&queries->queries[best], where, message);
	return full;
}

bool dns_queries_answer(struct dns_queries *queries, uint32_t netns, const struct tuple *tuple,
                        const struct dns_message *message, struct dns_query *query)
{
	struct tuple asked = tuple_reverse(tuple);
	struct place place =
		place_of(queries, netns, &asked.source, asked.source_port, message->id);

	for (uint32_t i = place.first; i < place.first + WAYS; i++) {
		if (queries->tags[i] != place.tag ||
		    !fits(&queries->queries[i], netns, &asked, message))
			continue;
		*query = queries->queries[i];
		release(queries, i);
		return true;
	}
	return false;
}

bool dns_queries_expire(struct dns_queries *queries, int64_t before_ns, struct dns_query *query)
{
	for (int i = 0; queries->count > 0 && i < DNS_QUERIES_MAX; i++) {
		const struct dns_query *asked = &queries->queries[queries->hand];

		if (queries->tags[queries->hand] != 0 && asked->time_ns < before_ns) {
			*query = *asked;
			release(queries, queries->hand);
			return true;
		}
		queries->hand = (queries->hand + 1) % DNS_QUERIES_MAX;
	}
	return false;
}
