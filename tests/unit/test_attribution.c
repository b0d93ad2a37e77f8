/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The rules for owners, over sockets and processes in folders of this test's own. */
#include "attribution/attribution.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "proc_fd_fixture.h"
#include "sockets/listener_table.h"
#include "sockets/lister.h"

#define NETNS 77u
#define SRC   "10.0.0.1"
#define DST   "192.0.2.1"
#define GROUP "224.0.0.251"

/* The kernel's words for addresses in /proc/net: as memory of this machine holds them. */
static const char *word_of(const char *text)
{
	static char words[4][36];
	static int next;
	char *word = words[next++ % 4];
	struct inet_address address;
	uint32_t parts[4];

	inet_parse(text, &address);
	memcpy(parts, address.bytes, sizeof parts);
	if (inet_is_v4(&address))
		snprintf(word, sizeof words[0], "%08X", parts[3]);
	else
		snprintf(word, sizeof words[0], "%08X%08X%08X%08X", parts[0], parts[1], parts[2],
		         parts[3]);
	return word;
}

static char files[8][4096];
static const char *const file_names[8] = { "tcp",     "tcp6", "udp",  "udp6",
	                                   "udplite", "raw",  "icmp", "dev" };
enum { TCP, TCP6, UDP, UDP6, UDPLITE, RAW, ICMP };

static void add(int file, const char *local, uint16_t local_port, const char *remote,
                uint16_t remote_port, enum socket_state state, unsigned inode)
{
	size_t length = strlen(files[file]);

	/* Those without inode belong to root for all that the file says. */
	snprintf(files[file] + length, sizeof files[0] - length,
	         "   0: %s:%04X %s:%04X %02X 00000000:00000000 00:00000000 00000000 %5u 0 %u 1\n",
	         word_of(local), local_port, word_of(remote), remote_port, state,
	         inode ? 1000u : 0u, inode);
}

static void hold(int pid, int fd, unsigned inode)
{
	char name[48], target[48];

	snprintf(name, sizeof name, "%d/fd/%d", pid, fd);
	snprintf(target, sizeof target, "socket:[%u]", inode);
	fake_link(name, target);
}

/* Begun anew for each case: sockets are listed, and all processes read, at the first question. */
static struct world {
	struct fixture processes;
	struct lister *lister;
	struct listener_table *listeners, *udp_listeners;
	struct attribution *attribution;
	int64_t late_ns; /* when that was seen which is LATE */
} world;

static void clear(void)
{
	fake_remove("");
	if (mkdir(fake_proc, 0700) != 0)
		fake_fail(fake_proc);
	for (int i = 0; i < 7; i++)
		snprintf(files[i], sizeof files[0], "  sl  local_address rem_address   st ...\n");
	fake_link("1/ns/pid", "pid:[4026531836]");
}

static bool guess, blind_to_forks;

static void open_world(void)
{
	struct attribution_options options = { .key = key,
		                               .sees_all_processes = true,
		                               .guess = guess,
		                               .reports_forks = !blind_to_forks };
	struct attribution_namespace space = { .netns = NETNS };
	struct error error;
	char path[PATH_MAX], name[32];

	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "net/%s", file_names[i]);
		fake_put(name, files[i]);
	}
	world.processes = begin(fake_proc, 100, 1000);
	options.processes = world.processes.table;
	options.fds = world.processes.fds;
	fake_path(path, sizeof path, "net");
	if (lister_new(&world.lister, LISTER_PROC, NULL, path, NETNS, &error) != 0 ||
	    attribution_new(&world.attribution, &options, &error) != 0) {
		printf("Bail out! %s\n", error.text);
		exit(EXIT_FAILURE);
	}
	world.listeners = listener_table_new(world.lister, SOCKET_KIND_BIT(SOCKET_TCP), false);
	world.udp_listeners = listener_table_new(world.lister, SOCKET_KIND_BIT(SOCKET_UDP), true);
	space.lister = world.lister;
	space.listeners = world.listeners;
	space.udp_listeners = world.udp_listeners;
	attribution_add_namespace(world.attribution, &space);
}

static void close_world(void)
{
	attribution_free(world.attribution);
	listener_table_free(world.listeners);
	listener_table_free(world.udp_listeners);
	lister_free(world.lister);
	finish(&world.processes);
}

static struct attribution_question question(uint8_t protocol, const char *local,
                                            uint16_t local_port, const char *remote,
                                            uint16_t remote_port)
{
	struct attribution_question asked = {
		.netns = NETNS,
		.ifindex = 2,
		.tuple = { .protocol = protocol,
		           .source_port = local_port,
		           .destination_port = remote_port },
		.asked_ns = clock_monotonic_ns(),
		.seen_ns = clock_monotonic_ns(),
	};

	inet_parse(local, &asked.tuple.source);
	inet_parse(remote, &asked.tuple.destination);
	return asked;
}

/* "socket 10", "listener 20 (20 21)", "unknown ambiguous": the answer in words. */
static const char *answer(const struct attribution_question *asked)
{
	static char text[128];
	struct owner owner = { 0 };
	int length;

	attribution_resolve(world.attribution, asked, &owner);
	length = snprintf(text, sizeof text, "%s", attribution_method_name(owner.method));
	if (owner.reason != ATTRIBUTION_REASON_NONE)
		length += snprintf(text + length, sizeof text - (size_t)length, " %s",
		                   attribution_reason_name(owner.reason));
	if (owner.process)
		length += snprintf(text + length, sizeof text - (size_t)length, " %d",
		                   owner.process->pid);
	for (int i = 0; i < owner.shared_count; i++)
		length += snprintf(text + length, sizeof text - (size_t)length, "%s%d%s",
		                   i ? " " : " (", owner.shared_pids[i],
		                   i + 1 == owner.shared_count ? ")" : "");
	owner_clear(&owner);
	return text;
}

static void expect(const struct attribution_question *asked, const char *expected,
                   const char *title)
{
	const char *found = answer(asked);

	/* All sockets may be listed for a 200th of the time: where that takes long, it is put off. */
	for (int i = 1; i < check_slowdown() && strcmp(found, "unknown pending") == 0; i++) {
		sleep(1);
		found = answer(asked);
	}
	CHECK_TEXT(found, expected, "%s: %s", title, found);
}

enum how { PLAIN, RESPONDER, SENDER, DIED, FANNED_OUT, ELSEWHERE, LATE, ECHO_4711, ECHO_4712 };

/* A question and its answer. */
struct rule {
	const char *local;
	uint16_t local_port;
	const char *remote;
	uint16_t remote_port;
	enum how how;
	const char *expected, *title;
};

#define EXPECT_RULES(protocol, rules) expect_rules(protocol, rules, sizeof(rules) / sizeof *(rules))

static void expect_rules(uint8_t protocol, const struct rule *rules, size_t count)
{
	for (const struct rule *rule = rules; rule < rules + count; rule++) {
		struct attribution_question asked = question(
			protocol, rule->local, rule->local_port, rule->remote, rule->remote_port);

		asked.responder = rule->how == RESPONDER || rule->how == DIED;
		asked.died = rule->how == DIED;
		asked.sender = rule->how == SENDER;
		asked.fanned_out = rule->how == FANNED_OUT;
		asked.netns += rule->how == ELSEWHERE;
		if (rule->how == LATE)
			asked.seen_ns = world.late_ns;
		asked.has_icmp_id = rule->how >= ECHO_4711;
		asked.icmp_id = rule->how == ECHO_4711 ? 4711 : 4712;
		expect(&asked, rule->expected, rule->title);
	}
}

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

static const struct {
	uint16_t port;
	unsigned inode;
} existing[] = { { 5001, 301 }, { 5002, 302 }, { 5003, 303 }, { 80, 304 } };

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
		  ATTRIBUTION_LOOK_AGAIN | ATTRIBUTION_NOW_OTHERS },
		{ "it did not since long", -2000, true, true, true, 0, ATTRIBUTION_NOW_OTHERS },
		{ "it did not fork", 1, true, false, true, 0, 0 },
		{ "it forked after the packet", 0, true, false, true, 0, ATTRIBUTION_LOOK_AGAIN },
		{ "the packet is not its", -5, false, false, true, 0, ATTRIBUTION_LOOK_AGAIN },
		{ "each send has a route, which is reported", -5, true, false, false, 0, 0 },
		{ "the child's, and its parent has it as well", -5, true, true, true, 0,
		  ATTRIBUTION_NOW_OTHERS },
		{ "the child's, and it alone has it", -5, true, false, true, 0, 0 },
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
	test_tcp();
	test_recent();
	test_former_owner();
	test_existing();
	test_existing_owner();
	test_existing_owner_blindly();
	test_shared();
	test_young_holder();
	test_udp();
	test_udp_gone();
	test_newcomer();
	test_raw();
	test_echo_gone();
	test_last_holder();
	test_walks();
	test_forks();
	test_connected();
	test_guess();
	test_listed();
	test_unreceived();
	test_unborn();
	fake_remove("");
	return check_done();
}
