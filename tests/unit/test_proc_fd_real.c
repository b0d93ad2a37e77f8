/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* proc_fd on the real /proc, with children of this process. */
#include "processes/proc_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "proc_fd_fixture.h"

static bool ignore_sizes; /* as on Linux before 6.2 */

static struct fixture begin_real(void)
{
	struct fixture fixture = begin("/proc", 10000, 100000);

	if (ignore_sizes)
		proc_fd_ignore_sizes(fixture.fds);
	return fixture;
}

static uint64_t inode_of(int socket)
{
	struct stat status;

	if (fstat(socket, &status) < 0)
		fake_fail("fstat");
	return status.st_ino;
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		fake_fail("socket");
	return fd;
}

static const char *pids(int count, ...)
{
	static char text[512];
	va_list arguments;
	size_t length = 0;

	text[0] = '\0';
	va_start(arguments, count);
	for (int i = 0; i < count; i++)
		length += (size_t)snprintf(text + length, sizeof text - length, "%s%d",
		                           i ? " " : "", va_arg(arguments, int));
	va_end(arguments);
	return text;
}

static void wait_for_ever(void *argument)
{
	(void)argument;
	for (;;)
		pause();
}

static void test_real(void)
{
	struct fixture fixture = begin_real();
	int shared = open_socket(), other;
	pid_t child = child_begin(wait_for_ever, NULL);
	uint64_t inode = inode_of(shared), scanned;
	int me = getpid();

	walk(fixture.fds, false);
	CHECK_TEXT(holders_of(fixture.fds, inode), pids(2, me, child),
	           "a socket shared by fork has two holders");
	scanned = proc_fd_counters(fixture.fds)->descriptors;
	walk(fixture.fds, true);
	walk(fixture.fds, true);
	CHECK(proc_fd_counters(fixture.fds)->descriptors - scanned < scanned,
	      "unchanged processes are not read again: %llu of %llu links",
	      (unsigned long long)(proc_fd_counters(fixture.fds)->descriptors - scanned),
	      (unsigned long long)scanned);
	other = open_socket();
	walk(fixture.fds, true);
	CHECK_TEXT(holders_of(fixture.fds, inode_of(other)), pids(1, me), "changed ones are");
	close(shared);
	CHECK_TEXT(holders_of(fixture.fds, inode), pids(1, child), "closed here, open there");
	child_end(child);
	CHECK_TEXT(holders_of(fixture.fds, inode), "", "nobody is left");
	close(other);
	finish(&fixture);
}

static void replace(void *argument)
{
	int end = *(int *)argument, fd = -1;
	uint64_t inode;
	char byte;

	do {
		if (fd >= 0)
			close(fd);
		fd = open_socket();
		inode = inode_of(fd);
	} while (write(end, &inode, sizeof inode) == sizeof inode && read(end, &byte, 1) == 1);
}

/* One descriptor replaces another: their number stays. */
static void test_real_replaced(void)
{
	struct fixture fixture = begin_real();
	uint64_t first, second;
	int pair[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		fake_fail("socketpair");
	child = child_begin(replace, &pair[1]);
	if (read(pair[0], &first, sizeof first) != sizeof first)
		fake_fail("read");
	walk(fixture.fds, false);
	CHECK_TEXT(holders_of(fixture.fds, first), pids(1, child), "one is known");
	if (write(pair[0], "x", 1) != 1 || read(pair[0], &second, sizeof second) != sizeof second)
		fake_fail("write");
	walk(fixture.fds, true);
	CHECK_TEXT(holders_of(fixture.fds, second), "",
	           "what replaced it is not seen by a walk over changed processes");
	CHECK_TEXT(holders_of(fixture.fds, first), "", "but the old answer is found wrong");
	walk(fixture.fds, true);
	CHECK_TEXT(holders_of(fixture.fds, second), pids(1, child),
	           "and the process is read again for it");
	child_end(child);
	close(pair[0]);
	close(pair[1]);
	finish(&fixture);
}

static void pass_on(void *argument)
{
	int socket = *(int *)argument;
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec room = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &room,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof control,
	};

	if (recvmsg(socket, &message, 0) == 1 && write(socket, "x", 1) == 1)
		wait_for_ever(NULL);
}

static void send_fd(int socket, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	char byte = 'x';
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof control,
	};

	control.header = (struct cmsghdr){
		.cmsg_len = CMSG_LEN(sizeof fd),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS,
	};
	memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
	if (sendmsg(socket, &message, 0) != 1)
		fake_fail("sendmsg");
}

static void test_real_passed(void)
{
	struct fixture fixture = begin_real();
	int pair[2], passed;
	uint64_t inode;
	char byte;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		fake_fail("socketpair");
	child = child_begin(pass_on, &pair[1]);
	passed = open_socket();
	inode = inode_of(passed);
	walk(fixture.fds, false);
	CHECK_TEXT(holders_of(fixture.fds, inode), pids(1, getpid()), "one holder");
	send_fd(pair[0], passed);
	if (read(pair[0], &byte, 1) != 1)
		fake_fail("read");
	close(passed);
	CHECK_TEXT(holders_of(fixture.fds, inode), "", "no longer");
	walk(fixture.fds, true);
	CHECK_TEXT(holders_of(fixture.fds, inode), pids(1, child),
	           "who got it in a message has it now");
	child_end(child);
	close(pair[0]);
	close(pair[1]);
	finish(&fixture);
}

/* A socket, its inode written to the parent, at a descriptor of choice. */
struct order {
	int report;
	int fd;
	int count; /* other descriptors */
};

static void hold(void *argument)
{
	const struct order *order = argument;
	int fd, report = fcntl(order->report, F_DUPFD, 200); /* any may have our number */
	uint64_t inode;

	for (int i = 0; i < order->count; i++)
		fcntl(report, F_DUPFD, 100 + i);
	fd = open_socket();
	inode = inode_of(fd);
	if (dup2(fd, order->fd) != order->fd)
		fake_fail("dup2");
	if (fd != order->fd)
		close(fd);
	if (write(report, &inode, sizeof inode) == sizeof inode)
		wait_for_ever(NULL);
}

static pid_t begin_holder(struct order order, uint64_t *inode)
{
	int pipes[2];
	pid_t child;

	if (pipe(pipes) != 0)
		fake_fail("pipe");
	order.report = pipes[1];
	child = child_begin(hold, &order);
	close(pipes[1]);
	if (read(pipes[0], inode, sizeof *inode) != sizeof *inode)
		fake_fail("read");
	close(pipes[0]);
	return child;
}

static int newest_pid(void)
{
	FILE *file = fopen("/proc/loadavg", "r");
	int pid = 0;

	if (!file || fscanf(file, "%*s %*s %*s %*s %d", &pid) != 1)
		fake_fail("/proc/loadavg");
	fclose(file);
	return pid;
}

/*
 * By hint, though the machine's newest process is looked at before: again while that is
 * another one. seen: the newest before the last prediction.
 */
static int predict_hinted(struct proc_fd *fds, int seen, pid_t child, uint64_t inode, int budget,
                          struct proc_fd_holders *holders)
{
	int result, last, tries = 0;

	do {
		last = seen;
		seen = newest_pid();
		proc_fd_hint(fds, child);
		result = proc_fd_predict(fds, inode, budget, holders);
	} while (result != 0 && (seen != last || seen != newest_pid()) && ++tries < 1000);
	return result;
}

static void test_predict(void)
{
	struct fixture fixture = begin_real();
	struct proc_fd *fds = fixture.fds;
	struct proc_fd_holders holders = { 0 };
	uint64_t inode;
	pid_t child;
	int seen;

	CHECK(proc_fd_predict(fds, 1, 100, &holders) == -ENOENT && holders.count == 0,
	      "no such socket");
	/* The newest process of the machine, or hinted: lowest descriptors first. */
	child = begin_holder((struct order){ .fd = 5 }, &inode);
	proc_fd_hint(fds, child);
	seen = newest_pid();
	CHECK_EQUAL(proc_fd_predict(fds, inode, 2, &holders), -ENOENT,
	            "two system calls are not enough");
	CHECK(predict_hinted(fds, seen, child, inode, 20, &holders) == 0 && holders.count == 1 &&
	              holders.processes[0]->pid == child,
	      "found by hint");
	CHECK_TEXT(holders_of(fds, inode), pids(1, child), "and known from now on");
	CHECK_EQUAL(proc_fd_counters(fds)->predicted, 1, "counted");
	child_end(child);
	CHECK_EQUAL(proc_fd_predict(fds, inode, 1000, &holders), -ENOENT, "gone");
	/* Far up: the whole directory is read, when that is not too much. */
	child = begin_holder((struct order){ .fd = 90, .count = 40 }, &inode);
	proc_fd_hint(fds, child);
	seen = newest_pid();
	CHECK_EQUAL(proc_fd_predict(fds, inode, 40, &holders), -ENOENT, "too many for this budget");
	CHECK(predict_hinted(fds, seen, child, inode, 100, &holders) == 0 &&
	              holders.processes[0]->pid == child,
	      "but not for this one");
	child_end(child);
	finish(&fixture);
}

/* A young child is looked at first: what it has inherited is its parent's, too. */
static void test_predict_inherited(void)
{
	struct fixture fixture = begin_real();
	struct proc_fd_holders holders = { 0 };
	int fd = open_socket(), seen;
	pid_t self = getpid(), child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	seen = newest_pid();
	CHECK(child > 0 &&
	              predict_hinted(fixture.fds, seen, child, inode_of(fd), 100, &holders) == 0,
	      "found by hint");
	CHECK(holders.count == 2 && holders.processes[0]->pid == (self < child ? self : child) &&
	              holders.processes[1]->pid == (self < child ? child : self),
	      "the child and its parent, %d holders", holders.count);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(fd);
	finish(&fixture);
}

/* Connections that follow each other get the same descriptor: three system calls at most. */
static void test_predict_again(void)
{
	struct fixture fixture = begin_real();
	struct proc_fd_holders holders = { 0 };
	int found = 0, neighbours = 0, extra[3], fd = open_socket();

	predict_hinted(fixture.fds, 0, getpid(), inode_of(fd), 200, &holders);
	close(fd);
	for (int i = 0; i < 100; i++) {
		fd = open_socket();
		found += proc_fd_predict(fixture.fds, inode_of(fd), 3, &holders) == 0 &&
		         holders.processes[0]->pid == getpid();
		close(fd);
	}
	CHECK_EQUAL(found, 100, "the last descriptor, %d of 100 times", found);
	fd = open_socket();
	proc_fd_predict(fixture.fds, inode_of(fd), 3, &holders);
	for (int i = 0; i < 3; i++) {
		extra[i] = open_socket();
		neighbours += proc_fd_predict(fixture.fds, inode_of(extra[i]), 4, &holders) == 0;
	}
	CHECK_EQUAL(neighbours, 3, "the next ones, %d of 3", neighbours);
	for (int i = 0; i < 3; i++)
		close(extra[i]);
	close(fd);
	finish(&fixture);
}

static void *idle(void *argument)
{
	wait_for_ever(NULL);
	return argument;
}

static void lose_leader(void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, idle, NULL) == 0 && write(*(int *)argument, "x", 1) == 1)
		syscall(SYS_exit, 0); /* this thread alone */
}

static void test_real_leader(void)
{
	struct fixture fixture = begin_real();
	int pipes[2], fd = open_socket();
	uint64_t inode = inode_of(fd);
	char byte;
	pid_t child;

	if (pipe(pipes) != 0)
		fake_fail("pipe");
	child = child_begin(lose_leader, &pipes[1]);
	close(fd);
	if (read(pipes[0], &byte, 1) != 1)
		fake_fail("read");
	usleep(50000); /* the thread is on its way out */
	walk(fixture.fds, false);
	CHECK_TEXT(holders_of(fixture.fds, inode), pids(1, child),
	           "a process whose first thread has ended holds its sockets");
	walk(fixture.fds, true);
	CHECK_TEXT(holders_of(fixture.fds, inode), pids(1, child), "also when looked at again");
	child_end(child);
	CHECK_TEXT(holders_of(fixture.fds, inode), "", "until it ends");
	close(pipes[0]);
	close(pipes[1]);
	finish(&fixture);
}

/* Without descriptors nothing can be read, and nothing may be concluded from that. */
static void test_no_descriptors(void)
{
	struct fixture fixture = begin_real();
	int fd = open_socket(), null[64], count = 0;
	uint64_t inode = inode_of(fd);
	struct rlimit limit, small;
	bool complete = false;

	walk(fixture.fds, false);
	getrlimit(RLIMIT_NOFILE, &limit);
	small = limit;
	small.rlim_cur = (rlim_t)fd + 20;
	setrlimit(RLIMIT_NOFILE, &small);
	while (count < 64 && (null[count] = open("/dev/null", O_RDONLY)) >= 0)
		count++;
	walk(fixture.fds, false);
	CHECK_EQUAL(proc_fd_counters(fixture.fds)->scans, 1, "no walk without a list");
	proc_fd_scan_process(fixture.fds, getpid());
	for (int i = 0; i < count; i++)
		close(null[i]);
	setrlimit(RLIMIT_NOFILE, &limit);
	CHECK_TEXT(holders_of(fixture.fds, inode), pids(1, getpid()), "nothing was forgotten");
	CHECK(proc_fd_walked_since(fixture.fds, 0, &complete), "the first walk counts still");
	close(fd);
	finish(&fixture);
}

int main(void)
{
	/* Descriptors of who started us would part neighbours. */
	syscall(SYS_close_range, 3, ~0U, 0);
	for (int round = 0; round < 2; round++) {
		ignore_sizes = round == 1;
		printf("# descriptors are counted by %s\n", ignore_sizes ? "listing" : "st_size");
		test_real();
		test_real_replaced();
		test_real_passed();
		test_predict();
		test_predict_inherited();
		test_predict_again();
		if (geteuid() == 0) /* procfs takes such a process from its user: no memory map */
			test_real_leader();
		test_no_descriptors();
	}
	return check_done();
}
