/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pid that is another process's by now is never named for the sockets of the
 * first. In a pid namespace of its own, where /proc/sys/kernel/ns_last_pid says
 * which pid comes next; skipped where that is not allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "proc_fd_fixture.h"

#define ROUNDS   200
#define PID      300
#define SOCKET   10 /* the descriptor in every child */
#define CROWD    16 /* bystanders, more than directories are kept open in the second half */
#define FEW_DIRS 40 /* RLIMIT_NOFILE then */

struct child {
	int socket;
	const char *name;
	int ready;
};

static void run_child(void *argument)
{
	const struct child *child = argument;
	int socket, ready;

	prctl(PR_SET_NAME, child->name);
	/*
	 * Nothing else of what the parent has open; out of the way first, as any may have our
	 * numbers.
	 */
	socket = fcntl(child->socket, F_DUPFD, SOCKET + 2);
	ready = fcntl(child->ready, F_DUPFD, SOCKET + 2);
	if (dup2(socket, SOCKET) != SOCKET || dup2(ready, SOCKET + 1) != SOCKET + 1 ||
	    syscall(SYS_close_range, 3, SOCKET - 1, 0) != 0 ||
	    syscall(SYS_close_range, SOCKET + 2, UINT32_MAX, 0) != 0 ||
	    write(SOCKET + 1, "x", 1) != 1)
		return;
	close(SOCKET + 1);
	for (;;)
		pause();
}

static int open_socket(uint64_t *inode)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		fake_fail("socket");
	*inode = status.st_ino;
	return fd;
}

/* A child with this pid that holds the socket; only it does, when `alone`. */
static bool begin_with_pid(pid_t pid, int socket, const char *name, bool alone)
{
	int last = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC), pipes[2];
	struct child child = { .socket = socket, .name = name };
	bool right;
	char byte;

	if (last < 0 || dprintf(last, "%d", pid - 1) < 0 || pipe(pipes) != 0)
		return false;
	child.ready = pipes[1];
	right = child_begin(run_child, &child) == pid;
	close(pipes[1]);
	right &= read(pipes[0], &byte, 1) == 1;
	close(last);
	close(pipes[0]);
	if (alone)
		close(socket);
	return right;
}

struct score {
	int same_pid;  /* rounds in which the second child got the pid of the first */
	int same_tick; /* and even its start time */
	int known;     /* first socket: owner named while it lived */
	int wrong;     /* first socket: the second child named */
	int found;     /* second socket: named */
	int misnamed;  /* second socket: with what belongs to the first */
};

static const struct process *find_pid(const struct proc_fd_holders *holders)
{
	for (int i = 0; i < holders->count; i++)
		if (holders->processes[i]->pid == PID)
			return holders->processes[i];
	return NULL;
}

static const struct process *holder_with_pid(struct proc_fd *fds, uint64_t inode, bool predict)
{
	struct proc_fd_holders holders = { 0 };

	if (predict)
		proc_fd_predict(fds, inode, 100, &holders);
	else
		proc_fd_find(fds, inode, &holders);
	return find_pid(&holders);
}

/*
 * The first child's socket stays open here when `shared`, so that its inode is
 * there to be asked for. The second child has its own at the same descriptor.
 */
static void play(struct fixture *fixture, struct score *score, bool shared, bool predict_first)
{
	struct proc_fd *fds = fixture->fds;
	const struct process *process;
	uint64_t first, second, ticks = 0;
	int kept = open_socket(&first), other = open_socket(&second);

	if (!begin_with_pid(PID, kept, "first", !shared))
		return;
	proc_fd_scan_process(fds, PID);
	process = holder_with_pid(fds, first, false);
	if (process && strcmp(process->name, "first") == 0) {
		score->known++;
		ticks = process->start_ticks;
	}
	child_end(PID);
	if (!begin_with_pid(PID, other, "second", true))
		return;
	score->same_pid++;
	proc_fd_hint(fds, PID);
	/* In some rounds the prediction is the first to notice. */
	process = predict_first ? holder_with_pid(fds, second, true) : NULL;
	score->wrong += holder_with_pid(fds, first, false) || holder_with_pid(fds, first, true);
	if (!process && !predict_first)
		process = holder_with_pid(fds, second, true);
	if (process) {
		score->found++;
		score->same_tick += process->start_ticks == ticks;
		score->misnamed += strcmp(process->name, "second") != 0;
	}
	child_end(PID);
	if (shared)
		close(kept);
}

/* Others ask for other processes in between, so that no directory stays open. */
static void ask_crowd(struct process_table *table, const pid_t *crowd)
{
	for (int i = 0; i < CROWD; i++)
		process_table_get(table, crowd[i], NULL);
}

static void play_rounds(bool crowded)
{
	struct score score = { 0 };
	pid_t crowd[CROWD];
	struct rlimit limit;
	struct fixture fixture;
	uint64_t inode;
	int idle = open_socket(&inode);
	const char *name = crowded ? "few directories" : "directories kept";

	getrlimit(RLIMIT_NOFILE, &limit);
	if (crowded)
		limit.rlim_cur = FEW_DIRS; /* a quarter of it: 10 are kept */
	setrlimit(RLIMIT_NOFILE, &limit);
	fixture = begin("/proc", 100, 1000);
	for (int i = 0; i < CROWD; i++)
		crowd[i] = begin_with_pid(100 + i, idle, "crowd", false) ? 100 + i : 0;
	for (int round = 0; round < ROUNDS; round++) {
		if (crowded)
			ask_crowd(fixture.table, crowd);
		play(&fixture, &score, round % 2 == 0, round % 4 < 2);
	}
	CHECK_EQUAL(score.same_pid, ROUNDS, "%s: the same pid %d times of %d, %d in the same tick",
	            name, score.same_pid, ROUNDS, score.same_tick);
	CHECK_EQUAL(score.known, ROUNDS, "%s: the first was known %d times", name, score.known);
	CHECK_EQUAL(score.wrong, 0, "%s: its socket is never the second one's: %d wrong", name,
	            score.wrong);
	CHECK(score.found == ROUNDS && score.misnamed == 0,
	      "%s: the second was found %d times, misnamed %d times", name, score.found,
	      score.misnamed);
	for (int i = 0; i < CROWD; i++)
		child_end(crowd[i]);
	finish(&fixture);
	close(idle);
}

static void run_inside(void *argument)
{
	(void)argument;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("proc", "/proc", "proc", 0, NULL) != 0) {
		CHECK(true, "reused pids # SKIP /proc cannot be mounted: %s", strerror(errno));
	} else {
		play_rounds(false);
		play_rounds(true);
	}
	check_done();
	fflush(stdout);
	_exit(check_failures ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void run_namespace(void *argument)
{
	int status = 0;

	(void)argument;
	if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0) {
		CHECK(true, "reused pids # SKIP no pid namespace: %s", strerror(errno));
		check_done();
		fflush(stdout);
		_exit(EXIT_SUCCESS);
	}
	waitpid(child_begin(run_inside, NULL), &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

int main(void)
{
	int status = 0;

	waitpid(child_begin(run_namespace, NULL), &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}
