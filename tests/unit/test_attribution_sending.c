/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Sends that go on. What is reported, and what the process does, is this test's own. */
#include <errno.h>
#include <netinet/in.h>

#include "attribution/look.h"
#include "attribution/socket_history.h"
#include "attribution/trace_owners.h"
#include "check.h"
#include "processes/process_waits.h"

#define PID   20
#define INODE 1000
#define MAY   ATTRIBUTION_SEND_MAY
#define NOT   ATTRIBUTION_SEND_NOT_SEEN

static struct {
	struct socket_history_sent sent, drained; /* now, and what a drain brings at last */
	int drains;                               /* until it does; 0 = it brings nothing */
	bool uncounted, unreported;
	bool has_descriptor, is_large;
	struct socket socket; /* inode 0: there is none */
	int waits;
	int looks, scans; /* at what the process does; at its descriptors */
} world;

bool trace_owners_count_sent(struct trace_owners *owners,
                             const struct attribution_question *question,
                             struct socket_history_sent *sent)
{
	(void)owners;
	(void)question;
	*sent = world.sent;
	return !world.uncounted;
}

bool trace_owners_reports_sends(const struct trace_owners *owners)
{
	(void)owners;
	return !world.unreported;
}

void trace_owners_drain(struct trace_owners *owners)
{
	(void)owners;
	if (world.drains > 0 && --world.drains == 0)
		world.sent = world.drained;
}

void trace_owners_drain_for(struct trace_owners *owners,
                            const struct attribution_question *question)
{
	(void)question;
	trace_owners_drain(owners);
}

bool look_find_socket(struct attribution *attribution, const struct attribution_question *question,
                      struct socket *socket)
{
	(void)attribution;
	(void)question;
	*socket = world.socket;
	return world.socket.inode != 0;
}

bool look_is_indexed(const struct attribution *attribution, uint64_t inode, int pid,
                     struct proc_fd_holders *holders)
{
	(void)attribution;
	(void)holders;
	return inode == INODE && pid == PID && world.has_descriptor;
}

void proc_fd_next_turn(struct proc_fd *fds)
{
	(void)fds;
}

int proc_fd_scan_small(struct proc_fd *fds, int pid, int most)
{
	(void)fds;
	(void)pid;
	(void)most;
	world.scans++;
	return world.is_large ? -E2BIG : 0;
}

int process_table_dir(struct process_table *table, const struct process *process)
{
	(void)table;
	(void)process;
	return 7;
}

int process_waits(int dir, int most, int *read)
{
	world.looks++;
	*read = dir == 7 ? 1 : most;
	return world.waits;
}

static struct sock_diag *const diag = (struct sock_diag *)&world; /* never looked into */
static struct attribution_namespace namespace = { .netns = 1 };

const struct attribution_namespace *
attribution_find_namespace(const struct attribution *attribution, uint32_t netns)
{
	(void)attribution;
	return netns == namespace.netns ? &namespace : NULL;
}

static struct attribution attribution;
static struct process process = { .references = 1000, .pid = PID };
static int64_t seen_ns;
static uint16_t port;

/* A process with the socket, that has sent 100 bytes, and a packet with others. */
static void begin(void)
{
	memset(&world, 0, sizeof world);
	memset(&attribution, 0, sizeof attribution);
	attribution.options.trace_owners = (struct trace_owners *)&world;
	namespace.diag = diag;
	world.sent = (struct socket_history_sent){ .bytes = 100, .pid = PID };
	world.has_descriptor = true;
	world.socket = (struct socket){ .inode = INODE, .state = SOCKET_ESTABLISHED };
	seen_ns = 1;
}

static enum attribution_send ask(uint32_t offset)
{
	const struct owner owner = { .method = ATTRIBUTION_TRACEPOINT, .process = &process };
	const struct attribution_question question = {
		.netns = 1,
		.tuple = { .protocol = IPPROTO_TCP,
		           .source_port = 1000 + port,
		           .destination_port = 80 },
		.seen_ns = seen_ns,
		.has_offset = true,
		.offset = offset,
	};
	uint32_t reported = 0;
	enum attribution_send send =
		attribution_find_send(&attribution, &question, &owner, &reported);

	if (send == ATTRIBUTION_SEND_REPORTED)
		CHECK_EQUAL(reported, (uint32_t)world.sent.bytes,
		            "byte %" PRIu32 ": how many are reported", offset);
	return send;
}

static void test_reported(void)
{
	begin();
	CHECK(ask(99) == ATTRIBUTION_SEND_REPORTED && world.looks == 0, "a byte that is reported");
	world.drained = (struct socket_history_sent){ .bytes = 101, .pid = PID };
	world.drains = 1;
	CHECK(ask(100) == ATTRIBUTION_SEND_REPORTED && world.looks == 0,
	      "one whose report waits in a ring");
	begin();
	world.drained = (struct socket_history_sent){ .bytes = 101, .pid = PID };
	world.drains = 2;
	world.waits = 1;
	CHECK(ask(100) == ATTRIBUTION_SEND_REPORTED && world.looks == 1,
	      "its send was over when the process waited");
	begin();
	world.sent.bytes = (1ull << 32) + 5;
	CHECK(ask(4) == ATTRIBUTION_SEND_REPORTED && ask(5) == MAY, "behind 4 GiB");
	begin();
	world.uncounted = true;
	CHECK_EQUAL(ask(100), ATTRIBUTION_SEND_UNCOUNTED, "a socket that is not counted");
	begin();
	world.unreported = true;
	CHECK_EQUAL(ask(100), ATTRIBUTION_SEND_UNCOUNTED, "a kernel that reports no sends");
	begin();
	namespace.diag = NULL;
	CHECK_EQUAL(ask(100), ATTRIBUTION_SEND_UNCOUNTED, "no question about sockets is answered");
}

static void test_process(void)
{
	begin();
	CHECK_EQUAL(ask(100), MAY, "it has the descriptor, and does something");
	begin();
	world.waits = 1;
	CHECK_EQUAL(ask(100), NOT, "it has the descriptor, and waits");
	begin();
	world.waits = -EACCES;
	CHECK_EQUAL(ask(100), MAY, "what it does is not known");
	begin();
	world.has_descriptor = false;
	CHECK(ask(100) == NOT && world.scans == 1, "it has the descriptor no more");
	begin();
	world.has_descriptor = false;
	world.is_large = true;
	CHECK_EQUAL(ask(100), MAY, "it has too many descriptors to be read");
	world.waits = 1;
	seen_ns = INT64_MAX;
	CHECK_EQUAL(ask(100), NOT, "one of these that waits");
	begin();
	world.has_descriptor = false;
	world.socket.inode = 0;
	CHECK_EQUAL(ask(100), MAY, "its socket is closed: that no send goes on is known");
	begin();
	world.has_descriptor = false;
	world.socket.state = SOCKET_LISTEN;
	CHECK_EQUAL(ask(100), MAY, "so it is where a listener alone is left");
	begin();
	world.waits = 1;
	world.sent = (struct socket_history_sent){ .pid = PID };
	CHECK_EQUAL(ask(0), MAY, "no send of the socket was ever reported: none need be");
}

static void test_again(void)
{
	begin();
	CHECK(ask(100) == MAY && ask(200) == MAY && world.looks == 1,
	      "one look is enough for packets of before it");
	seen_ns = INT64_MAX;
	world.has_descriptor = false;
	CHECK_EQUAL(ask(300), NOT, "a later packet may be of one that has got the socket since");
	world.has_descriptor = true;
	CHECK_EQUAL(ask(400), NOT, "who has not begun that send does not later");
	world.sent.bytes = 350;
	CHECK_EQUAL(ask(400), MAY, "it may have begun the next one");
	begin();
	ask(100);
	process.pid = PID + 1;
	CHECK_EQUAL(ask(100), NOT, "what is known of one process says nothing of another");
	process.pid = PID;
	begin();
	ask(100);
	process.start_ticks++;
	world.waits = 1;
	CHECK_EQUAL(ask(100), NOT, "nor of the next one with its pid");
	begin();
	ask(100);
	process.start_ticks++;
	world.has_descriptor = false;
	CHECK_EQUAL(ask(100), NOT, "which has not the socket");
}

/* kTLS: the reports lag behind more and more. */
static void test_inexact(void)
{
	begin();
	world.waits = 1;
	CHECK_EQUAL(ask(120), NOT, "more was sent than is reported, by a process that waits");
	world.sent.bytes = 110;
	CHECK_EQUAL(ask(130), MAY, "its own reports do not reach what was sent before");
	seen_ns = INT64_MAX;
	world.sent.bytes = 120;
	CHECK_EQUAL(ask(140), MAY, "that remains so");
	begin();
	world.waits = 1;
	ask(120);
	world.sent = (struct socket_history_sent){ .bytes = 110, .pid = PID + 1 };
	CHECK_EQUAL(ask(130), NOT, "reports of another process say nothing of it");
	begin();
	world.waits = 1;
	ask(120);
	world.sent.bytes = 121;
	CHECK_EQUAL(ask(130), NOT, "its report is of what was sent before");
}

/* A process with many sockets. */
static void test_sockets(void)
{
	begin();
	port = 1;
	CHECK_EQUAL(ask(100), MAY, "one of its sockets");
	port = 2;
	CHECK(ask(100) == MAY && world.looks == 1, "one look at what it does is for all of them");
	seen_ns = INT64_MAX;
	world.waits = 1;
	CHECK(ask(100) == NOT && world.looks == 2, "but for later packets");
	port = 0;
}

static void test_too_many(void)
{
	int may = 0, i;

	begin();
	seen_ns = INT64_MAX;
	for (i = 0; i < 100000 && ask(100) == MAY; i++)
		may++;
	CHECK(may > 100 && may < 100000, "looks in a second are bounded: %d", may);
	world.sent = (struct socket_history_sent){ .pid = PID };
	CHECK_EQUAL(ask(100), MAY, "a socket of which no send is reported is as it was then");
}

int main(void)
{
	test_reported();
	test_process();
	test_again();
	test_inexact();
	test_sockets();
	test_too_many();
	return check_done();
}
