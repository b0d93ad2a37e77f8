/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/community_id.h"

#include <netinet/in.h>

#include "check.h"
#include "random.h"

/* Ports are type and code for ICMP. Expected values were made by tshark 4.0. */
static const struct {
	const char *name;
	const char *source, *destination, *id;
	uint16_t source_port, destination_port;
	uint8_t protocol;
} vectors[] = {
	{ "TCP on loopback", "127.0.0.1", "127.0.0.1", "1:jFSTezdNrFgNSrsEQyOUW8QbOVw=", 1122, 3344,
	  6 },
	{ "... the other direction", "127.0.0.1", "127.0.0.1",
	  "1:jFSTezdNrFgNSrsEQyOUW8QbOVw=", 3344, 1122, 6 },
	{ "TCP on loopback, ports whose byte order matters", "127.0.0.1", "127.0.0.1",
	  "1:q4egOj1T+i+CHF9Sl1KBSQbd6jo=", 80, 256, 6 },
	{ "... the other direction", "127.0.0.1", "127.0.0.1",
	  "1:q4egOj1T+i+CHF9Sl1KBSQbd6jo=", 256, 80, 6 },
	{ "UDP, IPv6 loopback", "::1", "::1", "1:/unZ7Occw74/oANO2taP7w7cHzQ=", 53, 40000, 17 },
	{ "ICMP echo", "127.0.0.1", "127.0.0.1", "1:PRCVIRO2XedYcoD1kwnYlWfzz28=", 8, 0, 1 },
	{ "ICMP echo reply", "127.0.0.1", "127.0.0.1", "1:PRCVIRO2XedYcoD1kwnYlWfzz28=", 0, 0, 1 },
	{ "ICMP time exceeded, one way", "10.0.0.2", "10.0.0.1",
	  "1:c5iqfdGYsNWhMJVcYXWPNWbpnKs=", 11, 0, 1 },
	{ "GRE has no ports", "1.2.3.4", "5.6.7.8", "1:+mluqz76jObh6dJLwnhX08n5St4=", 0, 0, 47 },
	{ "... whatever stands there", "5.6.7.8", "1.2.3.4", "1:+mluqz76jObh6dJLwnhX08n5St4=", 7, 9,
	  47 },
};

static struct tuple make(uint8_t protocol, const char *source, const char *destination,
                         uint16_t source_port, uint16_t destination_port)
{
	struct tuple tuple = {
		.source_port = source_port,
		.destination_port = destination_port,
		.protocol = protocol,
	};

	inet_parse(source, &tuple.source);
	inet_parse(destination, &tuple.destination);
	return tuple;
}

static void test_vectors(void)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		struct tuple tuple =
			make(vectors[i].protocol, vectors[i].source, vectors[i].destination,
		             vectors[i].source_port, vectors[i].destination_port);
		char id[COMMUNITY_ID_SIZE];

		community_id(0, &tuple, true, id);
		CHECK_TEXT(id, vectors[i].id, "%s: %s", vectors[i].name, id);
	}
}

static bool same(uint16_t seed, const struct tuple *a, const struct tuple *b, bool has_ports)
{
	char first[COMMUNITY_ID_SIZE], second[COMMUNITY_ID_SIZE];

	community_id(seed, a, has_ports, first);
	community_id(seed, b, has_ports, second);
	return strcmp(first, second) == 0;
}

static void test_directions(void)
{
	static const uint8_t protocols[] = { 6, 17, 132, 136, 47, 0 };
	struct random random = random_begin();
	bool both = true, apart = true;

	for (int i = 0; i < 5000; i++) {
		uint8_t protocol = protocols[random_below(&random, sizeof protocols)];
		struct tuple tuple =
			make(protocol, "fe80::1", random_below(&random, 2) ? "fe80::1" : "fe80::2",
		             (uint16_t)random_u64(&random), (uint16_t)random_u64(&random));
		struct tuple reverse = tuple_reverse(&tuple);
		uint16_t seed = (uint16_t)random_u64(&random);

		both = both && same(seed, &tuple, &reverse, true) &&
		       same(seed, &tuple, &reverse, false);
		reverse.source.bytes[15] ^= 4;
		apart = apart && !same(seed, &tuple, &reverse, true);
	}
	CHECK(both, "both directions of 5,000 random tuples have one id");
	CHECK(apart, "another address gives another id");
}

static void test_icmp(void)
{
	static const struct {
		uint8_t protocol;
		uint16_t request, answer;
	} pairs[] = {
		{ 1, 8, 0 },      { 1, 10, 9 },     { 1, 13, 14 },    { 1, 15, 16 },
		{ 1, 17, 18 },    { 58, 128, 129 }, { 58, 130, 131 }, { 58, 133, 134 },
		{ 58, 135, 136 }, { 58, 139, 140 }, { 58, 144, 145 },
	};
	struct tuple a, b;

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		a = make(pairs[i].protocol, "fe80::2", "fe80::1", pairs[i].request, 0);
		b = make(pairs[i].protocol, "fe80::1", "fe80::2", pairs[i].answer, 7);
		CHECK(same(0, &a, &b, true), "protocol %d: type %d and its answer %d",
		      pairs[i].protocol, pairs[i].request, pairs[i].answer);
	}
	a = make(1, "10.0.0.2", "10.0.0.1", 3, 1);
	b = make(1, "10.0.0.1", "10.0.0.2", 3, 1);
	CHECK(!same(0, &a, &b, true), "one-way messages of two directions have two ids");
	b = make(1, "10.0.0.2", "10.0.0.1", 3, 3);
	CHECK(!same(0, &a, &b, true), "the code of a one-way message counts");
	b = make(58, "10.0.0.2", "10.0.0.1", 3, 1);
	CHECK(!same(0, &a, &b, true), "the protocol counts");
}

static void test_seed(void)
{
	struct tuple tuple = make(6, "10.0.0.1", "10.0.0.2", 1, 2);
	char zero[COMMUNITY_ID_SIZE], one[COMMUNITY_ID_SIZE], bare[COMMUNITY_ID_SIZE];

	community_id(0, &tuple, true, zero);
	community_id(1, &tuple, true, one);
	community_id(0, &tuple, false, bare);
	CHECK(strcmp(zero, one) != 0, "the seed counts");
	CHECK(strcmp(zero, bare) != 0, "ports count, unless there are none");
	CHECK_EQUAL(strlen(zero), COMMUNITY_ID_SIZE - 1, "length");
}

int main(void)
{
	test_vectors();
	test_directions();
	test_icmp();
	test_seed();
	return check_done();
}
