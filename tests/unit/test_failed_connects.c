/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/failed_connects.h"

#include <errno.h>
#include <netinet/in.h>

#include "attribution/windows.h"
#include "check.h"

#define US    (NS_PER_MS / 1000)
#define BEGIN NS_PER_SECOND

/* What one thread's lookups, and its step to SYN_SENT, make. */
struct step {
	int64_t after_ns; /* the step before */
	int tid;
	uint16_t port;
	uint32_t table; /* 0: the step to SYN_SENT */
	int16_t error;
	bool has_source;
};
#define STEPS_MAX 6

static const struct {
	const char *title;
	struct step steps[STEPS_MAX];
	int count, failed;
	int16_t error; /* of the first that failed */
	bool has_source;
} cases[] = {
	{ "one table has no route", { { 0, 1, 80, 254, -EAGAIN, false } }, 1, 1, -EAGAIN, false },
	{ "several have none: one attempt",
	  { { 0, 1, 80, 200, -EAGAIN, false }, { US, 1, 80, 254, -EAGAIN, false } },
	  2,
	  1,
	  -EAGAIN,
	  false },
	{ "another one forbids it",
	  { { 0, 1, 80, 200, -EAGAIN, false }, { US, 1, 80, 254, -EACCES, false } },
	  2,
	  1,
	  -EACCES,
	  false },
	{ "again with the source address",
	  { { 0, 1, 80, 254, -EHOSTUNREACH, false }, { US, 1, 80, 254, -EHOSTUNREACH, true } },
	  2,
	  1,
	  -EHOSTUNREACH,
	  true },
	{ "two attempts, each with two lookups",
	  { { 0, 1, 80, 254, -EHOSTUNREACH, false },
	    { US, 1, 80, 254, -EHOSTUNREACH, true },
	    { US, 1, 80, 254, -EHOSTUNREACH, false },
	    { US, 1, 80, 254, -EHOSTUNREACH, true } },
	  4,
	  2,
	  -EHOSTUNREACH,
	  true },
	{ "two attempts",
	  { { 0, 1, 80, 254, -EAGAIN, false }, { US, 1, 80, 254, -EAGAIN, false } },
	  2,
	  2,
	  -EAGAIN,
	  false },
	{ "two ports",
	  { { 0, 1, 80, 254, -EAGAIN, false }, { US, 1, 81, 253, -EAGAIN, false } },
	  2,
	  2,
	  -EAGAIN,
	  false },
	{ "two threads",
	  { { 0, 1, 80, 254, -EAGAIN, false }, { US, 2, 80, 253, -EAGAIN, false } },
	  2,
	  2,
	  -EAGAIN,
	  false },
	{ "a later table has the route",
	  { { 0, 1, 80, 200, -EAGAIN, false }, { US, 1, 80, 0, 0, true } },
	  2,
	  0,
	  0,
	  false },
	{ "another thread found a route",
	  { { 0, 1, 80, 200, -EAGAIN, false }, { US, 2, 80, 0, 0, true } },
	  2,
	  1,
	  -EAGAIN,
	  false },
	{ "there was a route to another port",
	  { { 0, 1, 80, 254, -EAGAIN, false }, { US, 1, 81, 0, 0, true } },
	  2,
	  1,
	  -EAGAIN,
	  false },
	{ "there was a route long afterwards",
	  { { 0, 1, 80, 254, -EAGAIN, false }, { WINDOW_CONNECTING_NS, 1, 80, 0, 0, true } },
	  2,
	  1,
	  -EAGAIN,
	  false },
};

static struct trace_event event_of(const struct step *step, int64_t now_ns)
{
	static const uint8_t source[4] = { 192, 0, 2, 1 }, destination[4] = { 192, 0, 2, 2 };
	struct trace_event event = {
		.kind = step->table != 0 ? TRACE_EVENT_NO_ROUTE : TRACE_EVENT_STATE,
		.pid = 10 * step->tid,
		.tid = step->tid,
		.table = step->table,
		.error = step->error,
		.time_ns = now_ns,
	};

	event.tuple.protocol = IPPROTO_TCP;
	event.tuple.destination_port = step->port;
	inet_from_v4(&event.tuple.destination, destination);
	if (step->has_source)
		inet_from_v4(&event.tuple.source, source);
	return event;
}

static int take_all(struct failed_connects *connects, struct failed_connect *first)
{
	struct failed_connect connect;
	int count = 0;

	while (failed_connects_take(connects, INT64_MAX, &connect))
		if (count++ == 0)
			*first = connect;
	return count;
}

static void test_lookups(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct failed_connects *connects = failed_connects_new();
		struct failed_connect first = { 0 };
		int64_t now_ns = BEGIN;

		for (int j = 0; j < cases[i].count; j++) {
			const struct step *step = &cases[i].steps[j];
			struct trace_event event = event_of(step, now_ns += step->after_ns);

			if (step->table != 0)
				failed_connects_add_lookup(connects, &event, 7);
			else
				failed_connects_found_route(connects, &event);
		}
		CHECK_EQUAL(take_all(connects, &first), cases[i].failed, "%s", cases[i].title);
		CHECK(cases[i].failed == 0 ||
		              (first.error == cases[i].error && first.netns == 7 &&
		               first.pid == 10 && first.began_ns == BEGIN &&
		               inet_is_unspecified(&first.tuple.source) != cases[i].has_source),
		      "%s: what is known of it", cases[i].title);
		failed_connects_free(connects);
	}
}

static void test_order(void)
{
	struct failed_connects *connects = failed_connects_new();
	struct failed_connect connect = { .pid = 1, .ended_ns = 100 }, found;
	int added = 0;

	CHECK(!failed_connects_take(connects, INT64_MAX, &found), "none has failed");
	failed_connects_add(connects, &connect);
	connect.pid = 2;
	connect.ended_ns = 200;
	failed_connects_add(connects, &connect);
	CHECK(!failed_connects_take(connects, 100, &found), "the first one ended too late");
	CHECK(failed_connects_take(connects, 101, &found) && found.pid == 1, "it ended before");
	CHECK(!failed_connects_take(connects, 101, &found), "the second one did not");
	CHECK(failed_connects_take(connects, 201, &found) && found.pid == 2, "now it did");
	while (failed_connects_add(connects, &connect) && added < 1 << 20)
		added++;
	CHECK(added > 1000 && added < 1 << 20, "room is bounded: %d", added);
	failed_connects_take(connects, INT64_MAX, &found);
	CHECK(failed_connects_add(connects, &connect), "and given back");
	failed_connects_free(connects);
}

/* What little happens does not touch all of the room in the end. */
static void test_stays_small(void)
{
	enum { AT_ONCE = 50, ROUNDS = 400 };
	struct failed_connects *connects = failed_connects_new();
	struct failed_connect connect = { .pid = 1 }, found;
	long before = check_pages_touched();
	int taken = 0;

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < AT_ONCE; i++, connect.pid++) {
			connect.ended_ns = BEGIN + connect.pid;
			failed_connects_add(connects, &connect);
		}
		while (failed_connects_take(connects, connect.ended_ns - 10, &found))
			taken += found.pid == taken + 1;
	}
	taken += take_all(connects, &found);
	CHECK(check_pages_touched() - before < 50, "%d times %d attempts: %ld pages", ROUNDS,
	      AT_ONCE, check_pages_touched() - before);
	CHECK_EQUAL(taken, ROUNDS * AT_ONCE, "all come in the order of time");
	failed_connects_free(connects);
}

static void test_loss(void)
{
	const struct step step = { 0, 1, 80, 254, -EAGAIN, false };
	struct trace_event event = event_of(&step, BEGIN);
	struct failed_connects *connects = failed_connects_new();
	struct failed_connect connect = { .pid = 1, .ended_ns = BEGIN }, found = { 0 };

	failed_connects_add_lookup(connects, &event, 7);
	failed_connects_add(connects, &connect);
	failed_connects_lost(connects);
	CHECK(take_all(connects, &found) == 1 && found.pid == 1,
	      "a loss may have had the route that was found, and takes no end back");
	failed_connects_free(connects);
}

int main(void)
{
	test_stays_small();
	test_lookups();
	test_order();
	test_loss();
	return check_done();
}
