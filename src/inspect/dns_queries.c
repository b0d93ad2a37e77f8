/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/dns_queries.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define WAYS 8
#define SETS (DNS_QUERIES_MAX / WAYS)

/* Bytes of a query with a name as most are. */
#define USUAL_SIZE (offsetof(struct dns_query, question) + 32)

#define ENDS     DNS_QUERIES_MAX /* of the list: behind the last, before the first */
#define NO_QUERY DNS_QUERIES_MAX
#define SET_SIZE 64 /* bytes */

struct link {
	uint16_t before, behind;
};

/* A line of the cache: most of its queries need no look. */
struct set {
	uint32_t tags[WAYS];    /* of the hash; 0: free */
	uint16_t numbers[WAYS]; /* of the queries */
	uint8_t rest[SET_SIZE - 6 * WAYS];
};

struct dns_queries {
	struct hash_key key;
	struct set *sets;
	uint32_t free_count;
	/* The latest that was freed is taken first: as many as wait at once are in the cache. */
	uint16_t free[DNS_QUERIES_MAX];
	struct link links[DNS_QUERIES_MAX + 1]; /* of queries, in the order of their times */
	uint16_t places[DNS_QUERIES_MAX];       /* of queries: WAYS * set + way */
	int64_t times_ns[DNS_QUERIES_MAX];      /* of queries: their origins' */
	struct dns_query queries[DNS_QUERIES_MAX];
};

struct dns_queries *dns_queries_new(const struct hash_key *key)
{
	struct dns_queries *queries = calloc(1, sizeof *queries);

	if (!queries)
		return NULL;
	queries->sets = aligned_alloc(SET_SIZE, SETS * sizeof *queries->sets);
	if (!queries->sets) {
		free(queries);
		return NULL;
	}
	memset(queries->sets, 0, SETS * sizeof *queries->sets);
	queries->key = *key;
	queries->links[ENDS] = (struct link){ ENDS, ENDS };
	for (uint16_t i = DNS_QUERIES_MAX; i > 0; i--)
		queries->free[queries->free_count++] = i - 1;
	return queries;
}

void dns_queries_free(struct dns_queries *queries)
{
	if (!queries)
		return;
	free(queries->sets);
	free(queries);
}

/*
 * One bit for each way of the set that has this tag; 0: for each that is free. Without branches, as
 * which way has it is random.
 */
static unsigned ways_of(const struct set *set, uint32_t tag)
{
	unsigned ways = 0;

#pragma GCC unroll 8 /* WAYS */
	for (int way = 0; way < WAYS; way++)
		ways |= (unsigned)(set->tags[way] == tag) << way;
	return ways;
}

/* By the client alone: the server of an answer may be another than the group that was asked. */
static struct dns_queries_place place_of(const struct dns_queries *queries, uint32_t netns,
                                         const struct inet_address *client, uint16_t port,
                                         uint16_t id)
{
	const struct hash_key factors = hash_factors(&queries->key);
	uint64_t address[2], other = (uint64_t)netns << 32 | (uint32_t)port << 16 | id, hash;

	memcpy(address, client, sizeof address);
	hash = hash_fold(address[0] ^ factors.k[0], address[1] ^ factors.k[1]);
	hash = hash_fold(hash ^ other, factors.k[0]);

	return (struct dns_queries_place){
		.set = (uint32_t)(hash % SETS),
		.tag = (uint32_t)(hash >> 32) | 1,
	};
}

static void release(struct dns_queries *queries, uint16_t number)
{
	uint16_t place = queries->places[number];
	struct link link = queries->links[number];

	queries->sets[place / WAYS].tags[place % WAYS] = 0;
	queries->links[link.before].behind = link.behind;
	queries->links[link.behind].before = link.before;
	queries->free[queries->free_count++] = number;
}

/* Behind all others, unless the times of packets go back. */
static void line_up(struct dns_queries *queries, uint16_t number)
{
	struct link *links = queries->links;
	uint16_t before = links[ENDS].before;

	while (before != ENDS && queries->times_ns[before] > queries->times_ns[number])
		before = links[before].before;
	links[number] = (struct link){ before, links[before].behind };
	links[links[number].behind].before = number;
	links[before].behind = number;
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

/* The query from client to server that fits; NO_QUERY: there is none. */
static uint16_t find(const struct dns_queries *queries, struct dns_queries_place place,
                     uint32_t netns, const struct tuple *tuple, const struct dns_message *message)
{
	const struct set *set = &queries->sets[place.set];

	for (unsigned ways = ways_of(set, place.tag); ways != 0; ways &= ways - 1) {
		uint16_t number = set->numbers[__builtin_ctz(ways)];

		if (fits(&queries->queries[number], netns, tuple, message))
			return number;
	}
	return NO_QUERY;
}

/* The query of a set that was asked longest ago. */
static uint16_t oldest_of(const struct dns_queries *queries, const struct set *set)
{
	uint16_t oldest = set->numbers[0];

	for (int way = 1; way < WAYS; way++)
		if (queries->times_ns[set->numbers[way]] < queries->times_ns[oldest])
			oldest = set->numbers[way];
	return oldest;
}

bool dns_queries_add(struct dns_queries *queries, struct dns_queries_place place,
                     const struct dns_query_origin *origin, const struct dns_message *message,
                     struct dns_query *displaced)
{
	struct set *set = &queries->sets[place.set];
	unsigned ways = ways_of(set, 0);
	bool full = ways == 0;
	uint16_t number;
	int way;

	if (find(queries, place, origin->netns, &origin->tuple, message) != NO_QUERY)
		return false;
	if (full) {
		number = oldest_of(queries, set);
		copy(displaced, &queries->queries[number]);
		release(queries, number);
		ways = ways_of(set, 0);
	}
	way = __builtin_ctz(ways);
	number = queries->free[--queries->free_count]; /* there are as many queries as places */
	set->tags[way] = place.tag;
	set->numbers[way] = number;
	queries->places[number] = (uint16_t)(place.set * WAYS + (uint32_t)way);
	queries->times_ns[number] = origin->time_ns;
	keep(&queries->queries[number], origin, message);
	line_up(queries, number);
	return full;
}

/* By the client that sent the message, or that it is sent to. */
struct dns_queries_place dns_queries_expect(const struct dns_queries *queries, uint32_t netns,
                                            const struct tuple *tuple,
                                            const struct dns_message *message)
{
	const struct dns_queries_place place =
		message->response
			? place_of(queries, netns, &tuple->destination, tuple->destination_port,
	                           message->id)
			: place_of(queries, netns, &tuple->source, tuple->source_port, message->id);

	__builtin_prefetch(&queries->sets[place.set], 1);
	return place;
}

void dns_queries_prefetch(const struct dns_queries *queries, struct dns_queries_place place)
{
	const struct set *set = &queries->sets[place.set];

	for (unsigned ways = ways_of(set, place.tag); ways != 0; ways &= ways - 1) {
		uint16_t number = set->numbers[__builtin_ctz(ways)];
		const char *query = (const char *)&queries->queries[number];

		for (size_t at = 0; at < USUAL_SIZE; at += 64)
			__builtin_prefetch(query + at);
	}
}

bool dns_queries_answer(struct dns_queries *queries, struct dns_queries_place place, uint32_t netns,
                        const struct tuple *tuple, const struct dns_message *message,
                        struct dns_query *query)
{
	const struct tuple asked = tuple_reverse(tuple);
	uint16_t number = find(queries, place, netns, &asked, message);

	if (number == NO_QUERY)
		return false;
	copy(query, &queries->queries[number]);
	release(queries, number);
	return true;
}

bool dns_queries_expire(struct dns_queries *queries, int64_t before_ns, struct dns_query *query)
{
	uint16_t first = queries->links[ENDS].behind;

	if (first == ENDS || queries->times_ns[first] >= before_ns)
		return false;
	copy(query, &queries->queries[first]);
	release(queries, first);
	return true;
}
