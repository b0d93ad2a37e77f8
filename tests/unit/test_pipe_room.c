/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/pipe_room.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#include "check.h"
#include "random.h"

#define PAGE  4096u
#define PAGES 16u

static void need(bool condition, const char *what)
{
	if (!condition) {
		perror(what);
		exit(EXIT_FAILURE);
	}
}

static void test_cases(void)
{
	struct pipe_room room;

	pipe_room_begin(&room, PAGE, PAGES, 0);
	CHECK_EQUAL(pipe_room_bytes(&room, 0), 8 * PAGE, "an empty pipe takes half of its size");
	pipe_room_written(&room, 8 * PAGE);
	CHECK_EQUAL(pipe_room_bytes(&room, 8 * PAGE), 8 * PAGE, "and then the other half");
	pipe_room_written(&room, 8 * PAGE);
	CHECK_EQUAL(pipe_room_bytes(&room, 16 * PAGE), 0, "and is full");
	CHECK_EQUAL(pipe_room_bytes(&room, 15 * PAGE + 1), 0, "until a page has been read");
	CHECK_EQUAL(pipe_room_bytes(&room, 15 * PAGE), PAGE, "of which one is free then");
	CHECK_EQUAL(pipe_room_bytes(&room, 0), 8 * PAGE, "and all when it is empty");

	pipe_room_begin(&room, PAGE, PAGES, 0);
	for (unsigned i = 0; i < PAGES; i++)
		pipe_room_written(&room, 1);
	CHECK_EQUAL(pipe_room_bytes(&room, PAGES), 8 * PAGE,
	            "small writes share a page, which is known without having looked on");
	pipe_room_full(&room, 10 * PAGE);
	CHECK(room.shared, "more in it than was written: somebody else writes too");
	CHECK_EQUAL(pipe_room_bytes(&room, 0), 0, "and nothing is certain any more");

	pipe_room_begin(&room, PAGE, PAGES, 0);
	pipe_room_written(&room, 3 * PAGE);
	pipe_room_resize(&room, 4);
	CHECK_EQUAL(pipe_room_bytes(&room, 3 * PAGE), PAGE, "the reader made it smaller");
	pipe_room_resize(&room, 3);
	CHECK_EQUAL(pipe_room_bytes(&room, 3 * PAGE), 0, "so that it is full");
	pipe_room_resize(&room, 32);
	CHECK_EQUAL(pipe_room_bytes(&room, 3 * PAGE), 16 * PAGE, "and larger again");

	pipe_room_begin(&room, PAGE, PAGES, 3 * PAGE);
	CHECK(pipe_room_bytes(&room, 3 * PAGE) == 8 * PAGE && !room.shared,
	      "what is in it at the start does not count as somebody else's");
	CHECK(pipe_room_bytes(&room, 3 * PAGE + 1) == 0 && room.shared, "what comes later does");
	pipe_room_begin(&room, PAGE, PAGES, SIZE_MAX);
	CHECK_EQUAL(pipe_room_bytes(&room, 0), 0, "unknown at the start: never certain");
	pipe_room_begin(&room, PAGE, 0, 0);
	CHECK_EQUAL(pipe_room_bytes(&room, 0), 0, "a pipe of unknown size");
}

static size_t unread_of(int fd)
{
	int bytes = 0;

	need(ioctl(fd, FIONREAD, &bytes) == 0, "FIONREAD");
	return (size_t)bytes;
}

struct tally {
	unsigned writes, cut, emptied, reluctant;
	uint64_t bytes;
};

/* One write of random length, within the room or small, as a sink would do. */
static void write_some(struct pipe_room *room, int fd, struct random *random, struct tally *tally)
{
	static char bytes[2 * PAGE * PAGES];
	size_t most = pipe_room_bytes(room, unread_of(fd)), length;
	bool certain = most > 0;
	ssize_t written;

	if (unread_of(fd) == 0) {
		tally->emptied++;
		tally->reluctant += most < PAGES / 2 * PAGE;
	}
	/* Lengths that end near a page's end are the ones that could go wrong. */
	length =
		certain ? most - random_below(random, random_below(random, 2) ? 64 : (uint32_t)most)
			: 1 + random_below(random, PAGE);
	written = write(fd, bytes, length);
	tally->writes++;
	tally->cut += certain && written != (ssize_t)length;
	if (written > 0) {
		pipe_room_written(room, (size_t)written);
		tally->bytes += (uint64_t)written;
	}
	if (written != (ssize_t)length)
		pipe_room_full(room, unread_of(fd));
}

/* Against the kernel: no write that fits by our reckoning may be cut. */
static void test_pipe(struct random *random)
{
	struct tally tally = { 0 };

	for (int round = 0; round < 400; round++) {
		static char bytes[2 * PAGE * PAGES];
		uint32_t piece = 1 + random_below(random, round % 2 ? sizeof bytes : PAGE);
		struct pipe_room room;
		int fds[2];

		need(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
		if (round % 3 == 0) /* somebody wrote before us */
			need(write(fds[1], bytes, 1 + random_below(random, PAGES * PAGE)) > 0,
			     "write");
		pipe_room_begin(&room, PAGE, PAGES, unread_of(fds[1]));
		for (int step = 0; step < 300; step++) {
			if (random_below(random, 3) > 0)
				write_some(&room, fds[1], random, &tally);
			if (random_below(random, 3) > 0 &&
			    read(fds[0], bytes, 1 + random_below(random, piece)) < 0)
				need(errno == EAGAIN, "read");
		}
		close(fds[0]);
		close(fds[1]);
	}
	CHECK_EQUAL(tally.cut, 0, "none of %u writes is cut", tally.writes);
	CHECK(tally.emptied > 0 && tally.reluctant == 0,
	      "an empty pipe always takes half (%u times)", tally.emptied);
	CHECK(tally.bytes / tally.writes > PAGE, "writes are large: %llu bytes",
	      (unsigned long long)(tally.bytes / tally.writes));
}

/* The reader takes more than half at a time and is slower: the room follows it without small writes. */
static void test_saturated(struct random *random)
{
	static char bytes[PAGES * PAGE];
	struct tally tally = { 0 };
	struct pipe_room room;
	int fds[2];

	need(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0, "pipe2");
	pipe_room_begin(&room, PAGE, PAGES, 0);
	for (int step = 0; step < 3000; step++) {
		size_t most;

		for (most = PAGE; most > 0;) {
			size_t length;

			most = pipe_room_bytes(&room, unread_of(fds[1]));
			length = most - (most > 0 ? random_below(random, 700) : 0);
			if (most > 0 && write(fds[1], bytes, length) == (ssize_t)length) {
				pipe_room_written(&room, length);
				tally.writes++;
				tally.bytes += length;
			}
		}
		pipe_room_full(&room, unread_of(fds[1]));
		need(read(fds[0], bytes, 12 * PAGE) > 0, "read");
	}
	CHECK(tally.bytes / tally.writes > 4 * PAGE, "a full pipe: %llu bytes a write",
	      (unsigned long long)(tally.bytes / tally.writes));
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	struct random random = random_begin();

	if (sysconf(_SC_PAGESIZE) != PAGE) {
		CHECK(true, "# SKIP the cases are for pages of %u bytes", PAGE);
		return check_done();
	}
	test_cases();
	test_pipe(&random);
	test_saturated(&random);
	return check_done();
}
