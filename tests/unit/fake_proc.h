/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A /proc of our own making in a temporary folder, and real child processes. */
#ifndef SOCKLINE_TESTS_FAKE_PROC_H
#define SOCKLINE_TESTS_FAKE_PROC_H

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

static char fake_proc[] = "/tmp/sockline-test-proc-XXXXXX";

static inline _Noreturn void fake_fail(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

static inline void fake_begin(void)
{
	if (!mkdtemp(fake_proc))
		fake_fail(fake_proc);
}

static inline void fake_path(char *path, size_t room, const char *name)
{
	char *slash;

	snprintf(path, room, "%s/%s", fake_proc, name);
	for (slash = path + strlen(fake_proc) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = '\0';
		mkdir(path, 0700);
	}
}

/* Writes a file; its folders are made. */
static inline void fake_put(const char *name, const char *text)
{
	char path[PATH_MAX];
	FILE *file;

	fake_path(path, sizeof path, name);
	file = fopen(path, "w");
	if (!file || fputs(text, file) < 0 || fclose(file) != 0)
		fake_fail(path);
}

static inline void fake_link(const char *name, const char *target)
{
	char path[PATH_MAX];

	fake_path(path, sizeof path, name);
	unlink(path);
	if (symlink(target, path) != 0)
		fake_fail(path);
}

static inline void fake_remove(const char *name)
{
	char command[PATH_MAX];

	snprintf(command, sizeof command, "rm -rf '%s/%s'", fake_proc, name);
	if (system(command) != 0)
		fake_fail(command);
}

static inline void fake_rename(const char *from, const char *to)
{
	char path[PATH_MAX], new_path[PATH_MAX];

	fake_path(path, sizeof path, from);
	fake_path(new_path, sizeof new_path, to);
	if (rename(path, new_path) != 0)
		fake_fail(path);
}

static inline void fake_process(int pid, const char *name, int parent_pid, unsigned long long start)
{
	char path[64], text[256];

	snprintf(path, sizeof path, "%d/stat", pid);
	snprintf(text, sizeof text, "%d (%s) S %d 1 1 0 -1 1 1 2 3 4 5 6 7 8 20 0 1 0 %llu 0\n",
	         pid, name, parent_pid, start);
	fake_put(path, text);
	snprintf(path, sizeof path, "%d/status", pid);
	snprintf(text, sizeof text, "Name:\tx\nTgid:\t%d\nUid:\t1000\t%d\t0\t0\n", pid, 1000 + pid);
	fake_put(path, text);
}

/* A child that runs a function; it ends with this process at the latest. */
static inline pid_t child_begin(void (*run)(void *), void *argument)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fake_fail("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		run(argument);
		_exit(0);
	}
	return pid;
}

static inline void child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

#endif
