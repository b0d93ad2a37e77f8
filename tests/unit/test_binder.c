/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Which ends the binder asks about, when, and which answer it takes. */
#include "binder_fixture.h"

static void test_who_is_asked(void)
{
	static const struct {
		bool source, destination;
		int from_source, from_destination;
		enum attribution_reason source_reason, destination_reason;
	} cases[] = {
		{ true, true, 1, 1, ATTRIBUTION_NO_SOCKET, ATTRIBUTION_NO_SOCKET },
		{ true, false, 1, 0, ATTRIBUTION_NO_SOCKET, ATTRIBUTION_REASON_NONE },
		{ false, true, 0, 1, ATTRIBUTION_REASON_NONE, ATTRIBUTION_NO_SOCKET },
		{ false, false, 0, 0, ATTRIBUTION_FORWARDED, ATTRIBUTION_FORWARDED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fixture fixture = begin(false);
		struct connection *connection =
			open_one(&fixture, IPPROTO_UDP, cases[i].source, cases[i].destination);

		bind_one(&fixture, connection);
		CHECK(asked_count[SRC] == cases[i].from_source &&
		              asked_count[DST] == cases[i].from_destination,
		      "local ends are asked for, others are not (%zu)", i);
		CHECK(connection->owners[SRC].reason == cases[i].source_reason &&
		              connection->owners[DST].reason == cases[i].destination_reason,
		      "and what is known of them (%zu)", i);
		finish(&fixture);
	}
}

static void test_questions(void)
{
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, true);

	bind_one(&fixture, connection);
	CHECK(tuple_equal(&asked[SRC].tuple, &connection->tuple) && asked[SRC].sender &&
	              !asked[SRC].responder && asked[SRC].ifindex == 3,
	      "the initiator's question");
	CHECK(asked[DST].tuple.source_port == 80 && !asked[DST].sender && asked[DST].responder,
	      "the responder's, from its end");
	CHECK(asked[SRC].since_ns == NOW && asked[SRC].asked_ns == NOW && asked[SRC].netns == 1,
	      "times and namespace");
	finish(&fixture);

	fixture = begin(false);
	connection = open_one(&fixture, IPPROTO_TCP, true, false);
	connection->midway = true;
	bind_one(&fixture, connection);
	CHECK_EQUAL(asked[SRC].since_ns, 0, "of one met midway it is not known when it began");
	finish(&fixture);

	fixture = begin(true);
	connection = open_one(&fixture, IPPROTO_TCP, false, false);
	bind_one(&fixture, connection);
	CHECK(asked_count[SRC] == 0 && connection->owners[SRC].reason == ATTRIBUTION_REPLAY &&
	              binder_retry(fixture.binder, NOW + NS_PER_SECOND) == -1,
	      "in a replay nobody is asked");
	binder_closing(fixture.binder, connection, NOW);
	CHECK_EQUAL(binder_counters(fixture.binder)->owners.reasons[ATTRIBUTION_REPLAY], 1,
	            "and it is counted once");
	finish(&fixture);
}

static void test_retries(void)
{
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, false);
	int64_t now = NOW;

	answers[SRC] = unknown(ATTRIBUTION_PENDING);
	bind_one(&fixture, connection);
	run_until(&fixture, &now, NOW + 10 * NS_PER_MS);
	CHECK(asked_count[SRC] >= 3, "asked again soon (%d)", asked_count[SRC]);
	run_until(&fixture, &now, NOW + 10 * NS_PER_SECOND);
	CHECK(asked_count[SRC] >= 5 && asked_count[SRC] <= 16, "and then more and more rarely (%d)",
	      asked_count[SRC]);
	CHECK_EQUAL(asked[SRC].asked_ns, NOW, "always with the time of the first");
	CHECK(reported == 0 && binder_retry(fixture.binder, now) == -1, "until it is given up");
	finish(&fixture);

	fixture = begin(false);
	connection = open_one(&fixture, IPPROTO_TCP, true, false);
	answers[SRC] = unknown(ATTRIBUTION_PENDING);
	bind_one(&fixture, connection);
	now = NOW;
	run_until(&fixture, &now, NOW + 100 * NS_PER_MS);
	answers[SRC] = answer(ATTRIBUTION_SOCKET, &parent);
	run_until(&fixture, &now, NOW + WINDOW_RETRY_NS + NS_PER_MS);
	CHECK(reported == 1 && connection->owners[SRC].process == &parent &&
	              binder_retry(fixture.binder, now) == -1,
	      "an answer is reported, once, and ends the asking");
	finish(&fixture);
}

/* A process that holds the socket is found by a walk, which a busy machine may end much later. */
static void test_late_walk(void)
{
	static const enum attribution_reason ends[] = { ATTRIBUTION_REASON_NONE,
		                                        ATTRIBUTION_EXITED };

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct fixture fixture = begin(false);
		struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, false);
		int64_t now = NOW;
		int before;

		answers[SRC] = unknown(ATTRIBUTION_PENDING);
		answers[SRC].inode = 7;
		bind_one(&fixture, connection);
		run_until(&fixture, &now, NOW + WINDOW_RETRY_NS);
		before = asked_count[SRC];
		run_until(&fixture, &now, NOW + WINDOW_RETRY_NS + 20 * NS_PER_SECOND);
		CHECK(asked_count[SRC] - before >= 15 && asked_count[SRC] - before <= 25,
		      "asked each second until a walk has ended (%d)", asked_count[SRC] - before);
		CHECK_EQUAL(reported, 0, "without a record");
		answers[SRC] = ends[i] == ATTRIBUTION_REASON_NONE
		                       ? answer(ATTRIBUTION_SOCKET, &parent)
		                       : unknown(ends[i]);
		run_until(&fixture, &now, now + 3 * NS_PER_SECOND);
		CHECK(reported == (ends[i] == ATTRIBUTION_REASON_NONE) &&
		              binder_retry(fixture.binder, now) == -1,
		      "what it has found is reported, or that there is nothing ends it");
		finish(&fixture);
	}
}

/* For whom it is worth asking again. */
static void test_settled(void)
{
	static const struct {
		enum attribution_method method;
		enum attribution_reason reason;
		bool again;
	} cases[] = {
		{ ATTRIBUTION_UNKNOWN, ATTRIBUTION_PENDING, true },
		{ ATTRIBUTION_UNKNOWN, ATTRIBUTION_NO_SOCKET, true },
		{ ATTRIBUTION_UNKNOWN, ATTRIBUTION_EXITED, true },
		{ ATTRIBUTION_UNKNOWN, ATTRIBUTION_TIME_WAIT, true },
		{ ATTRIBUTION_UNKNOWN, ATTRIBUTION_AMBIGUOUS, false },
		{ ATTRIBUTION_UNKNOWN, ATTRIBUTION_OTHER_NETNS, false },
		{ ATTRIBUTION_SOCKET, ATTRIBUTION_REASON_NONE, false },
		{ ATTRIBUTION_TRACEPOINT, ATTRIBUTION_REASON_NONE, false },
		{ ATTRIBUTION_RECENT, ATTRIBUTION_REASON_NONE, false },
		{ ATTRIBUTION_KERNEL, ATTRIBUTION_REASON_NONE, false },
		{ ATTRIBUTION_LISTENER, ATTRIBUTION_REASON_NONE, true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fixture fixture = begin(false);
		struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, false);
		int64_t now = NOW;

		answers[SRC] = answer(cases[i].method, &parent);
		if (cases[i].method == ATTRIBUTION_UNKNOWN)
			answers[SRC] = unknown(cases[i].reason);
		bind_one(&fixture, connection);
		run_until(&fixture, &now, NOW + 10 * NS_PER_SECOND);
		CHECK_EQUAL((asked_count[SRC] > 1), cases[i].again, "%s: %s",
		            cases[i].method == ATTRIBUTION_UNKNOWN
		                    ? attribution_reason_name(cases[i].reason)
		                    : attribution_method_name(cases[i].method),
		            cases[i].again ? "asked again" : "settled");
		CHECK_EQUAL(reported, 0, "the same answer is not reported again");
		finish(&fixture);
	}
}

/* Datagrams that no socket took. */
static void test_unreceived(void)
{
	struct packet data = { .payload = 10 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_UDP, unknown(ATTRIBUTION_NO_SOCKET));
	int64_t now = NOW;

	connection->counts[SRC].packets = 1;
	run_until(&fixture, &now, NOW + 10 * NS_PER_SECOND);
	CHECK_EQUAL(asked_count[DST], 2, "no socket received it: asked once more, for NAT");
	for (int i = 2; i <= 1024; i++) {
		connection->counts[SRC].packets = (uint64_t)i;
		binder_packet(fixture.binder, connection, SRC, &data, now, now);
	}
	CHECK_EQUAL(asked_count[DST], 12, "more of them: more and more rarely");
	CHECK_EQUAL(asked[DST].seen_ns, now, "a socket that is open by then");
	answers[DST] = answer(ATTRIBUTION_SOCKET, &parent);
	connection->counts[SRC].packets = 2048;
	binder_packet(fixture.binder, connection, SRC, &data, now, now);
	CHECK(reported == 1 && connection->owners[DST].process == &parent, "is found");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_UDP, unknown(ATTRIBUTION_PENDING));
	now = NOW;
	run_until(&fixture, &now, NOW + 50 * NS_PER_MS);
	CHECK_EQUAL(asked_count[DST], 1, "sockets are to be listed: not asked before");
	answers[DST] = unknown(ATTRIBUTION_NO_SOCKET);
	run_until(&fixture, &now, NOW + 10 * NS_PER_SECOND);
	CHECK(asked_count[DST] == 2 && binder_retry(fixture.binder, now) == -1,
	      "and once when they were");
	finish(&fixture);
}

static void test_listener(void)
{
	struct packet data = { .payload = 10 }, nothing = { .payload = 0 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_LISTENER, &parent));

	binder_packet(fixture.binder, connection, DST, &nothing, NOW + 1, NOW + 1);
	CHECK(asked_count[DST] == 1 && !asked[DST].gone,
	      "an acknowledgement: nobody need have accepted it");
	binder_packet(fixture.binder, connection, SRC, &data, NOW + 1, NOW + 1);
	CHECK_EQUAL(asked_count[DST], 1, "what the other end sends shows nothing");
	for (int i = 0; i < 100; i++)
		binder_packet(fixture.binder, connection, DST, &data, NOW + 1, NOW + 1);
	CHECK(asked_count[DST] > 1 && asked_count[DST] < 10, "its data: asked again, not for ever");
	CHECK(asked[DST].gone, "who has sent data and has only a listener is closed");
	CHECK_EQUAL(reported, 0, "nothing new");
	answers[DST] = answer(ATTRIBUTION_SOCKET, &child);
	run_until(&fixture, &(int64_t){ NOW }, NOW + WINDOW_RETRY_NS);
	CHECK(reported == 1 && connection->owners[DST].process == &child,
	      "the child that accepted it");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_LISTENER, &parent));
	answers[DST] = answer(ATTRIBUTION_SOCKET, &parent);
	binder_packet(fixture.binder, connection, DST, &data, NOW + 1, NOW + 1);
	CHECK(reported == 0 && connection->owners[DST].method == ATTRIBUTION_SOCKET,
	      "the same process, known better: nothing to report");
	CHECK(!connection->gone, "and open");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_UDP, unknown(ATTRIBUTION_AMBIGUOUS));
	answers[DST] = answer(ATTRIBUTION_SOCKET, &parent);
	binder_packet(fixture.binder, connection, DST, &data, NOW + 6, NOW + 8);
	answers[DST] = answer(ATTRIBUTION_TRACEPOINT, &child);
	binder_packet(fixture.binder, connection, DST, &data, NOW + 7, NOW + 9);
	CHECK(reported == 1 && connection->owners[DST].process == &child &&
	              asked[DST].seen_ns == NOW + 7,
	      "one of several on a UDP port: who has answered, at the time of the answer");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_UDP, unknown(ATTRIBUTION_AMBIGUOUS));
	answers[DST] = answer(ATTRIBUTION_TRACEPOINT, &child);
	binder_packet(fixture.binder, connection, DST, &data, NOW + 7, NOW);
	CHECK(reported == 1 && connection->owners[DST].process == &child,
	      "and so when question and answer are taken together");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_TCP, unknown(ATTRIBUTION_AMBIGUOUS));
	answers[DST] = answer(ATTRIBUTION_LISTENER, &parent);
	run_until(&fixture, &(int64_t){ NOW }, NOW + 10 * NS_PER_MS);
	CHECK(reported == 0 && !connection->owners[DST].process,
	      "one of several listeners: not the one that is left");
	answers[DST] = answer(ATTRIBUTION_SOCKET, &child);
	run_until(&fixture, &(int64_t){ NOW }, NOW + WINDOW_RETRY_NS);
	CHECK(reported == 1 && connection->owners[DST].process == &child, "who has accepted it");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_LISTENER, &parent));
	binder_packet(fixture.binder, connection, DST, &nothing, NOW, NOW);
	CHECK(!connection->gone, "an acknowledgement taken with the first packet");
	binder_packet(fixture.binder, connection, DST, &data, NOW, NOW);
	CHECK(asked_count[DST] == 1 && connection->gone,
	      "its data, taken with the first packet: closed when it was asked for");
	finish(&fixture);
}

/* What was known stays, when there is nothing left to look at. */
static void test_never_worse(void)
{
	struct owner worse[] = {
		unknown(ATTRIBUTION_NO_SOCKET),
		unknown(ATTRIBUTION_TIME_WAIT),
		answer(ATTRIBUTION_LISTENER, &parent),
		answer(ATTRIBUTION_RECENT, &parent),
	};

	for (size_t i = 0; i < sizeof worse / sizeof worse[0]; i++) {
		struct fixture fixture;
		struct connection *connection =
			begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_SOCKET, &child));

		answers[DST] = worse[i];
		run_until(&fixture, &(int64_t){ NOW }, NOW + WINDOW_RETRY_NS);
		binder_closing(fixture.binder, connection, NOW);
		CHECK(connection->owners[DST].method == ATTRIBUTION_SOCKET &&
		              connection->owners[DST].process == &child && reported == 0,
		      "a socket's holder is not given up for less (%zu)", i);
		finish(&fixture);
	}
}

/* The later one of two reasons, unless several were there: the owner is not known for that. */
static void test_reason(void)
{
	static const enum attribution_reason kept[][3] = {
		{ ATTRIBUTION_PENDING, ATTRIBUTION_EXITED, ATTRIBUTION_EXITED },
		{ ATTRIBUTION_AMBIGUOUS, ATTRIBUTION_NO_SOCKET, ATTRIBUTION_AMBIGUOUS },
	};

	for (int i = 0; i < 2; i++) {
		struct fixture fixture;
		struct connection *connection =
			begin_bound(&fixture, IPPROTO_TCP, unknown(kept[i][0]));

		answers[DST] = unknown(kept[i][1]);
		run_until(&fixture, &(int64_t){ NOW }, NOW + WINDOW_RETRY_NS);
		CHECK(connection->owners[DST].reason == kept[i][2] && reported == 0, "%s, then %s",
		      attribution_reason_name(kept[i][0]), attribution_reason_name(kept[i][1]));
		finish(&fixture);
	}
}

/* Its socket may be there with the first packet, or come a moment later. */
static void test_transparent_proxy(void)
{
	for (int late = 0; late <= 1; late++) {
		struct fixture fixture = begin(false);
		struct connection *connection = open_one(&fixture, IPPROTO_TCP, false, false);

		answers[DST] = answer(ATTRIBUTION_SOCKET, &parent);
		proxy_is_there = !late;
		found_local = 0;
		bind_one(&fixture, connection);
		proxy_is_there = true;
		run_until(&fixture, &(int64_t){ NOW }, NOW + NS_PER_SECOND);
		proxy_is_there = false;
		CHECK(connection->local[DST] && !connection->local[SRC] &&
		              connection->direction == CONNECTION_INGRESS,
		      "the connection comes in (%d)", late);
		CHECK(asked[DST].foreign && connection->owners[DST].process == &parent,
		      "and is the proxy's (%d)", late);
		CHECK_EQUAL(found_local, late, "its packets so far are reported as such (%d)",
		            late);
		CHECK_EQUAL(connection->owners[SRC].reason, ATTRIBUTION_REASON_NONE,
		            "its client is of another host (%d)", late);
		finish(&fixture);
	}
}

/* A lookup found a process that only accepted; then another is seen to use the socket. */
static void test_looked_up(void)
{
	struct packet packet = { .ifindex = 3, .payload = 10 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_SOCKET, &parent));

	contested = false;
	user = unknown(ATTRIBUTION_REASON_NONE);
	binder_judge(fixture.binder, connection, DST, &packet, NOW, 1);
	CHECK(connection->owners[DST].process == &parent, "none is seen");
	user = answer(ATTRIBUTION_TRACEPOINT, &child);
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 1, 1);
	CHECK(connection->owners[DST].process == &parent, "no look is taken while nothing changed");
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 2, 2);
	CHECK(connection->owners[DST].process == &child && reported == 1,
	      "the one that is seen has it");
	user = unknown(ATTRIBUTION_REASON_NONE);
	finish(&fixture);
}

/* An answer shows what NAT made of an end. */
static void test_translated(void)
{
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_UDP, true, false);
	struct tuple first = connection->tuple, second = connection->tuple;

	first.destination_port = 53;
	second.destination_port = 54;
	answers[SRC] = answer(ATTRIBUTION_TRACEPOINT, &parent);
	bind_one(&fixture, connection);
	answers[SRC] = answer(ATTRIBUTION_SOCKET, &child);
	binder_translated(fixture.binder, connection, SRC, &first);
	CHECK(asked_count[SRC] == 1 && connection->owners[SRC].process == &parent,
	      "an owner that is known stays");
	binder_translated(fixture.binder, connection, SRC, &second);
	CHECK(tuple_equal(owner_translated(&connection->owners[SRC]), &first),
	      "and has the address of the first answer");
	finish(&fixture);
}

/* After its end another socket may have the same ends, and while it is silent none. */
static void test_until(void)
{
	for (int over = 0; over <= 1; over++) {
		struct fixture fixture = begin(false);
		struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, true);
		int64_t plain_ns;

		bind_one(&fixture, connection);
		plain_ns = asked[DST].until_ns;
		connection->reason = over ? CONNECTION_FIN : CONNECTION_IDLE;
		binder_closing(fixture.binder, connection, NOW + 5);
		CHECK_EQUAL(until_ns, over ? NOW + 5 + WINDOW_LAST_PACKET_NS : plain_ns,
		            "until when the last holder is asked for (over: %d)", over);
		finish(&fixture);
	}
}

/* An end that has sent has a socket, although none is found at once. */
static void test_sends_unfound(void)
{
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_UDP, unknown(ATTRIBUTION_NO_SOCKET));

	connection->counts[DST].packets = 1;
	run_until(&fixture, &(int64_t){ NOW }, NOW + 10 * NS_PER_SECOND);
	CHECK(asked_count[DST] > 2, "an end that sends is asked for at each level: %d",
	      asked_count[DST]);
	finish(&fixture);
}

/* Each interface may have a socket with these ends of the link. */
static void test_other_interface(void)
{
	struct fixture fixture = begin(false);
	struct connection *connection = open_one(&fixture, IPPROTO_UDP, true, true);
	struct packet packet = { .ifindex = 3, .payload = 1 };

	inet_parse("fe80::1", &connection->tuple.source);
	inet_parse("fe80::2", &connection->tuple.destination);
	connection->ifindex = 3;
	answers[SRC] = answers[DST] = answer(ATTRIBUTION_SOCKET, &parent);
	bind_one(&fixture, connection);
	binder_judge(fixture.binder, connection, SRC, &packet, NOW + 1, 1);
	CHECK(!connection->binding.contested, "one interface: one process");
	packet.ifindex = 4;
	binder_judge(fixture.binder, connection, SRC, &packet, NOW + 2, 2);
	CHECK(connection->binding.contested, "another interface: maybe another process");
	finish(&fixture);
}

int main(void)
{
	test_who_is_asked();
	test_questions();
	test_retries();
	test_late_walk();
	test_settled();
	test_unreceived();
	test_listener();
	test_never_worse();
	test_reason();
	test_transparent_proxy();
	test_looked_up();
	test_translated();
	test_until();
	test_sends_unfound();
	test_other_interface();
	return check_done();
}
