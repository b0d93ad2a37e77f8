/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"

#define PIPE_SIZE (1024 * 1024)
#define NOBODY    65534

static void need(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static bool nonblocking(int fd)
{
	return fcntl(fd, F_GETFL) & O_NONBLOCK;
}

/* Writes until it would wait: the bytes that went, or the error when it is another. */
static ssize_t fill(struct target *target, size_t step)
{
	static char bytes[65536];
	ssize_t sum = 0, result;

	while ((result = target_write(target, bytes, step)) > 0)
		sum += result;
	return result == -EAGAIN ? sum : result;
}

static void test_pipe(void)
{
	struct target target;
	struct error error;
	int fds[2];
	char bytes[4096];

	need(pipe2(fds, O_CLOEXEC) == 0, "pipe2");
	CHECK(target_open(&target, fds[1], &error) == 0 && target.kind == TARGET_PIPE &&
	              target.watched,
	      "a pipe");
	CHECK(target.owned && target.fd != fds[1] && nonblocking(target.fd) &&
	              !nonblocking(fds[1]) && fcntl(target.fd, F_GETFD) & FD_CLOEXEC,
	      "a description of our own, the shared one as it was");
	CHECK_EQUAL(fcntl(fds[1], F_GETPIPE_SZ), PIPE_SIZE, "of 1 MiB");
	CHECK_EQUAL(target_whole_max(&target), PIPE_SIZE / 2,
	            "an empty pipe takes half of its size at once");
	CHECK(target_write(&target, "x", 1) == 1 && target_whole_max(&target) == PIPE_SIZE / 2,
	      "one with a byte in it as well");
	CHECK_EQUAL(fill(&target, PIPE_BUF), PIPE_SIZE - PIPE_BUF,
	            "written until it is full, then -EAGAIN");
	CHECK_EQUAL(target_whole_max(&target), PIPE_BUF, "a full one takes PIPE_BUF, or nothing");
	CHECK(read(fds[0], bytes, sizeof bytes) == sizeof bytes && !target_hung_up(&target, false),
	      "the reader is there");
	close(fds[0]);
	CHECK(target_hung_up(&target, false), "the reader is gone");
	CHECK_EQUAL(target_write(&target, "x", 1), -EPIPE, "and writing says so");
	target_close(&target);
	CHECK(fcntl(target.fd, F_GETFD) < 0 && fcntl(fds[1], F_GETFD) >= 0,
	      "only our own is closed");
	CHECK(target_open(&target, fds[1], &error) == 0 && target_write(&target, "x", 1) == -EPIPE,
	      "a pipe whose reader is gone at the start");
	target_close(&target);
	close(fds[1]);
	CHECK(target_open(&target, fds[1], &error) == -EBADF &&
	              strstr(error.text, "Bad file descriptor"),
	      "a closed descriptor: %s", error.text);
}

/* Its reader makes it smaller, and empties it now and then. */
static void test_smaller_pipe(void)
{
	static const int sizes[] = { 65536, 16384, 8192, 4096 };
	static char bytes[PIPE_SIZE];
	struct target target;
	struct error error;
	int fds[2], writes = 0, cut = 0;

	need(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
	need(target_open(&target, fds[1], &error) == 0, error.text);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		need(fcntl(fds[0], F_SETPIPE_SZ, sizes[i]) >= 0, "F_SETPIPE_SZ");
		for (int round = 0; round < 100; round++) {
			size_t most = target_whole_max(&target) - (size_t)(round % 7) * 100;
			ssize_t written = target_write(&target, bytes, most);

			writes += written > 0;
			cut += written > 0 && (size_t)written < most;
			if (round % 3 == 0 && read(fds[0], bytes, sizeof bytes) < 0)
				cut++;
		}
		while (read(fds[0], bytes, sizeof bytes) > 0)
			;
	}
	CHECK(cut == 0 && writes > 100, "made smaller by its reader: %d of %d writes are cut", cut,
	      writes);
	target_close(&target);
	close(fds[0]);
	close(fds[1]);
}

static void test_named_pipe(void)
{
	char directory[] = "/tmp/test_target.XXXXXX", path[64];
	struct target target;
	struct error error;
	int reader, writer;

	need(mkdtemp(directory), directory);
	snprintf(path, sizeof path, "%s/fifo", directory);
	need(mkfifo(path, 0600) == 0, path);
	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	writer = open(path, O_WRONLY | O_CLOEXEC);
	need(reader >= 0 && writer >= 0, path);
	unlink(path); /* the link in /proc works without the name */
	rmdir(directory);
	CHECK(target_open(&target, writer, &error) == 0 && target.kind == TARGET_PIPE &&
	              target.owned,
	      "a named pipe, its name removed");
	target_close(&target);
	close(reader);
	CHECK(target_open(&target, writer, &error) == 0 && target.poll_first &&
	              target_write(&target, "x", 1) == -EPIPE,
	      "one whose reader is gone cannot be reopened");
	target_close(&target);
	close(writer);
}

/* Another user may not reopen root's pipe: then the shared, blocking one is polled. */
static void test_polled_pipe(void)
{
	struct target target;
	struct error error;
	char bytes[PIPE_BUF] = "";
	int fds[2], status;
	pid_t child;

	if (geteuid() != 0) {
		CHECK(true, "# SKIP needs root to become somebody else");
		return;
	}
	need(pipe2(fds, O_CLOEXEC) == 0, "pipe2");
	fflush(stdout);
	child = fork();
	need(child >= 0, "fork");
	if (child == 0) {
		alarm(10); /* a blocking write would hang */
		if (setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
		    setresuid(NOBODY, NOBODY, NOBODY) != 0)
			_exit(2);
		if (target_open(&target, fds[1], &error) != 0 || target.owned || !target.poll_first)
			_exit(3);
		/* A page first, so that 64 KiB do not fit and a blocking write would wait. */
		_exit(target_write(&target, bytes, PIPE_BUF) == PIPE_BUF &&
		                      fill(&target, 65536) == PIPE_SIZE - PIPE_BUF &&
		                      target_whole_max(&target) == PIPE_BUF
		              ? 0
		              : 4);
	}
	need(waitpid(child, &status, 0) == child, "waitpid");
	CHECK_EQUAL(status, 0,
	            "a pipe that cannot be reopened is filled without waiting (status %#x)",
	            status);
	close(fds[0]);
	close(fds[1]);
}

static void test_socket(void)
{
	struct target target;
	struct error error;
	int fds[2];

	/* MSG_NOSIGNAL: with the default action this test would die of SIGPIPE. */
	signal(SIGPIPE, SIG_DFL);
	need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0, "socketpair");
	CHECK(target_open(&target, fds[1], &error) == 0 && target.kind == TARGET_SOCKET &&
	              target.watched && !target.owned,
	      "a socket");
	CHECK(fill(&target, 65536) > 65536 && !nonblocking(fds[1]),
	      "filled without waiting, its flags as they were");
	CHECK(!target_hung_up(&target, false), "the reader is there");
	close(fds[0]);
	CHECK(target_hung_up(&target, false), "the reader is gone");
	CHECK_EQUAL(target_write(&target, "x", 1), -EPIPE, "and writing says so");
	target_close(&target);
	close(fds[1]);
	signal(SIGPIPE, SIG_IGN);
}

static void test_terminal(void)
{
	struct target target;
	struct error error;
	char text[16];
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), fd;

	if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0 ||
	    (fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0) {
		CHECK(true, "# SKIP no pseudo terminals");
		return;
	}
	CHECK(target_open(&target, fd, &error) == 0 && target.kind == TARGET_TERMINAL &&
	              target.watched && target.owned && nonblocking(target.fd) && !nonblocking(fd),
	      "a terminal");
	CHECK(target_write(&target, "line\n", 5) == 5 && read(master, text, sizeof text) == 6 &&
	              memcmp(text, "line\r\n", 6) == 0,
	      "written to");
	CHECK(fill(&target, 1024) > 0, "filled without waiting");
	close(master);
	CHECK(target_hung_up(&target, false) && target_write(&target, "x", 1) == -EIO, "hung up");
	target_close(&target);
	close(fd);
}

static void test_devices(void)
{
	static const struct {
		const char *path;
		ssize_t result;
	} cases[] = { { "/dev/null", 1 }, { "/dev/full", -ENOSPC } };

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct target target;
		struct error error;
		int fd = open(cases[i].path, O_WRONLY | O_CLOEXEC);

		CHECK(target_open(&target, fd, &error) == 0 && target.kind == TARGET_DEVICE &&
		              !target.watched && !target.owned && !target_hung_up(&target, false),
		      "%s", cases[i].path);
		CHECK_EQUAL(target_write(&target, "x", 1), cases[i].result, "written to");
		target_close(&target);
		close(fd);
	}
}

static void test_take_back(int flags, const char *name)
{
	char path[] = "/tmp/test_target.XXXXXX";
	int other = mkostemp(path, O_CLOEXEC), fd = open(path, O_WRONLY | O_CLOEXEC | flags);
	struct target target;
	struct error error;
	char text[64];

	need(other >= 0 && fd >= 0, path);
	unlink(path);
	CHECK(target_open(&target, fd, &error) == 0 && target.kind == TARGET_FILE &&
	              !target.watched,
	      "a file, %s", name);
	target_write(&target, "one\ntwo\nthr", 11);
	CHECK(target_take_back(&target, 3) && lseek(other, 0, SEEK_END) == 8,
	      "three bytes are taken back");
	target_write(&target, "three\n", 6);
	CHECK(pread(other, text, sizeof text, 0) == 14 &&
	              memcmp(text, "one\ntwo\nthree\n", 14) == 0,
	      "and the next write follows without a hole");
	need(pwrite(other, "foreign", 7, 14) == 7, "pwrite");
	CHECK(!target_take_back(&target, 3) && lseek(other, 0, SEEK_END) == 21,
	      "not behind what somebody else wrote");
	CHECK(!target_take_back(&target, 100), "not more than there is");
	target_close(&target);
	close(fd);
	close(other);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	test_pipe();
	test_smaller_pipe();
	test_named_pipe();
	test_polled_pipe();
	test_socket();
	test_terminal();
	test_devices();
	test_take_back(O_APPEND, "appended to");
	test_take_back(0, "not appended to");
	return check_done();
}
