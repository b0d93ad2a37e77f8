/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes short flows and writes down whose each was: the truth that attribution
 * is measured against.
 *
 *	gen_flows [OPTION]... SCENARIO
 *	  A  N processes, one after the other: connect, exchange, exit
 *	  C  one process, N connections as fast as they go
 *	  D  N processes: one datagram from an unconnected socket, exit
 *	  E  N processes: one datagram, its answer, exit
 *	  F  N connections to a server that forks a child for each, which then owns it
 *	  G  four processes, N connections each, to a server each
 *	  -n COUNT    N (500; C 2000, G 8000)      -a ADDRESS  of the server (127.0.0.1)
 *	  -p PORT     of the first server (7000)   -N FILE     network namespace of the server
 *	  -x PROGRAM  this program under another name, which the processes of A, D and E execute
 *	  -j JOBS     that many at once do A, D, E (1)         -o FILE  truth (standard output)
 *
 * Truth: a line for each end of a flow that a process of ours owned,
 * tab-separated: end (client, server), protocol number, pid, local address and
 * port, remote address and port, inode of the network namespace, CLOCK_MONOTONIC
 * in ns before the end was opened (for a server: was accepted) and after it was
 * used (server: was closed), name of the process. A local address of 0.0.0.0 or
 * :: was not asked of the kernel, so as not to lengthen the life of D's processes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "flow_truth.h"

#define PROCESSES 4 /* of G */
#define MESSAGE   "sixteen bytes..."

struct flows {
	char scenario;
	int count, jobs;
	const char *address, *server_netns, *program, *output;
	int port;
	int truth; /* O_APPEND: each write is one whole line or more */
	pid_t servers[PROCESSES];
	int server_count;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static int number(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (end == text || *end != '\0' || value < 0 || value > INT_MAX) {
		errno = EINVAL;
		fail(text);
	}
	return (int)value;
}

static union address parse_address(const char *text, int port)
{
	union address address;

	memset(&address, 0, sizeof address);
	if (inet_pton(AF_INET, text, &address.v4.sin_addr) == 1) {
		address.v4.sin_family = AF_INET;
	} else if (inet_pton(AF_INET6, text, &address.v6.sin6_addr) == 1) {
		address.v6.sin6_family = AF_INET6;
	} else {
		errno = EINVAL;
		fail(text);
	}
	address.v4.sin_port = htons((uint16_t)port); /* at the same place in both */
	return address;
}

static socklen_t size_of(const union address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static union address local_of(int fd)
{
	union address local;
	socklen_t size = sizeof local;

	if (getsockname(fd, &local.any, &size) != 0)
		fail("getsockname");
	return local;
}

/* Servers */

static int open_server(const struct flows *flows, int type, int port)
{
	union address address = parse_address(flows->address, port);
	int one = 1, room = 4 << 20;
	int fd = socket(address.any.sa_family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
	if (bind(fd, &address.any, size_of(&address)) != 0)
		fail("bind");
	if (type == SOCK_STREAM && listen(fd, 1024) != 0)
		fail("listen");
	return fd;
}

/* One connection, to its end: the client closes first. */
static void serve(struct truth *truth, int fd, const union address *peer, int64_t begin_ns)
{
	union address local = local_of(fd);
	char bytes[64];
	ssize_t got = read(fd, bytes, sizeof bytes);

	if (got > 0 && write(fd, bytes, (size_t)got) == got)
		while (read(fd, bytes, sizeof bytes) > 0)
			;
	close(fd);
	truth_add(truth, "server", IPPROTO_TCP, &local, peer, begin_ns);
}

static void serve_tcp(const struct flows *flows, struct truth *truth, int listener)
{
	while (!stopped) {
		union address peer;
		socklen_t size = sizeof peer;
		int fd = accept4(listener, &peer.any, &size, SOCK_CLOEXEC);
		int64_t begin_ns = now_ns();

		if (fd < 0)
			continue;
		if (flows->scenario != 'F') {
			serve(truth, fd, &peer, begin_ns);
		} else if (fork() == 0) {
			serve(truth, fd, &peer, begin_ns);
			truth_flush(truth);
			_exit(0);
		} else {
			close(fd);
		}
	}
}

static void serve_udp(const struct flows *flows, int fd)
{
	while (!stopped) {
		union address peer;
		socklen_t size = sizeof peer;
		char bytes[64];
		ssize_t got = recvfrom(fd, bytes, sizeof bytes, 0, &peer.any, &size);

		if (got > 0 && flows->scenario == 'E')
			sendto(fd, bytes, (size_t)got, 0, &peer.any, size);
	}
}

static void run_server(const struct flows *flows, int port, int ready)
{
	struct sigaction action = { .sa_handler = stop };
	bool udp = flows->scenario == 'D' || flows->scenario == 'E';
	static struct truth truth;
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGCHLD, SIG_IGN); /* F's children are reaped by themselves */
	if (flows->server_netns) {
		int netns = open(flows->server_netns, O_RDONLY | O_CLOEXEC);

		if (netns < 0 || setns(netns, CLONE_NEWNET) != 0)
			fail(flows->server_netns);
	}
	fd = open_server(flows, udp ? SOCK_DGRAM : SOCK_STREAM, port);
	truth_init(&truth, flows->truth);
	if (write(ready, "", 1) != 1)
		fail("pipe");
	close(ready);
	if (udp)
		serve_udp(flows, fd);
	else
		serve_tcp(flows, &truth, fd);
	truth_flush(&truth);
	/*
	 * Each child of F writes its own part of the truth; reaped by themselves, they are still
	 * waited for.
	 */
	while (wait(NULL) >= 0 || errno == EINTR)
		;
}

static void start_server(struct flows *flows, int port)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0)
		fail("pipe");
	pid = fork();
	if (pid < 0)
		fail("fork");
	if (pid == 0) {
		run_server(flows, port, ready[1]);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		exit(EXIT_FAILURE); /* it said why */
	close(ready[0]);
	flows->servers[flows->server_count++] = pid;
}

static void stop_servers(struct flows *flows)
{
	/* What is on its way to them is served first. */
	usleep(200000);
	for (int i = 0; i < flows->server_count; i++) {
		kill(flows->servers[i], SIGTERM);
		waitpid(flows->servers[i], NULL, 0);
	}
}

/* Clients */

static void connect_once(struct truth *truth, const union address *server)
{
	char bytes[64];
	union address local;
	int64_t begin_ns;
	int fd = socket(server->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	begin_ns = now_ns();
	if (connect(fd, &server->any, size_of(server)) != 0)
		fail("connect");
	local = local_of(fd);
	if (write(fd, MESSAGE, sizeof MESSAGE) < 0 || read(fd, bytes, sizeof bytes) < 0)
		fail("exchange");
	close(fd);
	truth_add(truth, "client", IPPROTO_TCP, &local, server, begin_ns);
}

static void send_once(struct truth *truth, const union address *server, bool answered)
{
	struct timeval patience = { .tv_sec = 1 };
	char bytes[64];
	union address local;
	int64_t begin_ns;
	int fd = socket(server->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		fail("socket");
	begin_ns = now_ns();
	if (sendto(fd, MESSAGE, sizeof MESSAGE, 0, &server->any, size_of(server)) < 0)
		fail("sendto");
	local = local_of(fd);
	if (answered) {
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
		if (recv(fd, bytes, sizeof bytes, 0) < 0)
			fail("no answer");
	}
	truth_add(truth, "client", IPPROTO_UDP, &local, server, begin_ns);
}

static void run_client(char scenario, const union address *server, int count, int truth_fd)
{
	static struct truth truth;

	truth_init(&truth, truth_fd);
	for (int i = 0; i < count; i++) {
		if (scenario == 'D' || scenario == 'E')
			send_once(&truth, server, scenario == 'E');
		else
			connect_once(&truth, server);
	}
	truth_flush(&truth);
}

/* gen_flows client SCENARIO ADDRESS PORT TRUTH: one of the many processes of A, D and E. */
static int run_executed(char **arguments)
{
	union address server = parse_address(arguments[1], number(arguments[2]));

	run_client(arguments[0][0], &server, 1, number(arguments[3]));
	return EXIT_SUCCESS;
}

static void spawn_clients(const struct flows *flows, int count)
{
	char scenario[] = { flows->scenario, '\0' }, port[16], truth[16];
	char program[] = "gen_flows", role[] = "client", *address = strdup(flows->address);
	char *arguments[] = { program, role, scenario, address, port, truth, NULL };
	char *environment[] = { NULL };

	snprintf(port, sizeof port, "%d", flows->port);
	snprintf(truth, sizeof truth, "%d", flows->truth);
	for (int i = 0; i < count; i++) {
		pid_t pid;
		int status;

		errno = posix_spawn(&pid, flows->program, NULL, NULL, arguments, environment);
		if (errno != 0)
			fail(flows->program);
		if (waitpid(pid, &status, 0) != pid || status != 0)
			exit(EXIT_FAILURE); /* it said why */
	}
	free(address);
}

/* Runs `work` in `jobs` processes at once. */
static void run_jobs(const struct flows *flows, int jobs, void work(const struct flows *, int))
{
	for (int i = 0; i < jobs; i++) {
		pid_t pid = fork();

		if (pid < 0)
			fail("fork");
		if (pid == 0) {
			work(flows, i);
			_exit(0);
		}
	}
	for (int i = 0; i < jobs; i++) {
		int status;

		if (wait(&status) < 0 || status != 0)
			exit(EXIT_FAILURE);
	}
}

static void spawn_share(const struct flows *flows, int job)
{
	(void)job;
	spawn_clients(flows, flows->count / flows->jobs);
}

static void connect_share(const struct flows *flows, int job)
{
	union address server = parse_address(flows->address, flows->port + job);

	run_client(flows->scenario, &server, flows->count, flows->truth);
}

static void run(struct flows *flows)
{
	int servers = flows->scenario == 'G' ? PROCESSES : 1;

	for (int i = 0; i < servers; i++)
		start_server(flows, flows->port + i);
	if (strchr("ADE", flows->scenario) && flows->jobs > 1)
		run_jobs(flows, flows->jobs, spawn_share);
	else if (strchr("ADE", flows->scenario))
		spawn_clients(flows, flows->count);
	else
		run_jobs(flows, servers, connect_share);
	stop_servers(flows);
}

static int usage(void)
{
	fputs("usage: gen_flows [-n COUNT] [-a ADDRESS] [-p PORT] [-N NETNS] [-x PROGRAM] [-j "
	      "JOBS] "
	      "[-o FILE] A|C|D|E|F|G\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct flows flows = { .address = "127.0.0.1",
		               .port = 7000,
		               .jobs = 1,
		               .truth = STDOUT_FILENO,
		               .program = "/proc/self/exe" };
	int option;

	if (argc == 6 && strcmp(argv[1], "client") == 0)
		return run_executed(argv + 2);
	while ((option = getopt(argc, argv, "n:a:p:N:x:j:o:")) != -1) {
		switch (option) {
		case 'n':
			flows.count = number(optarg);
			break;
		case 'a':
			flows.address = optarg;
			break;
		case 'p':
			flows.port = number(optarg);
			break;
		case 'N':
			flows.server_netns = optarg;
			break;
		case 'x':
			flows.program = optarg;
			break;
		case 'j':
			flows.jobs = number(optarg);
			break;
		case 'o':
			flows.output = optarg;
			break;
		default:
			return usage();
		}
	}
	if (optind != argc - 1 || strlen(argv[optind]) != 1 || !strchr("ACDEFG", argv[optind][0]) ||
	    flows.jobs < 1)
		return usage();
	flows.scenario = argv[optind][0];
	if (flows.count == 0)
		flows.count = flows.scenario == 'C' ? 2000 : flows.scenario == 'G' ? 8000 : 500;
	if (flows.output)
		flows.truth = open(flows.output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0644);
	if (flows.truth < 0)
		fail(flows.output);
	run(&flows);
	return EXIT_SUCCESS;
}
