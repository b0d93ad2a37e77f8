/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The owner of each packet, and that of a connection which ends. */
#include "binder_fixture.h"

static void test_closing(void)
{
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, true);
	const struct binder_counters *counters = binder_counters(fixture.binder);

	answers[SRC] = unknown(ATTRIBUTION_PENDING);
	answers[DST] = answer(ATTRIBUTION_LISTENER, &parent);
	bind_one(&fixture, connection);
	answers[SRC] = answer(ATTRIBUTION_SOCKET, &parent);
	last_holder = answer(ATTRIBUTION_TRACEPOINT, &child);
	binder_closing(fixture.binder, connection, NOW);
	CHECK(reported == 1 && connection->owners[SRC].process == &parent &&
	              connection->owners[DST].process == &child,
	      "the last chance: both ends, reported together");
	CHECK(counters->owners.methods[ATTRIBUTION_SOCKET] == 1 &&
	              counters->owners.methods[ATTRIBUTION_TRACEPOINT] == 1 &&
	              counters->owners.methods[ATTRIBUTION_UNKNOWN] == 0,
	      "each end is counted by what became of it");
	memset(asked_count, 0, sizeof asked_count);
	run_until(&fixture, &(int64_t){ NOW }, NOW + 10 * NS_PER_SECOND);
	CHECK(asked_count[SRC] == 0 && asked_count[DST] == 0, "and not asked for any more");
	finish(&fixture);

	fixture = begin(false);
	connection = open_one(&fixture, IPPROTO_TCP, true, false);
	answers[SRC] = answer(ATTRIBUTION_SOCKET, &parent);
	last_holder = unknown(ATTRIBUTION_REASON_NONE);
	bind_one(&fixture, connection);
	connection->owners[SRC].lost = true;
	binder_closing(fixture.binder, connection, NOW);
	CHECK(!connection->owners[SRC].process &&
	              connection->owners[SRC].reason == ATTRIBUTION_AMBIGUOUS,
	      "it had handed its socket on, to which process is not known");
	finish(&fixture);

	fixture = begin(false);
	counters = binder_counters(fixture.binder);
	connection = open_one(&fixture, IPPROTO_TCP, false, false);
	bind_one(&fixture, connection);
	binder_closing(fixture.binder, connection, NOW);
	CHECK_EQUAL(counters->owners.reasons[ATTRIBUTION_FORWARDED], 1,
	            "forwarded: one end, counted once");
	finish(&fixture);
}

/* A waiting connection that is gone, and whose entry is another's by now. */
static void test_stale(void)
{
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, false);
	uint32_t number = connection_table_number(connection);

	answers[SRC] = unknown(ATTRIBUTION_PENDING);
	bind_one(&fixture, connection);
	connection_table_close(fixture.connections, connection, CONNECTION_RESET,
	                       CONNECTION_FAILURE, NOW);
	connection_table_forget(fixture.connections, connection);
	connection = open_one(&fixture, IPPROTO_TCP, true, false);
	CHECK_EQUAL(connection_table_number(connection), number, "its entry is another's");
	connection->binding.attributable = true;
	run_until(&fixture, &(int64_t){ NOW }, NOW + 10 * NS_PER_SECOND);
	CHECK_EQUAL(asked_count[SRC], 1, "which is not asked for in its stead");
	finish(&fixture);
}

/*
 * A socket that died on the port makes the one that is found doubtful, where it could have been
 * this.
 */
static void test_died(void)
{
	static const struct {
		uint8_t protocol;
		uint16_t remote_port; /* of the dead socket; 0: it was not connected */
		int64_t told_ns;
		bool source, destination; /* doubtful */
		const char *title;
	} cases[] = {
		{ IPPROTO_UDP, 0, NOW + 1, false, true, "after the packet" },
		{ IPPROTO_UDP, 0, NOW - 1, false, false, "before it" },
		{ IPPROTO_UDP, 1000, NOW + 1, false, true, "connected to this end" },
		{ IPPROTO_UDP, 1001, NOW + 1, false, false, "connected elsewhere" },
		{ IPPROTO_TCP, 0, NOW + 1, false, true, "a listener" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture fixture;
		struct connection *connection;
		struct tuple dead;

		destroyed = destroyed_new(&key);
		fixture = begin(false);
		connection = open_one(&fixture, cases[i].protocol, true, true);
		dead = tuple_reverse(&connection->tuple);
		dead.destination_port = cases[i].remote_port;
		destroyed_add(destroyed, 1, &dead, cases[i].told_ns);
		bind_one(&fixture, connection);
		CHECK(asked[SRC].died == cases[i].source && asked[DST].died == cases[i].destination,
		      "a death %s", cases[i].title);
		finish(&fixture);
		destroyed_free(destroyed);
	}
	destroyed = NULL;
}

static struct tuple ended; /* the socket that is reported to be, after a lookup */

static void read_ended(void *context)
{
	(void)context;
	destroyed_add(destroyed, 1, &ended, NOW + 1);
}

/* The same when the death is reported after reports were read, and before the lookup. */
static void test_died_meanwhile(void)
{
	static const struct {
		enum attribution_method method;
		int asked;
		const char *title;
	} cases[] = {
		{ ATTRIBUTION_SOCKET, 2, "the socket that is found may be the next one" },
		{ ATTRIBUTION_LISTENER, 2, "the listener, too" },
		{ ATTRIBUTION_TRACEPOINT, 1, "what was seen at its time stands" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture fixture;
		struct connection *connection;

		destroyed = destroyed_new(&key);
		on_lookup = read_ended;
		fixture = begin(false);
		connection = open_one(&fixture, IPPROTO_UDP, false, true);
		ended = tuple_reverse(&connection->tuple);
		ended.destination_port = 0;
		answers[DST] = answer(cases[i].method, &parent);
		bind_one(&fixture, connection);
		CHECK(asked_count[DST] == cases[i].asked &&
		              asked[DST].died == (cases[i].asked == 2),
		      "a death meanwhile: %s", cases[i].title);
		finish(&fixture);
		destroyed_free(destroyed);
	}
	on_lookup = NULL;
	destroyed = NULL;
}

/* The same where NAT gives the packets another tuple, by the tuple of the socket. */
static void test_died_translated(void)
{
	struct fixture fixture;
	struct connection *connection;
	struct tuple socket;

	destroyed = destroyed_new(&key);
	fixture = begin(false);
	connection = open_one(&fixture, IPPROTO_UDP, true, false);
	socket = connection->tuple;
	socket.destination_port = 53;
	answers[SRC] = answer(ATTRIBUTION_SOCKET, &parent);
	answers[SRC].netns = 7;
	if (owner_set_translated(&answers[SRC], &socket) != 0)
		exit(EXIT_FAILURE);
	destroyed_add(destroyed, 7, &socket, NOW - 1);
	bind_one(&fixture, connection);
	CHECK(asked_count[SRC] == 1 && !asked[SRC].died, "a death before the packet");
	owner_clear(&connection->owners[SRC]);
	destroyed_add(destroyed, 7, &socket, NOW + 1);
	bind_one(&fixture, connection);
	CHECK(asked_count[SRC] == 3 && asked[SRC].died &&
	              tuple_equal(&asked[SRC].tuple, &connection->tuple),
	      "a death after it: what is there now may be another socket");
	owner_clear(&answers[SRC]);
	finish(&fixture);
	destroyed_free(destroyed);
	destroyed = NULL;
}

/* Another process has the socket: NAT does with it what it did. */
static void test_moves_translated(void)
{
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_UDP, true, false);
	struct packet packet = { .payload = 1 };
	struct tuple socket = connection->tuple;

	socket.destination_port = 53;
	answers[SRC] = answer(ATTRIBUTION_TRACEPOINT, &parent);
	bind_one(&fixture, connection);
	connection_table_set_socket(fixture.connections, connection, SRC, 7, &socket);
	contested = true;
	user = answer(ATTRIBUTION_TRACEPOINT, &child);
	binder_judge(fixture.binder, connection, SRC, &packet, NOW, 1);
	CHECK(connection->owners[SRC].process == &child &&
	              owner_translated(&connection->owners[SRC]) &&
	              tuple_equal(owner_translated(&connection->owners[SRC]), &socket) &&
	              connection->owners[SRC].netns == 7,
	      "the address that a process knows is the next one's, too");
	CHECK(tuple_equal(&asked[SRC].tuple, &socket) && asked[SRC].netns == 7,
	      "the user of the socket is asked for, which tracepoints report");
	contested = false;
	user = unknown(ATTRIBUTION_REASON_NONE);
	finish(&fixture);
}

static void test_who_now(void)
{
	static const struct {
		struct process *owner, *found;
		uint64_t cookie; /* of the socket that is found */
		enum binder_now now;
		bool holds; /* the owner has its descriptor */
		const char *title;
		enum attribution_reason reason;
	} cases[] = {
		{ &parent, &parent, 8, BINDER_SAME, false, "one process", ATTRIBUTION_REASON_NONE },
		{ &parent, &child, 8, BINDER_ANOTHER, false, "another", ATTRIBUTION_REASON_NONE },
		{ &parent, NULL, 0, BINDER_UNKNOWN, false, "not known any more",
		  ATTRIBUTION_PENDING },
		{ &parent, NULL, 0, BINDER_NO_SOCKET, false, "nobody any more",
		  ATTRIBUTION_NO_SOCKET },
		{ &parent, NULL, 7, BINDER_UNKNOWN, false, "the socket, of whom is not known",
		  ATTRIBUTION_REASON_NONE },
		{ &parent, NULL, 8, BINDER_ANOTHER, false, "another socket, of whom is not known",
		  ATTRIBUTION_REASON_NONE },
		{ &parent, NULL, 8, BINDER_SAME, true, "another socket, which it has",
		  ATTRIBUTION_REASON_NONE },
		{ NULL, NULL, 7, BINDER_SAME, false, "nobody", ATTRIBUTION_REASON_NONE },
		{ NULL, NULL, 8, BINDER_ANOTHER, false, "a socket where there was none",
		  ATTRIBUTION_REASON_NONE },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture fixture = begin(false);
		struct connection *connection = open_one(&fixture, IPPROTO_UDP, true, true);

		connection->owners[DST].process = cases[i].owner;
		connection->owners[DST].cookie = 7;
		answers[DST] = answer(ATTRIBUTION_UNKNOWN, cases[i].found);
		answers[DST].reason = cases[i].reason;
		answers[DST].cookie = answers[DST].inode = cases[i].cookie;
		holds = cases[i].holds;
		CHECK_EQUAL(binder_who_now(fixture.binder, connection, DST, false, NOW + 1),
		            cases[i].now, "who is it now: %s", cases[i].title);
		CHECK(!asked[DST].sender && asked[DST].seen_ns == NOW + 1, "asked as of then");
		finish(&fixture);
	}
	holds = false;
}

/* Packets of a connection that two processes use. */
static void test_judge(void)
{
	struct packet packet = { .ifindex = 3, .payload = 10 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_TRACEPOINT, &parent));

	contested = inherited = false;
	user = answer(ATTRIBUTION_TRACEPOINT, &child);
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, NOW + 5, 1) == 0 &&
	              connection->owners[DST].process == &parent && reported == 0 && !inherited,
	      "owners stand where one process uses the end, and lives");
	contested = true;
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 6, 1);
	CHECK(!connection->binding.contested, "no look is taken while nothing changed");
	changed_ns = connection->seen_ns - WINDOW_TRACE_BEFORE_NS - 1;
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 6, 3);
	CHECK(!connection->binding.contested, "nor for what changed before it began");
	changed_ns++;
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, NOW + 7, 2) == 0 &&
	              connection->owners[DST].process == &child && reported == 1,
	      "the packet is of the process that sent it, and that is reported");
	CHECK(asked[DST].seen_ns == NOW + 7 && asked[DST].sender && asked[DST].has_payload,
	      "the question is about the packet");
	binder_judge(fixture.binder, connection, SRC, &packet, NOW + 8, 2);
	CHECK(reported == 1 && !asked[DST].sender, "once is enough");
	user = unknown(ATTRIBUTION_AMBIGUOUS);
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, NOW + 9, 2) ==
	                      BINDER_AMBIGUOUS << DST &&
	              connection->owners[DST].process == &child,
	      "a packet may be of either, which says nothing of the connection");
	for (int i = 0; i < 100; i++) {
		user = answer(ATTRIBUTION_TRACEPOINT, i % 2 ? &child : &parent);
		binder_judge(fixture.binder, connection, DST, &packet, NOW + 10 + i, 2);
	}
	CHECK(connection->owners[DST].process == &child && reported < 20,
	      "an owner that changes with each packet is reported some times");
	contested = false;
	changed_ns = INT64_MAX;
	user = unknown(ATTRIBUTION_REASON_NONE);
	finish(&fixture);
}

/* Two processes got a broadcast, and both answer, each from its own address. */
static void test_judge_fanned_out(void)
{
	struct packet packet = { .ifindex = 3, .payload = 10 };
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_UDP, true, true);

	connection->fanned_out = true;
	answers[SRC] = answer(ATTRIBUTION_TRACEPOINT, &parent);
	answers[DST] = answer(ATTRIBUTION_SOCKET, &child);
	bind_one(&fixture, connection);
	contested = true;
	user = unknown(ATTRIBUTION_AMBIGUOUS);
	CHECK(binder_judge(fixture.binder, connection, SRC, &packet, NOW + 1, 1) == BINDER_AMBIGUOUS
	                                                                                    << SRC,
	      "it may be of either sender");
	CHECK(connection->owners[DST].process == &child, "and was received by all that have it");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_UDP, answer(ATTRIBUTION_SOCKET, &child));
	connection->fanned_out = true;
	CHECK(binder_judge(fixture.binder, connection, SRC, &packet, NOW + 1, 1) == 0 &&
	              !connection->binding.contested,
	      "who answers says nothing of an end that sends nothing");
	contested = false;
	user = unknown(ATTRIBUTION_REASON_NONE);
	finish(&fixture);
}

/* No packet of it was captured: its remote end has no owner here. */
static void test_unseen(void)
{
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, false);

	binder_bind_unseen(fixture.binder, connection, NOW);
	CHECK(asked_count[SRC] == 1 && asked_count[DST] == 0,
	      "without packets, the local end alone is asked for");
	finish(&fixture);
}

int main(void)
{
	test_closing();
	test_stale();
	test_died();
	test_died_meanwhile();
	test_died_translated();
	test_moves_translated();
	test_who_now();
	test_judge();
	test_judge_fanned_out();
	test_unseen();
	return check_done();
}
