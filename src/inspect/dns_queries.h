/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DNS queries that wait for their answer, bounded: a newer one takes the place of the oldest
 * of a few. A response belongs to a query with the same client, identifier and question;
 * what came back from where is for the caller's connection to say, but for LLMNR, where the
 * query went to a group.
 */
#ifndef SOCKLINE_INSPECT_DNS_QUERIES_H
#define SOCKLINE_INSPECT_DNS_QUERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/inet.h"
#include "inspect/dns.h"
#include "inspect/dns_name.h"

#define DNS_QUERIES_MAX     1024
#define DNS_QUERIES_KEEP_NS (INT64_C(10) * 1000000000) /* twice resolv.conf(5)'s timeout */

struct dns_queries;

/* Where a query was met. */
struct dns_query_origin {
	struct tuple tuple; /* client -> server */
	uint32_t netns;
	uint32_t number; /* the caller's reference to the connection */
	uint64_t connection;
	int64_t time_ns;
};

struct dns_query {
	struct dns_query_origin origin;
	uint16_t id, type, class;
	uint16_t question_total; /* as the header says; only the first is kept */
	uint8_t opcode, flags;
	bool has_question;
	char question[DNS_NAME_MAX];
};

/* Where the query of a message may be, by its client and identifier. */
struct dns_queries_place {
	uint32_t set, tag;
};

struct dns_queries *dns_queries_new(const struct hash_key *key); /* NULL: no memory */
void dns_queries_free(struct dns_queries *queries);

/*
 * The place of a message in tuple. Memory is slow: this, and some packets later prefetch, bring
 * into the cache what add or answer will compare the message with.
 */
struct dns_queries_place dns_queries_expect(const struct dns_queries *queries, uint32_t netns,
                                            const struct tuple *tuple,
                                            const struct dns_message *message);
void dns_queries_prefetch(const struct dns_queries *queries, struct dns_queries_place place);

/*
 * Keeps the query of a message. True: it takes the place of another, which had no answer and
 * is copied to *displaced. The same query sent again is one.
 */
bool dns_queries_add(struct dns_queries *queries, struct dns_queries_place place,
                     const struct dns_query_origin *origin, const struct dns_message *message,
                     struct dns_query *displaced);
/* Takes the query that this message, from server to client in tuple, answers. */
bool dns_queries_answer(struct dns_queries *queries, struct dns_queries_place place, uint32_t netns,
                        const struct tuple *tuple, const struct dns_message *message,
                        struct dns_query *query);
/* Takes the oldest, if it is from before that time; INT64_MAX: any. False: there is none. */
bool dns_queries_expire(struct dns_queries *queries, int64_t before_ns, struct dns_query *query);

#endif
