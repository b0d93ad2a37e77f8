/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cost of finding holders: PROCESSES children with DESCRIPTORS descriptors
 * each, 16 of them sockets. Medians of some runs.
 *
 *	bench_proc_fd [PROCESSES [DESCRIPTORS]]
 */
#include "processes/proc_fd.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define SOCKETS 16
#define RUNS    7

static const struct hash_key key = { { 1, 2 } };

static void hold(int descriptors)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int i = 0; i < descriptors; i++) {
		int fd = i < SOCKETS ? socket(AF_INET, SOCK_DGRAM, 0) : open("/dev/null", O_RDONLY);

		if (fd < 0)
			_exit(EXIT_FAILURE);
	}
	for (;;)
		pause();
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double median_us(int64_t *times)
{
	int64_t median;

	qsort(times, RUNS, sizeof *times, by_value);
	median = times[RUNS / 2];
	return (double)median / 1000;
}

static double time_walk(struct proc_fd *fds, bool changed_only)
{
	int64_t times[RUNS];

	for (int i = 0; i < RUNS; i++) {
		int64_t began = clock_cpu_ns();

		proc_fd_walk_start(fds, changed_only);
		while (!proc_fd_walk(fds, 1 * NS_PER_MS))
			;
		times[i] = clock_cpu_ns() - began;
	}
	return median_us(times);
}

/* Longest slice of a walk that is given 1 ms a slice. */
static double longest_slice(struct proc_fd *fds)
{
	int64_t longest = 0;
	bool done;

	proc_fd_walk_start(fds, false);
	do {
		int64_t began = clock_cpu_ns();

		done = proc_fd_walk(fds, 1 * NS_PER_MS);
		if (clock_cpu_ns() - began > longest)
			longest = clock_cpu_ns() - began;
	} while (!done);
	return (double)longest / 1000;
}

static double time_find(struct proc_fd *fds, uint64_t inode, int rounds)
{
	struct proc_fd_holders holders = { 0 };
	int64_t times[RUNS];

	for (int i = 0; i < RUNS; i++) {
		int64_t began = clock_monotonic_ns();

		for (int n = 0; n < rounds; n++)
			if (proc_fd_find(fds, inode, &holders) != 0)
				exit(EXIT_FAILURE);
		times[i] = (clock_monotonic_ns() - began) / rounds;
	}
	return median_us(times);
}

static double time_predict(struct proc_fd *fds)
{
	struct proc_fd_holders holders = { 0 };
	int64_t times[RUNS];

	proc_fd_hint(fds, getpid());
	for (int i = 0; i < RUNS; i++) {
		int64_t spent = 0;

		for (int n = 0; n < 200; n++) {
			int fd = socket(AF_INET, SOCK_DGRAM, 0);
			struct stat status;
			int64_t began;

			fstat(fd, &status);
			began = clock_monotonic_ns();
			if (proc_fd_predict(fds, status.st_ino, 200, &holders) != 0)
				exit(EXIT_FAILURE);
			spent += clock_monotonic_ns() - began;
			close(fd);
		}
		times[i] = spent / 200;
	}
	return median_us(times);
}

static double time_read(struct process_table *table, const pid_t *pids, int count)
{
	int64_t times[RUNS];

	for (int i = 0; i < RUNS; i++) {
		int64_t began = clock_cpu_ns();

		for (int n = 0; n < count; n++)
			process_table_exec(table, pids[n], clock_monotonic_ns());
		times[i] = (clock_cpu_ns() - began) / count;
	}
	return median_us(times);
}

int main(int argc, char **argv)
{
	int processes = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 500;
	int descriptors = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 100;
	pid_t *pids = calloc((size_t)processes, sizeof *pids);
	struct process_table *table;
	struct proc_fd *fds;
	struct error error;
	struct stat status;
	int own = socket(AF_INET, SOCK_DGRAM, 0);
	int64_t began;

	for (int i = 0; i < processes; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			hold(descriptors);
	}
	usleep(500000);
	if (process_table_new(&table, "/proc", 65536, &key, &error) != 0 ||
	    proc_fd_new(&fds, table, 1 << 20, &key, &error) != 0) {
		fprintf(stderr, "%s\n", error.text);
		exit(EXIT_FAILURE);
	}
	began = clock_cpu_ns();
	proc_fd_walk_start(fds, false);
	while (!proc_fd_walk(fds, NS_PER_SECOND))
		;
	printf("first walk %.1f ms CPU, %llu processes, %llu descriptors\n",
	       (double)(clock_cpu_ns() - began) / 1e6,
	       (unsigned long long)proc_fd_counters(fds)->processes_scanned,
	       (unsigned long long)proc_fd_counters(fds)->descriptors);
	printf("full walk %.1f ms CPU\n", time_walk(fds, false) / 1000);
	printf("walk over changed ones %.2f ms CPU\n", time_walk(fds, true) / 1000);
	printf("longest slice of 1 ms: %.2f ms CPU\n", longest_slice(fds) / 1000);
	fstat(own, &status);
	printf("find, %d holders: %.1f us\n", processes < 16 ? processes + 1 : 17,
	       time_find(fds, status.st_ino, 100));
	close(own);
	own = socket(AF_INET, SOCK_DGRAM, 0);
	proc_fd_scan_process(fds, getpid());
	fstat(own, &status);
	sleep(1); /* no longer young */
	printf("find, 1 holder: %.2f us\n", time_find(fds, status.st_ino, 1000));
	printf("predict, last match: %.2f us\n", time_predict(fds));
	printf("read a process: %.1f us CPU\n", time_read(table, pids, processes));
	proc_fd_ignore_sizes(fds);
	printf("before Linux 6.2: walk over changed ones %.2f ms CPU\n",
	       time_walk(fds, true) / 1000);
	for (int i = 0; i < processes; i++)
		kill(pids[i], SIGKILL);
	while (wait(NULL) > 0)
		;
	proc_fd_free(fds);
	process_table_free(table);
	free(pids);
	return EXIT_SUCCESS;
}
