/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define END_NS  NS_PER_SECOND
#define LOOK_US 5000
/* Statuses of a shell: there is no such command, and it cannot be run. */
#define STATUS_NOT_FOUND 127
#define STATUS_NOT_RUN   126

static _Noreturn void fail(const char *what, int code, int status)
{
	dprintf(STDERR_FILENO, "sockline: %s: %s\n", what, strerror(code));
	_exit(status);
}

/* True where the variable has a number of a user or group. */
static bool read_id(const char *name, uint32_t *id)
{
	const char *text = getenv(name);
	unsigned long number;
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	if (errno != 0 || *end != '\0' || number >= UINT32_MAX)
		return false;
	*id = (uint32_t)number;
	return true;
}

/* The caller of sudo wants the capture to have privileges, and not the command. */
static void drop_privileges(void)
{
	const struct passwd *user;
	uint32_t uid, gid;

	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	if (geteuid() != 0 || !read_id("SUDO_UID", &uid) || !read_id("SUDO_GID", &gid))
		return;
	user = getpwuid(uid);
	if ((user ? initgroups(user->pw_name, gid) : setgroups(1, &gid)) != 0 || setgid(gid) != 0 ||
	    setuid(uid) != 0)
		fail("cannot become the user that called sudo", errno, STATUS_NOT_RUN);
}

static _Noreturn void run_child(char *const *words, int wait_fd, bool records_on_stdout)
{
	ssize_t got;
	char go;

	drop_privileges();
	if (records_on_stdout)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	do
		got = read(wait_fd, &go, 1);
	while (got < 0 && errno == EINTR);
	if (got != 1) /* nothing is captured: what failed has been reported */
		_exit(STATUS_NOT_RUN);
	execvp(words[0], words);
	fail(words[0], errno, errno == ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN);
}

int command_start(struct command *command, char *const *words, bool records_on_stdout,
                  struct error *error)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_set(error, errno, "pipe: %s", strerror(errno));
	pid = fork();
	if (pid < 0) {
		int code = errno;

		close(ends[0]);
		close(ends[1]);
		return error_set(error, code, "fork: %s", strerror(code));
	}
	if (pid == 0) {
		close(ends[1]);
		run_child(words, ends[0], records_on_stdout);
	}
	close(ends[0]);
	*command = (struct command){ .pid = pid, .release = ends[1] };
	return 0;
}

void command_release(struct command *command)
{
	if (command->pid == 0 || command->release < 0)
		return;
	while (write(command->release, "", 1) < 0 && errno == EINTR)
		;
	close(command->release);
	command->release = -1;
}

bool command_has_ended(struct command *command)
{
	int status;

	if (command->pid == 0 || command->ended)
		return command->ended;
	if (waitpid(command->pid, &status, WNOHANG) != command->pid)
		return false;
	command->ended = true;
	command->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return true;
}

void command_signal(const struct command *command, int signal_number)
{
	if (command->pid != 0 && !command->ended)
		kill(command->pid, signal_number);
}

static bool wait_for_end(struct command *command)
{
	int64_t end_ns = clock_monotonic_ns() + END_NS;

	while (!command_has_ended(command)) {
		if (clock_monotonic_ns() > end_ns)
			return false;
		usleep(LOOK_US);
	}
	return true;
}

void command_end(struct command *command)
{
	if (command->pid == 0)
		return;
	if (command->release >= 0)
		close(command->release);
	command->release = -1;
	if (command_has_ended(command))
		return;
	command_signal(command, SIGTERM);
	if (wait_for_end(command))
		return;
	command_signal(command, SIGKILL);
	wait_for_end(command);
}
