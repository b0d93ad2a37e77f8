/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The owner of an end by the kernel's sockets and the processes that hold them. */
#include "attribution_fixture.h"

static void test_tcp(void)
{
	static const struct rule rules[] = {
		{ SRC, 5000, DST, 80, PLAIN, "socket 10", "the holder of the socket" },
		{ "2001:db8::1", 5005, "2001:db8::2", 80, PLAIN, "socket 10", "IPv6" },
		{ SRC, 5000, DST, 81, PLAIN, "unknown no_socket", "another remote port" },
		{ SRC, 80, DST, 5001, RESPONDER, "socket 20", "an accepted connection" },
		{ SRC, 80, DST, 5002, RESPONDER, "listener 20", "not accepted: the listener" },
		{ SRC, 80, DST, 9999, RESPONDER, "listener 20", "not even there: the listener" },
		{ SRC, 80, DST, 9999, PLAIN, "unknown no_socket", "who began it has no listener" },
		{ SRC, 80, DST, 9999, DIED, "unknown no_socket", "a later listener" },
		{ SRC, 80, DST, 5001, DIED, "socket 20", "accepted: no listener is asked" },
		{ SRC, 5003, DST, 80, PLAIN, "unknown no_socket", "orphaned" },
		{ SRC, 5004, DST, 80, PLAIN, "unknown time_wait", "in TIME_WAIT, not seen before" },
		{ SRC, 5004, DST, 80, ELSEWHERE, "unknown other_netns", "another namespace" },
	};

	clear();
	fake_process(10, "client", 1, 100);
	fake_process(20, "server", 1, 100);
	hold(10, 3, 100);
	hold(20, 3, 200);
	hold(20, 4, 201);
	add(TCP, SRC, 5000, DST, 80, SOCKET_ESTABLISHED, 100);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 200);
	add(TCP, SRC, 80, DST, 5001, SOCKET_ESTABLISHED, 201);
	add(TCP, SRC, 80, DST, 5002, SOCKET_ESTABLISHED, 0); /* not accepted */
	add(TCP, SRC, 5003, DST, 80, SOCKET_FIN_WAIT_1, 0);  /* orphaned */
	add(TCP, SRC, 5004, DST, 80, SOCKET_TIME_WAIT, 0);
	add(TCP6, "2001:db8::1", 5005, "2001:db8::2", 80, SOCKET_ESTABLISHED, 100);
	open_world();
	walk(world.processes.fds, false);
	EXPECT_RULES(IPPROTO_TCP, rules);
	close_world();
}

static void test_recent(void)
{
	struct attribution_question asked;
	struct owner owner = { .method = ATTRIBUTION_SOCKET };

	clear();
	fake_process(10, "client", 1, 100);
	add(TCP, SRC, 5004, DST, 80, SOCKET_TIME_WAIT, 0);
	open_world();
	asked = question(IPPROTO_TCP, SRC, 5004, DST, 80);
	owner.process = process_table_get(world.processes.table, 10, NULL);
	attribution_remember(world.attribution, NETNS, &asked.tuple, &owner, clock_monotonic_ns());
	expect(&asked, "recent 10", "in TIME_WAIT, and known from before");
	asked.since_ns = clock_monotonic_ns() + 1;
	expect(&asked, "unknown time_wait", "but not for a later connection of the same tuple");
	owner.method = ATTRIBUTION_LISTENER;
	asked = question(IPPROTO_TCP, SRC, 5005, DST, 80);
	attribution_remember(world.attribution, NETNS, &asked.tuple, &owner, clock_monotonic_ns());
	expect(&asked, "unknown no_socket", "a listener's owner is not remembered as a event");
	close_world();
}

static void test_shared(void)
{
	static const struct rule rules[] = {
		{ SRC, 80, DST, 5000, RESPONDER, "listener 20 (20 21)",
		  "a listener of two processes" },
		{ SRC, 81, DST, 5000, RESPONDER, "unknown ambiguous",
		  "two listeners, two processes" },
		{ SRC, 82, DST, 5000, RESPONDER, "listener 22", "two listeners, one process" },
	};

	clear();
	for (int pid = 20; pid < 23; pid++)
		fake_process(pid, "server", 1, 100);
	hold(20, 3, 200);
	hold(21, 3, 200);
	hold(21, 4, 201);
	hold(22, 3, 202);
	hold(22, 4, 203);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 200);
	add(TCP, "0.0.0.0", 81, "0.0.0.0", 0, SOCKET_LISTEN, 201);
	add(TCP, "0.0.0.0", 81, "0.0.0.0", 0, SOCKET_LISTEN, 202);
	add(TCP, "0.0.0.0", 82, "0.0.0.0", 0, SOCKET_LISTEN, 202);
	add(TCP, "0.0.0.0", 82, "0.0.0.0", 0, SOCKET_LISTEN, 203);
	open_world();
	walk(world.processes.fds, false);
	EXPECT_RULES(IPPROTO_TCP, rules);
	close_world();
}

/* The descriptors of a child that was just forked were read, and those of its parent were not. */
static void test_young_holder(void)
{
	static const struct rule rules[] = {
		{ SRC, 80, DST, 5000, RESPONDER, "listener 20 (20 21 23)",
		  "a child and a grandchild that have their parent's listener" },
		{ SRC, 81, DST, 5000, RESPONDER, "listener 21", "a child that opened its own" },
		{ SRC, 82, DST, 5000, RESPONDER, "listener 22", "one that is long there" },
	};
	int64_t tick_ns = NS_PER_SECOND / sysconf(_SC_CLK_TCK);
	unsigned long long now_ticks = (unsigned long long)(clock_boottime_ns() / tick_ns);

	clear();
	fake_process(20, "server", 1, 100);
	fake_process(21, "server", 20, now_ticks);
	fake_process(22, "server", 20, 101);
	fake_process(23, "server", 21, now_ticks);
	hold(20, 3, 200);
	hold(21, 3, 200);
	hold(23, 3, 200);
	hold(21, 4, 201);
	hold(20, 5, 202);
	hold(22, 5, 202);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 200);
	add(TCP, "0.0.0.0", 81, "0.0.0.0", 0, SOCKET_LISTEN, 201);
	add(TCP, "0.0.0.0", 82, "0.0.0.0", 0, SOCKET_LISTEN, 202);
	open_world();
	proc_fd_scan_process(world.processes.fds, 23);
	proc_fd_scan_process(world.processes.fds, 22);
	fake_remove("20/fd/5"); /* it closed it */
	EXPECT_RULES(IPPROTO_TCP, rules);
	close_world();
}

/* A process that began two seconds ago, and what was four seconds on its way. */
static void test_newcomer(void)
{
	static const struct rule udp[] = {
		{ SRC, 5001, DST, 53, LATE, "unknown no_socket", "a datagram from before" },
		{ SRC, 5001, DST, 53, PLAIN, "socket 12", "a datagram from then on" },
		{ SRC, 5002, DST, 53, LATE, "socket 10", "a datagram to an older process" },
	};
	static const struct rule tcp[] = {
		{ SRC, 5003, DST, 80, LATE, "socket 12", "a connection, handed to it" },
	};
	struct attribution_question asked;
	int64_t tick_ns = NS_PER_SECOND / sysconf(_SC_CLK_TCK);
	int64_t began_ns = clock_boottime_ns() - 2 * NS_PER_SECOND;

	clear();
	fake_process(10, "one", 1, 100);
	fake_process(12, "newcomer", 1, (unsigned long long)(began_ns / tick_ns));
	hold(10, 3, 100);
	hold(12, 3, 120);
	hold(12, 4, 121);
	add(UDP, "0.0.0.0", 5001, "0.0.0.0", 0, SOCKET_CLOSED, 120);
	add(UDP, "0.0.0.0", 5002, "0.0.0.0", 0, SOCKET_CLOSED, 100);
	add(TCP, SRC, 5003, DST, 80, SOCKET_ESTABLISHED, 121);
	world.late_ns = clock_monotonic_ns() - 4 * NS_PER_SECOND;
	open_world();
	walk(world.processes.fds, false);
	EXPECT_RULES(IPPROTO_UDP, udp);
	EXPECT_RULES(IPPROTO_TCP, tcp);
	asked = question(IPPROTO_TCP, SRC, 5003, DST, 80);
	asked.since_ns = asked.seen_ns;
	expect(&asked, "socket 12", "a connection that it has opened");
	asked.since_ns = asked.seen_ns = world.late_ns;
	expect(&asked, "unknown no_socket", "one that was opened before: it may have the next");
	asked.heir_ns = asked.seen_ns + 1;
	expect(&asked, "socket 12", "one whose owner has exited");
	close_world();
}

static void test_raw(void)
{
	static const struct rule rules[] = {
		{ SRC, 0, DST, 0, ECHO_4711, "socket 10", "an echo of a ping socket" },
		{ SRC, 0, DST, 0, ECHO_4712, "socket 11", "another echo: the raw socket's" },
		{ SRC, 0, DST, 0, PLAIN, "unknown no_socket", "ICMP of the kernel" },
	};
	struct attribution_question asked;

	clear();
	fake_process(10, "ping", 1, 100);
	fake_process(11, "ospf", 1, 100);
	hold(10, 3, 100);
	hold(11, 3, 110);
	hold(11, 4, 111);
	add(ICMP, "0.0.0.0", 4711, "0.0.0.0", 0, SOCKET_CLOSED, 100);
	add(RAW, "0.0.0.0", IPPROTO_ICMP, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	add(RAW, "0.0.0.0", 89, "0.0.0.0", 0, SOCKET_CLOSED, 111);
	open_world();
	walk(world.processes.fds, false);
	EXPECT_RULES(IPPROTO_ICMP, rules);
	asked = question(89, SRC, 0, DST, 0);
	expect(&asked, "socket 11", "a raw socket's protocol");
	asked = question(47, SRC, 0, DST, 0);
	expect(&asked, "unknown no_socket", "nobody's protocol");
	close_world();
}

/* Which process had an end at last: one that forked as it accepted may have given it to its child. */
/* Which echo requests have no socket any more, after their process has exited. */
static void test_echo_gone(void)
{
	static const struct {
		const char *local;
		uint16_t id;
		const char *remote;
		uint64_t inode; /* the owner was found with; 0 = that is not known */
		bool has_raw, is_gone;
		const char *title;
	} cases[] = {
		{ SRC, 7, DST, 0, false, false, "a ping socket of this identifier is left" },
		{ SRC, 7, DST, 8, false, true, "which is another's" },
		{ SRC, 8, DST, 0, false, true, "a ping socket of another identifier is left" },
		{ "fe80::1", 7, "fe80::2", 0, false, true, "one of IPv4 is left" },
		{ SRC, 8, DST, 0, true, false, "a raw socket is left" },
		{ SRC, 8, DST, 9, true, false, "its owner's" },
		{ SRC, 8, DST, 8, true, true, "not its owner's" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct owner owner = { .inode = cases[i].inode };
		struct attribution_question asked;
		int64_t began;

		clear();
		add(ICMP, "0.0.0.0", 7, "0.0.0.0", 0, SOCKET_CLOSED, 7);
		if (cases[i].has_raw)
			add(RAW, "0.0.0.0", 1, "0.0.0.0", 0, SOCKET_CLOSED, 9);
		open_world();
		asked = question(strchr(cases[i].local, ':') ? IPPROTO_ICMPV6 : IPPROTO_ICMP,
		                 cases[i].local, cases[i].id, cases[i].remote, cases[i].id);
		asked.sender = asked.has_icmp_id = true;
		asked.icmp_id = cases[i].id;
		asked.heir_ns = began = clock_monotonic_ns();
		CHECK_EQUAL(attribution_echo_is_gone(world.attribution, &asked, &owner),
		            cases[i].is_gone, "%s", cases[i].title);
		asked.heir_ns = clock_monotonic_ns();
		CHECK(attribution_echo_is_gone(world.attribution, &asked, &owner) == -EAGAIN ||
		              clock_monotonic_ns() - began > WINDOW_RAW_TURN_NS / 2,
		      "%s: sockets are not listed at every turn", cases[i].title);
		close_world();
	}
}

static void test_last_holder(void)
{
	static const struct {
		enum attribution_method method;
		unsigned inode;
		int64_t forked_ms; /* after the connection; 0 = it did not fork */
		int shared;
		bool another;
		const char *title;
	} cases[] = {
		{ ATTRIBUTION_SOCKET, 201, 0, 0, false, "it did not fork" },
		{ ATTRIBUTION_SOCKET, 201, 5, 0, false, "it forked, and has the socket still" },
		{ ATTRIBUTION_SOCKET, 299, 5, 0, true, "it forked, and has the socket no more" },
		{ ATTRIBUTION_SOCKET, 299, 60000, 0, false, "it forked much later" },
		{ ATTRIBUTION_LISTENER, 200, 0, 0, false, "a listener of one process" },
		{ ATTRIBUTION_LISTENER, 200, 0, 2, true, "a listener of several" },
		{ ATTRIBUTION_LISTENER, 200, 5, 0, true, "a listener that forked" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct attribution_question asked;
		struct owner owner = { .method = cases[i].method, .inode = cases[i].inode };

		clear();
		fake_process(20, "server", 1, 100);
		hold(20, 3, 200);
		hold(20, 4, 201);
		open_world();
		walk(world.processes.fds, false);
		asked = question(IPPROTO_TCP, SRC, 80, DST, 5000);
		owner.process = process_ref(process_table_get(world.processes.table, 20, NULL));
		owner.shared_count = (uint8_t)cases[i].shared;
		owner.shared_pids = cases[i].shared ? calloc(2, sizeof(int)) : NULL;
		if (cases[i].forked_ms)
			attribution_forked(world.attribution, 20, 920,
			                   asked.seen_ns + cases[i].forked_ms * NS_PER_MS);
		CHECK_EQUAL(attribution_last_holder(world.attribution, &asked, &owner),
		            cases[i].another, "%s", cases[i].title);
		CHECK_EQUAL(owner.process == NULL, cases[i].another, "%s: %s", cases[i].title,
		            cases[i].another ? "no owner is left" : "the owner stays");
		owner_clear(&owner);
		close_world();
	}
}

/*
 * Asks again and again, as the binder does. How long until it is no more pending, in ms; -1: for
 * ever.
 */
static int ask_until_settled(struct attribution_question *asked, const char **last)
{
	int64_t began = clock_monotonic_ns();

	for (int wait_ms = 1; wait_ms < 2000 * check_slowdown(); wait_ms *= 2) {
		int64_t until = clock_monotonic_ns() + wait_ms * NS_PER_MS;

		*last = answer(asked);
		if (!strstr(*last, "pending"))
			return (int)((clock_monotonic_ns() - began) / NS_PER_MS);
		while (clock_monotonic_ns() < until) {
			while (attribution_work(world.attribution, NS_PER_MS))
				;
			usleep(500);
		}
	}
	return -1;
}

static void test_walks(void)
{
	struct attribution_question asked;
	const char *last;
	int took;

	clear();
	for (int pid = 10; pid < 60; pid++) {
		fake_process(pid, "many", 1, 100);
		hold(pid, 3, 1000 + (unsigned)pid);
	}
	add(TCP, SRC, 5000, DST, 80, SOCKET_ESTABLISHED, 1030);
	add(TCP, SRC, 5001, DST, 80, SOCKET_ESTABLISHED, 2000);
	add(TCP, SRC, 5002, DST, 80, SOCKET_ESTABLISHED, 3000);
	open_world();
	asked = question(IPPROTO_TCP, SRC, 5000, DST, 80);
	CHECK_TEXT(answer(&asked), "unknown pending", "nothing has been read as yet");
	took = ask_until_settled(&asked, &last);
	CHECK(took >= 0 && strcmp(last, "socket 30") == 0, "a walk finds it: %s after %d ms", last,
	      took);

	/* Closed, and another opened in its place: as many descriptors as before. */
	hold(40, 3, 2000);
	asked = question(IPPROTO_TCP, SRC, 5001, DST, 80);
	took = ask_until_settled(&asked, &last);
	CHECK(took >= 0 && took < 1500 * check_slowdown() && strcmp(last, "socket 40") == 0,
	      "a descriptor that replaced another: %s after %d ms", last, took);

	asked = question(IPPROTO_TCP, SRC, 5002, DST, 80);
	took = ask_until_settled(&asked, &last);
	CHECK(took >= 0 && strcmp(last, "unknown exited") == 0, "of nobody: %s after %d ms", last,
	      took);
	close_world();
}

static bool last_holder_is(struct attribution_question *asked, const char *expected)
{
	struct owner owner = { 0 };
	char text[64];

	attribution_resolve(world.attribution, asked, &owner);
	attribution_last_holder(world.attribution, asked, &owner);
	snprintf(text, sizeof text, "%s %d", attribution_method_name(owner.method),
	         owner.process ? owner.process->pid : 0);
	owner_clear(&owner);
	if (strcmp(text, expected) != 0)
		printf("# %s\n", text);
	return strcmp(text, expected) == 0;
}

/* A server that forks: its child had the connection, or not; nobody saw. */
static void test_forks(void)
{
	struct attribution_question asked;
	int64_t now = clock_monotonic_ns();

	clear();
	fake_process(20, "server", 1, 100);
	hold(20, 3, 200);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 200);
	open_world();
	/* Reported before the process was asked for: packets are read later than events. */
	attribution_forked(world.attribution, 20, 920, now);
	walk(world.processes.fds, false);
	asked = question(IPPROTO_TCP, SRC, 80, DST, 5000);
	asked.responder = true;
	asked.seen_ns = now - 5 * NS_PER_MS;
	CHECK(last_holder_is(&asked, "unknown 0"), "it forked since: the child may have had it");
	asked.seen_ns = now + 10 * NS_PER_SECOND;
	CHECK(last_holder_is(&asked, "listener 20"), "it forked long before: the listener");
	attribution_forked(world.attribution, 21, 921, asked.seen_ns);
	CHECK(last_holder_is(&asked, "listener 20"), "another one forked");
	close_world();

	open_world();
	walk(world.processes.fds, false);
	asked.seen_ns = now;
	CHECK(last_holder_is(&asked, "listener 20"), "nobody forked");
	attribution_forks_lost(world.attribution);
	CHECK(last_holder_is(&asked, "unknown 0"), "word of forks was lost: who knows");
	close_world();
}

/* The likeliest is named when that is asked for, and called what it is. */
static void test_guess(void)
{
	static const struct rule rules[] = {
		{ SRC, 5353, DST, 53, SENDER, "guess 10", "two on a port, one is guessed" },
		{ SRC, 5353, DST, 53, PLAIN, "guess 10", "and so to whom it was sent" },
		{ SRC, 5001, DST, 53, SENDER, "socket 11", "one on a port is no guess" },
		{ SRC, 5999, DST, 53, SENDER, "unknown no_socket", "nor is none" },
	};
	struct attribution_question asked;
	int64_t now = clock_monotonic_ns();

	clear();
	fake_process(10, "one", 1, 100);
	fake_process(11, "two", 1, 100);
	hold(10, 3, 100);
	hold(10, 4, 101);
	hold(11, 3, 110);
	hold(11, 4, 111);
	add(UDP, "0.0.0.0", 5001, "0.0.0.0", 0, SOCKET_CLOSED, 110);
	add(UDP, "0.0.0.0", 5353, "0.0.0.0", 0, SOCKET_CLOSED, 100);
	add(UDP, "0.0.0.0", 5353, "0.0.0.0", 0, SOCKET_CLOSED, 111);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 101);
	guess = true;
	open_world();
	guess = false;
	walk(world.processes.fds, false);
	EXPECT_RULES(IPPROTO_UDP, rules);
	attribution_forked(world.attribution, 10, 910, now);
	asked = question(IPPROTO_TCP, SRC, 80, DST, 5000);
	asked.responder = true;
	asked.seen_ns = now;
	CHECK(last_holder_is(&asked, "guess 10"), "its child may have had it: guessed");
	close_world();
}

static const char *owner_of(const struct socket *socket, int64_t listed_ns)
{
	static char text[64];
	struct owner owner = { 0 };

	attribution_resolve_socket(world.attribution, socket, listed_ns, &owner, NULL);
	snprintf(text, sizeof text, "%s %s %d", attribution_method_name(owner.method),
	         owner.reason ? attribution_reason_name(owner.reason) : "",
	         owner.process ? owner.process->pid : 0);
	owner_clear(&owner);
	return text;
}

static void test_listed(void)
{
	struct socket of_kernel = { .kind = SOCKET_NETLINK, .netns = NETNS, .inode = 900 };
	struct socket held = { .kind = SOCKET_UNIX, .netns = NETNS, .inode = 100 };
	struct socket of_nobody = { .kind = SOCKET_UNIX, .netns = NETNS, .inode = 901 };
	int64_t listed_ns;

	clear();
	fake_process(10, "one", 1, 100);
	open_world();
	/* As at the start of a run: a walk is under way already. */
	proc_fd_walk_start(world.processes.fds, false);
	proc_fd_walk(world.processes.fds, 0);
	hold(10, 3, 100);
	listed_ns = clock_monotonic_ns();
	attribution_walk_all(world.attribution);
	CHECK_TEXT(owner_of(&held, listed_ns), "socket  10", "a listed socket: %s",
	           owner_of(&held, listed_ns));
	CHECK_TEXT(owner_of(&of_nobody, listed_ns), "unknown exited 0",
	           "of nobody, all were read since: %s", owner_of(&of_nobody, listed_ns));
	CHECK_TEXT(owner_of(&of_kernel, listed_ns), "kernel  0", "the kernel's end of netlink: %s",
	           owner_of(&of_kernel, listed_ns));
	close_world();
}

int main(void)
{
	fake_begin();
	test_tcp();
	test_recent();
	test_shared();
	test_young_holder();
	test_newcomer();
	test_raw();
	test_echo_gone();
	test_last_holder();
	test_walks();
	test_forks();
	test_guess();
	test_listed();
	fake_remove("");
	return check_done();
}
