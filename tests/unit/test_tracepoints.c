/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's tracepoints, where they are to be had: else all is skipped. */
#include "tracepoints/tracepoints.h"

#include <arpa/inet.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "attribution/process_history.h"
#include "base/clock.h"
#include "check.h"
#include "sockets/socket.h"

/* No process listens there, in any sane place: connections are refused at once. */
#define PORT 9

/* What was reported of one process. */
struct seen {
	int pid;
	uint16_t port; /* local, of the UDP socket */
	int forks, execs, settled, with_ids, images, netns, exits, routes, own_routes, opened,
		refused;
	int64_t previous_ns, first_ns, last_ns, worst_ns, boottime_ns;
	int lost;
	char image[64];
};

static void take(void *context, const struct trace_event *event)
{
	struct seen *seen = context;

	if (event->time_ns < seen->previous_ns &&
	    seen->previous_ns - event->time_ns > seen->worst_ns)
		seen->worst_ns = seen->previous_ns - event->time_ns;
	seen->previous_ns = event->time_ns;
	if (event->kind >= TRACE_EVENT_LOST_SOCKETS)
		seen->lost++;
	if (event->kind == TRACE_EVENT_ROUTE && event->tuple.source_port == seen->port)
		seen->own_routes += seen->port != 0;
	if (event->pid != seen->pid)
		return;
	if (seen->first_ns == 0)
		seen->first_ns = event->time_ns;
	seen->last_ns = event->time_ns;
	seen->boottime_ns = event->boottime_ns;
	seen->forks += event->kind == TRACE_EVENT_FORK && event->parent_pid == getpid();
	seen->execs += event->kind == TRACE_EVENT_NAME && event->executed;
	seen->settled += event->kind == TRACE_EVENT_SETTLED;
	seen->with_ids += event->kind == TRACE_EVENT_SETTLED && event->has_ids &&
	                  event->ids.uid == getuid() && event->ids.egid == getegid();
	seen->netns += event->kind == TRACE_EVENT_NETNS && event->tid == event->pid;
	seen->exits += event->kind == TRACE_EVENT_EXIT;
	seen->routes += event->kind == TRACE_EVENT_ROUTE && event->tuple.destination_port == PORT &&
	                inet_is_loopback(&event->tuple.destination);
	seen->opened += event->kind == TRACE_EVENT_STATE && event->process_context &&
	                event->new_state == SOCKET_SYN_SENT && event->socket != 0;
	seen->refused += event->kind == TRACE_EVENT_STATE && event->old_state == SOCKET_SYN_SENT &&
	                 event->tuple.source_port != 0;
	if (event->kind == TRACE_EVENT_IMAGE && seen->images++ == 0)
		snprintf(seen->image, sizeof seen->image, "%.*s", (int)event->text_length,
		         event->text);
}

static struct tracepoints *open_or_skip(bool namespaces, bool ids)
{
	struct tracepoints_options options = { .ring_kib = 256,
		                               .namespaces = namespaces,
		                               .ids = ids };
	struct tracepoints *tracepoints = NULL;
	struct error error = { .text = "" };
	int result = tracepoints_open(&tracepoints, &options, &error);

	if (result < 0) {
		CHECK(error.code == -result && error.text[0] != '\0', "a reason is given # SKIP %s",
		      error.text);
		exit(check_done());
	}
	return tracepoints;
}

static int connect_to(int family)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		                  .sin_port = htons(PORT),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		                   .sin6_port = htons(PORT),
		                   .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int result;

	if (family == AF_INET)
		result = connect(fd, (const struct sockaddr *)&v4, sizeof v4);
	else
		result = connect(fd, (const struct sockaddr *)&v6, sizeof v6);
	close(fd);
	return result;
}

/* From a socket that is not connected. */
static void send_one(void)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		                  .sin_port = htons(PORT),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (sendto(fd, "", 1, 0, (const struct sockaddr *)&v4, sizeof v4) != 1)
		perror("sendto");
	close(fd);
}

static int run_child(void child(void))
{
	pid_t pid = fork();

	if (pid == 0) {
		child();
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return pid;
}

static void connect_and_exec(void)
{
	connect_to(AF_INET);
	connect_to(AF_INET6);
	send_one();
	execl("/bin/sh", "sh", "-c", "exit 0", (char *)NULL);
}

static void test_process(void)
{
	struct tracepoints *tracepoints = open_or_skip(true, false);
	int64_t begin_ns = clock_monotonic_ns(), end_ns, boottime_ns;
	struct seen seen = { .pid = run_child(connect_and_exec) };

	end_ns = clock_monotonic_ns();
	boottime_ns = clock_boottime_ns();
	tracepoints_drain(tracepoints, take, &seen);
	if (seen.lost > 0) {
		CHECK(true, "the life of a process # SKIP events were lost");
		tracepoints_close(tracepoints);
		return;
	}
	CHECK(seen.forks == 1 && seen.exits == 1 && seen.execs == 1 && seen.netns == 1,
	      "a process that is gone: fork %d, exec %d, exit %d, namespace %d", seen.forks,
	      seen.execs, seen.exits, seen.netns);
	CHECK_EQUAL(seen.image[0], '/', "its executable: %s", seen.image);
	CHECK(seen.opened >= 1 && seen.refused == seen.opened,
	      "%d connections were opened and refused", seen.opened);
	CHECK(seen.routes >= 1, "the route of the datagram was looked up");
	CHECK(seen.first_ns >= begin_ns && seen.last_ns <= end_ns, "times are ours");
	CHECK(boottime_ns - seen.boottime_ns >= end_ns - seen.last_ns - NS_PER_MS &&
	              boottime_ns - seen.boottime_ns <= end_ns - seen.last_ns + 50 * NS_PER_MS,
	      "on CLOCK_BOOTTIME too");
	/* An interrupt between taking the time and taking the room makes a record late. */
	CHECK(seen.worst_ns < NS_PER_MS, "in the order of time, %d ns at worst",
	      (int)seen.worst_ns);
	seen.pid = -1;
	for (int i = 0; i < 100 && tracepoints_drain(tracepoints, take, &seen) > 0; i++)
		;
	CHECK_EQUAL(tracepoints_counters(tracepoints)->malformed, 0, "all records are understood");
	tracepoints_close(tracepoints);
}

static void exec_many_arguments(void)
{
	char word[] = "true", *arguments[600] = { NULL };

	for (int i = 0; i < 599; i++)
		arguments[i] = word;
	execv("/bin/true", arguments);
}

static void exec_few_arguments(void)
{
	execl("/bin/true", "true", (char *)NULL);
}

/* The third ring of each CPU is there for ids alone. */
static void test_exec(void)
{
	static const struct {
		bool ids;
		void (*child)(void);
		int with_ids;
		const char *title;
	} cases[] = {
		{ false, exec_few_arguments, 0, "without ids where they are not asked for" },
		{ true, exec_few_arguments, 1, "with those that it starts with" },
		{ true, exec_many_arguments, 0, "without ids behind 600 arguments" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct tracepoints *tracepoints = open_or_skip(false, cases[i].ids);
		struct seen seen = { .pid = run_child(cases[i].child) };

		tracepoints_drain(tracepoints, take, &seen);
		CHECK((seen.settled == 1 && seen.with_ids == cases[i].with_ids) || seen.lost > 0,
		      "an exec is done once, %s: %d, %d", cases[i].title, seen.settled,
		      seen.with_ids);
		tracepoints_close(tracepoints);
	}
}

static void test_readable(void)
{
	struct tracepoints_options options = { .ring_kib = 64 };
	struct tracepoints *tracepoints;
	struct pollfd wait;
	int ready = 0;

	if (tracepoints_open(&tracepoints, &options, NULL) < 0)
		return;
	wait = (struct pollfd){ .fd = tracepoints_fd(tracepoints), .events = POLLIN };
	/* Some 300 bytes each; half of a ring is 32 KiB, and there may be many CPUs. */
	for (int i = 0; i < 2000 && ready <= 0; i++) {
		connect_to(AF_INET);
		ready = poll(&wait, 1, 0);
	}
	CHECK_EQUAL(ready, 1, "readable when half a ring is full");
	tracepoints_close(tracepoints);
}

/* Datagrams from one unconnected socket, two seconds' budget of them. */
static void flood(int fd, int count)
{
	struct sockaddr_in target = { .sin_family = AF_INET,
		                      .sin_port = htons(PORT),
		                      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	for (int i = 0; i < count; i++)
		sendto(fd, "", 1, 0, (const struct sockaddr *)&target, sizeof target);
}

static int udp_socket(uint16_t *port)
{
	struct sockaddr_in local = { .sin_family = AF_INET,
		                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof local;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (const struct sockaddr *)&local, size) != 0 ||
	    getsockname(fd, (struct sockaddr *)&local, &size) != 0)
		perror("bind");
	*port = ntohs(local.sin_port);
	return fd;
}

static void test_busy_port(bool privileged)
{
	struct tracepoints_options options = { .ring_kib = 4096 };
	struct tracepoints *tracepoints;
	const struct tracepoints_counters *counters;
	struct seen seen = { .pid = -1 };
	int fd = udp_socket(&seen.port);
	int64_t before_ns = 0;
	bool late;

	if (tracepoints_open(&tracepoints, &options, NULL) < 0)
		return;
	counters = tracepoints_counters(tracepoints);
	if (!privileged) {
		struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
		struct __user_cap_data_struct none[2] = { { 0, 0, 0 }, { 0, 0, 0 } };

		syscall(SYS_capset, &header, none);
	}
	flood(fd, 8000);
	/* Slow under load: the second may be over before the budget is used up. */
	for (int i = 0; i < 10 && counters->filtered_ports + counters->pauses == 0; i++) {
		before_ns = clock_monotonic_ns();
		tracepoints_drain(tracepoints, take, &seen);
		flood(fd, 8000);
	}
	if (privileged)
		CHECK(counters->filtered_ports >= 1 &&
		              counters->pauses == 0, /* others are busy too */
		      "a busy UDP port is left out, after %d events", seen.own_routes);
	else
		CHECK(counters->filtered_ports == 0 && counters->pauses >= 1,
		      "without privileges there is a pause, after %d events", seen.own_routes);
	tracepoints_drain(tracepoints, take, &seen);
	seen.own_routes = 0;
	flood(fd, 100);
	seen.pid = getpid();
	connect_to(AF_INET);
	send_one();
	tracepoints_drain(tracepoints, take, &seen);
	/* In an emulated machine all this takes longer than the port is left out. */
	late = clock_monotonic_ns() - before_ns > NS_PER_SECOND;
	CHECK(seen.own_routes == 0 || late, "then it makes no more events");
	CHECK(seen.opened == 1 && ((seen.routes > 0) == privileged || late), "while others do");
	tracepoints_close(tracepoints);
	close(fd);
}

int main(void)
{
	test_process();
	test_exec();
	test_readable();
	test_busy_port(true);
	test_busy_port(false); /* gives privileges up: the last one */
	return check_done();
}
