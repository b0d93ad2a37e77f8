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
	uint32_t hand;                             /* where dns_queries_expire looks first */
	struct dns_query queries[DNS_QUERIES_MAX]; /* time_ns 0: free */
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
static struct dns_query *set_of(struct dns_queries *queries, uint32_t netns,
                                const struct inet_address *client, uint16_t port, uint16_t id)
{
	struct {
		struct inet_address client;
		uint32_t netns;
		uint16_t port, id;
	} bytes = { *client, netns, port, id };

	return &queries->queries[hash_bytes(&queries->key, &bytes, sizeof bytes) % SETS * WAYS];
}

static bool fits(const struct dns_query *query, uint32_t netns, const struct tuple *tuple,
                 const struct dns_message *message)
{
	const char *question = message->has_question ? dns_text(message, message->question) : NULL;

	if (query->time_ns == 0 || query->id != message->id || query->netns != netns ||
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
	strncpy(place->question, dns_text(message, message->question), sizeof place->question - 1);
	place->question[sizeof place->question - 1] = '\0';
}

bool dns_queries_add(struct dns_queries *queries, const struct dns_query *where,
                     const struct dns_message *message, struct dns_query *displaced)
{
	struct dns_query *set = set_of(queries, where->netns, &where->tuple.source,
	                               where->tuple.source_port, message->id);
	struct dns_query *place = &set[0];
	bool full;

	for (int i = 0; i < WAYS; i++) {
		if (fits(&set[i], where->netns, &where->tuple, message))
			return false;
		if (set[i].time_ns < place->time_ns)
			place = &set[i];
	}
	full = place->time_ns != 0;
	if (full)
		*displaced = *place;
	else
		queries->count++;
	keep(place, where, message);
	return full;
}

bool dns_queries_answer(struct dns_queries *queries, uint32_t netns, const struct tuple *tuple,
                        const struct dns_message *message, struct dns_query *query)
{
	struct tuple asked = tuple_reverse(tuple);
	struct dns_query *set =
		set_of(queries, netns, &asked.source, asked.source_port, message->id);

	for (int i = 0; i < WAYS; i++) {
		if (!fits(&set[i], netns, &asked, message))
			continue;
		*query = set[i];
		set[i].time_ns = 0;
		queries->count--;
		return true;
	}
	return false;
}

bool dns_queries_expire(struct dns_queries *queries, int64_t before_ns, struct dns_query *query)
{
	for (int i = 0; queries->count > 0 && i < DNS_QUERIES_MAX; i++) {
		struct dns_query *place = &queries->queries[queries->hand];

		if (place->time_ns != 0 && place->time_ns < before_ns) {
			*query = *place;
			place->time_ns = 0;
			queries->count--;
			return true;
		}
		queries->hand = (queries->hand + 1) % DNS_QUERIES_MAX;
	}
	return false;
}
