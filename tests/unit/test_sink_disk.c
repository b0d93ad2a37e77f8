/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The sink on files: full disks, size limits, and what kill -9 leaves for file_open to repair. */
#include "output/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "check.h"
#include "open_repaired.h"
#include "put_line.h"
#include "random.h"

static char directory[] = "/tmp/test_sink_disk.XXXXXX", path[64];

static void need(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static struct sink *open_sink(int fd, size_t capacity)
{
	struct sink *sink;
	struct error error;

	if (sink_new(&sink, fd, capacity, &error) != 0) {
		printf("# %s\n", error.text);
		exit(EXIT_FAILURE);
	}
	return sink;
}

/* "NUMBER xxxx\n" with the number in 9 digits, length bytes in all. Like a record it begins with {. */
static void make_line(char *line, size_t length, unsigned number)
{
	memset(line, 'x', length);
	sprintf(line, "{%09u", number);
	line[10] = ' ';
	line[length - 1] = '\n';
}

/* The lines of the file when all are whole and numbered upwards, else -1; *last = the last number. */
static long count_lines(unsigned *last)
{
	FILE *file = fopen(path, "re");
	static char line[70000];
	long lines = 0, previous = -1, number;

	need(file, path);
	while (fgets(line, sizeof line, file)) {
		char *end;

		number = strtol(line + 1, &end, 10);
		if (line[0] != '{' || end != line + 10 || *end != ' ' || number <= previous ||
		    strcmp(end + 1 + strspn(end + 1, "x"), "\n") != 0) {
			lines = -1;
			break;
		}
		previous = number;
		lines++;
	}
	fclose(file);
	*last = (unsigned)previous;
	return lines;
}

static int create(int flags)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600);

	need(fd >= 0, path);
	return fd;
}

static void test_file(void)
{
	static char line[1000];
	int fd = create(O_APPEND);
	struct sink *sink = open_sink(fd, 1 << 20);
	unsigned number = 0, last;

	for (; number < 1000; number++) {
		make_line(line, sizeof line, number);
		put_line(sink, line, sizeof line);
	}
	CHECK(sink_fd(sink) == -1 && sink_check(sink) == SINK_OPEN, "a file needs no watch");
	CHECK(sink_flush(sink) == SINK_OPEN && sink_pending(sink) == 0 && !sink_stalled(sink),
	      "takes everything");
	CHECK(count_lines(&last) == 1000 && last == 999 && sink_counters(sink).lines == 1000 &&
	              sink_counters(sink).bytes == 1000000,
	      "1,000 lines");
	CHECK(sink_counters(sink).writes < 10, "in %d writes", (int)sink_counters(sink).writes);
	sink_free(sink);
	close(fd);
}

static void test_size_limit(int flags)
{
	static char line[997];
	int fd = create(flags);
	struct sink *sink = open_sink(fd, 1 << 20);
	struct rlimit before, limit;
	enum sink_state state;
	unsigned last;

	for (unsigned number = 0; number < 1000; number++) {
		make_line(line, sizeof line, number);
		put_line(sink, line, sizeof line);
	}
	getrlimit(RLIMIT_FSIZE, &before);
	limit = before;
	limit.rlim_cur = 100000;
	fflush(stdout); /* which may be a file, too */
	setrlimit(RLIMIT_FSIZE, &limit);
	state = sink_flush(sink);
	setrlimit(RLIMIT_FSIZE, &before);
	CHECK(state == SINK_FAILED && sink_error(sink) == EFBIG &&
	              sink_get_state(sink) == SINK_FAILED,
	      "RLIMIT_FSIZE: failed with EFBIG");
	CHECK(count_lines(&last) == 100 && sink_counters(sink).lines == 100 &&
	              sink_counters(sink).taken == 1000,
	      "the file ends with a whole line, the loss is known");
	CHECK(sink_flush(sink) == SINK_FAILED && sink_drain(sink, INT64_MAX) == SINK_FAILED,
	      "and it stays failed");
	sink_free(sink);
	close(fd);
}

static void test_full_device(void)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct sink *sink = open_sink(fd, 1000);

	put_line(sink, "x\n", 2);
	CHECK(sink_flush(sink) == SINK_FAILED && sink_error(sink) == ENOSPC && !sink_stalled(sink),
	      "/dev/full will never have room: failed with ENOSPC");
	sink_free(sink);
	close(fd);
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	sink = open_sink(fd, 1000);
	put_line(sink, "x\n", 2);
	CHECK(sink_fd(sink) == -1 && sink_flush(sink) == SINK_OPEN && sink_pending(sink) == 0,
	      "/dev/null takes it");
	sink_free(sink);
	close(fd);
}

/* Writes lines until it is killed: in every fourth round half a line, after which it stops. */
static void write_until_killed(struct random *random, int fd, unsigned number, int round)
{
	static char line[60000];
	struct sink *sink = open_sink(fd, 1 << 20);

	if (round % 4 == 0) { /* what a kill within write(2) would leave */
		make_line(line, 1000, number);
		need(write(fd, line, 1 + random_below(random, 999)) > 0, path);
		raise(SIGSTOP);
	}
	for (unsigned limit = number + 20000; number < limit; number++) {
		size_t length = 100 + random_below(random, round % 2 ? 1000 : sizeof line - 100);

		make_line(line, length, number);
		put_line(sink, line, length);
		if (random_below(random, 30) == 0)
			sink_flush(sink);
	}
	for (;;)
		pause();
}

/* Kills a writer at random times; each start repairs what the last one left. */
static void test_kill(struct random *random)
{
	unsigned last, unopened = 0, broken = 0, halves = 0, uncut = 0;
	uint64_t repaired = 0;
	struct error error;

	close(create(0));
	for (int round = 0; round < 100; round++) {
		struct timespec delay = { .tv_nsec = random_below(random, 3000000) };
		bool half = round % 4 == 0;
		int fd = open_repaired(path, &repaired, &error), status = 0;
		pid_t child;

		unopened += fd < 0;
		broken += count_lines(&last) < 0;
		fflush(stdout);
		child = fork();
		need(child >= 0, "fork");
		if (child == 0)
			write_until_killed(random, fd, last + 1, round);
		close(fd);
		if (half) /* however long it takes until the child runs */
			need(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status),
			     "waitpid");
		else
			nanosleep(&delay, NULL);
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		if (half) {
			halves++;
			close(open_repaired(path, &repaired, &error));
			uncut += repaired == 0;
		}
		if (round % 10 == 9) /* stay small */
			close(create(0));
	}
	close(open_repaired(path, &repaired, &error));
	broken += count_lines(&last) < 0;
	CHECK(unopened == 0 && broken == 0,
	      "100 times kill -9: after file_open all lines are whole");
	CHECK(halves == 25 && uncut == 0, "each half line at the end is cut off");
}

static bool write_text(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	close(fd);
	return done;
}

/* Without privileges a user namespace may mount, once it knows who we are. */
static bool become_mounter(void)
{
	char uid_map[64], gid_map[64];

	if (unshare(CLONE_NEWNS) == 0)
		return true;
	snprintf(uid_map, sizeof uid_map, "0 %u 1", (unsigned)geteuid());
	snprintf(gid_map, sizeof gid_map, "0 %u 1", (unsigned)getegid());
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
	       write_text("/proc/self/setgroups", "deny") &&
	       write_text("/proc/self/uid_map", uid_map) &&
	       write_text("/proc/self/gid_map", gid_map);
}

/* Makes /tmp a tmpfs of 1 MiB that nobody else sees. */
static bool small_disk(void)
{
	return become_mounter() && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", "/tmp", "tmpfs", 0, "size=1m") == 0;
}

static void make_ballast(size_t size)
{
	int fd = open("/tmp/ballast", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	need(fd >= 0 && posix_fallocate(fd, 0, (off_t)size) == 0, "/tmp/ballast");
	close(fd);
}

static void test_full_disk(int flags, const char *name)
{
	static char line[777];
	struct sink *sink;
	struct stat status;
	unsigned number = 0, refused = 0, last;
	int fd, torn = 0;
	int64_t begin;

	make_ballast(600000);
	fd = create(flags);
	sink = open_sink(fd, 100000);
	while (refused < 500) {
		make_line(line, sizeof line, number++);
		refused += put_line(sink, line, sizeof line) != 0;
		if (number % 7 == 0)
			sink_flush(sink);
		fstat(fd, &status);
		torn += status.st_size % (off_t)sizeof line != 0;
	}
	CHECK(sink_get_state(sink) == SINK_OPEN && sink_stalled(sink) &&
	              sink_counters(sink).stalls == 1,
	      "%s: a full disk stalls the sink", name);
	CHECK(torn == 0 && count_lines(&last) == (long)sink_counters(sink).lines,
	      "%s: and never leaves half a line", name);
	begin = clock_monotonic_ns();
	CHECK(sink_drain(sink, begin + 250 * NS_PER_MS) == SINK_OPEN && sink_pending(sink) > 0 &&
	              clock_monotonic_ns() - begin >= 250 * NS_PER_MS &&
	              sink_counters(sink).stalls == 1,
	      "%s: draining waits for room, until the deadline", name);
	unlink("/tmp/ballast");
	CHECK(sink_drain(sink, begin + 10 * NS_PER_SECOND) == SINK_OPEN &&
	              sink_pending(sink) == 0 && !sink_stalled(sink),
	      "%s: writing resumes", name);
	CHECK(count_lines(&last) == (long)(number - refused) &&
	              sink_counters(sink).lines == number - refused,
	      "%s: written + refused = produced", name);
	sink_free(sink);
	close(fd);
	unlink(path);
}

int main(void)
{
	struct random random = random_begin();

	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	need(mkdtemp(directory), directory);
	snprintf(path, sizeof path, "%s/file", directory);
	test_file();
	test_size_limit(O_APPEND);
	test_size_limit(0);
	test_full_device();
	test_kill(&random);
	unlink(path);
	rmdir(directory);
	/* Last, as it cannot be undone. */
	if (small_disk()) {
		snprintf(path, sizeof path, "/tmp/file");
		test_full_disk(O_APPEND, "appended to");
		test_full_disk(0, "not appended to");
	} else {
		CHECK(true, "# SKIP no right to mount a small disk");
	}
	return check_done();
}
