/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Packets into a pipe that is read now and then: what comes out are whole blocks, and nothing is lost silently. */
#include "stream/capture_writer.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/clock.h"
#include "capture/owner_text.h"
#include "capture/pcapng.h"
#include "check.h"

#define CAPACITY 65536
#define FRAME    1000

static struct fixture {
	int fds[2];
	struct sink *sink;
	struct capture_writer *writer;
	struct origin *origin;
	struct pcapng *reader;
	uint8_t bytes[1 << 20]; /* that came out, and were not looked at */
	size_t length;
	uint64_t packets, dropped;   /* in the blocks */
	struct packet_owners owners; /* of the last packet */
	bool whole;
} fixture;

static uint8_t frame[FRAME];

static void begin(void)
{
	struct capture_writer_options options = { .snaplen = FRAME, .application = "test" };
	struct error error;

	fixture = (struct fixture){ .whole = true };
	if (pipe2(fixture.fds, O_CLOEXEC | O_NONBLOCK) != 0 ||
	    sink_new(&fixture.sink, fixture.fds[1], CAPACITY, &error) != 0)
		exit(EXIT_FAILURE);
	sink_take_blocks(fixture.sink);
	options.sink = fixture.sink;
	fixture.origin = origin_new();
	fixture.reader = pcapng_new(fixture.origin);
	if (capture_writer_new(&fixture.writer, &options, &error) != 0 || !fixture.reader)
		exit(EXIT_FAILURE);
}

static void finish(void)
{
	capture_writer_free(fixture.writer);
	sink_free(fixture.sink);
	pcapng_free(fixture.reader);
	origin_free(fixture.origin);
	close(fixture.fds[0]);
	close(fixture.fds[1]);
}

/* The last option but one of a packet block is epb_dropcount, where packets are missing. */
static uint64_t dropped_before(const uint8_t *block, size_t length)
{
	const uint8_t *option = block + length - 4 - 4 - 12 - 12;
	uint16_t head[2]; /* code and length, in the byte order of this machine */
	uint64_t dropped;

	memcpy(head, option, sizeof head);
	if (head[0] != 4 || head[1] != sizeof dropped)
		return 0;
	memcpy(&dropped, option + sizeof head, sizeof dropped);
	return dropped;
}

/* Takes the whole blocks at the front. */
static void look(void)
{
	size_t at = 0;

	while (fixture.length - at >= PCAPNG_HEAD) {
		size_t length = pcapng_length(fixture.reader, fixture.bytes + at);
		struct pcapng_packet packet;
		int result;

		if (length == 0 || length > fixture.length - at)
			break;
		result = pcapng_block(fixture.reader, fixture.bytes + at, length, &packet);
		fixture.whole &= result >= 0;
		if (result == 1) {
			fixture.whole &=
				packet.captured == FRAME && memcmp(packet.bytes, frame, FRAME) == 0;
			fixture.packets++;
			fixture.owners = packet.owners;
			fixture.dropped += dropped_before(fixture.bytes + at, length);
		}
		at += length;
	}
	memmove(fixture.bytes, fixture.bytes + at, fixture.length - at);
	fixture.length -= at;
}

static void read_some(size_t most)
{
	ssize_t got;

	while (most > 0 && (got = read(fixture.fds[0], fixture.bytes + fixture.length,
	                               most < 4096 ? most : 4096)) > 0) {
		fixture.length += (size_t)got;
		most -= (size_t)got;
		look();
	}
}

static void add_owned(uint64_t number, int64_t time_ns, const struct owner *source,
                      const struct owner *destination)
{
	const struct packet packet = { .number = number,
		                       .length = FRAME,
		                       .captured = FRAME,
		                       .link_type = 1,
		                       .time_ns = time_ns };
	struct event event = { .action = EVENT_PACKET, .time_ns = time_ns };

	event.packet.packet = &packet;
	event.packet.frame = frame;
	event.packet.frame_length = FRAME;
	event.packet.source = source;
	event.packet.destination = destination;
	capture_writer_add(fixture.writer, &event);
}

static void add(uint64_t number, int64_t time_ns)
{
	add_owned(number, time_ns, NULL, NULL);
}

static void test_slow_reader(void)
{
	const struct capture_writer_counters *counters;

	begin();
	counters = capture_writer_counters(fixture.writer);
	for (uint64_t number = 1; number <= 4000; number++) {
		add(number, (int64_t)number);
		if (number % 5 == 0) {
			read_some(3 * FRAME);
			sink_flush(fixture.sink);
		}
	}
	CHECK(counters->dropped > 500 && counters->packets + counters->dropped == 4000,
	      "each packet is written or counted: %" PRIu64 " are dropped", counters->dropped);
	while (sink_flush(fixture.sink) == SINK_OPEN && sink_pending(fixture.sink) > 0)
		read_some(SIZE_MAX);
	read_some(SIZE_MAX);
	add(4001, 4001);
	sink_flush(fixture.sink);
	read_some(SIZE_MAX);
	CHECK(fixture.whole && fixture.length == 0, "whole blocks come out");
	CHECK_EQUAL(fixture.packets, counters->packets, "all that were written");
	CHECK_EQUAL(fixture.dropped, counters->dropped, "the packets say how many are missing");
	CHECK(sink_counters(fixture.sink).lines == sink_counters(fixture.sink).taken,
	      "no block is left");
	finish();
}

/* Reads never find a part of a block at the end, as long as each has no more than PIPE_BUF bytes. */
static void test_whole_writes(void)
{
	size_t parts = 0;

	begin();
	for (uint64_t number = 1; number <= 300; number++) {
		add(number, 1);
		if (number % 7 != 0)
			continue;
		sink_flush(fixture.sink);
		read_some(SIZE_MAX);
		parts += fixture.length;
	}
	CHECK_EQUAL(parts, 0, "a write ends with a block");
	finish();
}

static void test_statistics(void)
{
	const struct capture_writer_capture captures[] = {
		{ .name = "any",
		  .netns = 7,
		  .link_type = 276,
		  .received = 40,
		  .dropped = 3,
		  .interface_dropped = 2,
		  .delivered = 40 },
		{ .name = "any", .netns = 8, .link_type = 276 },
	};

	begin();
	add(1, NS_PER_SECOND);
	capture_writer_finish(fixture.writer, 2 * NS_PER_SECOND, captures, 2, 0);
	sink_flush(fixture.sink);
	read_some(SIZE_MAX);
	CHECK(pcapng_drops(fixture.reader).dropped == 3 &&
	              pcapng_drops(fixture.reader).interface_dropped == 2,
	      "what the kernel dropped is read back");
	CHECK(fixture.whole && fixture.length == 0 && fixture.packets == 1, "behind the packet");
	finish();
}

/* What comes out for the source, and for the destination; NULL: the packet states none. */
static void write_owners(const struct owner *source, const struct owner *destination,
                         const struct owner *read[2])
{
	add_owned(1, NS_PER_SECOND, source, destination);
	sink_flush(fixture.sink);
	read_some(SIZE_MAX);
	read[0] = origin_owner(fixture.origin, fixture.owners.source);
	read[1] = origin_owner(fixture.origin, fixture.owners.destination);
}

/* No process is known, but what the record of the packet has of the socket goes into the file. */
static void test_unknown_owner(void)
{
	int pids[] = { 7, 4242 };
	const struct owner nothing = { .reason = ATTRIBUTION_NO_SOCKET },
			   user = { .reason = ATTRIBUTION_PENDING, .has_uid = true, .uid = 0 },
			   shared = { .reason = ATTRIBUTION_AMBIGUOUS,
		                      .shared_count = 2,
		                      .shared_pids = pids };
	const struct owner *read[2];

	begin();
	write_owners(&nothing, &nothing, read);
	CHECK(!read[0] && !read[1], "nothing is known: nothing is written");
	write_owners(&user, NULL, read);
	CHECK(read[0] && !read[1] && read[0]->reason == ATTRIBUTION_PENDING && !read[0]->process &&
	              read[0]->has_uid && read[0]->uid == 0,
	      "the user of a socket whose process is not known");
	CHECK(read[0] && owner_stated_user(read[0]) &&
	              strcmp(owner_stated_user(read[0])->user_name, "root") == 0,
	      "with the name on that host");
	write_owners(&nothing, &shared, read);
	CHECK(read[0] && read[0]->reason == ATTRIBUTION_NO_SOCKET && !read[0]->has_uid &&
	              !owner_stated_user(read[0]),
	      "an end of which nothing is known, beside one that is known");
	CHECK(read[1] && read[1]->reason == ATTRIBUTION_AMBIGUOUS &&
	              owner_same_shared(read[1], &shared),
	      "those that may be the owner");
	CHECK(fixture.whole && fixture.packets == 3, "three packets");
	finish();
}

static void set(struct process_text *text, const char *value)
{
	*text = (struct process_text){ value, strlen(value) };
}

static bool is(struct process_text text, struct process_text other)
{
	return text.length == other.length && memcmp(text.text, other.text, text.length) == 0;
}

static void test_text(void)
{
	struct owner_facts facts = { .pid = 4194304,
		                     .parent_pid = 1,
		                     .entity_id = UINT64_MAX,
		                     .start_ns = INT64_MAX,
		                     .has_real_uid = true,
		                     .real_uid = UINT32_MAX,
		                     .has_uid = true,
		                     .shared_pids = { 1, 2, 2147483647 },
		                     .shared_count = 3 },
			   read;
	const struct owner_text_place written = { OWNER_TEXT_DESTINATION, 255 };
	struct owner_text_place place;
	char text[OWNER_TEXT_MAX], scratch[OWNER_TEXT_MAX], odd[257];
	struct buf line = { .data = text, .capacity = sizeof text };
	size_t before;

	for (int i = 1; i < 256; i++)
		odd[i - 1] = (char)i;
	odd[255] = '\0';
	set(&facts.texts.name, odd);
	set(&facts.texts.executable, "/\xc3\xbc/\xe2\x80\xa8/\xed\xa0\x80/\xf0\x9f\x98\x80/\xf5");
	owner_text_append(&line, written, &facts, "socket");
	CHECK(!line.overflow && !memchr(text, '\n', line.length), "one line");
	place = owner_text_place(text, line.length, &before);
	CHECK(place.end == OWNER_TEXT_DESTINATION && place.tunnel_depth == 255 &&
	              strncmp(text + before, "process.pid=", 12) == 0 &&
	              owner_text_parse(text, line.length, scratch, &read),
	      "it is read");
	CHECK(read.pid == facts.pid && read.parent_pid == 1 && read.entity_id == UINT64_MAX &&
	              read.start_ns == INT64_MAX && read.has_real_uid &&
	              read.real_uid == UINT32_MAX && read.has_uid && read.uid == 0 &&
	              read.shared_count == 3 && read.shared_pids[2] == 2147483647 &&
	              is(read.texts.name, facts.texts.name) &&
	              is(read.texts.executable, facts.texts.executable),
	      "with the same values");
	for (size_t length = 0; length < line.length; length++)
		owner_text_parse((const char *)check_guarded(text, length), length, scratch, &read);
	CHECK(true, "wherever it is cut off, no byte behind is read");
}

int main(void)
{
	for (size_t i = 0; i < sizeof frame; i++)
		frame[i] = (uint8_t)(i * 7);
	test_slow_reader();
	test_whole_writes();
	test_statistics();
	test_unknown_owner();
	test_text();
	return check_done();
}
