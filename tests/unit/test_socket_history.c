/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/socket_history.h"

#include <netinet/in.h>

#include "attribution/pending_connects.h"
#include "attribution/traced_sockets.h"
#include "attribution/windows.h"
#include "check.h"
#include "socket_history_fixture.h"
#include "random.h"

static void add(enum trace_event_kind kind, struct tuple about, int pid, int64_t time_ns,
                const struct process *process)
{
	struct trace_event event = { .kind = kind,
		                     .process_context = true,
		                     .pid = pid,
		                     .tid = pid,
		                     .time_ns = time_ns,
		                     .tuple = about };

	socket_history_add(history, &event, process);
}

/* The process seen from `before` to `after` around NOW: pid, or minus the answer. */
static int ask(struct tuple about, unsigned kinds, uint32_t netns, int64_t before, int64_t after)
{
	struct socket_history_question question = { .tuple = about,
		                                    .netns = netns,
		                                    .kinds = kinds,
		                                    .from_ns = NOW - before,
		                                    .to_ns = NOW + after };
	struct socket_history_match match = { .pid = -100 };
	enum socket_history_answer answer = socket_history_find(history, &question, &match);

	return answer == SOCKET_HISTORY_FOUND ? match.pid : -(int)answer;
}

static int who(struct tuple about)
{
	return ask(about, SOCKET_HISTORY_USED, 0, SECOND, SECOND);
}

static void test_routes(void)
{
	struct tuple wildcard = tuple("0.0.0.0", 5000, "198.51.100.7", 53, IPPROTO_UDP);
	struct tuple packet = tuple("192.0.2.1", 5000, "198.51.100.7", 53, IPPROTO_UDP);
	struct tuple other;

	begin(100);
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW, NULL);
	CHECK_EQUAL(who(web(4000)), 42, "found");
	CHECK_EQUAL(who(web(4001)), -SOCKET_HISTORY_NONE, "another port");
	other = web(4000);
	other.protocol = IPPROTO_UDP;
	CHECK_EQUAL(who(other), -SOCKET_HISTORY_NONE, "another protocol");
	CHECK(who(tuple("192.0.2.2", 4000, "198.51.100.7", 443, IPPROTO_TCP)) ==
	              -SOCKET_HISTORY_NONE,
	      "another local address");
	CHECK(who(tuple("192.0.2.1", 4000, "198.51.100.8", 443, IPPROTO_TCP)) ==
	              -SOCKET_HISTORY_NONE,
	      "another remote address");
	CHECK_EQUAL(
		ask(web(4000), SOCKET_HISTORY_OPENED | SOCKET_HISTORY_CLOSED, 0, SECOND, SECOND),
		-SOCKET_HISTORY_NONE, "seen in another way");
	add(TRACE_EVENT_ROUTE, wildcard, 43, NOW, NULL);
	CHECK_EQUAL(who(packet), 43, "a sighting without local address");
	wildcard.source_port = packet.source_port = 5001;
	inet_parse("::", &wildcard.source);
	add(TRACE_EVENT_ROUTE, wildcard, 44, NOW, NULL);
	CHECK_EQUAL(who(packet), 44, "or with ::, from a dual-stack socket");
	begin(100);
	other = tuple("127.0.0.1", 4000, "127.0.0.1", 443, IPPROTO_TCP);
	add(TRACE_EVENT_ROUTE, other, 42, NOW, NULL);
	CHECK_EQUAL(who(tuple_reverse(&other)), -SOCKET_HISTORY_NONE,
	            "the other end of a connection of an address with itself");
	CHECK_EQUAL(who(other), 42, "and its own end");
}

static void test_window(void)
{
	begin(100);
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW, NULL);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, 0, 0), 42, "at that very moment");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, SECOND, -1), -SOCKET_HISTORY_NONE,
	            "later than asked for");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, -1, SECOND), -SOCKET_HISTORY_NONE,
	            "earlier than asked for");
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW + WINDOW_SAME_SIGHTING_NS, NULL);
	CHECK(socket_history_count(history) == 1 && socket_history_counters(history)->merged == 1,
	      "again soon: one sighting that lasts");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, -1, 1), 42,
	            "from its first moment to its last");
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW - WINDOW_SAME_SIGHTING_NS, NULL);
	CHECK(socket_history_count(history) == 1 &&
	              ask(web(4000), SOCKET_HISTORY_USED, 0, 2, -1) == 42,
	      "events slightly out of order");
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW + 3 * WINDOW_SAME_SIGHTING_NS, NULL);
	CHECK(socket_history_count(history) == 2 && who(web(4000)) == 42,
	      "later: another, of the same process");
}

static void test_ambiguous(void)
{
	begin(100);
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW, NULL);
	add(TRACE_EVENT_ROUTE, web(4000), 43, NOW + SECOND, NULL);
	CHECK_EQUAL(who(web(4000)), -SOCKET_HISTORY_AMBIGUOUS,
	            "two processes within the time asked for");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, SECOND, SECOND - 1), 42,
	            "the first alone");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, -1, SECOND), 43, "the second alone");
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW + SECOND / 2, NULL);
	CHECK_EQUAL(who(web(4000)), -SOCKET_HISTORY_AMBIGUOUS, "one of them twice changes nothing");
}

static void test_netns(void)
{
	const struct process here = { .netns = 1 }, there = { .netns = 2 };

	begin(100);
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW, &here);
	add(TRACE_EVENT_ROUTE, web(4000), 43, NOW, &there);
	CHECK(ask(web(4000), SOCKET_HISTORY_USED, 1, 1, 1) == 42 &&
	              ask(web(4000), SOCKET_HISTORY_USED, 2, 1, 1) == 43,
	      "equal tuples in two network namespaces");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, 1, 1), -SOCKET_HISTORY_AMBIGUOUS,
	            "in any");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 3, 1, 1), -SOCKET_HISTORY_NONE,
	            "in a third");
	add(TRACE_EVENT_ROUTE, web(4000), 44, NOW, NULL);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 1, 1, 1), -SOCKET_HISTORY_AMBIGUOUS,
	            "a sighting that may have been anywhere");
}

static void test_pending_connects(void)
{
	struct tuple unbound = web(0);

	begin(100);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 42, true, NOW, NULL);
	CHECK_EQUAL(socket_history_count(history), 0,
	            "connect() begins: the port is not known yet");
	add_state(web(4000), SOCKET, SOCKET_SYN_SENT, SOCKET_ESTABLISHED, 7, false, NOW + SECOND,
	          NULL);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_OPENED, 0, 0, 0), 42,
	            "the answer shows it, at the time of connect()");
	add_state(web(4000), SOCKET, SOCKET_SYN_SENT, SOCKET_CLOSED, 7, false, NOW, NULL);
	CHECK_EQUAL(socket_history_counters(history)->unjoined, 1,
	            "an pending_connect is used once");

	begin(100);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 42, true, NOW, NULL);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 43, true, NOW, NULL);
	add_state(web(4000), SOCKET, SOCKET_SYN_SENT, SOCKET_CLOSED, 7, false, NOW, NULL);
	CHECK_EQUAL(who(web(4000)), 43, "refused; the address was another socket's before");

	begin(100);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 42, true, NOW, NULL);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 7, false, NOW, NULL);
	add_state(web(4000), SOCKET, SOCKET_SYN_SENT, SOCKET_ESTABLISHED, 7, false, NOW, NULL);
	CHECK_EQUAL(who(web(4000)), -SOCKET_HISTORY_NONE, "then opened in nobody's name");

	begin(100);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 42, true, NOW, NULL);
	add_loss(NOW - 1, NOW);
	add_state(web(4000), SOCKET, SOCKET_SYN_SENT, SOCKET_ESTABLISHED, 7, false, NOW + 1, NULL);
	CHECK_EQUAL(who(web(4000)), -SOCKET_HISTORY_NONE,
	            "after a loss the address may be another socket's");
}

/* The step out of SYN_SENT was not reported: the close of the same socket joins it. */
static void test_late_connects(void)
{
	struct tuple unbound = web(0);

	begin(100);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 42, true, NOW, NULL);
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_FIN_WAIT_1, 42, true, NOW + SECOND,
	          NULL);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_OPENED, 0, 0, 0), 42,
	            "who closes what it began, at the time of connect()");
	CHECK_EQUAL(socket_history_counters(history)->unjoined, 0, "it is joined");

	begin(100);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 42, true, NOW, NULL);
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_FIN_WAIT_1, 43, true, NOW + SECOND,
	          NULL);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_OPENED, 0, SECOND, SECOND), -SOCKET_HISTORY_NONE,
	            "another closed it: it may be another socket at that address");
	add_state(web(4001), SOCKET, SOCKET_ESTABLISHED, SOCKET_FIN_WAIT_1, 42, true, NOW + SECOND,
	          NULL);
	CHECK_EQUAL(ask(web(4001), SOCKET_HISTORY_OPENED, 0, SECOND, SECOND), -SOCKET_HISTORY_NONE,
	            "the address is free for others after a close");

	begin(100);
	add_state(unbound, SOCKET, SOCKET_CLOSED, SOCKET_SYN_SENT, 42, true, NOW, NULL);
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_CLOSED, 42, false, NOW, NULL);
	CHECK_EQUAL(who(web(4000)), -SOCKET_HISTORY_NONE, "a reset closes in nobody's name");
}

static void test_closes(void)
{
	const struct process alone = { .sole_holder_since_ns = NOW - 2 * SECOND };
	const struct process forked = { .sole_holder_since_ns = NOW - SECOND };
	const struct process kworker = { .parent_pid = 2 };
	char executable[] = "/bin/sh";
	const struct process program = { .parent_pid = 2, .executable = executable };
	static const uint8_t states[] = { SOCKET_FIN_WAIT_1, SOCKET_LAST_ACK, SOCKET_CLOSED };
	struct tuple listener = tuple("192.0.2.1", 443, "0.0.0.0", 0, IPPROTO_TCP);

	for (size_t i = 0; i < sizeof states; i++) {
		begin(100);
		add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, states[i], 42, true, NOW, &alone);
		CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_CLOSED, 0, SECOND, 0), 42,
		            "closed, to state %d", states[i]);
		CHECK_EQUAL(who(web(4000)), -SOCKET_HISTORY_NONE, "which is no use of it");
	}
	begin(100);
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_CLOSED, 42, false, NOW, &alone);
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_CLOSE_WAIT, 42, true, NOW, &alone);
	add_state(listener, SOCKET, SOCKET_LISTEN, SOCKET_CLOSED, 42, true, NOW, &alone);
	CHECK_EQUAL(socket_history_count(history), 0,
	            "a reset, the peer's end, a listener: none closed it");
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_FIN_WAIT_1, 42, true, NOW,
	          &kworker);
	CHECK_EQUAL(socket_history_count(history), 0, "nor does a kernel thread, for io_uring");
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_FIN_WAIT_1, 42, true, NOW,
	          &program);
	CHECK_EQUAL(socket_history_count(history), 1,
	            "a child of pid 2 in a container is a program");

	begin(100);
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_FIN_WAIT_1, 42, true, NOW, &forked);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_CLOSED, 0, SECOND, 0), -SOCKET_HISTORY_AMBIGUOUS,
	            "a child may have had it too");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_CLOSED, 0, SECOND - 1, 0), 42,
	            "not when it is younger than the fork");
	begin(100);
	add_state(web(4000), SOCKET, SOCKET_ESTABLISHED, SOCKET_FIN_WAIT_1, 42, true, NOW, NULL);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_CLOSED, 0, SECOND, 0), -SOCKET_HISTORY_AMBIGUOUS,
	            "nothing is known of its forks");
	add(TRACE_EVENT_RECEIVE, web(4000), 43, NOW, NULL);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, SECOND, 0), 43,
	            "who read from it had it");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED | SOCKET_HISTORY_CLOSED, 0, SECOND, 0),
	            -SOCKET_HISTORY_AMBIGUOUS, "another closed it");
}

static void test_match(void)
{
	const struct process process = { .netns = 5 };
	struct socket_history_question question = { .tuple = web(4000),
		                                    .kinds = SOCKET_HISTORY_USED,
		                                    .to_ns = NOW * 2 };
	struct socket_history_match match;
	struct trace_event event = {
		.kind = TRACE_EVENT_RECEIVE, .pid = 42, .time_ns = NOW + 9, .tuple = web(4000)
	};

	begin(100);
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW, &process);
	socket_history_add(history, &event, &process);
	CHECK(socket_history_find(history, &question, &match) == SOCKET_HISTORY_FOUND &&
	              match.pid == 42 && match.netns == 5 &&
	              match.kinds == (SOCKET_HISTORY_ROUTED | SOCKET_HISTORY_RECEIVED) &&
	              match.first_ns == NOW && match.last_ns == NOW + 9,
	      "all sightings together");
}

static void test_losses(void)
{
	begin(100);
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW, NULL);
	add_loss(NOW + 10, NOW + 20);
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, 5, 9), 42,
	            "events were lost later than asked for");
	CHECK_EQUAL(ask(web(4000), SOCKET_HISTORY_USED, 0, 5, 10), -SOCKET_HISTORY_INCOMPLETE,
	            "within");
	add(TRACE_EVENT_ROUTE, web(4001), 43, NOW + 30, NULL);
	CHECK_EQUAL(ask(web(4001), SOCKET_HISTORY_USED, 0, -21, 40), 43, "before");
	CHECK_EQUAL(ask(web(4002), SOCKET_HISTORY_USED, 0, 5, 10), -SOCKET_HISTORY_NONE,
	            "none stays none");
	add_loss(NOW + 50, NOW + 60);
	CHECK_EQUAL(ask(web(4001), SOCKET_HISTORY_USED, 0, -21, 40), -SOCKET_HISTORY_INCOMPLETE,
	            "between two losses nothing is sure");
	add_loss(NOW + 60 + WINDOW_HISTORY_KEEP_NS + 1, NOW + 60 + WINDOW_HISTORY_KEEP_NS + 2);
	CHECK_EQUAL(ask(web(4001), SOCKET_HISTORY_USED, 0, -21, 40), 43,
	            "an old loss is forgotten");
}

static void test_expiry(void)
{
	begin(100);
	add(TRACE_EVENT_ROUTE, web(4000), 42, NOW, NULL);
	add(TRACE_EVENT_ROUTE, web(4001), 42, NOW + NS_PER_MS, NULL);
	socket_history_expire(history, NOW + WINDOW_HISTORY_KEEP_NS - 1);
	CHECK_EQUAL(socket_history_count(history), 2, "kept for thirty seconds");
	socket_history_expire(history, NOW + NS_PER_MS + WINDOW_HISTORY_KEEP_NS);
	CHECK(socket_history_count(history) == 1 && who(web(4000)) == -SOCKET_HISTORY_NONE &&
	              who(web(4001)) == 42 && socket_history_counters(history)->expired == 1,
	      "then forgotten");
	for (int64_t time_ns = NOW; time_ns < NOW + 40 * SECOND; time_ns += WINDOW_SAME_SIGHTING_NS)
		add(TRACE_EVENT_ROUTE, web(4002), 42, time_ns, NULL);
	socket_history_expire(history, NOW + 2 * WINDOW_HISTORY_KEEP_NS);
	CHECK(socket_history_count(history) == 1 && who(web(4002)) == 42,
	      "what is prolonged is kept longer");
	socket_history_expire(history, NOW + 40 * SECOND + WINDOW_HISTORY_KEEP_NS);
	CHECK_EQUAL(socket_history_count(history), 0, "but not for ever");
}

static void test_bound(void)
{
	int found = 0, incomplete = 0;

	begin(10);
	for (uint16_t i = 0; i < 25; i++)
		add(TRACE_EVENT_ROUTE, web((uint16_t)(4000 + i)), 42, NOW + i, NULL);
	for (uint16_t i = 0; i < 25; i++)
		found += ask(web((uint16_t)(4000 + i)), SOCKET_HISTORY_USED, 0, -15, SECOND) == 42;
	CHECK(socket_history_count(history) == 10 && found == 10 &&
	              socket_history_counters(history)->evicted == 15,
	      "the oldest make room, and are counted");
	for (uint16_t i = 15; i < 25; i++)
		incomplete += ask(web((uint16_t)(4000 + i)), SOCKET_HISTORY_USED, 0, -14, SECOND) ==
		              -SOCKET_HISTORY_INCOMPLETE;
	CHECK_EQUAL(incomplete, 10, "an answer about the time of one that is gone says so");
}

/* Its ring is short at first, and becomes longer while it goes round. */
static void test_lengthens(void)
{
	enum { BEFORE = 1500, MAX = 16384 };
	int right = 0;

	begin(MAX);
	for (uint16_t i = 0; i < BEFORE; i++)
		add(TRACE_EVENT_ROUTE, web(i), 42, NOW - 100 * SECOND, NULL);
	socket_history_expire(history, NOW);
	CHECK_EQUAL(socket_history_count(history), 0, "%d have expired", BEFORE);
	for (uint16_t i = 0; i < MAX; i++)
		add(TRACE_EVENT_ROUTE, web(i), i + 1, NOW, NULL);
	for (uint16_t i = 0; i < MAX; i++)
		right += who(web(i)) == i + 1;
	CHECK_EQUAL(right, MAX, "as many as may be are found");
	CHECK_EQUAL(socket_history_counters(history)->evicted, 0, "none has made room");
	add(TRACE_EVENT_ROUTE, web(MAX), 42, NOW, NULL);
	CHECK(socket_history_count(history) == MAX &&
	              socket_history_counters(history)->evicted == 1,
	      "for one more the oldest does");
	socket_history_expire(history, NOW + 100 * SECOND);
	CHECK_EQUAL(socket_history_count(history), 0, "all expire");
}

/* What little happens does not touch all of the ring in the end. */
static void test_stays_short(void)
{
	enum { AT_ONCE = 1000, ROUNDS = 100 };
	long before;

	begin(1 << 17);
	before = check_resident_kib();
	for (int round = 0; round < ROUNDS; round++) {
		int64_t now_ns = NOW + 100 * round * SECOND;

		for (uint16_t i = 0; i < AT_ONCE; i++)
			add(TRACE_EVENT_ROUTE, web(i), 42, now_ns, NULL);
		socket_history_expire(history, now_ns + 99 * SECOND);
	}
	CHECK(check_resident_kib() - before < 1024, "%d times %d sightings: %ld KiB", ROUNDS,
	      AT_ONCE, check_resident_kib() - before);
}

/* Against a list that is searched from end to end. */
static void test_random(void)
{
	enum { EVENTS = 20000, TUPLES = 40, PIDS = 3 };
	static struct {
		uint16_t port;
		int pid;
		int64_t time_ns;
	} log[EVENTS];
	struct random random = random_begin();
	int64_t now = NOW;
	int wrong = 0;

	begin(EVENTS);
	for (int i = 0; i < EVENTS; i++) {
		now += random_below(&random, 1000) * NS_PER_MS / 10;
		log[i].port = (uint16_t)(4000 + random_below(&random, TUPLES));
		log[i].pid = 1 + (int)random_below(&random, PIDS);
		log[i].time_ns = now;
		add(TRACE_EVENT_ROUTE, web(log[i].port), log[i].pid, now, NULL);
		socket_history_expire(history, now);

		int64_t from = now - 1 - (int64_t)random_below(&random, 3000) * NS_PER_MS, to = now;
		uint16_t port = (uint16_t)(4000 + random_below(&random, TUPLES));
		int expected = 0;

		for (int j = i; j >= 0 && log[j].time_ns >= from; j--)
			if (log[j].port == port)
				expected = expected == 0 || expected == log[j].pid
				                   ? log[j].pid
				                   : -SOCKET_HISTORY_AMBIGUOUS;
		int got = ask(web(port), SOCKET_HISTORY_USED, 0, NOW - from, to - NOW);

		/* Merging may make one of two processes' sightings longer: then more is ambiguous. */
		wrong += got != expected && got != -SOCKET_HISTORY_AMBIGUOUS &&
		         !(expected == 0 && got > 0);
	}
	CHECK_EQUAL(wrong, 0, "%d random events: never the wrong process", EVENTS);
}

static void test_pending_connects_bound(void)
{
	struct pending_connects *pending_connects = pending_connects_new(4, &key);
	struct pending_connect pending_connect = { .pid = 1 };
	int evicted = 0, found = 0;

	for (uint64_t i = 1; i <= 6; i++) {
		pending_connect.socket = i * 64;
		evicted += pending_connects_put(pending_connects, &pending_connect);
	}
	for (uint64_t i = 1; i <= 6; i++)
		found += pending_connects_take(pending_connects, i * 64, &pending_connect) && i > 2;
	CHECK(evicted == 2 && found == 4, "the oldest pending_connects make room");
	CHECK(!pending_connects_take(pending_connects, 64 * 6, &pending_connect), "all are taken");
	pending_connects_free(pending_connects);
}

/* Far more than there is room for: an address has its latest entry, or none. */
static void test_traced_sockets_bound(void)
{
	struct traced_sockets *sockets = traced_sockets_new(&key);
	struct traced_socket *found;
	int wrong = 0, kept = 0;

	for (int i = 1; i <= 200000; i++) {
		struct traced_socket socket = { .socket = SOCKET + (uint64_t)i * 64,
			                        .hash = hash_number(&key, (uint64_t)i),
			                        .used_ns = i,
			                        .pid = i };

		traced_sockets_put(sockets, &socket);
		socket.pid = -i;
		traced_sockets_put(sockets, &socket);
		found = traced_sockets_find(sockets, socket.socket);
		wrong += !found || found->pid != -i;
	}
	CHECK_EQUAL(wrong, 0, "the latest of an address counts");
	for (int i = 1; i <= 200000; i++) {
		found = traced_sockets_find(sockets, SOCKET + (uint64_t)i * 64);
		wrong += found && found->pid != -i;
		kept += found != NULL;
		if (i == 100000)
			wrong += kept > 10000; /* the least lately used have made room */
	}
	CHECK(wrong == 0 && kept > 60000, "the sockets used least lately make room");
	CHECK(!traced_sockets_find(sockets, 0), "a free entry is no socket");
	traced_sockets_clear(sockets);
	CHECK(!traced_sockets_find(sockets, SOCKET + 200000 * 64), "none after clear");
	traced_sockets_free(sockets);
}

int main(void)
{
	test_routes();
	test_window();
	test_ambiguous();
	test_netns();
	test_pending_connects();
	test_late_connects();
	test_closes();
	test_match();
	test_losses();
	test_expiry();
	test_bound();
	test_lengthens();
	test_stays_short();
	test_random();
	test_pending_connects_bound();
	test_traced_sockets_bound();
	socket_history_free(history);
	return check_done();
}
