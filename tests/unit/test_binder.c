/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The binder with an attribution of this test's own: it gives the answers of each test, and counts. */
#include "stream/binder.h"

#include <netinet/in.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "check.h"
#include "stream/destroyed.h"

#define NOW (1000 * NS_PER_SECOND)
#define SRC CONNECTION_SOURCE
#define DST CONNECTION_DESTINATION

static const struct hash_key key = { { 1, 1 } };
static struct process parent = { .references = 1000000, .pid = 100 };
static struct process child = { .references = 1000000, .pid = 101 };

/* What is answered for each end, and what was asked. */
static struct owner answers[2];
static struct attribution_question asked[2];
static int asked_count[2];
static struct owner last_holder; /* method UNKNOWN: nobody was seen */
static int64_t until_ns;         /* until when a last holder was asked for */
static int reported;
static int found_local;     /* connections of which an end was */
static bool proxy_is_there; /* a socket has an address that is not of this host */

void attribution_resolve(struct attribution *attribution,
                         const struct attribution_question *question, struct owner *owner)
{
	int end = question->responder ? DST : SRC;

	(void)attribution;
	asked[end] = *question;
	asked_count[end]++;
	if (owner_copy(owner, &answers[end]) != 0)
		exit(EXIT_FAILURE);
}

bool attribution_last_holder(struct attribution *attribution,
                             const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	until_ns = question->until_ns;
	if (last_holder.method == ATTRIBUTION_UNKNOWN || owner->process == last_holder.process)
		return false;
	return owner_copy(owner, &last_holder) == 0;
}

bool attribution_is_of_host(struct attribution *attribution,
                            const struct attribution_question *question)
{
	(void)attribution;
	return proxy_is_there && question->responder;
}

static bool contested, inherited, lost, holds;
static unsigned shared;         /* ATTRIBUTION_NOW_OTHERS and such */
static int64_t heir_ns;         /* since when an heir was asked for */
static struct owner user, heir; /* what is answered */

bool attribution_is_contested(struct attribution *attribution,
                              const struct attribution_question *question)
{
	(void)attribution;
	(void)question;
	return contested;
}

static int64_t changed_ns = INT64_MAX; /* when an end was seen with another process */

bool attribution_changed_since(const struct attribution *attribution, int64_t since_ns)
{
	(void)attribution;
	return changed_ns >= since_ns;
}

bool attribution_find_user(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	asked[question->responder ? DST : SRC] = *question;
	return (user.process || user.reason) && owner_copy(owner, &user) == 0;
}

bool attribution_may_outlive(const struct attribution *attribution,
                             const struct attribution_question *question,
                             const struct process *process)
{
	(void)attribution;
	(void)question;
	(void)process;
	return false;
}

bool attribution_find_heir(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	heir_ns = question->heir_ns;
	inherited = true;
	return owner_copy(owner, &heir) == 0 && owner->process;
}

static bool left; /* to a child, perhaps */

bool attribution_may_share(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	(void)attribution;
	(void)question;
	(void)owner;
	return left;
}

bool attribution_holds(struct attribution *attribution, const struct process *process,
                       uint64_t inode)
{
	(void)attribution;
	(void)inode;
	return process == &parent && holds;
}

bool attribution_find_listening(struct attribution *attribution,
                                const struct attribution_question *question,
                                const struct process *unborn, struct owner *owner)
{
	(void)attribution;
	(void)unborn;
	owner->process = question->seen_ns == NOW - 1 ? process_ref(&parent) : NULL;
	return owner->process;
}

unsigned attribution_look_at_holders(struct attribution *attribution,
                                     const struct attribution_question *question,
                                     struct owner *owner)
{
	(void)attribution;
	(void)question;
	if (shared && owner->process == &parent)
		owner->was_shared = true;
	return (lost && owner->process == &parent ? ATTRIBUTION_LOST : 0) | shared;
}

static void on_bound(void *context, struct connection *connection)
{
	(void)context;
	(void)connection;
	reported++;
}

static void on_found_local(void *context, struct connection *connection)
{
	(void)context;
	found_local += connection->local[DST];
}

static void on_change(void *context, struct connection *connection, enum connection_change change)
{
	(void)context;
	(void)connection;
	(void)change;
}

struct fixture {
	struct connection_table *connections;
	struct binder *binder;
};
static struct destroyed *destroyed; /* of the next fixture */

static struct owner answer(enum attribution_method method, struct process *process)
{
	return (struct owner){ .method = method, .process = process };
}

static struct owner unknown(enum attribution_reason reason)
{
	return (struct owner){ .reason = reason };
}

static struct fixture begin(bool replay)
{
	struct connection_table_options table_options = { .max_connections = 64,
		                                          .key = key,
		                                          .callback = on_change };
	struct binder_options options = {
		.callback = on_bound,
		.found_local = on_found_local,
		.destroyed = destroyed,
	};
	struct fixture fixture;

	fixture.connections = connection_table_new(&table_options);
	options.connections = fixture.connections;
	options.attribution =
		replay ? NULL : (struct attribution *)&fixture; /* never looked into */
	fixture.binder = binder_new(&options);
	if (!fixture.connections || !fixture.binder)
		exit(EXIT_FAILURE);
	answers[SRC] = answers[DST] = unknown(ATTRIBUTION_NO_SOCKET);
	last_holder = unknown(ATTRIBUTION_NO_SOCKET);
	memset(asked_count, 0, sizeof asked_count);
	reported = 0;
	return fixture;
}

static void finish(struct fixture *fixture)
{
	binder_free(fixture->binder);
	connection_table_free(fixture->connections);
}

static struct connection *open_one(struct fixture *fixture, uint8_t protocol, bool source,
                                   bool destination)
{
	struct tuple tuple = { .source_port = 1000, .destination_port = 80, .protocol = protocol };
	struct connection_key wanted;
	struct connection *connection;

	inet_parse("10.0.0.1", &tuple.source);
	inet_parse("10.0.0.2", &tuple.destination);
	wanted = connection_table_key(fixture->connections, 1, &tuple);
	connection = connection_table_open(fixture->connections, &wanted, NOW, NOW);
	connection->local[SRC] = source;
	connection->local[DST] = destination;
	connection->seen_ns = NOW;
	return connection;
}

static void bind_one(struct fixture *fixture, struct connection *connection)
{
	struct packet packet = { .ifindex = 3 };

	binder_bind(fixture->binder, connection, SRC, &packet, NOW);
}

/* From afar to this host. */
static struct connection *begin_bound(struct fixture *fixture, uint8_t protocol, struct owner first)
{
	struct connection *connection;

	*fixture = begin(false);
	connection = open_one(fixture, protocol, false, true);
	answers[DST] = first;
	bind_one(fixture, connection);
	return connection;
}

/* As the loop does: each time when the binder asked for it. Returns when nothing is due. */
static void run_until(struct fixture *fixture, int64_t *now, int64_t end)
{
	int64_t next = binder_retry(fixture->binder, *now);

	while (next >= 0 && *now + next <= end) {
		*now += next;
		next = binder_retry(fixture->binder, *now);
	}
	*now = end;
}

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

/* The socket at the first look had no holder yet; what is found later is it, or a successor. */
static void test_successor(void)
{
	static const struct {
		uint8_t protocol;
		enum connection_end end;
		bool midway;
		uint64_t first, later; /* inodes */
		bool is_found;
		const char *title;
	} cases[] = {
		{ IPPROTO_UDP, DST, false, 7, 7, true, "the same socket" },
		{ IPPROTO_UDP, DST, false, 7, 8, false, "another one has its port" },
		{ IPPROTO_UDP, SRC, false, 7, 8, false, "another one has the sender's port" },
		{ IPPROTO_UDPLITE, DST, false, 7, 8, false, "another one, UDP-Lite" },
		{ IPPROTO_UDP, DST, false, 7, 0, true, "one that was seen, whichever it is" },
		{ IPPROTO_UDP, DST, false, 0, 8, true, "none was there before" },
		{ IPPROTO_TCP, SRC, false, 7, 7, true, "the initiator's socket" },
		{ IPPROTO_TCP, SRC, false, 7, 8, false, "another one with the initiator's tuple" },
		{ IPPROTO_TCP, SRC, true, 7, 8, true, "the initiator may be a server" },
		{ IPPROTO_TCP, DST, false, 7, 8, true, "what a listener accepted" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		enum connection_end end = cases[i].end;
		struct fixture fixture = begin(false);
		struct connection *connection =
			open_one(&fixture, cases[i].protocol, end == SRC, end == DST);
		const struct owner *owner = &connection->owners[end];

		connection->midway = cases[i].midway;
		answers[end] = unknown(ATTRIBUTION_PENDING);
		answers[end].inode = cases[i].first;
		bind_one(&fixture, connection);
		answers[end] = answer(ATTRIBUTION_SOCKET, &child);
		answers[end].inode = cases[i].later;
		run_until(&fixture, &(int64_t){ NOW }, NOW + WINDOW_RETRY_NS);
		CHECK(reported == cases[i].is_found &&
		              (cases[i].is_found
		                       ? owner->process == &child
		                       : !owner->process && owner->reason == ATTRIBUTION_NO_SOCKET),
		      "at a later look: %s", cases[i].title);
		finish(&fixture);
	}
}

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

/* A socket of UDP that was connected: a child has it from its parent, others may have the next. */
static void test_handed_datagrams(void)
{
	static struct process own_child = { .references = 1000000, .pid = 102, .parent_pid = 100 };
	static int both[] = { 102, 103 };
	struct packet packet = { .ifindex = 3, .payload = 10 };
	struct owner held = answer(ATTRIBUTION_TRACEPOINT, &parent);
	struct fixture fixture;
	struct connection *connection;
	int64_t now = clock_monotonic_ns();

	held.inode = 7;
	connection = begin_bound(&fixture, IPPROTO_UDP, held);
	inherited = false;
	lost = true;
	heir = answer(ATTRIBUTION_SOCKET, &child);
	heir.inode = 7;
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, now, 1) == BINDER_AMBIGUOUS
	                                                                                << DST &&
	              connection->owners[DST].process == &parent && reported == 0,
	      "another process has it: from whom is not known");
	CHECK(connection->owners[DST].lost, "and that its owner has it no more is noted");
	connection->owners[DST].lost = false;
	heir = unknown(ATTRIBUTION_PENDING);
	heir.inode = 7;
	heir.from_proc_net = true;
	binder_judge(fixture.binder, connection, DST, &packet, now, 1);
	CHECK(!connection->owners[DST].lost, "a listing may be from before it was closed");
	heir.from_proc_net = false;
	binder_judge(fixture.binder, connection, DST, &packet, now, 1);
	CHECK(connection->owners[DST].lost, "but not what the kernel has just answered");
	heir = answer(ATTRIBUTION_SOCKET, &own_child);
	heir.inode = 7;
	heir.shared_pids = both;
	heir.shared_count = 2;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 2),
	            BINDER_AMBIGUOUS << DST, "two of its children have it");
	heir.shared_pids = NULL;
	heir.shared_count = 0;
	binder_judge(fixture.binder, connection, DST, &packet, now, 3);
	CHECK(connection->owners[DST].process == &own_child && reported == 1, "one has it");
	lost = false;
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_UDP, held);
	connection->binding.contested = true;
	user = unknown(ATTRIBUTION_REASON_NONE);
	lost = true;
	binder_judge(fixture.binder, connection, DST, &packet, now, 1);
	CHECK(connection->owners[DST].process == &parent,
	      "where several were seen, those that send are");
	lost = contested = false;
	finish(&fixture);
}

/* Several processes have the socket of a UDP server from its start: each answers some of its clients. */
static void test_shared_datagrams(void)
{
	static int both[] = { 100, 101 };
	struct packet packet = { .payload = 10 };
	struct owner held = answer(ATTRIBUTION_SOCKET, &parent);
	struct fixture fixture;
	struct connection *connection;

	held.shared_pids = both;
	held.shared_count = 2;
	connection = begin_bound(&fixture, IPPROTO_UDP, held);
	user = answer(ATTRIBUTION_TRACEPOINT, &child);
	binder_judge(fixture.binder, connection, SRC, &packet, NOW + 5, 1);
	CHECK(connection->owners[DST].process == &parent && reported == 0 &&
	              connection->binding.changes == 0,
	      "what it receives is of one of them, and the next packet asks again");
	user = unknown(ATTRIBUTION_REASON_NONE);
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, NOW + 6, 1) == 0 &&
	              connection->owners[DST].process == &parent,
	      "where none was seen to send, it stays");
	user = answer(ATTRIBUTION_TRACEPOINT, &child);
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 7, 1);
	CHECK(connection->owners[DST].process == &child && reported == 1 &&
	              connection->owners[DST].shared_count == 0,
	      "the one that sends is its owner");
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 8, 1);
	CHECK(connection->binding.changes != 0, "which stands as others do");
	user = unknown(ATTRIBUTION_REASON_NONE);
	finish(&fixture);
}

/* What one end receives from several is no doubt about that end. */
static void test_receives_from_several(void)
{
	struct packet packet = { .payload = 10 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_UDP, answer(ATTRIBUTION_TRACEPOINT, &parent));

	connection->binding.contested = true;
	contested = false; /* at this end */
	user = unknown(ATTRIBUTION_AMBIGUOUS);
	CHECK_EQUAL(binder_judge(fixture.binder, connection, SRC, &packet, NOW + 5, 1), 0,
	            "an end that receives, and that one process uses");
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, NOW + 6, 2),
	            BINDER_AMBIGUOUS << DST, "an end that sends");
	contested = true;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, SRC, &packet, NOW + 7, 3),
	            BINDER_AMBIGUOUS << DST, "an end that receives, and that several use");
	contested = false;
	user = unknown(ATTRIBUTION_REASON_NONE);
	finish(&fixture);
}

/* A process that was seen with the connection, and has forked since: another may have sent. */
static void test_unreported_sender(void)
{
	struct packet packet = { .payload = 10 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_TRACEPOINT, &parent));

	changed_ns = INT64_MIN;
	shared = ATTRIBUTION_DOUBTFUL;
	parent.sole_holder_since_ns = connection->seen_ns - NS_PER_SECOND;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, NOW + 5, 1), 0,
	            "it was seen with the connection, and has not forked since");
	parent.sole_holder_since_ns = connection->seen_ns + 1;
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, NOW + 6, 2) & BINDER_AMBIGUOUS
	                                                                                   << DST,
	      "it has forked: which of them sends is not seen yet");
	parent.sole_holder_since_ns = 0;
	shared = 0;
	changed_ns = INT64_MAX;
	finish(&fixture);
}

/* Its record waits for late packets, and so does the process that is looked for. */
static void test_held(void)
{
	static const struct {
		const char *title;
		struct owner first, later;
		enum attribution_reason reason; /* NONE: the process of later */
	} cases[] = {
		{ "the holder of its socket is found",
		  { .reason = ATTRIBUTION_PENDING, .inode = 7 },
		  { .method = ATTRIBUTION_SOCKET, .process = &parent, .inode = 7 },
		  ATTRIBUTION_REASON_NONE },
		{ "the holder of the next socket with its ends is not",
		  { .reason = ATTRIBUTION_PENDING, .inode = 7 },
		  { .method = ATTRIBUTION_SOCKET, .process = &child, .inode = 8 },
		  ATTRIBUTION_NO_SOCKET },
		{ "nor one where none was there before",
		  { .reason = ATTRIBUTION_PENDING },
		  { .method = ATTRIBUTION_SOCKET, .process = &child, .inode = 8 },
		  ATTRIBUTION_PENDING },
		{ "nor what was remembered",
		  { .reason = ATTRIBUTION_PENDING, .inode = 7 },
		  { .method = ATTRIBUTION_RECENT, .process = &child },
		  ATTRIBUTION_PENDING },
		{ "raw sockets are",
		  { .reason = ATTRIBUTION_PENDING },
		  { .reason = ATTRIBUTION_RAW_SOCKET },
		  ATTRIBUTION_RAW_SOCKET },
		{ "what is known to be gone is left",
		  { .reason = ATTRIBUTION_EXITED, .inode = 7 },
		  { .method = ATTRIBUTION_SOCKET, .process = &child, .inode = 7 },
		  ATTRIBUTION_EXITED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture fixture = begin(false);
		struct connection *connection = open_one(&fixture, IPPROTO_TCP, true, false);
		const struct owner *owner = &connection->owners[SRC];
		const struct binder_counters *counters = binder_counters(fixture.binder);
		bool found = cases[i].reason == ATTRIBUTION_REASON_NONE;
		int64_t now = NOW;

		answers[SRC] = cases[i].first;
		bind_one(&fixture, connection);
		connection->reason = CONNECTION_RESET;
		binder_held(fixture.binder, connection, NOW);
		answers[SRC] = cases[i].later;
		run_until(&fixture, &now, NOW + WINDOW_HELD_NS);
		CHECK(owner->process == (found ? cases[i].later.process : NULL) &&
		              owner->reason == cases[i].reason && reported == found,
		      "%s", cases[i].title);
		CHECK_EQUAL(counters->owners.reasons[owner->reason], 0, "and is not counted yet");
		binder_settled(fixture.binder, connection);
		CHECK(owner->reason == cases[i].reason && reported == found &&
		              counters->owners.reasons[owner->reason] == 1,
		      "and the same, once, when the record is written");
		memset(asked_count, 0, sizeof asked_count);
		run_until(&fixture, &now, now + 10 * NS_PER_SECOND);
		CHECK_EQUAL(asked_count[SRC], 0, "and not asked for any more");
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

/* The owner has exited. */
static void test_heir(void)
{
	static struct process dead = { .references = 1000000, .pid = 102, .exited_ns = NOW + 1 };
	struct packet packet = { .ifindex = 3, .payload = 10 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_UDP, answer(ATTRIBUTION_TRACEPOINT, &dead));

	inherited = false;
	heir = unknown(ATTRIBUTION_PENDING);
	binder_judge(fixture.binder, connection, DST, &packet, NOW, 1);
	CHECK(!inherited && connection->binding.changes == 0,
	      "a packet of before is its own, and the next one asks again");
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, NOW + 2, 2) == BINDER_PENDING
	                                                                                    << DST,
	      "the socket is there, its holder is looked for");
	CHECK_EQUAL(heir_ns, NOW + 1, "what was seen before its owner exited proves nothing");
	heir = answer(ATTRIBUTION_SOCKET, &child);
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 3, 2);
	CHECK(connection->owners[DST].process == &child && reported == 1,
	      "the next packet is of the process that has the socket now");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_UDP, answer(ATTRIBUTION_TRACEPOINT, &dead));
	heir = unknown(ATTRIBUTION_NO_SOCKET);
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 2, 1);
	CHECK(connection->owners[DST].process == &dead, "where none has it, the owner stands");
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_UDP, answer(ATTRIBUTION_TRACEPOINT, &dead));
	left = true;
	CHECK(binder_judge(fixture.binder, connection, DST, &packet,
	                   dead.exited_ns + WINDOW_EXITING_NS, 1) == 0,
	      "it sends until its sockets are closed");
	finish(&fixture);
	connection = begin_bound(&fixture, IPPROTO_UDP, answer(ATTRIBUTION_TRACEPOINT, &dead));
	CHECK(binder_judge(fixture.binder, connection, DST, &packet,
	                   dead.exited_ns + WINDOW_EXITING_NS + 1, 1) == BINDER_AMBIGUOUS << DST &&
	              connection->binding.changes == 0 && !connection->binding.orphaned,
	      "later a child that had it may have sent the datagram, and the next one asks again");
	left = false;
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_UDP, answer(ATTRIBUTION_TRACEPOINT, &dead));
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 2, 1);
	inherited = false;
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 3, 2);
	CHECK(!inherited, "and is not asked for again");
	CHECK_EQUAL(binder_ended(connection, SRC, NOW + 1 + WINDOW_TRACE_EXACT_NS),
	            BINDER_GONE << DST, "but it received no datagram of later");
	CHECK_EQUAL(binder_ended(connection, SRC, NOW + WINDOW_TRACE_EXACT_NS), 0,
	            "two clocks have the times");
	CHECK_EQUAL(binder_ended(connection, DST, NOW + 1 + WINDOW_EXITING_NS), 0,
	            "what it sent may have waited, and the other end goes on");
	connection->tuple.protocol = IPPROTO_TCP;
	CHECK_EQUAL(binder_ended(connection, SRC, NOW + 1 + WINDOW_EXITING_NS), 0,
	            "the kernel ends a TCP connection");
	connection->tuple.protocol = IPPROTO_UDP;
	connection->binding.orphaned = 0;
	CHECK_EQUAL(binder_ended(connection, SRC, NOW + 1 + WINDOW_EXITING_NS), 0,
	            "another process may have the socket");
	finish(&fixture);
}

/* A server's child has what its parent accepted: packets of before its birth are not its own. */
static void test_unborn(void)
{
	static struct process born = { .references = 1000000, .pid = 103, .forked_ns = NOW };
	struct owner listening = { 0 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_SOCKET, &born));

	CHECK(binder_is_unborn(connection, DST, NOW - NS_PER_MS / 2), "half a millisecond before");
	CHECK(!binder_is_unborn(connection, DST, NOW - WINDOW_TRACE_EXACT_NS) &&
	              !binder_is_unborn(connection, DST, NOW + 1),
	      "as soon as clocks can tell, it is there");
	CHECK(!binder_is_unborn(connection, SRC, NOW - NS_PER_MS), "an end without owner");
	CHECK(!binder_is_unborn(connection, DST, 0), "a file's packets have no such time");
	connection->owners[DST].process = &parent;
	CHECK(!binder_is_unborn(connection, DST, 1), "one that was there before events were");
	CHECK(binder_find_listening(fixture.binder, connection, DST, NOW - 1, &listening) &&
	              listening.process == &parent,
	      "the process that listened at the packet");
	owner_clear(&listening);
	CHECK(!binder_find_listening(fixture.binder, connection, SRC, NOW - 1, &listening),
	      "of the end that began it, none did");
	connection->midway = true;
	CHECK(!binder_find_listening(fixture.binder, connection, DST, NOW - 1, &listening),
	      "which end began it is not known");
	finish(&fixture);
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

/* The owner lives, and has the socket no more. */
static void test_handed_on(void)
{
	struct packet packet = { .ifindex = 3, .payload = 10 };
	struct owner held = answer(ATTRIBUTION_SOCKET, &parent);
	struct fixture fixture;
	struct connection *connection;
	int64_t now = clock_monotonic_ns();

	held.inode = 7;
	connection = begin_bound(&fixture, IPPROTO_TCP, held);
	inherited = lost = false;
	heir = unknown(ATTRIBUTION_NO_SOCKET);
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, now, 1) == 0 && !inherited,
	      "it has its descriptor");
	lost = true;
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, now, 2) == 0 &&
	              connection->owners[DST].process == &parent,
	      "a socket that no process has is its own");
	heir = unknown(ATTRIBUTION_PENDING);
	heir.inode = 7;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 3),
	            BINDER_PENDING << DST, "another has it, and is looked for");
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 4),
	            BINDER_PENDING << DST, "with each packet");
	shared = ATTRIBUTION_LOOK_AGAIN;
	for (int i = 0; i < 3; i++)
		CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 4),
		            BINDER_PENDING << DST, "for whichever reasons");
	shared = 0;
	heir = answer(ATTRIBUTION_SOCKET, &child);
	heir.inode = 8;
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, now, 20) == 0 &&
	              connection->owners[DST].process == &parent && reported == 0,
	      "another has the next socket with these ends");
	heir = answer(ATTRIBUTION_SOCKET, &child);
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, now, 5) == BINDER_AMBIGUOUS
	                                                                                << DST &&
	              connection->owners[DST].process == &child && reported == 1,
	      "it is found, and that is reported; the packet is of before");
	CHECK_EQUAL(binder_judge(fixture.binder, connection, SRC, &packet, now - 1, 5),
	            BINDER_AMBIGUOUS << DST, "so are others of before, which are read late");
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, now + 500 * NS_PER_MS, 5) ==
	                      0 &&
	              connection->binding.handed,
	      "later ones are its own");
	binder_judge(fixture.binder, connection, DST, &packet, now + 5 * NS_PER_SECOND, 5);
	CHECK(!connection->binding.handed, "and then no others come");
	last_holder = answer(ATTRIBUTION_SOCKET, &parent);
	connection->binding.confirmed = true;
	binder_closing(fixture.binder, connection, now);
	CHECK(connection->owners[DST].process == &child, "what was seen before is over");
	last_holder = unknown(ATTRIBUTION_REASON_NONE);
	finish(&fixture);

	connection = begin_bound(&fixture, IPPROTO_TCP, held);
	inherited = false;
	connection->tcp.seen[DST] = TCP_FLAG_FIN;
	binder_judge(fixture.binder, connection, DST, &packet, now, 1);
	CHECK(!inherited, "after its FIN it may have closed it");
	lost = false;
	finish(&fixture);
}

/* Children of the owner had the socket as well. */
static void test_shared(void)
{
	struct packet packet = { .ifindex = 3, .payload = 10 };
	struct owner held = answer(ATTRIBUTION_SOCKET, &parent);
	struct fixture fixture;
	struct connection *connection;
	int64_t now = clock_monotonic_ns();

	held.inode = 7;
	connection = begin_bound(&fixture, IPPROTO_TCP, held);
	shared = ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 1),
	            BINDER_AMBIGUOUS << DST, "a child may have sent it");
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 1),
	            BINDER_AMBIGUOUS << DST, "and the next packet of those that were read at once");
	shared = ATTRIBUTION_NOW_OTHERS | ATTRIBUTION_DOUBTFUL;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 2),
	            BINDER_AMBIGUOUS << DST, "a child has it no more");
	shared = 0;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now - 1, 3),
	            BINDER_AMBIGUOUS << DST, "others of before, which are read late");
	CHECK_EQUAL(
		binder_judge(fixture.binder, connection, DST, &packet, now + 500 * NS_PER_MS, 3), 0,
		"later ones are its own");
	connection->owners[DST].was_shared = true;
	connection->binding.confirmed = true;
	last_holder = answer(ATTRIBUTION_SOCKET, &child);
	binder_closing(fixture.binder, connection, now);
	CHECK(connection->owners[DST].process == &child, "which of them used it last is asked for");
	last_holder = unknown(ATTRIBUTION_REASON_NONE);
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

/* Its process has it no more: one that used it before is not the next owner. */
static void test_successor_since(void)
{
	struct packet packet = { .ifindex = 3, .payload = 10 };
	struct fixture fixture;
	struct connection *connection =
		begin_bound(&fixture, IPPROTO_TCP, answer(ATTRIBUTION_SOCKET, &parent));

	lost = true;
	heir = unknown(ATTRIBUTION_NO_SOCKET);
	binder_judge(fixture.binder, connection, DST, &packet, NOW + 7, 2);
	CHECK_EQUAL(heir_ns, NOW + 7, "a successor is one that used it since the packet");
	lost = false;
	finish(&fixture);
}

int main(void)
{
	test_shared();
	test_who_is_asked();
	test_questions();
	test_retries();
	test_late_walk();
	test_settled();
	test_unreceived();
	test_listener();
	test_never_worse();
	test_reason();
	test_successor();
	test_closing();
	test_held();
	test_transparent_proxy();
	test_stale();
	test_died();
	test_died_translated();
	test_moves_translated();
	test_who_now();
	test_judge();
	test_judge_fanned_out();
	test_heir();
	test_unborn();
	test_handed_on();
	test_handed_datagrams();
	test_shared_datagrams();
	test_receives_from_several();
	test_unreported_sender();
	test_looked_up();
	test_translated();
	test_unseen();
	test_until();
	test_sends_unfound();
	test_other_interface();
	test_successor_since();
	return check_done();
}
