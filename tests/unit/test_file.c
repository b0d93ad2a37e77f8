/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <sys/types.h>

#include "check.h"
#include "open_repaired.h"

static char directory[] = "/tmp/test_file.XXXXXX";

static void need(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static void write_file(const char *path, const void *bytes, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	need(fd >= 0 && write(fd, bytes, length) == (ssize_t)length, path);
	close(fd);
}

static void refuses(const char *path, int code, const char *text)
{
	uint64_t repaired = 77;
	struct error error = { .code = 0 };
	int fd = open_repaired(path, &repaired, &error);

	CHECK(fd == -code && error.code == code && repaired == 77, "%s is refused", path);
	CHECK(strstr(error.text, path) && strstr(error.text, text), "and the reason is \"%s\"",
	      error.text);
	if (fd >= 0)
		close(fd);
}

static void test_new(void)
{
	struct stat status = { .st_mode = 0 };
	struct error error;
	uint64_t repaired = 77;
	int fd;

	umask(022);
	fd = open_repaired("new", &repaired, &error);
	CHECK(fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && repaired == 0,
	      "a new file");
	CHECK_EQUAL((status.st_mode & 07777), 0640, "has mode 0640");
	CHECK(fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_APPEND,
	      "is O_CLOEXEC and O_APPEND");
	CHECK_EQUAL(write(fd, "{one}\n", 6), 6, "and can be written");
	close(fd);
	fd = open_repaired("new", &repaired, &error);
	CHECK(fd >= 0 && write(fd, "{two}\n", 6) == 6 && fstat(fd, &status) == 0 &&
	              status.st_size == 12 && repaired == 0,
	      "opened again it is appended to");
	close(fd);
	umask(077);
	fd = open_repaired("private", &repaired, &error);
	CHECK(fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & 07777) == 0600,
	      "the umask is honoured");
	close(fd);
	fd = open_repaired("private", &repaired, NULL);
	CHECK(fd >= 0, "no error text wanted");
	close(fd);
}

static void test_refused(void)
{
	write_file("target", "{x}\n", 4);
	need(symlink("target", "symlink") == 0 && symlink("nowhere", "dangling") == 0, "symlink");
	refuses("symlink", ELOOP, "symbolic link");
	refuses("dangling", ELOOP, "symbolic link");
	CHECK(access("nowhere", F_OK) != 0, "nothing is created through a link");
	need(link("target", "hardlink") == 0, "link");
	refuses("hardlink", EMLINK, "2 hard links");
	refuses("target", EMLINK, "2 hard links");
	need(mkfifo("fifo", 0600) == 0, "mkfifo");
	alarm(10); /* a FIFO without a reader would block for ever */
	refuses("fifo", EINVAL, "not a regular file");
	alarm(0);
	need(mkdir("directory", 0700) == 0, "mkdir");
	refuses("directory", EISDIR, "directory");
	refuses("/dev/null", EINVAL, "not a regular file");
	refuses("missing/file", ENOENT, "No such file");
	refuses("target/file", ENOTDIR, "Not a directory");

	if (geteuid() != 0) {
		CHECK(true, "# SKIP needs root to make a file of somebody else");
		return;
	}
	write_file("foreign", "{x}\n", 4);
	need(chown("foreign", 65534, (gid_t)-1) == 0, "chown");
	refuses("foreign", EPERM, "belongs to user 65534");
}

static void test_tails(void)
{
	static const struct {
		const char *name, *text;
		size_t kept, cut; /* cut SIZE_MAX: refused */
	} cases[] = {
		{ "empty", "", 0, 0 },
		{ "whole", "{a}\n{b}\n", 8, 0 },
		{ "one LF", "\n", 1, 0 },
		{ "half a record", "{a}\n{\"b", 4, 3 },
		{ "its first byte alone", "{a}\n{", 4, 1 },
		{ "all but LF", "{a}\n{b}", 4, 3 },
		{ "only half a record", "{\"a", 0, 3 },
		{ "a text without an end", "root:x:0:0", 0, SIZE_MAX },
		{ "a last line that is not ours", "{a}\nroot", 0, SIZE_MAX },
	};
	char text[64];

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		uint64_t repaired = 77;
		struct error error;
		size_t length = strlen(cases[i].text);
		int fd;

		write_file("tail", cases[i].text, length);
		if (cases[i].cut == SIZE_MAX) {
			refuses("tail", EBADMSG, "not a record");
			fd = open("tail", O_RDONLY | O_CLOEXEC);
			CHECK_EQUAL(read(fd, text, sizeof text), (ssize_t)length, "%s: untouched",
			            cases[i].name);
		} else {
			fd = open_repaired("tail", &repaired, &error);
			CHECK(fd >= 0 && repaired == cases[i].cut &&
			              pread(fd, text, sizeof text, 0) == (ssize_t)cases[i].kept &&
			              memcmp(text, cases[i].text, cases[i].kept) == 0,
			      "%s: %zu bytes are cut", cases[i].name, cases[i].cut);
		}
		close(fd);
	}
}

/* Tails around the size of a block, and around the longest that is looked at. */
static void test_long_tails(void)
{
	static const size_t lengths[] = { 4094, 4095,    4096,    4097,    8191,   8192,
		                          8193, 1000000, 1048576, 1048577, 3000000 };
	static const char before[] = "{before}\n";
	static char bytes[3000100];

	for (int zeros = 0; zeros < 2; zeros++) {
		for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
			uint64_t repaired = 77;
			struct error error;
			int fd;

			memset(bytes, zeros ? '\0' : '{', sizeof bytes);
			memcpy(bytes, before, sizeof before - 1);
			write_file("long", bytes, 9 + lengths[i]);
			fd = open_repaired("long", &repaired, &error);
			/* Only the last MiB is searched, in blocks. */
			CHECK(lengths[i] < 1048576 ? fd >= 0 && repaired == lengths[i] &&
			                                     lseek(fd, 0, SEEK_END) == 9
			                           : fd == -EBADMSG && repaired == 77,
			      "a tail of %zu %s", lengths[i], zeros ? "zero bytes" : "bytes");
			if (fd >= 0)
				close(fd);
		}
	}
}

static void test_captures(void)
{
	static const char section[] = "\x0a\x0d\x0d\x0a\x1c";
	struct stat status = { .st_size = 0 };
	bool created = true;
	int fd;

	write_file("capture", section, sizeof section);
	fd = file_open_capture("capture", &created, NULL);
	CHECK(!created, "a capture that is there is not made");
	CHECK(fd >= 0 && fstat(fd, &status) == 0 && status.st_size == sizeof section,
	      "a capture has what it had until it is begun anew");
	close(fd);
	write_file("tail", "{a}\n", 4);
	CHECK_EQUAL(file_open_capture("tail", &created, NULL), -EBADMSG, "what is none is refused");
}

static void test_checks(void)
{
	static const struct {
		const char *path;
		bool capture;
		int result;
	} cases[] = {
		{ "half", false, 0 },
		{ "half", true, -EBADMSG },
		{ "other", false, -EBADMSG },
		{ "capture", true, 0 },
		{ "none", false, 0 },
		{ "none", true, 0 },
		{ "missing/file", false, -ENOENT },
		{ "symlink", false, -ELOOP },
		{ "directory", true, -EISDIR },
		{ "hardlink", false, -EMLINK },
	};
	struct stat status = { .st_size = 0 };

	write_file("half", "{a}\n{\"b", 7);
	write_file("other", "root", 4);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct error error = { .code = 0 };
		int result = file_check(cases[i].path, cases[i].capture, &error);

		CHECK(result == cases[i].result && error.code == -result, "%s, a %s: %d",
		      cases[i].path, cases[i].capture ? "capture" : "file of records", result);
	}
	CHECK(stat("half", &status) == 0 && status.st_size == 7, "half a record stays");
	CHECK(access("none", F_OK) != 0, "no file is made");
}

static void test_discarded(void)
{
	struct file_state state = { 0 };
	int fd = file_open("discarded", &state, NULL), again;

	CHECK(fd >= 0 && state.created, "a file that was not there is one that was made");
	file_discard("discarded", fd);
	CHECK(access("discarded", F_OK) != 0, "which is removed while it is empty");
	again = file_open("discarded", &state, NULL);
	file_discard("discarded", fd);
	CHECK(access("discarded", F_OK) == 0, "not another file of that name");
	CHECK_EQUAL(write(again, "{a}\n", 4), 4, "with a record in it");
	file_discard("discarded", again);
	CHECK(access("discarded", F_OK) == 0, "it is not removed");
	close(fd);
	close(again);
	fd = file_open("discarded", &state, NULL);
	CHECK(fd >= 0 && !state.created, "one that was there was not made");
	close(fd);
}

static void test_cut(void)
{
	struct file_state state = { 0 };
	struct stat status = { .st_size = 0 };
	int fd;

	write_file("tail", "{a}\n{\"b", 7);
	fd = file_open("tail", &state, NULL);
	CHECK(fd >= 0 && file_is_broken(&state) && fstat(fd, &status) == 0 && status.st_size == 7,
	      "a broken tail stays when the file is opened");
	CHECK_EQUAL(write(fd, "\n", 1), 1, "another process writes behind it");
	CHECK(file_cut(fd, &state) == 0 && fstat(fd, &status) == 0 && status.st_size == 8,
	      "then it is not cut");
	close(fd);
}

/*
 * A line comes in two parts, the second one a moment after the file is opened here. Returns whether
 * the opening waited for it.
 */
static bool open_meanwhile(bool *whole)
{
	static const struct timespec moment = { .tv_nsec = 5000000 };
	struct file_state state = { 0 };
	struct stat status = { .st_size = 0 };
	pid_t child;
	int fd;

	write_file("tail", "{a}\n{\"b", 7);
	child = fork();
	if (child == 0) {
		nanosleep(&moment, NULL);
		fd = open("tail", O_WRONLY | O_APPEND);
		_exit(write(fd, "\"}\n", 3) == 3 ? 0 : 1);
	}
	fd = file_open("tail", &state, NULL);
	*whole = fd >= 0 && waitpid(child, NULL, 0) == child && file_cut(fd, &state) == 0 &&
	         fstat(fd, &status) == 0 && status.st_size == 10;
	close(fd);
	return !file_is_broken(&state);
}

/* On a busy machine the other process may come later than is waited for: then it is tried again. */
static void test_written_meanwhile(void)
{
	bool waited = false, whole = true;

	for (int i = 0; i < 20 && !waited && whole; i++)
		waited = open_meanwhile(&whole);
	CHECK(whole, "a line that another process is writing is not cut");
	CHECK(waited, "nor taken for a broken one");
}

/* Two runs found it broken: what the first one writes when it has cut it is not cut by the other. */
static void test_cut_by_two(void)
{
	static const struct timespec moment = { .tv_nsec = 10000000 };
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct file_state state = { 0 };
	struct stat status;
	char byte;
	int fd, other, locked[2];
	pid_t child;

	write_file("tail", "{\"a\":1}\n{\"a\":2", 14);
	fd = file_open("tail", &state, NULL);
	need(fd >= 0 && file_is_broken(&state) && pipe(locked) == 0, "tail");
	fflush(stdout);
	child = fork();
	if (child == 0) {
		other = open("tail", O_RDWR | O_APPEND);
		if (fcntl(other, F_OFD_SETLK, &lock) != 0 || write(locked[1], "x", 1) != 1)
			_exit(1);
		nanosleep(&moment, NULL);
		if (ftruncate(other, 8) != 0)
			_exit(1);
		lock.l_type = F_UNLCK;
		fcntl(other, F_OFD_SETLK, &lock);
		_exit(0);
	}
	CHECK(read(locked[0], &byte, 1) == 1 && file_cut(fd, &state) == 0 &&
	              fstat(fd, &status) == 0 && status.st_size == 8 && write(fd, "{}\n", 3) == 3 &&
	              waitpid(child, NULL, 0) == child && fstat(fd, &status) == 0 &&
	              status.st_size == 11,
	      "of two that cut, the second waits for the first, and nothing is written before");
	other = open("tail", O_RDWR | O_CLOEXEC);
	CHECK(fcntl(other, F_OFD_SETLK, &lock) == 0, "then the file is free");
	close(other);
	close(fd);
	close(locked[0]);
	close(locked[1]);
}

static void remove_all(void)
{
	static const char *const names[] = { "new",      "private",  "target", "symlink",
		                             "dangling", "hardlink", "fifo",   "foreign",
		                             "tail",     "long",     "half",   "other",
		                             "capture",  "discarded" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(names[i]);
	rmdir("directory");
	need(chdir("/") == 0 && rmdir(directory) == 0, directory);
}

int main(void)
{
	need(mkdtemp(directory) && chdir(directory) == 0, directory);
	test_new();
	test_refused();
	test_tails();
	test_long_tails();
	test_captures();
	test_checks();
	test_discarded();
	test_cut();
	test_written_meanwhile();
	test_cut_by_two();
	remove_all();
	return check_done();
}
