/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/sent_bytes.h"

#include "base/clock.h"
#include "check.h"

#define NOW     (1000 * NS_PER_SECOND)
#define STREAMS 2048 /* that are kept */
#define TURNS   32   /* of each */

static struct sent_bytes *bytes;

static struct sent_bytes_stream stream_of(uint64_t hash, uint32_t netns)
{
	return (struct sent_bytes_stream){ .hash = hash, .netns = netns, .opened_ns = NOW };
}

static struct sent_bytes_sender sender_of(int pid)
{
	return (struct sent_bytes_sender){ .pid = pid, .time_ns = NOW + pid };
}

static uint32_t open_stream(uint64_t hash, uint32_t netns, int pid)
{
	const struct sent_bytes_stream stream = stream_of(hash, netns);
	const struct sent_bytes_sender first = sender_of(pid);

	return sent_bytes_open(bytes, &stream, &first);
}

static bool add(uint32_t number, int pid, uint64_t from, uint64_t to)
{
	const struct sent_bytes_sender sender = sender_of(pid);

	return sent_bytes_add(bytes, number, &sender, from, to);
}

/* The pid, 0: not known, -1: not reported. */
static int find(uint64_t hash, uint32_t netns, uint32_t offset)
{
	const struct sent_bytes_stream stream = stream_of(hash, netns);
	struct sent_bytes_sender sender = { .pid = 0 };

	if (sent_bytes_find(bytes, &stream, NOW, offset, &sender) == SENT_BYTES_BEYOND)
		return -1;
	CHECK(sender.pid == 0 || sender.time_ns == NOW + sender.pid, "as it was then");
	return sender.pid;
}

static void begin(void)
{
	sent_bytes_free(bytes);
	bytes = sent_bytes_new();
}

static void test_turns(void)
{
	uint32_t number;

	begin();
	CHECK_EQUAL(find(5, 0, 0), 0, "nothing is known");
	number = open_stream(5, 1, 42);
	CHECK(add(number, 43, 100, 300), "a second process sends");
	CHECK_EQUAL(find(5, 1, 0), 42, "the first byte is the first process's");
	CHECK_EQUAL(find(5, 1, 99), 42, "and so is its last");
	CHECK_EQUAL(find(5, 1, 100), 43, "the next is the second's");
	CHECK_EQUAL(find(5, 1, 299), 43, "up to what it sent");
	CHECK_EQUAL(find(5, 1, 300), -1, "a send that goes on is not reported");
	CHECK(add(number, 43, 300, 400) && add(number, 42, 400, 500), "both go on");
	CHECK_EQUAL(find(5, 1, 350), 43, "the second has sent on");
	CHECK_EQUAL(find(5, 1, 450), 42, "the first again");
	CHECK_EQUAL(find(5, 0, 450), 42, "a namespace that is not known is any");
	CHECK_EQUAL(find(5, 2, 450), 0, "the same ends in another namespace");
	CHECK_EQUAL(find(6, 1, 450), 0, "other ends");
	number = open_stream(7, 1, 42);
	add(number, 43, 0, 10);
	CHECK_EQUAL(find(7, 1, 0), 43, "the process that opened it sent nothing");
	open_stream(5, 1, 50);
	CHECK_EQUAL(find(5, 1, 0), 0, "two streams with the same ends");
}

static void test_wrap(void)
{
	const uint64_t from = UINT64_C(3) << 32;
	uint32_t number;

	begin();
	number = open_stream(5, 0, 42);
	add(number, 43, from - 10, from + 20);
	CHECK_EQUAL(find(5, 0, (uint32_t)-11), 42, "before the offset wraps");
	CHECK_EQUAL(find(5, 0, (uint32_t)-10), 43, "the second, before");
	CHECK_EQUAL(find(5, 0, 19), 43, "and after");
	CHECK_EQUAL(find(5, 0, 20), -1, "beyond");
}

static void test_bounds(void)
{
	uint32_t first;

	begin();
	first = open_stream(5, 0, 100);
	for (int i = 1; i <= TURNS; i++)
		add(first, 100 + i, (uint64_t)i * 10, (uint64_t)i * 10 + 10);
	CHECK_EQUAL(find(5, 0, 9), 0, "the oldest turn is forgotten");
	CHECK_EQUAL(find(5, 0, 10), 101, "the next is not");
	CHECK_EQUAL(find(5, 0, TURNS * 10), 100 + TURNS, "nor is the latest");
	for (int i = 1; i < STREAMS; i++)
		open_stream(1000 + (uint64_t)i, 0, 1);
	CHECK(add(first, 7, 1000, 1001), "as many as there is room for");
	open_stream(999, 0, 1);
	CHECK(!add(first, 7, 1001, 1002) && find(5, 0, 10) == 0, "the oldest makes room");
	CHECK(!add(0, 7, 0, 1), "a socket without a stream");
	first = open_stream(5, 0, 42);
	sent_bytes_clear(bytes);
	CHECK(!add(first, 7, 0, 1) && find(5, 0, 0) == 0, "reports were lost");
	first = open_stream(5, 0, 42);
	CHECK(add(first, 42, 0, 1) && find(5, 0, 0) == 42, "what comes after is counted");
	sent_bytes_free(bytes);
	sent_bytes_free(NULL);
}

/* Streams of one process, as most are, come and go: few pages are touched in the end. */
static void test_stays_short(void)
{
	long before = check_pages_touched();

	begin();
	for (int i = 1; i <= 4 * STREAMS; i++)
		open_stream(1000 + (uint64_t)i, 0, 1);
	CHECK(check_pages_touched() - before < 200, "%d streams: %ld pages", 4 * STREAMS,
	      check_pages_touched() - before);
}

int main(void)
{
	test_turns();
	test_wrap();
	test_stays_short();
	test_bounds();
	return check_done();
}
