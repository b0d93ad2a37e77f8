/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/dns_queries.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 8
#define SETS (DNS_QUERIES_MAX / WAYS)

#define ENDS DNS_QUERIES_MAX /* of the list: behind the last, before the first */

struct link {
	uint16_t before, behind;
};

struct dns_queries {
	struct hash_key key;
	struct link links[DNS_QUERIES_MAX + 1]; /* all, in the order of their times */
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
		*queries = (struct dns_queries){
			.key = *key,
			.links[ENDS] = { ENDS, ENDS },
		};
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
	const struct hash_key factors = hash_factors(&queries->key);
	uint64_t address[2], other = (uint64_t)netns << 32 | (uint32_t)port << 16 | id, hash;

	memcpy(address, client, sizeof address);
	hash = hash_fold(address[0] ^ factors.k[0], address[1] ^ factors.k[1]);
	hash = hash_fold(hash ^ other, factors.k[0]);

	return (struct place){
		.first = (uint32_t)(hash % SETS) * WAYS,
		.tag = (uint32_t)(hash >> 32) | 1,
	};
}

static void release(struct dns_queries *queries, uint32_t number)
{
	struct link link = queries->links[number];

	queries->tags[number] = 0;
	queries->links[link.before].behind = link.behind;
	queries->links[link.behind].before = link.before;
}

/* Behind all others, unless the times of packets go back. */
static void line_up(struct dns_queries *queries, uint32_t number)
{
	struct link *links = queries->links;
	uint16_t before = links[ENDS].before;

	while (before != ENDS &&
	       queries->queries[before].origin.time_ns > queries->queries[number].origin.time_ns)
		before = links[before].before;
	links[number] = (struct link){ before, links[before].behind };
	links[links[number].behind].before = (uint16_t)number;
	links[before].behind = (uint16_t)number;
}

static bool fits(const struct dns_query *query, uint32_t netns, const struct tuple *tuple,
                 const struct dns_message *message)
{
	const char *question = message->has_question ? dns_text(message, message->question) : NULL;

	const struct dns_query_origin *origin = &query->origin;

	if (query->id != message->id || origin->netns != netns ||
	    origin->tuple.protocol != tuple->protocol ||
	    origin->tuple.source_port != tuple->source_port ||
	    !inet_equal(&origin->tuple.source, &tuple->source))
		return false;
	if (!inet_is_multicast(&origin->tuple.destination) && !tuple_equal(&origin->tuple, tuple))
		return false;
	/* A server may refuse a query without repeating its question. */
	if (!question || !query->has_question)
		return message->response;
	return query->type == message->question_type && query->class == message->question_class &&
	       dns_name_equal(query->question, question);
}

/* Without the room that the name does not need. */
static void copy(struct dns_query *to, const struct dns_query *from)
{
	memcpy(to, from, offsetof(struct dns_query, question) + strlen(from->question) + 1);
}

static void keep(struct dns_query *place, const struct dns_query_origin *origin,
                 const struct dns_message *message)
{
	const char *question;
	size_t length;

	place->origin = *origin;
	place->id = message->id;
	place->opcode = message->opcode;
	place->flags = message->flags;
	place->has_question = message->has_question;
	place->question_total = message->question_total;
	place->type = message->question_type;
	place->class = message->question_class;
	place->question[0] = '\0';
	if (!message->has_question)
		return;
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
		if (queries->queries[i].origin.time_ns < queries->queries[best].origin.time_ns)
			best = i;
	}
	return best;
}

bool dns_queries_add(struct dns_queries *queries, const struct dns_query_origin *origin,
                     const struct dns_message *message, struct dns_query *displaced)
{
	struct place place = place_of(queries, origin->netns, &origin->tuple.source,
	                              origin->tuple.source_port, message->id);
	uint32_t best;
	bool full;

	for (uint32_t i = place.first; i < place.first + WAYS; i++)
		if (queries->tags[i] == place.tag &&
		    fits(&queries->queries[i], origin->netns, &origin->tuple, message))
			return false;
	best = best_of(queries, place.first);
	full = queries->tags[best] != 0;
	if (full) {
		copy(displaced, &queries->queries[best]);
		release(queries, best);
	}
	queries->tags[best] = place.tag;
	keep(&queries->queries[best], origin, message);
	line_up(queries, best);
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
		copy(query, &queries->queries[i]);
		release(queries, i);
		return true;
	}
	return false;
}

bool dns_queries_expire(struct dns_queries *queries, int64_t before_ns, struct dns_query *query)
{
	uint16_t first = queries->links[ENDS].behind;

	if (first == ENDS || queries->queries[first].origin.time_ns >= before_ns)
		return false;
	copy(query, &queries->queries[first]);
	release(queries, first);
	return true;
}
