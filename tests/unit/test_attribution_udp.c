/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* UDP: sockets, listeners, and datagrams that no socket took. */
#include "attribution_fixture.h"

#define GROUP "224.0.0.251"

static void test_udp(void)
{
	static const struct rule rules[] = {
		{ SRC, 5000, DST, 53, SENDER, "socket 10", "connected, sent" },
		{ SRC, 5001, DST, 53, PLAIN, "socket 11", "wildcard, received" },
		{ SRC, 5001, DST, 53, SENDER, "socket 11", "wildcard, sent" },
		{ SRC, 5001, DST, 53, DIED, "unknown no_socket", "the socket may be a later one" },
		{ SRC, 5002, DST, 53, SENDER, "socket 11", "dual-stack, sent by IPv4" },
		{ SRC, 5353, DST, 53, SENDER, "unknown ambiguous",
		  "two on a port, either may have sent it" },
		{ GROUP, 5353, DST, 5353, FANNED_OUT, "socket 10 (10 11)",
		  "to a group: both receive it" },
		{ GROUP, 5001, DST, 5353, FANNED_OUT, "socket 11", "to a group: one receives it" },
		{ SRC, 5999, DST, 53, PLAIN, "unknown no_socket", "none" },
		{ SRC, 5353, DST, 53, PLAIN, "unknown ambiguous",
		  "two on a port, either may have received it" },
		{ SRC, 5354, DST, 53, PLAIN, "socket 11", "two on a port, of one process" },
		{ SRC, 5355, DST, 53, PLAIN, "socket 10",
		  "two on a port, and one is bound to the address" },
		{ SRC, 5356, DST, 53, SENDER, "socket 11",
		  "two on a port, and one is connected elsewhere" },
		{ SRC, 5357, DST, 53, SENDER, "unknown ambiguous", "very many on a port" },
	};

	clear();
	fake_process(10, "one", 1, 100);
	fake_process(11, "two", 1, 100);
	hold(10, 3, 100);
	hold(11, 3, 110);
	hold(11, 4, 111);
	hold(10, 5, 105);
	add(UDP, SRC, 5000, DST, 53, SOCKET_ESTABLISHED, 100);
	add(UDP, "0.0.0.0", 5001, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	add(UDP6, "::", 5002, "::", 0, SOCKET_CLOSED, 111);
	add(UDP, "0.0.0.0", 5353, "0.0.0.0", 0, SOCKET_CLOSED, 105);
	add(UDP, "0.0.0.0", 5353, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	add(UDP, "0.0.0.0", 5354, "0.0.0.0", 0, SOCKET_CLOSED, 111);
	add(UDP, "0.0.0.0", 5354, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	add(UDP, "0.0.0.0", 5355, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	add(UDP, SRC, 5355, "0.0.0.0", 0, SOCKET_CLOSED, 105);
	add(UDP, SRC, 5356, DST, 54, SOCKET_ESTABLISHED, 100);
	add(UDP, "0.0.0.0", 5356, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	for (int i = 0; i < 20; i++)
		add(UDP, "0.0.0.0", 5357, "0.0.0.0", 0, SOCKET_CLOSED, i < 19 ? 110 : 100);
	open_world();
	walk(world.processes.fds, false);
	EXPECT_RULES(IPPROTO_UDP, rules);
	close_world();
}

/* Which ends have no socket any more, by a listing that was made after one was destroyed. */
static void test_udp_gone(void)
{
	static const struct {
		const char *local;
		uint16_t port;
		const char *remote;
		uint64_t inode; /* the owner was found with; 0 = that is not known */
		enum attribution_reason reason;
		bool is_gone;
		const char *title;
	} cases[] = {
		{ SRC, 5000, DST, 0, 0, true, "no socket of the port is left" },
		{ SRC, 5000, DST, 110, 0, true, "nor its owner's" },
		{ SRC, 5000, DST, 0, ATTRIBUTION_RAW_SOCKET, false, "it is not of such a socket" },
		{ SRC, 5001, DST, 0, 0, false, "one is left" },
		{ SRC, 5001, DST, 110, 0, false, "its owner's is left" },
		{ SRC, 5001, DST, 111, 0, true, "another than its owner's is left" },
		{ SRC, 5002, DST, 0, 0, true, "one of another address is left" },
		{ "10.0.0.2", 5002, DST, 0, 0, false, "one of this address is left" },
		{ SRC, 5003, DST, 0, 0, false, "IPv6 is left, which has IPv4, too" },
		{ "fe80::1", 5001, "fe80::2", 0, 0, true, "IPv4 is left, which has no IPv6" },
		{ SRC, 5004, DST, 0, 0, false, "one that is connected elsewhere is left" },
		{ SRC, 5004, DST, 111, 0, true, "which is not its owner's" },
		{ SRC, 5005, DST, 111, 0, false, "one that is connected to its other end" },
		{ SRC, 5006, DST, 0, 0, true, "a socket of UDP-Lite is another's" },
	};
	int64_t listed_ns = 0;

	clear();
	add(UDP, "0.0.0.0", 5001, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	add(UDP, "10.0.0.2", 5002, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	add(UDP6, "::", 5003, "::", 0, SOCKET_CLOSED, 110);
	add(UDP, SRC, 5004, "192.0.2.7", 53, SOCKET_ESTABLISHED, 110);
	add(UDP, SRC, 5005, DST, 53, SOCKET_ESTABLISHED, 110);
	add(UDPLITE, "0.0.0.0", 5006, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	open_world();
	CHECK(attribution_udp_listed(world.attribution, NETNS, clock_monotonic_ns(), &listed_ns) ==
	                      0 &&
	              listed_ns != 0,
	      "listed");
	CHECK(attribution_udp_listed(world.attribution, NETNS + 1, 0, &listed_ns) == -ENOENT,
	      "a namespace that is not known");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct tuple tuple =
			question(IPPROTO_UDP, cases[i].local, cases[i].port, cases[i].remote, 53)
				.tuple;
		struct owner owner = { .inode = cases[i].inode, .reason = cases[i].reason };

		CHECK(attribution_udp_is_gone(world.attribution, NETNS, &tuple, &owner) ==
		              cases[i].is_gone,
		      "%s:%u %s", cases[i].local, cases[i].port, cases[i].title);
	}
	close_world();
}

/* A socket of UDP that was connected and handed to a child: what it sends is reported by nothing. */
static void test_connected(void)
{
	static const struct {
		const char *title;
		int forked_ms; /* after the packet; 1 = it did not */
		bool answers, parent_has, connected;
		unsigned inode, answer; /* of the owner, before */
	} cases[] = {
		{ "it forked, and a child alone has it", -5, true, false, true, 0,
		  ATTRIBUTION_LOST },
		{ "found with the same socket", -5, true, false, true, 100, ATTRIBUTION_LOST },
		{ "with another one: the child had the former until some time", -5, true, false,
		  true, 99, ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN },
		{ "it has it, too, and may close it", -5, true, true, true, 0,
		  ATTRIBUTION_LOOK_AGAIN | ATTRIBUTION_NOW_OTHERS | ATTRIBUTION_SILENT },
		{ "it did not since long", -2000, true, true, true, 0,
		  ATTRIBUTION_NOW_OTHERS | ATTRIBUTION_SILENT },
		{ "it did not fork", 1, true, false, true, 0, 0 },
		{ "it forked after the packet", 0, true, false, true, 0, ATTRIBUTION_LOOK_AGAIN },
		{ "the packet is not its", -5, false, false, true, 0, ATTRIBUTION_LOOK_AGAIN },
		{ "each send has a route, which is reported", -5, true, false, false, 0, 0 },
		{ "the child's, and its parent has it as well", -5, true, true, true, 0,
		  ATTRIBUTION_NOW_OTHERS | ATTRIBUTION_SILENT },
		{ "the child's, and it alone has it", -5, true, false, true, 0,
		  ATTRIBUTION_SILENT },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct owner owner = { .method = ATTRIBUTION_TRACEPOINT, .inode = cases[i].inode };
		bool of_child = strncmp(cases[i].title, "the child's", 11) == 0;
		struct attribution_question asked;
		unsigned looked;

		clear();
		fake_process(10, "server", 1, 100);
		fake_process(20, "child", 10, 100);
		hold(20, 3, 100);
		hold(10, 3, cases[i].parent_has ? 100 : 101);
		if (cases[i].connected)
			add(UDP, SRC, 53, DST, 7000, SOCKET_ESTABLISHED, 100);
		else
			add(UDP, SRC, 53, "0.0.0.0", 0, SOCKET_CLOSED, 100);
		open_world();
		walk(world.processes.fds, false);
		asked = question(IPPROTO_UDP, SRC, 53, DST, 7000);
		asked.responder = true;
		asked.sender = cases[i].answers;
		if (cases[i].forked_ms < 1)
			attribution_forked(world.attribution, 10, 20,
			                   asked.seen_ns + cases[i].forked_ms * NS_PER_MS +
			                           (cases[i].forked_ms == 0));
		owner.process = process_ref(
			process_table_get(world.processes.table, of_child ? 20 : 10, NULL));
		looked = attribution_look_at_holders(world.attribution, &asked, &owner);
		CHECK_EQUAL(looked, cases[i].answer, "%s", cases[i].title);
		if (looked & ATTRIBUTION_LOST)
			CHECK(owner.inode == 100 && strcmp(answer(&asked), "socket 20") == 0,
			      "and the child is found");
		if (looked & ATTRIBUTION_NOW_OTHERS) {
			CHECK(owner.shared_count == 2 && owner.process->pid == (of_child ? 20 : 10),
			      "both are said to have it");
			looked = attribution_look_at_holders(world.attribution, &asked, &owner);
			CHECK(!(looked & ATTRIBUTION_NOW_OTHERS), "once");
		}
		owner_clear(&owner);
		close_world();
	}
}

/* Its parent had forked another one before it was gone, which may have the socket as well. */
static void test_sibling(void)
{
	static const struct {
		const char *title;
		int forked_ms, ended_ms; /* of the packet; 0 = it lives */
		bool has;
		unsigned answer;
	} cases[] = {
		{ "another child has it", -50, 0, true, ATTRIBUTION_NOW_OTHERS },
		{ "it has closed it long ago", -2000, 0, false, 0 },
		{ "it has just closed it", -5, 0, false,
		  ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN },
		{ "it ended after the packet", -50, 5, false,
		  ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN },
		{ "it ended before", -50, -5, false, 0 },
		{ "it is born later", 5, 0, false, ATTRIBUTION_LOOK_AGAIN },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct owner owner = { .method = ATTRIBUTION_SOCKET, .inode = 100 };
		struct attribution_question asked;

		clear();
		fake_process(20, "child", 10, 100);
		fake_process(21, "sibling", 10, 100);
		hold(20, 3, 100);
		hold(21, 3, cases[i].has ? 100 : 101);
		add(UDP, SRC, 53, DST, 7000, SOCKET_ESTABLISHED, 100);
		open_world();
		walk(world.processes.fds, false);
		asked = question(IPPROTO_UDP, SRC, 53, DST, 7000);
		asked.sender = true;
		attribution_forked(world.attribution, 10, 20, asked.seen_ns - 60 * NS_PER_MS);
		attribution_forked(world.attribution, 10, 21,
		                   asked.seen_ns + cases[i].forked_ms * NS_PER_MS);
		if (cases[i].ended_ms != 0)
			attribution_exited(world.attribution, 21,
			                   asked.seen_ns + cases[i].ended_ms * NS_PER_MS);
		owner.process = process_ref(process_table_get(world.processes.table, 20, NULL));
		CHECK_EQUAL(attribution_look_at_holders(world.attribution, &asked, &owner),
		            cases[i].answer | ATTRIBUTION_SILENT, "a child's: %s", cases[i].title);
		CHECK_EQUAL(owner.shared_count, cases[i].has ? 2 : 0, "those that have it");
		owner_clear(&owner);
		close_world();
	}
}

/* Datagrams to ports without sockets: a listing answers for all packets before it. */
static void test_unreceived(void)
{
	struct attribution_question asked, before, new;
	uint64_t queries;

	clear();
	fake_process(10, "one", 1, 100);
	hold(10, 3, 100);
	hold(10, 4, 101);
	add(UDP, "0.0.0.0", 5353, "0.0.0.0", 0, SOCKET_CLOSED, 100);
	open_world();
	walk(world.processes.fds, false);
	before = question(IPPROTO_UDP, SRC, 7000, DST, 53);
	asked = question(IPPROTO_UDP, GROUP, 5353, DST, 5353);
	asked.fanned_out = true;
	expect(&asked, "socket 10", "to a group");
	queries = attribution_counters(world.attribution)->queries;
	CHECK_EQUAL(queries, 1, "all sockets are listed for it, which is counted");
	for (int port = 1; port < 1000; port++) {
		asked = before;
		asked.tuple.source_port = (uint16_t)(6000 + port);
		asked.tuple.destination_port = (uint16_t)port;
		asked.fanned_out = port % 2;
		if (strcmp(answer(&asked), "unknown no_socket") != 0)
			CHECK(false, "port %d: %s", asked.tuple.source_port, answer(&asked));
	}
	CHECK_EQUAL(attribution_counters(world.attribution)->queries, queries,
	            "packets before the listing, to ports without sockets: nothing is asked");
	CHECK_EQUAL(attribution_counters(world.attribution)->cached_misses, 999,
	            "which is counted");
	add(UDP, "0.0.0.0", 7000, "0.0.0.0", 0, SOCKET_CLOSED, 101);
	fake_put("net/udp", files[UDP]);
	expect(&before, "unknown no_socket", "a socket that was opened later has not received it");
	new = question(IPPROTO_UDP, SRC, 7000, DST, 53);
	new.fanned_out = true;
	expect(&new, "socket 10", "but what came after that");
	close_world();
}

int main(void)
{
	fake_begin();
	test_udp();
	test_udp_gone();
	test_connected();
	test_sibling();
	test_unreceived();
	fake_remove("");
	return check_done();
}
