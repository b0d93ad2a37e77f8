/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it takes to fork a process, and to execute a program in a new one, each until it is waited
 * for: "fork NS CPU_NS" and "exec NS CPU_NS", of so many the time that a tenth of them stay below,
 * and the CPU time of one, its own and its parent's. The fork copies no memory (CLONE_VM), which
 * takes many times as long as what is looked for, and differs each time. Or executes so many
 * programs, one in a millisecond, each of which stays for half a second.
 *
 *	bench_processes COUNT [stay]
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static void fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static int leave(void *context)
{
	(void)context;
	_exit(0);
}

static pid_t start_fork(char *program)
{
	static _Alignas(16) char stack[16384];

	(void)program;
	return clone(leave, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
}

static pid_t start_exec(char *program)
{
	char *arguments[] = { program, NULL }, *environment[] = { NULL };
	pid_t pid;

	errno = posix_spawn(&pid, program, NULL, NULL, arguments, environment);
	return errno == 0 ? pid : -1;
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

static int64_t timeval_ns(struct timeval time)
{
	return (int64_t)time.tv_sec * 1000000000 + (int64_t)time.tv_usec * 1000;
}

/* What this process took, and all that it waited for. */
static int64_t cpu_ns(void)
{
	struct timespec own;
	struct rusage children;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	return (int64_t)own.tv_sec * 1000000000 + own.tv_nsec + timeval_ns(children.ru_utime) +
	       timeval_ns(children.ru_stime);
}

static void measure(const char *name, pid_t start(char *program), char *program, size_t count)
{
	int64_t *times = calloc(count, sizeof *times), cpu;

	if (!times)
		fail(name);
	cpu = cpu_ns();
	for (size_t i = 0; i < count; i++) {
		int64_t begin = clock_monotonic_ns();
		pid_t pid = start(program);

		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			fail(name);
		times[i] = clock_monotonic_ns() - begin;
	}
	cpu = cpu_ns() - cpu;
	qsort(times, count, sizeof *times, compare);
	printf("%s %lld %lld\n", name, (long long)times[count / 10],
	       (long long)cpu / (long long)count);
	free(times);
}

static void execute_staying(char *program, long count)
{
	char word[] = "stay", *arguments[] = { program, word, NULL }, *environment[] = { NULL };
	pid_t pid;

	for (long i = 0; i < count; i++) {
		errno = posix_spawn(&pid, program, NULL, NULL, arguments, environment);
		if (errno != 0)
			fail(program);
		usleep(1000);
	}
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	char program[] = "/proc/self/exe";
	long count;

	if (argc < 2) /* the program that is executed */
		return EXIT_SUCCESS;
	if (strcmp(argv[1], "stay") == 0)
		return usleep(500000);
	count = strtol(argv[1], NULL, 10);
	if (count <= 0 || count > 1000000)
		return 2;
	if (argc > 2) {
		execute_staying(program, count);
		return EXIT_SUCCESS;
	}
	measure("fork", start_fork, program, (size_t)count);
	measure("exec", start_exec, program, (size_t)count);
	return EXIT_SUCCESS;
}
