/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Which connection a packet belongs to, and how many there may be. */
#include <sys/resource.h>

#include "connection_table_fixture.h"
#include "random.h"
#include "config.h"
#include "hash_spread.h"

static struct connection *find_lane(const struct connection_table *table, const struct tuple *tuple,
                                    uint32_t lane, bool any)
{
	struct connection_key wanted = connection_table_key(table, 1, tuple);
	enum connection_end from;

	wanted.lane = lane;
	wanted.any_lane = any;
	return connection_table_find(table, &wanted, &from);
}

static struct connection *open_lane(struct connection_table *table, const struct tuple *tuple,
                                    uint32_t lane)
{
	struct connection_key wanted = connection_table_key(table, 1, tuple);

	wanted.lane = lane;
	return connection_table_open(table, &wanted, START, START);
}

static void test_lanes(void)
{
	enum { TEN = 10, TWENTY = 20, BOTH = 10 | 20 << 12 };
	struct connection_table *table = begin(16, 0);
	struct tuple tuple = make_tuple(IPPROTO_TCP, 1, 1000), back = tuple_reverse(&tuple);
	struct connection *ten = open_lane(table, &tuple, TEN);
	struct connection *both = open_lane(table, &tuple, BOTH);
	struct connection *mapped = open_lane(table, &tuple, CONNECTION_LANE_MAPPED);

	CHECK(find_lane(table, &tuple, TEN, false) == ten &&
	              find_lane(table, &back, BOTH, false) == both &&
	              find_lane(table, &tuple, CONNECTION_LANE_MAPPED, false) == mapped,
	      "one tuple in three lanes: three connections");
	CHECK(!find_lane(table, &tuple, TWENTY, false) && !find_lane(table, &tuple, 0, false),
	      "none in another lane");
	CHECK(find_lane(table, &tuple, TWENTY, true) != NULL &&
	              find_lane(table, &tuple, TWENTY, true) != mapped &&
	              find_lane(table, &tuple, CONNECTION_LANE_MAPPED, true) == mapped,
	      "any lane: those of the same kind of address");
	connection_table_add_lane(ten, 0);
	connection_table_add_lane(ten, 0);
	CHECK(find_lane(table, &tuple, 0, false) == ten && ten->life.lane_count == 1 &&
	              find_lane(table, &tuple, TEN, false) == ten,
	      "a lane more: found in both");
	connection_table_free(table);
}

/* A key of ICMP says which end its source is. */
static void test_ends(void)
{
	struct connection_table *table = begin(16, 0);
	struct tuple tuple = make_tuple(IPPROTO_ICMP, 1, 443), back = tuple_reverse(&tuple);
	struct connection_key there = connection_table_key(table, 1, &tuple), answer, asks;
	struct connection *first, *second;
	enum connection_end from = CONNECTION_SOURCE;

	there.from[CONNECTION_DESTINATION] = false;
	asks = answer = connection_table_key(table, 1, &back);
	asks.from[CONNECTION_DESTINATION] = false;
	answer.from[CONNECTION_SOURCE] = false;
	first = connection_table_open(table, &there, START, START);
	CHECK(!connection_table_find(table, &asks, &from),
	      "who asks back is of none that is there");
	second = connection_table_open(table, &asks, START, START);
	CHECK(connection_table_find(table, &there, &from) == first && from == CONNECTION_SOURCE &&
	              connection_table_find(table, &asks, &from) == second &&
	              from == CONNECTION_SOURCE,
	      "two that ask each other");
	CHECK(connection_table_find(table, &answer, &from) == first &&
	              from == CONNECTION_DESTINATION,
	      "an answer belongs to what was asked");
	connection_table_free(table);
}

static void test_find(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *tcp = open_at(table, IPPROTO_TCP, 5000, START);
	struct tuple reversed = tuple_reverse(&tcp->tuple), loop = tcp->tuple;
	enum connection_end from = CONNECTION_DESTINATION;

	CHECK(find(table, IPPROTO_TCP, 5000, &from) == tcp && from == CONNECTION_SOURCE,
	      "by the initiator's tuple");
	CHECK(find_tuple(table, 1, &reversed, &from) == tcp && from == CONNECTION_DESTINATION,
	      "by the responder's");
	CHECK(!find(table, IPPROTO_UDP, 5000, &from), "the protocol is part of the key");
	CHECK(!find(table, IPPROTO_TCP, 5001, &from), "so is the port");
	CHECK(!find_tuple(table, 2, &tcp->tuple, &from), "so is the namespace");
	loop.destination = loop.source; /* as on loopback: the ports alone distinguish the ends */
	tcp = open_tuple(table, 1, &loop, START);
	reversed = tuple_reverse(&loop);
	CHECK(find_tuple(table, 1, &loop, &from) == tcp && from == CONNECTION_SOURCE &&
	              find_tuple(table, 1, &reversed, &from) == tcp &&
	              from == CONNECTION_DESTINATION,
	      "equal addresses");
	loop.destination_port = loop.source_port; /* a socket that is connected to itself */
	tcp = open_tuple(table, 1, &loop, START);
	CHECK(find_tuple(table, 1, &loop, &from) == tcp, "equal addresses and ports");
	connection_table_free(table);
}

/* Alike in all but what i says: as peers make them, or whoever wants a slow table. */
static struct tuple family(int which, int i)
{
	struct tuple tuple = make_tuple(IPPROTO_TCP, 1, 40000);

	switch (which) {
	case 0: /* loopback, the ports' sum is the same */
		tuple.destination = tuple.source;
		tuple.source_port = (uint16_t)i;
		tuple.destination_port = (uint16_t)(UINT16_MAX - i);
		break;
	case 1:
		tuple.source_port = (uint16_t)i;
		break;
	case 2: /* a scan */
		tuple.destination.bytes[14] = (uint8_t)(i >> 8);
		tuple.destination.bytes[15] = (uint8_t)i;
		break;
	case 3: /* the port goes with the subnet */
		inet_parse("2001:db8::1", &tuple.source);
		tuple.source.bytes[6] = (uint8_t)(i >> 8);
		tuple.source.bytes[7] = (uint8_t)i;
		tuple.source_port = (uint16_t)i;
		break;
	}
	return tuple;
}

static void test_hash(void)
{
	static uint64_t hashes[HASH_SPREAD_COUNT];
	struct connection_table *table = begin(16, 0);

	for (int which = 0; which < 4; which++) {
		int unlike = 0;

		for (int i = 0; i < HASH_SPREAD_COUNT; i++) {
			struct tuple tuple = family(which, i), back = tuple_reverse(&tuple);

			hashes[i] = connection_table_key(table, 1, &tuple).hash;
			unlike += connection_table_key(table, 1, &back).hash != hashes[i];
		}
		CHECK_EQUAL(unlike, 0, "family %d: both directions hash alike", which);
		hash_spread_check(hashes, "family", which);
	}
	connection_table_free(table);
}

static void test_reference(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *first = open_at(table, IPPROTO_TCP, 5000, START);
	uint32_t number = connection_table_number(first);
	uint64_t id = first->id;

	CHECK(connection_table_at(table, number, id) == first, "a weak reference");
	CHECK(!connection_table_at(table, number, id + 1) && !connection_table_at(table, 99, id),
	      "number and id are both needed");
	connection_table_close(table, first, CONNECTION_RESET, CONNECTION_FAILURE, START);
	CHECK(connection_table_at(table, number, id) == first, "closed, it still lingers");
	connection_table_forget(table, first);
	CHECK(!connection_table_at(table, number, id), "forgotten");
	first = open_at(table, IPPROTO_TCP, 5000, START);
	CHECK(connection_table_number(first) == number && first->id != id,
	      "the number is used again, the id is not, though tuple and time are the same");
	connection_table_free(table);
}

/* Ids and the order at the end are of the file that is replayed, not of the index's random key. */
static void test_random_index(void)
{
	enum { FLOWS = 300, RUNS = 2 };
	static uint64_t ids[RUNS][FLOWS];
	static uint16_t ports[RUNS][REPORTED_MAX];

	for (int run = 0; run < RUNS; run++) {
		struct connection_table *table;

		key.k[0] += 12345 * (uint64_t)run;
		table = begin(FLOWS, 0);
		for (int i = 0; i < FLOWS; i++)
			ids[run][i] = open_at(table, IPPROTO_UDP, (uint16_t)(1 + i), START)->id;
		connection_table_shutdown(table, START + SECOND);
		for (int i = 0; i < reported_count; i++)
			ports[run][i] = reported[i].port;
		connection_table_free(table);
	}
	key.k[0] -= 12345;
	CHECK(memcmp(ids[0], ids[1], sizeof ids[0]) == 0 &&
	              memcmp(ports[0], ports[1], sizeof ports[0]) == 0 && ids[0][0] != ids[0][1],
	      "another key of the index: the same ids, the same order at the end");
}

/* Ends that are due find room for some at a time: each comes once, the rest wait. */
static void test_room(void)
{
	enum { FLOWS = 2000, AT_ONCE = 37 };
	struct connection_table *table = begin(FLOWS, 0);
	int64_t now = START;
	int turns = 0;

	for (int i = 0; i < FLOWS; i++)
		open_at(table, IPPROTO_UDP, (uint16_t)(1 + i), START);
	do {
		now += SECOND / 100;
		room = AT_ONCE;
	} while (now < START + 61 * SECOND && connection_table_expire(table, now) &&
	         reported_total == 0);
	for (; reported_total < FLOWS && turns < FLOWS; turns++) {
		room = AT_ONCE;
		connection_table_expire(table, now);
	}
	room = -1;
	CHECK(reported_total == FLOWS && turns <= FLOWS / AT_ONCE + 1 &&
	              connection_table_count(table) == 0,
	      "%d ends in one second, %d a turn: each is reported once (%d turns)", FLOWS, AT_ONCE,
	      turns);
	CHECK(connection_table_expire(table, now), "then nothing is left to run");
	connection_table_expire(table, now + 600 * SECOND);
	CHECK(reported_total == FLOWS, "nor comes one again");
	connection_table_free(table);
}

/* An end in 512 seconds falls into the slot that is being run. */
static void test_same_slot(void)
{
	struct connection_table *table = begin(16, 512 * SECOND);

	play(table, ESTABLISHED, START);
	for (int64_t at = START; at <= START + 5 * 512 * SECOND; at += SECOND)
		connection_table_expire(table, at);
	CHECK(reported_total == 5 || reported_total == 4, "an update each turn of the wheel (%d)",
	      (int)reported_total);
	connection_table_free(table);
}

static void test_eviction(void)
{
	struct connection_table *table = begin(32, 0);
	const struct connection_counters *counters = connection_table_counters(table);
	enum connection_end from;

	for (uint16_t port = 1; port <= 32; port++)
		open_at(table, IPPROTO_UDP, port, START + port);
	open_at(table, IPPROTO_UDP, 33, START + SECOND);
	CHECK(reported_total == 1 && reported[0].reason == CONNECTION_EVICTED &&
	              counters->evicted == 1 && connection_table_count(table) == 32,
	      "a full table: one is evicted, and reported");
	CHECK(reported[0].port <= 2 && !find(table, IPPROTO_UDP, reported[0].port, &from),
	      "one of the longest silent, and it is gone (port %u)", reported[0].port);
	connection_table_close(table, find(table, IPPROTO_UDP, 20, &from), CONNECTION_FIN,
	                       CONNECTION_SUCCESS, START + 2 * SECOND);
	for (uint16_t port = 40; find(table, IPPROTO_UDP, 20, &from) && port < 72; port++)
		open_at(table, IPPROTO_UDP, port, START + 3 * SECOND);
	CHECK(reported_total <= 2 + 32 / 16,
	      "a closed one makes room before open ones (%d evicted)", (int)reported_total - 1);
	connection_table_free(table);
	table = begin(8, 0);
	for (uint16_t port = 1; port <= 8; port++)
		open_at(table, IPPROTO_UDP, port, START + port);
	for (uint16_t port = 1; port <= 8; port++)
		if (port != 5)
			feed(table, find(table, IPPROTO_UDP, port, &from), CONNECTION_SOURCE, 0,
			     START + 100);
	open_at(table, IPPROTO_UDP, 9, START + SECOND);
	CHECK_EQUAL(reported[0].port, 5,
	            "not the one that was opened first, but the longest silent");
	connection_table_free(table);
}

static void test_bound(void)
{
	enum { MAX = 20000, FLOWS = 1000000 };
	struct connection_table *table = begin(MAX, 60 * SECOND);
	const struct connection_counters *counters = connection_table_counters(table);
	size_t bytes = 0;
	bool right = true;

	for (uint32_t i = 0; i < FLOWS; i++) {
		struct tuple tuple =
			make_tuple(i % 3 ? IPPROTO_TCP : IPPROTO_UDP, i, (uint16_t)(i >> 8));

		right = right && open_tuple(table, 1, &tuple, START + i);
		right = right && connection_table_count(table) <= MAX;
		if (i == 2 * MAX)
			bytes = connection_table_bytes(table);
	}
	CHECK(right, "a million flows, never more than %d", MAX);
	CHECK(connection_table_bytes(table) == bytes &&
	              bytes < MAX * (sizeof(struct connection) + 64),
	      "in bounded memory: %zu bytes", bytes);
	CHECK(counters->opened == FLOWS && counters->evicted == FLOWS - MAX &&
	              counters->closed == counters->evicted && reported_total == counters->evicted,
	      "evicted = opened - live, and each was reported");
	connection_table_free(table);
}

#ifndef INSTRUMENTED
/* As many bytes of address space as there are, and this much more. False: it has no effect here. */
static bool limit_memory(rlim_t more, struct rlimit *before)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;
	struct rlimit limit;
	void *much;

	if (getrlimit(RLIMIT_AS, before) != 0 || !file || fscanf(file, "%lu", &pages) != 1)
		exit(EXIT_FAILURE);
	fclose(file);
	limit = *before;
	limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
	setrlimit(RLIMIT_AS, &limit);
	much = malloc((size_t)256 << 20); /* an emulated program gets it */
	free(much);
	return !much;
}
#endif

/* The table stays as large as it is: no connection is left out in silence. */
static void test_no_memory(void)
{
#ifdef INSTRUMENTED
	CHECK(true, "# SKIP sanitizers need all the address space");
#else
	static const rlim_t more[] = { 0, 1 << 18, 4 << 20 };

	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		struct connection_table *table = begin(1 << 18, 0);
		const struct connection_counters *counters = connection_table_counters(table);
		uint32_t opened = 0, missed = 0;
		struct rlimit before;
		bool limited = limit_memory(more[i], &before);

		for (uint32_t host = 0; limited && host < 70000; host++) {
			struct tuple tuple = make_tuple(IPPROTO_TCP, host, 1000);
			bool is = open_tuple(table, 1, &tuple, START + host) != NULL;

			opened += is;
			missed += !is;
		}
		setrlimit(RLIMIT_AS, &before);
		if (!limited) {
			CHECK(true, "# SKIP memory has no limit here");
			connection_table_free(table);
			continue;
		}
		CHECK(opened == 70000 && missed == 0, "%lu bytes: each connection has a place",
		      (unsigned long)more[i]);
		CHECK(counters->evicted > 0 &&
		              counters->evicted + connection_table_count(table) == opened,
		      "as many as had to go are reported: %u are left",
		      connection_table_count(table));
		connection_table_free(table);
	}
#endif
}

int main(void)
{
	test_find();
	test_lanes();
	test_ends();
	test_hash();
	test_reference();
	test_random_index();
	test_room();
	test_same_slot();
	test_eviction();
	test_bound();
	test_no_memory();
	return check_done();
}
