/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "check.h"
#include "put_line.h"
#include "random.h"

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

static void open_pipe(int fds[2])
{
	need(pipe2(fds, O_CLOEXEC) == 0, "pipe2");
}

/* "NUMBER xxxx...\n", length bytes long: what a reader can check. */
static size_t make_line(char *line, size_t length, unsigned number)
{
	int digits = sprintf(line, "%u ", number);

	if (length < (size_t)digits + 1)
		length = (size_t)digits + 1;
	memset(line + digits, 'x', length - (size_t)digits - 1);
	line[length - 1] = '\n';
	return length;
}

/* Checks lines piece by piece; they are numbered upwards, some may be missing. */
struct reader {
	char line[16384];
	size_t length;
	unsigned next, lines;
	bool broken;
};

static void reader_take(struct reader *reader, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		char *end;
		unsigned number;

		reader->line[reader->length++] = bytes[i];
		reader->broken |= reader->length == sizeof reader->line;
		reader->length %= sizeof reader->line;
		if (bytes[i] != '\n')
			continue;
		reader->line[reader->length] = '\0';
		number = (unsigned)strtoul(reader->line, &end, 10);
		reader->broken |= *end != ' ' || number < reader->next ||
		                  strspn(end + 1, "x") !=
		                          (size_t)(reader->line + reader->length - 1 - end - 1);
		reader->next = number + 1;
		reader->lines++;
		reader->length = 0;
	}
}

/* Reads at most `most` bytes; what read(2) said. */
static ssize_t reader_read(struct reader *reader, int fd, size_t most)
{
	char bytes[65536];
	ssize_t length = read(fd, bytes, most < sizeof bytes ? most : sizeof bytes);

	if (length > 0)
		reader_take(reader, bytes, (size_t)length);
	return length;
}

static void test_room(void)
{
	int fds[2];
	struct sink *sink;
	char text[64];

	open_pipe(fds);
	sink = open_sink(fds[1], 10);
	CHECK(sink_room(sink) == 10 && sink_pending(sink) == 0, "an empty sink for 10 bytes");
	CHECK(put_line(sink, "abcd\n", 5) == 0 && put_line(sink, "efgh\n", 5) == 0 &&
	              sink_room(sink) == 0,
	      "takes 10");
	CHECK(put_line(sink, "\n", 1) == -ENOBUFS && put_line(sink, text, SIZE_MAX) == -ENOBUFS &&
	              sink_counters(sink).taken == 2,
	      "and no more");
	CHECK(sink_counters(sink).lines == 0 && sink_counters(sink).bytes == 0,
	      "nothing is written yet");
	CHECK(sink_flush(sink) == SINK_OPEN && sink_room(sink) == 10 &&
	              sink_counters(sink).lines == 2 && sink_counters(sink).bytes == 10 &&
	              sink_counters(sink).writes == 1,
	      "flushed by one write");
	CHECK(read(fds[0], text, sizeof text) == 10 && memcmp(text, "abcd\nefgh\n", 10) == 0,
	      "in order");
	CHECK(sink_flush(sink) == SINK_OPEN && sink_counters(sink).writes == 1,
	      "nothing to flush: no write");
	CHECK(!sink_reserve(sink, 11), "no place for more than it takes");
	memcpy(sink_reserve(sink, 10), "ij\nkl", 5);
	CHECK_EQUAL(sink_pending(sink), 0, "what is written in place is not there at once");
	sink_commit(sink, 3);
	CHECK(sink_pending(sink) == 3 && sink_flush(sink) == SINK_OPEN &&
	              read(fds[0], text, sizeof text) == 3 && memcmp(text, "ij\n", 3) == 0 &&
	              sink_counters(sink).lines == 3,
	      "a line written in place");
	sink_free(sink);
	sink_free(NULL);
	close(fds[0]);
	close(fds[1]);
}

static void test_pipe_writes(void)
{
	int fds[2];
	struct sink *sink;
	static struct reader reader;
	static char line[700];
	unsigned number = 0;
	uint64_t wakes = 0;

	open_pipe(fds);
	sink = open_sink(fds[1], 8 << 20);
	while (put_line(sink, line, make_line(line, 100 + number % 600, number)) == 0)
		number++;
	CHECK(sink_flush(sink) == SINK_OPEN && sink_pending(sink) > 0 &&
	              sink_counters(sink).bytes > 900000,
	      "the pipe is full, the sink is not empty");
	CHECK(sink_counters(sink).writes < 20, "by few writes: %" PRIu64,
	      sink_counters(sink).writes);
	/* As cat does. */
	for (; sink_pending(sink) > 0; wakes++) {
		for (int i = 0; i < 2; i++)
			reader_read(&reader, fds[0], 65536);
		sink_flush(sink);
	}
	CHECK(sink_counters(sink).writes < 8 * wakes,
	      "%" PRIu64 " writes for the %" PRIu64 " times that the reader made room",
	      sink_counters(sink).writes, wakes);
	while (reader.lines < number && reader_read(&reader, fds[0], SIZE_MAX) > 0)
		;
	CHECK(!reader.broken && reader.lines == number && reader.next == number &&
	              sink_counters(sink).lines == number,
	      "all %u lines arrive in order", number);
	sink_free(sink);
	close(fds[0]);
	close(fds[1]);
}

/* Whatever fits into the pipe ends with LF: the writer could be killed at any time. */
static void test_pipe_ends_whole(struct random *random)
{
	int fds[2], wrong = 0, rounds = 0;
	struct sink *sink;
	static char line[4096], bytes[65536];
	unsigned number = 0;

	open_pipe(fds);
	need(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0, "fcntl");
	sink = open_sink(fds[1], 3 << 20);
	for (; rounds < 2000; rounds++) {
		char last = '\n';
		ssize_t length;

		while (put_line(sink, line,
		                make_line(line, 1 + random_below(random, sizeof line), number)) ==
		       0)
			number++;
		sink_flush(sink);
		/* Sometimes all of it, sometimes some pages, then the rest of what is in the pipe. */
		for (uint32_t n = random_below(random, 20); n > 0; n--)
			if (read(fds[0], bytes, 1 + random_below(random, 8192)) > 0)
				sink_flush(sink);
		while ((length = read(fds[0], bytes, sizeof bytes)) > 0)
			last = bytes[length - 1];
		wrong += last != '\n';
	}
	CHECK_EQUAL(wrong, 0, "%d times the last byte in the pipe is LF", rounds);
	sink_free(sink);
	close(fds[0]);
	close(fds[1]);
}

static void test_long_line(void)
{
	int fds[2];
	struct sink *sink;
	static struct reader reader;
	static char line[8000];
	unsigned number = 0;

	open_pipe(fds);
	sink = open_sink(fds[1], 3 << 20);
	while (put_line(sink, line, make_line(line, number % 3 ? 8000 : 500, number)) == 0)
		number++;
	sink_flush(sink);
	while (reader.lines < number && reader_read(&reader, fds[0], 3000) > 0)
		sink_flush(sink);
	CHECK(!reader.broken && reader.lines == number && sink_counters(sink).lines == number,
	      "%u lines of 500 and 8,000 bytes arrive whole", number);
	sink_free(sink);
	close(fds[0]);
	close(fds[1]);
}

/* Any line lengths, any reader, small and large buffers: what was taken arrives once and in order. */
static void test_random(struct random *random, bool is_socket)
{
	int broken = 0, lost = 0, uncounted = 0;

	for (int round = 0; round < 60; round++) {
		static struct reader reader;
		static char line[9000];
		size_t capacity = 1 + random_below(random, round % 2 ? 300000 : 20000);
		uint32_t longest = 1 + random_below(random, sizeof line);
		unsigned number = 0, refused = 0;
		struct sink *sink;
		int fds[2];

		if (is_socket)
			need(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0,
			     "socketpair");
		else
			open_pipe(fds);
		need(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0, "fcntl");
		reader = (struct reader){ .next = 0 };
		sink = open_sink(fds[1], capacity);
		if (round % 3 == 0 && !is_socket) /* the reader may do that at any time */
			fcntl(fds[0], F_SETPIPE_SZ, 65536);
		for (int step = 0; step < 600; step++) {
			size_t length =
				make_line(line, 1 + random_below(random, longest), number++);

			refused += put_line(sink, line, length) != 0;
			if (random_below(random, 3) == 0)
				sink_flush(sink);
			if (random_below(random, 4) == 0)
				reader_read(&reader, fds[0], 1 + random_below(random, 20000));
		}
		do
			sink_flush(sink);
		while (reader_read(&reader, fds[0], SIZE_MAX) > 0 || sink_pending(sink) > 0);
		broken += reader.broken || reader.length > 0;
		lost += reader.lines + refused != number;
		uncounted += sink_counters(sink).lines != reader.lines ||
		             sink_counters(sink).taken != reader.lines;
		sink_free(sink);
		close(fds[0]);
		close(fds[1]);
	}
	CHECK_EQUAL(broken, 0, "%s: every line is whole and in order",
	            is_socket ? "socket" : "pipe");
	CHECK_EQUAL(lost, 0, "%s: written + refused = produced", is_socket ? "socket" : "pipe");
	CHECK_EQUAL(uncounted, 0, "%s: and the counters say the same",
	            is_socket ? "socket" : "pipe");
}

static void open_tcp(int fds[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(bind(listener, (struct sockaddr *)&address, length) == 0 && listen(listener, 1) == 0 &&
	             getsockname(listener, (struct sockaddr *)&address, &length) == 0,
	     "listen");
	fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	need(connect(fds[1], (struct sockaddr *)&address, length) == 0, "connect");
	fds[0] = accept(listener, NULL, NULL);
	need(fds[0] >= 0, "accept");
	close(listener);
}

static void test_reader_gone(void)
{
	int fds[2];
	struct sink *sink;

	open_pipe(fds);
	sink = open_sink(fds[1], 1000);
	put_line(sink, "one\n", 4);
	CHECK(sink_fd(sink) >= 0 && sink_check(sink) == SINK_OPEN, "the reader of a pipe is there");
	close(fds[0]);
	CHECK(sink_flush(sink) == SINK_READER_GONE && sink_get_state(sink) == SINK_READER_GONE &&
	              sink_error(sink) == 0,
	      "gone");
	CHECK_EQUAL(sink_drain(sink, INT64_MAX), SINK_READER_GONE, "draining does not wait for it");
	CHECK(sink_counters(sink).taken == 1 && sink_counters(sink).lines == 0,
	      "the line is known to be lost");
	sink_free(sink);
	sink = open_sink(fds[1], 1000);
	CHECK_EQUAL(sink_check(sink), SINK_READER_GONE, "seen without a write");
	sink_free(sink);
	close(fds[1]);

	open_tcp(fds);
	sink = open_sink(fds[1], 1000);
	put_line(sink, "one\n", 4);
	CHECK(sink_flush(sink) == SINK_OPEN && sink_check(sink) == SINK_OPEN,
	      "the reader of a socket is there");
	close(fds[0]); /* with unread data, so that a reset comes back: ECONNRESET */
	put_line(sink, "two\n", 4);
	CHECK(sink_flush(sink) == SINK_READER_GONE && sink_error(sink) == 0, "gone");
	sink_free(sink);
	close(fds[1]);
}

static void test_drain(void)
{
	int fds[2], status;
	struct sink *sink;
	static char line[1000];
	int64_t begin, passed;
	unsigned number = 0;
	pid_t child;

	open_pipe(fds);
	sink = open_sink(fds[1], 3 << 20);
	while (put_line(sink, line, make_line(line, sizeof line, number)) == 0)
		number++;
	begin = clock_monotonic_ns();
	CHECK(sink_drain(sink, begin + 50 * NS_PER_MS) == SINK_OPEN && sink_pending(sink) > 0,
	      "nobody reads: it waits until the deadline");
	passed = clock_monotonic_ns() - begin;
	CHECK(passed >= 50 * NS_PER_MS && passed < check_slowdown() * 2 * NS_PER_SECOND,
	      "which took %lld ms", (long long)(passed / NS_PER_MS));
	CHECK(sink_drain(sink, 0) == SINK_OPEN, "a deadline in the past");
	fflush(stdout);
	child = fork();
	need(child >= 0, "fork");
	if (child == 0) {
		static struct reader reader;

		close(fds[1]);
		sink_free(sink);
		while (reader_read(&reader, fds[0], 5000) > 0)
			;
		_exit(reader.broken || reader.lines != number ? 1 : 0);
	}
	CHECK(sink_drain(sink, clock_monotonic_ns() + 20 * NS_PER_SECOND) == SINK_OPEN &&
	              sink_pending(sink) == 0,
	      "somebody reads: all is written");
	sink_free(sink);
	close(fds[1]);
	close(fds[0]);
	CHECK(waitpid(child, &status, 0) == child && status == 0, "and arrives");
}

/* A writer that works as hard as it can, is killed, and leaves whole lines. */
static void write_for_ever(int fd, uint64_t seed)
{
	struct sink *sink = open_sink(fd, 1 << 20);
	struct random random = { .state = seed };
	static char line[4096];

	for (unsigned number = 0;; number++) {
		while (put_line(sink, line,
		                make_line(line, 50 + random_below(&random, 1500), number)) != 0)
			sink_drain(sink, clock_monotonic_ns() + NS_PER_MS);
		if (random_below(&random, 8) == 0)
			sink_flush(sink);
	}
}

static void test_kill(struct random *random)
{
	int whole = 0, broken = 0;
	unsigned long long lines = 0;

	for (int round = 0; round < 100; round++) {
		static struct reader reader;
		struct timespec delay = { .tv_nsec = random_below(random, 5000000) };
		size_t piece = round % 2 ? 65536 : 1 + random_below(random, 5000);
		int64_t until;
		int fds[2];
		pid_t child;

		open_pipe(fds);
		fflush(stdout);
		child = fork();
		need(child >= 0, "fork");
		if (child == 0) {
			close(fds[0]);
			write_for_ever(fds[1], (uint64_t)round);
		}
		close(fds[1]);
		reader = (struct reader){ .next = 0 };
		until = clock_monotonic_ns() + delay.tv_nsec;
		do
			reader_read(&reader, fds[0], piece);
		while (clock_monotonic_ns() < until);
		/* Every third is killed while it waits for room, the others while they write. */
		if (round % 3 == 0)
			nanosleep(&delay, NULL);
		kill(child, SIGKILL);
		while (reader_read(&reader, fds[0], SIZE_MAX) > 0)
			;
		waitpid(child, NULL, 0);
		close(fds[0]);
		whole += reader.length == 0 && reader.lines > 0;
		broken += reader.broken;
		lines += reader.lines;
	}
	CHECK(whole == 100 && broken == 0,
	      "after kill -9 the last byte is LF in %d of 100 (%llu lines)", whole, lines);
}

static void test_replace(void)
{
	char path[] = "/tmp/test_sink.XXXXXX";
	int fds[2], file = mkostemp(path, O_CLOEXEC | O_APPEND);
	static struct reader old, fresh;
	static char line[10000];
	struct sink *sink;
	struct error error;
	unsigned number = 0;

	need(file >= 0, path);
	unlink(path);
	open_pipe(fds);
	need(fcntl(fds[0], F_SETFL, O_NONBLOCK) == 0, "fcntl");
	sink = open_sink(fds[1], 3 << 20);
	while (put_line(sink, line, make_line(line, sizeof line, number)) == 0)
		number++;
	CHECK(sink_replace_fd(sink, -1, 0, &error) == -EBADF && sink_get_state(sink) == SINK_OPEN,
	      "a bad descriptor changes nothing: %s", error.text);
	/* The pipe is full in the middle of a line: that line comes again, whole. */
	CHECK(sink_replace_fd(sink, file, 0, &error) == 0 && sink_fd(sink) == -1,
	      "from a full pipe to a file");
	CHECK(sink_flush(sink) == SINK_OPEN && sink_pending(sink) == 0, "which takes the rest");
	while (reader_read(&old, fds[0], SIZE_MAX) > 0)
		;
	lseek(file, 0, SEEK_SET);
	while (reader_read(&fresh, file, SIZE_MAX) > 0)
		;
	CHECK(!old.broken && !fresh.broken && fresh.length == 0 &&
	              old.lines + fresh.lines == number && fresh.next == number,
	      "%u lines in the one, %u in the other, none in both", old.lines, fresh.lines);
	CHECK(old.length > 0, "(the pipe ended with %zu bytes of a line)", old.length);
	CHECK_EQUAL(sink_counters(sink).lines, number, "each is counted once");

	/* Drained first when there is time. */
	put_line(sink, "1 x\n", 4);
	CHECK(sink_replace_fd(sink, fds[1], clock_monotonic_ns() + NS_PER_SECOND, &error) == 0 &&
	              sink_pending(sink) == 0 && sink_fd(sink) >= 0 &&
	              lseek(file, -4, SEEK_END) >= 0 && read(file, line, 10) == 4,
	      "back to the pipe, the file got its last line");
	close(fds[0]);
	put_line(sink, "2 x\n", 4);
	CHECK(sink_flush(sink) == SINK_READER_GONE && sink_replace_fd(sink, file, 0, &error) == 0 &&
	              sink_flush(sink) == SINK_OPEN && sink_pending(sink) == 0,
	      "a new descriptor heals a dead sink");
	sink_free(sink);
	close(fds[1]);
	close(file);
}

int main(void)
{
	struct random random = random_begin();

	signal(SIGPIPE, SIG_IGN);
	test_room();
	test_pipe_writes();
	test_pipe_ends_whole(&random);
	test_long_line();
	test_random(&random, false);
	test_random(&random, true);
	test_reader_gone();
	test_drain();
	test_kill(&random);
	test_replace();
	return check_done();
}
