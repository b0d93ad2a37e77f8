/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Queries and their answers; which name an address had, for whom and when. */
#include "inspect/domains.h"

#include <netinet/in.h>

#include "check.h"
#include "inspect/dns_queries.h"

#define SECOND INT64_C(1000000000)
#define NOW    (1000 * SECOND)

static const struct hash_key key = { { 1, 2 } };

static struct inet_address address(const char *text)
{
	struct inet_address result;

	if (!inet_parse(text, &result))
		exit(EXIT_FAILURE);
	return result;
}

static uint16_t put(struct dns_message *message, const char *text)
{
	uint16_t at = message->text_length;

	strcpy(message->texts + at, text);
	message->text_length = (uint16_t)(at + strlen(text) + 1);
	return at;
}

/* name -> alias (NULL: none) -> ip, for so many seconds. */
static const struct dns_message *says(const char *name, const char *alias, const char *ip,
                                      uint32_t ttl)
{
	static struct dns_message message;
	struct dns_answer *answer = message.answers;

	memset(&message, 0, sizeof message);
	message.response = message.has_question = true;
	message.question = put(&message, name);
	if (alias) {
		*answer = (struct dns_answer){ .type = DNS_TYPE_CNAME, .ttl = ttl };
		answer->name = message.question;
		answer++->data = put(&message, alias);
	}
	*answer = (struct dns_answer){ .type = DNS_TYPE_A, .ttl = 3600, .has_address = true };
	answer->name = alias ? put(&message, alias) : message.question;
	answer->ttl = alias ? 3600 : ttl;
	answer->address = address(ip);
	message.answer_count = message.answer_total = (uint16_t)(answer - message.answers + 1);
	return &message;
}

static struct domains_client client(const char *ip, bool local, uint64_t owner)
{
	return (struct domains_client){
		.address = address(ip), .netns = 5, .local = local, .owner = owner
	};
}

static const char *find(const struct domains *domains, struct domains_client who, const char *ip,
                        int64_t time_ns)
{
	struct inet_address wanted = address(ip);

	return domains_find(domains, &who, &wanted, time_ns);
}

static void test_times(void)
{
	struct domains *domains = domains_new(&key);
	struct domains_client host = client("10.0.0.1", true, 1);

	CHECK(!find(domains, host, "192.0.2.1", NOW), "no answer yet");
	domains_add(domains, &host, says("WWW.example.com", "cdn.example.net", "192.0.2.1", 60),
	            NOW);
	CHECK_TEXT(find(domains, host, "192.0.2.1", NOW), "www.example.com",
	           "the name that was asked for, in small letters, not the alias");
	CHECK_TEXT(find(domains, host, "192.0.2.1", NOW + 60 * SECOND), "www.example.com",
	           "for the shortest time to live on the way");
	CHECK(!find(domains, host, "192.0.2.1", NOW + 60 * SECOND + 1), "and no longer");
	CHECK(!find(domains, host, "192.0.2.1", NOW - 1), "nor for what began before");
	CHECK(!find(domains, host, "192.0.2.2", NOW), "another address");
	domains_add(domains, &host, says("once.example.com", NULL, "192.0.2.3", 0), NOW);
	CHECK_TEXT(find(domains, host, "192.0.2.3", NOW + DOMAINS_LEAST_NS), "once.example.com",
	           "a time to live of 0 is for the connection that follows");
	CHECK(!find(domains, host, "192.0.2.3", NOW + DOMAINS_LEAST_NS + 1), "not for others");
	domains_free(domains);
}

static void test_whose(void)
{
	struct domains *domains = domains_new(&key);
	struct domains_client first = client("10.0.0.1", true, 1), second = first;
	struct domains_client router = client("10.0.0.9", false, 0);

	second.owner = 2;
	domains_add(domains, &first, says("a.example", NULL, "192.0.2.1", 60), NOW);
	CHECK_TEXT(find(domains, second, "192.0.2.1", NOW), "a.example",
	           "another process of the host: a resolver may have asked for it");
	CHECK(!find(domains, router, "192.0.2.1", NOW),
	      "not for a host whose packets are forwarded");
	second.netns = 6;
	CHECK(!find(domains, second, "192.0.2.1", NOW), "nor in another network namespace");
	second.netns = 5;
	domains_add(domains, &second, says("b.example", NULL, "192.0.2.1", 60), NOW);
	CHECK_TEXT(find(domains, first, "192.0.2.1", NOW), "a.example",
	           "two names: a process has the one that it asked for");
	CHECK_TEXT(find(domains, second, "192.0.2.1", NOW), "b.example", "and so has the other");
	first.owner = 3;
	CHECK(!find(domains, first, "192.0.2.1", NOW), "a third could mean either");
	domains_add(domains, &router, says("r.example", NULL, "192.0.2.9", 60), NOW);
	CHECK_TEXT(find(domains, router, "192.0.2.9", NOW), "r.example",
	           "a client that is not of this host has its own answers");
	router.lane = 10;
	CHECK(!find(domains, router, "192.0.2.9", NOW),
	      "not the host that has the address in another VLAN");
	domains_add(domains, &router, says("v.example", NULL, "192.0.2.9", 60), NOW);
	CHECK_TEXT(find(domains, router, "192.0.2.9", NOW), "v.example", "which has its own");
	router.lane = 0;
	CHECK_TEXT(find(domains, router, "192.0.2.9", NOW), "r.example", "beside the other's");
	first.owner = 0;
	domains_add(domains, &first, says("h.example", NULL, "192.0.2.7", 60), NOW);
	first.lane = 10;
	CHECK_TEXT(find(domains, first, "192.0.2.7", NOW), "h.example",
	           "this host connects by a VLAN to what another way named");
	domains_free(domains);
}

/* An answer that is not about the question, or reports an error. */
static void test_unrelated(void)
{
	struct domains *domains = domains_new(&key);
	struct domains_client host = client("10.0.0.1", true, 1);
	struct dns_message message = *says("a.example", NULL, "192.0.2.1", 60);

	message.answers[0].name = put(&message, "b.example");
	domains_add(domains, &host, &message, NOW);
	CHECK(!find(domains, host, "192.0.2.1", NOW), "a record of another name is no answer");
	message = *says("a.example", NULL, "192.0.2.1", 60);
	message.code = 3;
	domains_add(domains, &host, &message, NOW);
	CHECK(!find(domains, host, "192.0.2.1", NOW), "nor is what came with an error");
	domains_free(domains);
}

/* More names than there is room for: then several may have been meant. */
static void test_many(void)
{
	struct domains *domains = domains_new(&key);
	struct domains_client host = client("10.0.0.1", true, 1);
	char name[32];
	int known = 0, wrong = 0;

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "n%d.example", i);
		domains_add(domains, &host, says(name, NULL, "192.0.2.1", 60 + (uint32_t)i), NOW);
	}
	CHECK(!find(domains, host, "192.0.2.1", NOW), "twenty names of one address: none");
	CHECK_TEXT(find(domains, host, "192.0.2.1", NOW + 79 * SECOND), "n19.example",
	           "the last of them, when it holds alone");
	for (int i = 0; i < 4 * DOMAINS_MAX; i++) {
		char ip[32];

		snprintf(ip, sizeof ip, "198.18.%d.%d", i / 256 % 256, i % 256);
		snprintf(name, sizeof name, "m%d.example", i);
		domains_add(domains, &host, says(name, NULL, ip, 60), NOW);
	}
	for (int i = 0; i < 4 * DOMAINS_MAX; i++) {
		char ip[32];
		const char *found;

		snprintf(ip, sizeof ip, "198.18.%d.%d", i / 256 % 256, i % 256);
		snprintf(name, sizeof name, "m%d.example", i);
		found = find(domains, host, ip, NOW);
		known += found != NULL;
		wrong += found && strcmp(found, name) != 0;
	}
	CHECK(known > 0 && known <= DOMAINS_MAX && wrong == 0, "%d answers: %d known, %d wrong",
	      4 * DOMAINS_MAX, known, wrong);
	domains_add(domains, &host, says("b.example", NULL, "192.0.2.1", 3600), NOW);
	CHECK(!find(domains, host, "192.0.2.1", NOW), "one alone, after others had to go: none");
	domains_free(domains);
}

static bool add(struct dns_queries *queries, const struct dns_query_origin *origin,
                const struct dns_message *message, struct dns_query *query)
{
	struct dns_queries_place place =
		dns_queries_expect(queries, origin->netns, &origin->tuple, message);

	return dns_queries_add(queries, place, origin, message, query);
}

static bool answer(struct dns_queries *queries, uint32_t netns, const struct tuple *tuple,
                   const struct dns_message *message, struct dns_query *query)
{
	struct dns_queries_place place = dns_queries_expect(queries, netns, tuple, message);

	dns_queries_prefetch(queries, place);
	return dns_queries_answer(queries, place, netns, tuple, message, query);
}

static void test_queries(void)
{
	struct dns_queries *queries = dns_queries_new(&key);
	struct dns_message message = *says("a.example", NULL, "192.0.2.1", 60);
	struct dns_query_origin where = { .netns = 5,
		                          .time_ns = NOW,
		                          .tuple = { .source = address("10.0.0.1"),
		                                     .destination = address("10.0.0.53"),
		                                     .source_port = 40000,
		                                     .destination_port = 53,
		                                     .protocol = IPPROTO_UDP } };
	struct tuple back = tuple_reverse(&where.tuple);
	struct dns_query query;

	message.response = false;
	CHECK(!add(queries, &where, &message, &query) && !add(queries, &where, &message, &query),
	      "a query, and the same sent again");
	message.response = true;
	message.id++;
	CHECK(!answer(queries, 5, &back, &message, &query), "not with another id");
	message.id--;
	message.question_type = 28;
	CHECK(!answer(queries, 5, &back, &message, &query), "nor another type");
	message.question_type = 0;
	back.source = address("10.0.0.54");
	CHECK(!answer(queries, 5, &back, &message, &query), "nor from another server");
	back.source = address("10.0.0.53");
	CHECK(!answer(queries, 6, &back, &message, &query), "nor in another namespace");
	CHECK(answer(queries, 5, &back, &message, &query) && query.origin.time_ns == NOW &&
	              strcmp(query.question, "a.example") == 0,
	      "its answer finds it");
	CHECK(!answer(queries, 5, &back, &message, &query), "once");
	message.response = false;
	where.tuple.destination = address("224.0.0.252");
	add(queries, &where, &message, &query);
	message.response = true;
	CHECK(answer(queries, 5, &back, &message, &query), "a group was asked: whoever answers");
	message.response = false;
	add(queries, &where, &message, &query);
	CHECK(!dns_queries_expire(queries, NOW, &query) &&
	              dns_queries_expire(queries, NOW + 1, &query) && query.id == message.id &&
	              !dns_queries_expire(queries, INT64_MAX, &query),
	      "without an answer it is over after its time, once");
	dns_queries_free(queries);
}

/* They come in the order of their times, whatever their hashes are. */
static void test_order_of_queries(void)
{
	static const int64_t times[] = { 5, 3, 9, 1, 4, 4, 7 };
	struct dns_queries *queries = dns_queries_new(&key);
	struct dns_message message = *says("a.example", NULL, "192.0.2.1", 60);
	struct dns_query_origin origin = { .tuple = { .protocol = IPPROTO_UDP } };
	struct tuple back = tuple_reverse(&origin.tuple);
	struct dns_query query;
	int64_t last = 0;
	int count = 0;
	bool right = true;

	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		origin.time_ns = times[i];
		message.id = (uint16_t)i;
		message.response = false;
		add(queries, &origin, &message, &query);
	}
	message.response = true;
	message.id = 2;
	right &= answer(queries, 0, &back, &message, &query) && query.origin.time_ns == 9;
	for (; dns_queries_expire(queries, 6, &query); count++) {
		right &= query.origin.time_ns >= last;
		last = query.origin.time_ns;
	}
	CHECK(right && count == 5 && last == 5, "the oldest first, up to a time: %d", count);
	CHECK(dns_queries_expire(queries, INT64_MAX, &query) && query.origin.time_ns == 7 &&
	              !dns_queries_expire(queries, INT64_MAX, &query),
	      "and the one that is left");
	dns_queries_free(queries);
}

static void test_many_queries(void)
{
	struct dns_queries *queries = dns_queries_new(&key);
	struct dns_message message = *says("a.example", NULL, "192.0.2.1", 60);
	struct dns_query_origin where = { .tuple = { .protocol = IPPROTO_UDP } };
	struct dns_query query;
	int displaced = 0, expired = 0;

	message.response = false;
	for (int i = 0; i < 3 * DNS_QUERIES_MAX; i++) {
		where.time_ns = NOW + i;
		message.id = (uint16_t)i;
		displaced += add(queries, &where, &message, &query);
	}
	while (dns_queries_expire(queries, INT64_MAX, &query))
		expired++;
	CHECK(displaced + expired == 3 * DNS_QUERIES_MAX && expired <= DNS_QUERIES_MAX &&
	              expired > DNS_QUERIES_MAX / 2,
	      "each query is displaced or expires: %d and %d", displaced, expired);
	dns_queries_free(queries);
}

int main(void)
{
	test_times();
	test_whose();
	test_unrelated();
	test_many();
	test_queries();
	test_order_of_queries();
	test_many_queries();
	return check_done();
}
