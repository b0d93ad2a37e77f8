/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Owners that hand a socket on, share it, or leave it to others. */
#include "binder_fixture.h"

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

/* A TCP socket that its process has no more, and another one, that is not found, closes. */
static void test_lost_and_closed(void)
{
	struct packet packet = { .payload = 10 };
	struct owner held = answer(ATTRIBUTION_SOCKET, &parent);
	int64_t now = clock_monotonic_ns();
	struct connection *connection;
	struct fixture fixture;

	held.inode = 7;
	connection = begin_bound(&fixture, IPPROTO_TCP, held);
	lost = true;
	heir = unknown(ATTRIBUTION_NO_SOCKET);
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, now, 1) == 0, "closed");
	heir = unknown(ATTRIBUTION_PENDING);
	heir.inode = 7;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 2),
	            BINDER_PENDING << DST, "another has it");
	heir = unknown(ATTRIBUTION_NO_SOCKET);
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 3),
	            BINDER_AMBIGUOUS << DST, "closed, but not by its owner");
	connection->tcp.seen[DST] = TCP_FLAG_FIN;
	CHECK_EQUAL(binder_judge(fixture.binder, connection, DST, &packet, now, 4),
	            BINDER_AMBIGUOUS << DST, "nor is what follows its owner's");
	lost = false;
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
	CHECK(binder_judge(fixture.binder, connection, DST, &packet, now, 20) == BINDER_AMBIGUOUS
	                                                                                 << DST &&
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
	test_successor();
	test_held();
	test_heir();
	test_unborn();
	test_handed_on();
	test_handed_datagrams();
	test_lost_and_closed();
	test_shared_datagrams();
	test_receives_from_several();
	test_unreported_sender();
	test_successor_since();
	return check_done();
}
