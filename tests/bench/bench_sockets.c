/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cost of finding and of listing sockets with ten and with many of them, held by
 * several processes in a network namespace of its own. Microseconds of CPU: the
 * median, the least and the most of some runs.
 *
 *	bench_sockets [SOCKETS]
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/proc_fd.h"
#include "sockets/lister.h"
#include "sockets/sock_diag.h"

#include "netns.h"

#define HOLDERS   8
#define RUNS      15
#define SLOW_RUNS 5
#define QUERIES   2000

static int new_socket(int type, uint16_t *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, type, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&address, size) != 0 ||
	    (type == SOCK_STREAM && listen(fd, 1) != 0) ||
	    getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(address.sin_port);
	return fd;
}

/* Half of them listen on TCP, half are bound UDP sockets. */
static void hold(int count, int first, int ready)
{
	struct rlimit limit;
	uint16_t port;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (int i = 0; i < count; i++) {
		if (new_socket((first + i) & 1 ? SOCK_STREAM : SOCK_DGRAM, &port) < 0) {
			perror("bench_sockets");
			break;
		}
	}
	if (write(ready, "", 1) == 1) {
		while (pause() != 0)
			;
	}
	_exit(EXIT_FAILURE);
}

/* `sockets` in all. */
static bool start_holders(int sockets)
{
	int ready[2];
	char byte;

	if (pipe(ready) != 0)
		return false;
	for (int i = 0; i < HOLDERS; i++) {
		if (fork() == 0)
			hold((sockets + i) / HOLDERS, i, ready[1]);
	}
	close(ready[1]);
	for (int i = 0; i < HOLDERS; i++) {
		if (read(ready[0], &byte, 1) != 1)
			return false;
	}
	close(ready[0]);
	return true;
}

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void report(const char *what, const char *name, int64_t *ns, int runs, int divisor)
{
	double unit = 1e3 * divisor;

	qsort(ns, (size_t)runs, sizeof(*ns), ascending);
	printf("%s %-24s %10.2f %10.2f %10.2f us %3d runs", what, name, (double)ns[runs / 2] / unit,
	       (double)ns[0] / unit, (double)ns[runs - 1] / unit, runs);
}

static void bench_find(const char *name, struct sock_diag *diag, struct tuple tuple, bool tcp_info)
{
	struct socket socket;
	int64_t ns[RUNS];
	int result = 0;

	for (int run = 0; run < RUNS; run++) {
		ns[run] = clock_cpu_ns();
		for (int i = 0; i < QUERIES; i++)
			result = sock_diag_find(diag, &tuple, 1, tcp_info, &socket);
		ns[run] = clock_cpu_ns() - ns[run];
	}
	report("find", name, ns, RUNS, QUERIES);
	printf("  (%d)\n", result);
}

static int count(void *context, const struct socket *socket)
{
	(void)socket;
	++*(int *)context;
	return 0;
}

static void bench_list(const char *name, struct lister *lister, enum socket_kind kind, int runs)
{
	int64_t ns[RUNS];
	int seen = 0;
	bool complete = false;

	for (int run = 0; run < runs; run++) {
		seen = 0;
		ns[run] = clock_cpu_ns();
		lister_run(lister, SOCKET_KIND_BIT(kind), SOCK_DIAG_STATES_ALL, false, count, &seen,
		           &complete);
		ns[run] = clock_cpu_ns() - ns[run];
	}
	report("list", name, ns, runs, 1);
	printf("  (%d%s)\n", seen, complete ? "" : ", not complete");
}

/* The holders: all processes of the machine are looked at. */
static bool bench_walk(void)
{
	static const struct hash_key key = { { 1, 2 } };
	struct process_table *table;
	struct proc_fd *fds;
	struct error error;
	int64_t ns[RUNS];

	if (process_table_new(&table, "/proc", 65536, &key, &error) != 0 ||
	    proc_fd_new(&fds, table, 1 << 20, &key, &error) != 0)
		return false;
	for (int run = 0; run < SLOW_RUNS; run++) {
		ns[run] = clock_cpu_ns();
		proc_fd_walk_start(fds, false);
		while (!proc_fd_walk(fds, NS_PER_SECOND))
			;
		ns[run] = clock_cpu_ns() - ns[run];
	}
	report("list", "holders, /proc/PID/fd", ns, SLOW_RUNS, 1);
	printf("  (%llu)\n", (unsigned long long)proc_fd_counters(fds)->descriptors / SLOW_RUNS);
	proc_fd_free(fds);
	process_table_free(table);
	return true;
}

static int bench(int sockets)
{
	struct tuple tcp = { .protocol = IPPROTO_TCP }, udp = { .protocol = IPPROTO_UDP }, miss;
	struct sock_diag *diag;
	struct lister *by_netlink, *by_proc;
	struct error error;
	in_addr_t loopback = htonl(INADDR_LOOPBACK);

	/* Two of them are our own. */
	if (!start_holders(sockets - 2) || new_socket(SOCK_STREAM, &tcp.source_port) < 0 ||
	    new_socket(SOCK_DGRAM, &udp.source_port) < 0 || sock_diag_open(&diag, 1, &error) != 0 ||
	    lister_new(&by_netlink, LISTER_NETLINK, diag, "/proc/self/net", 1, &error) != 0 ||
	    lister_new(&by_proc, LISTER_PROC, NULL, "/proc/self/net", 1, &error) != 0)
		return EXIT_FAILURE;
	inet_from_v4(&tcp.source, &loopback);
	inet_from_v4(&udp.source, &loopback);
	udp.destination = udp.source;
	udp.destination_port = 9;
	miss = udp;
	miss.source_port = 1;
	printf("%d sockets\n", sockets);
	bench_find("TCP", diag, tcp, false);
	bench_find("TCP, with tcp_info", diag, tcp, true);
	bench_find("UDP", diag, udp, false);
	bench_find("none", diag, miss, false);
	bench_list("TCP, sock_diag", by_netlink, SOCKET_TCP, RUNS);
	bench_list("UDP, sock_diag", by_netlink, SOCKET_UDP, RUNS);
	bench_list("TCP, /proc/net", by_proc, SOCKET_TCP, RUNS);
	bench_list("UDP, /proc/net", by_proc, SOCKET_UDP, SLOW_RUNS);
	lister_free(by_proc);
	lister_free(by_netlink);
	sock_diag_close(diag);
	return bench_walk() ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Each number of sockets in a process, and so a namespace, of its own. */
int main(int argc, char **argv)
{
	int many = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 20000;
	const int numbers[] = { 10, many };
	int status = 0;

	for (int i = 0; i < 2 && status == 0; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			status = test_netns_enter() ? bench(numbers[i]) : EXIT_SUCCESS;
			fflush(stdout);
			_exit(status);
		}
		if (waitpid(pid, &status, 0) != pid)
			return EXIT_FAILURE;
	}
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
