/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Becomes other programs in a row, then sends one datagram to 127.0.0.1 and tries to connect there
 * once, both from the port given, and exits.
 *
 *   exec_flow SOURCE_PORT DESTINATION_PORT [STEP]...
 *
 * exec:PATH     exec of another copy of this program
 * thread:PATH   the same by a thread that is not the first
 * spawn:PATH    posix_spawn(3) of it, and wait
 * vfork:PATH    vfork(2) and exec of it, and wait
 * sibling:PATH  a child that is its parent's child (CLONE_PARENT) runs it
 * memfd:PATH    exec of a copy that has no name; PATH is what it is called
 * deleted:PATH  exec of a copy at PATH that is deleted by then
 * user:NUMBER   setresuid(2), without exec
 * worker:NAME   the datagram and the connection, as send, by a thread of this name
 * -             nothing: one argument more
 * send          the datagram and the connection, from SOURCE_PORT, and once more at the end from
 *               the next port
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void fail(const char *what)
{
	perror(what);
	_exit(EXIT_FAILURE);
}

static void use(int port, int destination, int type)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons((uint16_t)destination),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in from = to;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), one = 1;

	from.sin_port = htons((uint16_t)port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
		fail("bind");
	if (type == SOCK_DGRAM)
		sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof to);
	else
		connect(fd, (struct sockaddr *)&to, sizeof to); /* refused, or not: a SYN */
	close(fd);
}

static int copy(int to)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (from < 0 || to < 0 || fstat(from, &status) != 0 ||
	    sendfile(to, from, NULL, (size_t)status.st_size) != status.st_size)
		fail("copy");
	close(from);
	return to;
}

static void run_descriptor(int fd, char **argv)
{
	fexecve(fd, argv, environ);
	fail("fexecve");
}

static void run_deleted(const char *path, char **argv)
{
	int fd;

	close(copy(open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755)));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	unlink(path);
	run_descriptor(fd, argv);
}

static void *run_in_thread(void *argument)
{
	char **argv = argument;

	execv(argv[0], argv);
	fail("execv");
}

struct work {
	const char *name;
	int port, destination;
};

static void *work(void *argument)
{
	const struct work *work = argument;

	pthread_setname_np(pthread_self(), work->name);
	use(work->port, work->destination, SOCK_DGRAM);
	use(work->port, work->destination, SOCK_STREAM);
	return NULL;
}

static void send_by(const char *step, int port, int destination)
{
	const char *name = strchr(step, ':');
	struct work arguments = { name ? name + 1 : NULL, port, destination };
	pthread_t thread;

	if (!name) {
		use(port, destination, SOCK_DGRAM);
		use(port, destination, SOCK_STREAM);
		return;
	}
	if (pthread_create(&thread, NULL, work, &arguments) != 0)
		fail("pthread_create");
	pthread_join(thread, NULL);
}

static _Noreturn void await(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail("wait");
	exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

static void become(const char *how, char *path, char **argv)
{
	pthread_t thread;
	pid_t pid;

	argv[0] = path;
	if (strcmp(how, "exec") == 0) {
		execv(path, argv);
	} else if (strcmp(how, "thread") == 0) {
		pthread_create(&thread, NULL, run_in_thread, argv);
		for (;;)
			pause();
	} else if (strcmp(how, "spawn") == 0) {
		if (posix_spawn(&pid, path, NULL, NULL, argv, environ) == 0)
			await(pid);
	} else if (strcmp(how, "vfork") == 0) {
		pid = vfork();
		if (pid == 0) {
			execv(path, argv);
			_exit(127);
		}
		await(pid);
	} else if (strcmp(how, "sibling") == 0) {
		pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
		if (pid != 0)
			_exit(pid < 0);
		execv(path, argv);
	} else if (strcmp(how, "memfd") == 0) {
		run_descriptor(copy(memfd_create(path, MFD_CLOEXEC)), argv);
	} else if (strcmp(how, "deleted") == 0) {
		run_deleted(path, argv);
	}
	fail(how);
}

int main(int argc, char **argv)
{
	int port, destination;
	char number[16];

	if (argc < 3)
		return 2;
	port = atoi(argv[1]);
	destination = atoi(argv[2]);
	while (argc > 3) {
		char *step = argv[3], *value = strchr(step, ':');

		/* The rest is for what comes next. */
		memmove(argv + 3, argv + 4, (size_t)(argc - 3) * sizeof *argv);
		argc--;
		if (strcmp(step, "-") == 0)
			continue;
		if (strcmp(step, "send") == 0 || strncmp(step, "worker:", 7) == 0) {
			send_by(step, port, destination);
			snprintf(number, sizeof number, "%d", ++port);
			argv[1] = number;
			continue;
		}
		if (!value)
			return 2;
		*value++ = '\0';
		if (strcmp(step, "user") != 0)
			become(step, value, argv);
		else if (setresuid((uid_t)atoi(value), (uid_t)atoi(value), (uid_t)atoi(value)) != 0)
			fail("setresuid");
	}
	use(port, destination, SOCK_DGRAM);
	use(port, destination, SOCK_STREAM);
	return EXIT_SUCCESS;
}
