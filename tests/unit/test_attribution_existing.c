/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Owners of what was there before the start, and of what is gone. */
#include "attribution_fixture.h"

/* A listener's end whose tuple was another process's before. */
static void test_former_owner(void)
{
	struct attribution_question asked;
	struct owner owner = { .method = ATTRIBUTION_SOCKET };

	clear();
	fake_process(10, "former", 1, 100);
	fake_process(20, "server", 1, 100);
	fake_process(21, "child", 20, 100);
	hold(20, 3, 200);
	hold(21, 4, 201);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 200);
	add(TCP, SRC, 80, DST, 5001, SOCKET_ESTABLISHED, 201);
	add(TCP, SRC, 80, DST, 5002, SOCKET_ESTABLISHED, 0);
	open_world();
	walk(world.processes.fds, false);
	owner.process = process_table_get(world.processes.table, 10, NULL);
	asked = question(IPPROTO_TCP, SRC, 80, DST, 5002);
	asked.responder = true;
	attribution_remember(world.attribution, NETNS, &asked.tuple, &owner, clock_monotonic_ns());
	expect(&asked, "listener 20", "not accepted: no former owner of the tuple");
	asked = question(IPPROTO_TCP, SRC, 80, DST, 5001);
	asked.responder = true;
	expect(&asked, "socket 21", "accepted by a child");
	asked.gone = true;
	expect(&asked, "listener 20", "its socket is closed: what is there now is another");
	close_world();
}

/* A socket that was listed when the capture began is known by its inode, too. */
static void test_existing(void)
{
	static const struct {
		uint16_t port;
		unsigned inode;
		bool gone;
		const char *expected, *title;
	} cases[] = {
		{ 5001, 301, false, "socket 10", "it is there" },
		{ 5002, 302, false, "socket 10",
		  "closed by the peer alone: its descriptor is left" },
		{ 5003, 303, false, "unknown no_socket", "closed: no descriptor is left" },
		{ 5004, 300, false, "unknown no_socket", "closed: a later socket has its ends" },
		{ 5004, 302, false, "socket 10", "the same, and its descriptor is left" },
		{ 5004, 304, false, "socket 20", "the later one itself" },
		{ 80, 302, true, "socket 10",
		  "a server's, reset: its descriptor, and no listener" },
		{ 80, 0, true, "listener 20", "a server's that was not listed" },
	};

	clear();
	fake_process(10, "one", 1, 100);
	fake_process(20, "later", 1, 100);
	hold(10, 3, 301);
	hold(10, 4, 302);
	hold(20, 3, 304);
	hold(20, 4, 200);
	add(TCP, SRC, 5001, DST, 80, SOCKET_ESTABLISHED, 301);
	add(TCP, SRC, 5004, DST, 80, SOCKET_ESTABLISHED, 304);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 200);
	open_world();
	walk(world.processes.fds, false);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct attribution_question asked =
			question(IPPROTO_TCP, SRC, cases[i].port, DST, 80);

		asked.inode = cases[i].inode;
		asked.gone = asked.responder = cases[i].gone;
		expect(&asked, cases[i].expected, cases[i].title);
	}
	close_world();
}

/* Process 10 has each of them, 20 the second too; then the walk has found that. */
static void begin_existing(void)
{
	clear();
	fake_process(10, "one", 1, 100);
	fake_process(20, "other", 1, 100);
	for (size_t i = 0; i < sizeof existing / sizeof *existing; i++) {
		hold(10, 3 + (int)i, existing[i].inode);
		add(TCP, SRC, existing[i].port, DST, 80, SOCKET_ESTABLISHED, existing[i].inode);
	}
	hold(20, 3, 302);
	hold(20, 4, 200);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 200);
	open_world();
	for (size_t i = 0; i < sizeof existing / sizeof *existing; i++)
		attribution_expect_socket(
			world.attribution,
			&(struct socket){ .kind = SOCKET_TCP, .inode = existing[i].inode });
	attribution_find_expected(world.attribution, NS_PER_SECOND);
}

/* They are closed: neither the descriptors nor the sockets are there. */
static void close_existing(void)
{
	fake_remove("10/fd");
	fake_remove("20/fd/3");
	fake_put("net/tcp", "  sl  local_address rem_address   st ...\n");
}

static struct attribution_question question_of_existing(int number, int64_t seen_ns)
{
	struct attribution_question asked =
		question(IPPROTO_TCP, SRC, existing[number].port, DST, 80);

	asked.inode = existing[number].inode;
	asked.seen_ns = seen_ns;
	asked.responder = asked.gone = existing[number].port == 80;
	return asked;
}

static void expect_existing(int number, int64_t seen_ns, const char *expected, const char *title)
{
	const struct attribution_question asked = question_of_existing(number, seen_ns);

	expect(&asked, expected, title);
}

/* A socket that was listed, and its holder found, before it was closed unseen. */
static void test_existing_owner(void)
{
	struct attribution_question asked;
	int64_t now_ns;

	begin_existing();
	close_existing();
	now_ns = clock_monotonic_ns();
	expect_existing(0, now_ns, "recent 10", "the process that had it alone");
	expect_existing(1, now_ns, "unknown no_socket", "one of two had it last");
	expect_existing(3, now_ns, "recent 10", "a server's end: no listener is asked");
	asked = question(IPPROTO_UDP, SRC, 5009, DST, 53);
	asked.inode = 303;
	expect(&asked, "recent 10", "a UDP socket, the same");
	asked = question_of_existing(0, now_ns);
	asked.inode = 399;
	expect(&asked, "unknown no_socket", "another socket");
	attribution_forked(world.attribution, 20, 920, clock_monotonic_ns());
	expect_existing(0, now_ns, "recent 10", "another process forked");
	attribution_forked(world.attribution, 10, 910, clock_monotonic_ns());
	expect_existing(0, now_ns, "unknown no_socket", "its child may have had it last");
	close_world();

	begin_existing();
	now_ns = clock_monotonic_ns();
	close_existing();
	attribution_tick(world.attribution);
	expect_existing(0, now_ns, "recent 10", "a packet of before it was seen to be gone");
	expect_existing(0, clock_monotonic_ns() + 1, "unknown no_socket",
	                "a later one: it may have been handed on");
	close_world();

	begin_existing();
	close_existing();
	now_ns = clock_monotonic_ns();
	process_table_exited(world.processes.table, 10, now_ns);
	expect_existing(2, now_ns, "recent 10", "it was closed by the end of its process");
	expect_existing(2, now_ns + 2 * WINDOW_EXITING_NS, "unknown no_socket",
	                "another process had it after that");
	close_world();
}

/* Where no fork is reported, the holder must have it when a child would have it alone. */
static void test_existing_owner_blindly(void)
{
	int64_t began_ns;

	blind_to_forks = true;
	begin_existing();
	began_ns = clock_monotonic_ns();
	attribution_tick(world.attribution);
	expect_existing(2, began_ns, "socket 10", "it is there: as any socket");
	while (clock_monotonic_ns() - began_ns < WINDOW_HANDOVER_NS + NS_PER_SECOND / 10)
		usleep(10000);
	close_existing();
	expect_existing(0, clock_monotonic_ns(), "unknown no_socket", "it may have been handed on");
	close_world();

	begin_existing();
	began_ns = clock_monotonic_ns();
	while (clock_monotonic_ns() - began_ns < WINDOW_HANDOVER_NS + NS_PER_SECOND / 10)
		usleep(10000);
	attribution_tick(world.attribution);
	close_existing();
	expect_existing(0, clock_monotonic_ns(), "recent 10", "it has not been handed on");
	close_world();
	blind_to_forks = false;
}

static struct process *fork_at(int parent_pid, int pid, int64_t time_ns)
{
	const struct process_fork fork = {
		.parent_pid = parent_pid,
		.pid = pid,
		.time_ns = time_ns,
		.boottime_ns = time_ns,
	};

	return process_table_fork(world.processes.table, &fork);
}

/* Packets of before the child was born that serves the connection. */
static void test_unborn(void)
{
	const int64_t born_ns = clock_monotonic_ns(), before_ns = born_ns - 10 * NS_PER_MS;
	struct process *child, *grandchild, *stranger;
	const struct {
		uint16_t port;
		struct process *const *child;
		int64_t seen_ns;
		bool died;
		int listening; /* 0: none is found */
		const char *title;
	} cases[] = {
		{ 80, &child, before_ns, false, 20, "the parent listens" },
		{ 80, &grandchild, before_ns, false, 20, "the parent of the parent" },
		{ 80, &grandchild, born_ns + 10 * NS_PER_MS, false, 0, "a parent that does not" },
		{ 81, &child, before_ns, false, 0, "another process listens" },
		{ 82, &child, before_ns, false, 0, "no process does" },
		{ 80, &child, before_ns, true, 0, "it may have begun to since" },
		{ 80, &stranger, before_ns, false, 0, "the parent is not known" },
	};

	clear();
	fake_process(20, "server", 1, 100);
	fake_process(30, "other", 1, 100);
	hold(20, 3, 200);
	hold(30, 3, 300);
	add(TCP, "0.0.0.0", 80, "0.0.0.0", 0, SOCKET_LISTEN, 200);
	add(TCP, "0.0.0.0", 81, "0.0.0.0", 0, SOCKET_LISTEN, 300);
	open_world();
	proc_fd_ignore_sizes(world.processes.fds);
	process_table_seed(world.processes.table,
	                   process_table_get(world.processes.table, 20, NULL),
	                   before_ns - NS_PER_SECOND);
	child = fork_at(20, 21, born_ns);
	grandchild = fork_at(21, 22, born_ns + 20 * NS_PER_MS);
	stranger = fork_at(99, 23, born_ns);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct attribution_question asked =
			question(IPPROTO_TCP, SRC, cases[i].port, DST, 5000);
		struct owner owner = { 0 };
		bool found;

		asked.responder = true;
		asked.died = cases[i].died;
		asked.seen_ns = cases[i].seen_ns;
		found = attribution_find_listening(world.attribution, &asked, *cases[i].child,
		                                   &owner);
		CHECK(found == (cases[i].listening != 0) && found == (owner.process != NULL) &&
		              (!found || (owner.process->pid == cases[i].listening &&
		                          owner.method == ATTRIBUTION_LISTENER)),
		      "%s", cases[i].title);
		owner_clear(&owner);
	}
	close_world();
}

int main(void)
{
	fake_begin();
	test_former_owner();
	test_existing();
	test_existing_owner();
	test_existing_owner_blindly();
	test_unborn();
	fake_remove("");
	return check_done();
}
