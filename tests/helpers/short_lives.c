/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs processes that live for less than a millisecond, each of which opens one connection on
 * 127.0.0.1, and writes down what each was: the truth that identities are compared with.
 *
 *	short_lives [OPTION]... COUNT PORT FOLDER...
 *	  -e PROGRAM  a copy of this program, which they execute; repeatable, in turn
 *	  -u UID      their real user
 *	  -b COUNT    so many busy processes beside them
 *	  -r          each has a control group of its own, removed when it has ended
 *
 * The processes begin in the folders of cgroup v2, in turn; with -r in a new one,
 * docker-<64 digits>.scope, below the folder. Process N connects from port 20000 + N to PORT, on
 * which this program listens.
 *
 * Output: a line for each, tab-separated: source port, pid, program, folder of its control group.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_PORT   20000
#define PROGRAMS_MAX 8
#define BUSY_MAX     8
#define FOLDERS_MAX  64

struct lives {
	char *programs[PROGRAMS_MAX];
	char **folders;
	int folder_fds[FOLDERS_MAX];
	int program_count, folder_count;
	int port;
	uid_t uid;
	bool removes;
};

static void fail(const char *what)
{
	perror(what);
	_exit(EXIT_FAILURE);
}

static struct sockaddr_in address(int port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
		                     .sin_port = htons((uint16_t)port),
		                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static int bound(int port)
{
	struct sockaddr_in local = address(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
	    bind(fd, (struct sockaddr *)&local, sizeof local) != 0)
		fail("bind");
	return fd;
}

/* short_lives live SOURCE_PORT PORT: one of them. */
static int live(char **arguments)
{
	struct sockaddr_in remote = address(atoi(arguments[1]));
	int fd = bound(atoi(arguments[0]));

	if (connect(fd, (struct sockaddr *)&remote, sizeof remote) != 0)
		fail("connect");
	return EXIT_SUCCESS;
}

static pid_t clone_into(int folder)
{
	struct clone_args arguments = {
		.flags = CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = (uint64_t)folder,
	};

	return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

static void run_one(const struct lives *lives, int number, int folder, const char *folder_name)
{
	char *program = lives->programs[number % lives->program_count];
	char role[] = "live", source[16], port[16];
	char *arguments[] = { program, role, source, port, NULL }, *environment[] = { NULL };
	int status;
	pid_t pid;

	snprintf(source, sizeof source, "%d", FIRST_PORT + number);
	snprintf(port, sizeof port, "%d", lives->port);
	pid = clone_into(folder);
	if (pid < 0)
		fail("clone3");
	if (pid == 0) {
		if (setresuid(lives->uid, lives->uid, lives->uid) != 0)
			fail("setresuid");
		execve(program, arguments, environment);
		fail(program);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0)
		exit(EXIT_FAILURE);
	printf("%s\t%d\t%s\t%s\n", source, (int)pid, program, folder_name);
}

static void run_in_own_group(const struct lives *lives, int number)
{
	const char *parent = lives->folders[number % lives->folder_count];
	char folder[512];
	int fd;

	snprintf(folder, sizeof folder, "%s/docker-%016x%016x%016x%016x.scope", parent, getpid(),
	         number, 0xc0de, number * 7919);
	if (mkdir(folder, 0755) != 0)
		fail(folder);
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		fail(folder);
	run_one(lives, number, fd, folder);
	close(fd);
	if (rmdir(folder) != 0)
		fail(folder);
}

static void run_all(struct lives *lives, int count)
{
	int listener = bound(lives->port);

	if (listen(listener, 4096) != 0)
		fail("listen");
	for (int i = 0; i < lives->folder_count; i++) {
		lives->folder_fds[i] = open(lives->folders[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (lives->folder_fds[i] < 0)
			fail(lives->folders[i]);
	}
	for (int number = 0; number < count; number++) {
		int folder = number % lives->folder_count;

		if (lives->removes)
			run_in_own_group(lives, number);
		else
			run_one(lives, number, lives->folder_fds[folder], lives->folders[folder]);
	}
}

static pid_t start_busy(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	for (volatile unsigned turns = 0;;)
		turns = turns + 1;
}

static int usage(void)
{
	fputs("usage: short_lives [-e PROGRAM]... [-u UID] [-b COUNT] [-r] COUNT PORT FOLDER...\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct lives lives = { .programs = { argv[0] } };
	pid_t busy[BUSY_MAX];
	int option, busy_count = 0;

	if (argc == 4 && strcmp(argv[1], "live") == 0)
		return live(argv + 2);
	while ((option = getopt(argc, argv, "e:u:b:r")) != -1) {
		if (option == 'e' && lives.program_count < PROGRAMS_MAX)
			lives.programs[lives.program_count++] = optarg;
		else if (option == 'u')
			lives.uid = (uid_t)strtoul(optarg, NULL, 10);
		else if (option == 'b')
			busy_count = atoi(optarg);
		else if (option == 'r')
			lives.removes = true;
		else
			return usage();
	}
	if (argc - optind < 3 || argc - optind - 2 > FOLDERS_MAX || busy_count > BUSY_MAX)
		return usage();
	lives.program_count += lives.program_count == 0;
	lives.port = atoi(argv[optind + 1]);
	lives.folders = argv + optind + 2;
	lives.folder_count = argc - optind - 2;
	for (int i = 0; i < busy_count; i++)
		busy[i] = start_busy();
	run_all(&lives, atoi(argv[optind]));
	for (int i = 0; i < busy_count; i++) {
		kill(busy[i], SIGKILL);
		waitpid(busy[i], NULL, 0);
	}
	return EXIT_SUCCESS;
}
