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
 *	  -j COUNT    so many parents, which work side by side
 *	  -r          each has a control group of its own, removed when it has ended
 *
 * The processes begin in the folders of cgroup v2, in turn; with -r in a new one,
 * docker-<64 digits>.scope, below the folder. Process N connects from port 20000 + N to PORT, on
 * which this program listens. It is linked statically where that is possible: a dynamic linker
 * would take most of each life.
 *
 * Output: a line for each, tab-separated: source port, pid, program, folder of its control group,
 * pid of its parent. On standard error, at the end, the rate and how long they lived.
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
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FIRST_PORT   20000
#define PROGRAMS_MAX 8
#define CHILDREN_MAX 8 /* that are busy, and that are parents */
#define FOLDERS_MAX  64

struct lives {
	char *programs[PROGRAMS_MAX];
	char **folders;
	int folder_fds[FOLDERS_MAX];
	int program_count, folder_count;
	int count, port, parent_count, listener;
	uid_t uid;
	bool removes;
	int64_t *lived_ns; /* of each; all parents write to it */
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

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void run_one(const struct lives *lives, int number, int folder, const char *folder_name)
{
	char *program = lives->programs[number % lives->program_count];
	char role[] = "live", source[16], port[16];
	char *arguments[] = { program, role, source, port, NULL }, *environment[] = { NULL };
	int64_t begin = now_ns();
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
		_exit(EXIT_FAILURE);
	lives->lived_ns[number] = now_ns() - begin;
	printf("%s\t%d\t%s\t%s\t%d\n", source, (int)pid, program, folder_name, (int)getpid());
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

/* Every so many from the first on. None of them has the listener for a moment. */
static void be_parent(const struct lives *lives, int first)
{
	close(lives->listener);
	for (int number = first; number < lives->count; number += lives->parent_count) {
		int folder = number % lives->folder_count;

		if (lives->removes)
			run_in_own_group(lives, number);
		else
			run_one(lives, number, lives->folder_fds[folder], lives->folders[folder]);
	}
	_exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}

static void be_busy(const struct lives *lives, int number)
{
	(void)lives;
	(void)number;
	for (volatile unsigned turns = 0;;)
		turns = turns + 1;
}

/* A child does it for as long as this process lives. */
static pid_t start(void be(const struct lives *lives, int number), const struct lives *lives,
                   int number)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		fail("fork");
	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	be(lives, number);
	_exit(EXIT_FAILURE);
}

static void open_folders(struct lives *lives)
{
	for (int i = 0; i < lives->folder_count; i++) {
		lives->folder_fds[i] = open(lives->folders[i], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (lives->folder_fds[i] < 0)
			fail(lives->folders[i]);
	}
}

static void run_all(struct lives *lives)
{
	pid_t parents[CHILDREN_MAX];
	int status;

	lives->listener = bound(lives->port);
	if (listen(lives->listener, 4096) != 0)
		fail("listen");
	for (int i = 0; i < lives->parent_count; i++)
		parents[i] = start(be_parent, lives, i);
	for (int i = 0; i < lives->parent_count; i++)
		if (waitpid(parents[i], &status, 0) != parents[i] || status != 0)
			exit(EXIT_FAILURE);
}

static int compare(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return (left > right) - (left < right);
}

/* A life is measured by its parent, which may wait for a processor before it sees the end. */
static void report(const struct lives *lives, int64_t took_ns)
{
	size_t count = (size_t)lives->count, brief = 0;

	qsort(lives->lived_ns, count, sizeof *lives->lived_ns, compare);
	while (brief < count && lives->lived_ns[brief] <= 1000000)
		brief++;
	fprintf(stderr, "%.0f a second, each for %.2f ms (median), %zu %% for less than 1 ms\n",
	        (double)count * 1e9 / (double)took_ns, (double)lives->lived_ns[count / 2] / 1e6,
	        100 * brief / count);
}

static int usage(void)
{
	fputs("usage: short_lives [-e PROGRAM]... [-u UID] [-b COUNT] [-j COUNT] [-r] COUNT PORT "
	      "FOLDER...\n",
	      stderr);
	return 2;
}

int main(int argc, char **argv)
{
	struct lives lives = { .programs = { argv[0] }, .parent_count = 1 };
	pid_t busy[CHILDREN_MAX];
	int option, busy_count = 0;
	int64_t begin;

	if (argc == 4 && strcmp(argv[1], "live") == 0)
		return live(argv + 2);
	while ((option = getopt(argc, argv, "e:u:b:j:r")) != -1) {
		if (option == 'e' && lives.program_count < PROGRAMS_MAX)
			lives.programs[lives.program_count++] = optarg;
		else if (option == 'u')
			lives.uid = (uid_t)strtoul(optarg, NULL, 10);
		else if (option == 'b')
			busy_count = atoi(optarg);
		else if (option == 'j')
			lives.parent_count = atoi(optarg);
		else if (option == 'r')
			lives.removes = true;
		else
			return usage();
	}
	if (argc - optind < 3 || argc - optind - 2 > FOLDERS_MAX || busy_count > CHILDREN_MAX ||
	    lives.parent_count < 1 || lives.parent_count > CHILDREN_MAX)
		return usage();
	lives.program_count += lives.program_count == 0;
	lives.count = atoi(argv[optind]);
	lives.port = atoi(argv[optind + 1]);
	lives.folders = argv + optind + 2;
	lives.folder_count = argc - optind - 2;
	open_folders(&lives);
	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	lives.lived_ns = mmap(NULL, (size_t)lives.count * sizeof *lives.lived_ns,
	                      PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (lives.count < 1 || lives.lived_ns == MAP_FAILED)
		fail("mmap");
	for (int i = 0; i < busy_count; i++)
		busy[i] = start(be_busy, &lives, i);
	begin = now_ns();
	run_all(&lives);
	report(&lives, now_ns() - begin);
	for (int i = 0; i < busy_count; i++) {
		kill(busy[i], SIGKILL);
		waitpid(busy[i], NULL, 0);
	}
	return EXIT_SUCCESS;
}
