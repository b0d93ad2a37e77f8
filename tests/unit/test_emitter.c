/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/emitter.h"

#include <fcntl.h>
#include <inttypes.h>

#include "base/clock.h"
#include "check.h"
#include "example_event.h"

#define CAPACITY (3 * EVENT_LINE_MAX)

struct fixture {
	struct encoder *encoder;
	struct sink *sink;
	struct emitter *emitter;
	int pipe[2];
	struct example example;
};

/* The lines read so far, by their sequence numbers and actions. */
struct lines {
	uint64_t sequences[4096];
	bool announces[4096]; /* records_dropped */
	uint64_t announced;   /* in all */
	int count;
};

static void begin(struct fixture *fixture, unsigned events, bool flush_each)
{
	struct encoder_options encoder_options = { .host_name = "h", .run_id = EXAMPLE_RUN };
	struct emitter_options options = { .events = events, .flush_each = flush_each };
	struct error error;

	if (pipe2(fixture->pipe, O_NONBLOCK | O_CLOEXEC) != 0 ||
	    sink_new(&fixture->sink, fixture->pipe[1], CAPACITY, &error) != 0) {
		printf("Bail out! no pipe\n");
		exit(EXIT_FAILURE);
	}
	fixture->encoder = encoder_new(&encoder_options);
	options.encoder = fixture->encoder;
	options.sink = fixture->sink;
	fixture->emitter = emitter_new(&options);
	example_begin(&fixture->example);
}

static void finish(struct fixture *fixture)
{
	emitter_free(fixture->emitter);
	sink_free(fixture->sink);
	encoder_free(fixture->encoder);
	example_end(&fixture->example);
	close(fixture->pipe[0]);
	close(fixture->pipe[1]);
}

static uint64_t emit(struct fixture *fixture)
{
	struct event event = { .action = EVENT_PACKET, .time_ns = EXAMPLE_NS };

	example_packet(&fixture->example, &event.packet);
	emitter_emit(fixture->emitter, &event);
	return event.sequence;
}

static uint64_t number_after(const char *line, const char *name)
{
	const char *found = strstr(line, name);

	return found ? strtoull(found + strlen(name), NULL, 10) : 0;
}

/* Everything that was written, read to its end. */
static void read_lines(struct fixture *fixture, struct lines *lines)
{
	static char text[1 << 20];
	char *rest = NULL;
	size_t length = 0;
	ssize_t got = 1;

	while (got > 0 || sink_pending(fixture->sink) > 0) {
		sink_flush(fixture->sink);
		got = read(fixture->pipe[0], text + length, sizeof text - 1 - length);
		length += got > 0 ? (size_t)got : 0;
	}
	text[length] = '\0';
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		lines->sequences[lines->count] = number_after(line, "\"sequence\":");
		lines->announces[lines->count] = strstr(line, "\"records_dropped\"") != NULL;
		if (lines->announces[lines->count])
			lines->announced += number_after(line, "\"message\":\"");
		lines->count++;
	}
}

/* Gaps in the numbers of the lines; these must go up. */
static uint64_t missing(const struct lines *lines, uint64_t last)
{
	uint64_t before = 0, gaps = 0;

	for (int i = 0; i < lines->count; i++) {
		if (lines->sequences[i] <= before)
			return UINT64_MAX;
		gaps += lines->sequences[i] - before - 1;
		before = lines->sequences[i];
	}
	return gaps + last - before;
}

static void test_wants(void)
{
	static const unsigned classes[] = {
		EMITTER_PACKET, EMITTER_OPENED,     EMITTER_UPDATED,   EMITTER_ATTRIBUTED,
		EMITTER_CLOSED, EMITTER_CONNECTION, EMITTER_SOCKET,    EMITTER_STATS,
		EMITTER_STATE,  EMITTER_TRAFFIC,    EMITTER_LIFECYCLE, EMITTER_PROCESS,
		EMITTER_DNS
	};
	static const struct {
		enum event_action first, last;
		unsigned events; /* 0: always */
	} actions[] = {
		{ EVENT_PACKET, EVENT_PACKET, EMITTER_PACKET },
		{ EVENT_CONNECTION_OPENED, EVENT_CONNECTION_OPENED, EMITTER_OPENED },
		{ EVENT_CONNECTION_STATE_CHANGED, EVENT_CONNECTION_STATE_CHANGED, EMITTER_STATE },
		{ EVENT_CONNECTION_UPDATED, EVENT_CONNECTION_UPDATED, EMITTER_UPDATED },
		{ EVENT_CONNECTION_ATTRIBUTED, EVENT_CONNECTION_ATTRIBUTED, EMITTER_ATTRIBUTED },
		{ EVENT_CONNECTION_CLOSED, EVENT_CONNECTION_CLOSED, EMITTER_CLOSED },
		{ EVENT_DNS_TRANSACTION, EVENT_DNS_TRANSACTION, EMITTER_DNS },
		{ EVENT_PROCESS_TRAFFIC, EVENT_PROCESS_TRAFFIC, EMITTER_TRAFFIC },
		{ EVENT_PROCESS_STARTED, EVENT_PROCESS_ENDED, EMITTER_LIFECYCLE },
		{ EVENT_EXISTING_SOCKET, EVENT_LISTENING_STOPPED, EMITTER_SOCKET },
		{ EVENT_CAPTURE_STATS, EVENT_CAPTURE_STATS, EMITTER_STATS },
		{ EVENT_RUN_STARTED, EVENT_CLOCK_STEP, 0 },
	};

	for (size_t class = 0; class < sizeof classes / sizeof classes[0]; class ++) {
		struct fixture fixture;
		bool right = true;

		begin(&fixture, classes[class], false);
		for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++)
			for (int action = actions[i].first; action <= (int)actions[i].last;
			     action++)
				right = right &&
				        emitter_wants(fixture.emitter, (enum event_action)action) ==
				                (actions[i].events == 0 ||
				                 (actions[i].events & classes[class]) != 0);
		CHECK(right, "-e %#x: its records, and those that always come", classes[class]);
		finish(&fixture);
	}
}

static void test_unwanted(void)
{
	struct lines lines = { .count = 0 };
	struct fixture fixture;

	begin(&fixture, EMITTER_STATS, false);
	CHECK_EQUAL(emit(&fixture), 0, "what is not wanted has no number");
	read_lines(&fixture, &lines);
	CHECK_EQUAL(lines.count, 0, "and is not written");
	finish(&fixture);
}

static void test_numbers(void)
{
	struct lines lines = { .count = 0 };
	struct fixture fixture;
	uint64_t last = 0;

	begin(&fixture, EMITTER_ALL, false);
	for (int i = 0; i < 10; i++)
		last = emit(&fixture);
	CHECK_EQUAL(sink_counters(fixture.sink).lines, 0, "nothing is written before a flush");
	emitter_announce(fixture.emitter, EXAMPLE_NS);
	read_lines(&fixture, &lines);
	CHECK(last == 10 && lines.count == 10 && missing(&lines, last) == 0,
	      "1, 2, 3 ...; nothing to announce");
	CHECK_EQUAL(emitter_room(fixture.emitter), CAPACITY, "room for all again");
	finish(&fixture);

	begin(&fixture, EMITTER_ALL, true);
	emit(&fixture);
	CHECK_EQUAL(sink_counters(fixture.sink).lines, 1, "-l: written at once");
	finish(&fixture);
}

/* Gaps prove the loss, records_dropped says how large it was: both ways the same number. */
static void test_drops(void)
{
	struct lines lines = { .count = 0 };
	struct fixture fixture;
	uint64_t last = 0, dropped, taken;

	begin(&fixture, EMITTER_ALL, false);
	for (int round = 1; round <= 3; round++) {
		while (emitter_counters(fixture.emitter)->dropped < 5 * (uint64_t)round)
			last = emit(&fixture);
		taken = sink_counters(fixture.sink).taken;
		emitter_announce(fixture.emitter, EXAMPLE_NS);
		CHECK_EQUAL(sink_counters(fixture.sink).taken, taken,
		            "round %d: full, so nothing is announced as yet", round);
		read_lines(&fixture, &lines);
		emitter_announce(fixture.emitter, EXAMPLE_NS);
		emitter_announce(fixture.emitter, EXAMPLE_NS);
		last++;
	}
	read_lines(&fixture, &lines);
	dropped = emitter_counters(fixture.emitter)->dropped;
	CHECK(dropped == 15 && missing(&lines, last) == dropped, "gaps of %" PRIu64, dropped);
	CHECK_EQUAL(lines.announced, dropped, "all of them announced, once");
	CHECK(lines.announces[lines.count - 1], "as soon as there was room");
	finish(&fixture);
}

static void test_deadline(void)
{
	struct fixture fixture;
	struct lines lines = { .count = 0 };
	int64_t before, took;
	uint64_t last = 0;

	begin(&fixture, EMITTER_ALL, false);
	while (emitter_room(fixture.emitter) >= EVENT_LINE_MAX)
		last = emit(&fixture);
	emitter_set_deadline(fixture.emitter, clock_monotonic_ns() + NS_PER_SECOND);
	for (int i = 0; i < 20; i++)
		last = emit(&fixture);
	CHECK_EQUAL(emitter_counters(fixture.emitter)->dropped, 0, "the reader is waited for");
	read_lines(&fixture, &lines);
	CHECK_EQUAL(missing(&lines, last), 0, "nothing is lost");

	emitter_set_deadline(fixture.emitter, 0);
	while (emitter_counters(fixture.emitter)->dropped < 5)
		emit(&fixture);
	emitter_set_deadline(fixture.emitter, clock_monotonic_ns() + NS_PER_SECOND);
	emitter_announce(fixture.emitter, EXAMPLE_NS);
	read_lines(&fixture, &lines);
	CHECK_EQUAL(lines.announced, 5,
	            "what was dropped since the last turn is announced at the end");

	fcntl(fixture.pipe[1], F_SETPIPE_SZ, 4096);
	before = clock_monotonic_ns();
	emitter_set_deadline(fixture.emitter, before + 100 * NS_PER_MS);
	while (emitter_counters(fixture.emitter)->dropped < 10)
		emit(&fixture);
	took = clock_monotonic_ns() - before;
	CHECK(took >= 100 * NS_PER_MS && took < 2 * NS_PER_SECOND,
	      "no longer than until the deadline: %d ms", (int)(took / NS_PER_MS));
	finish(&fixture);
}

int main(void)
{
	test_wants();
	test_unwanted();
	test_numbers();
	test_drops();
	test_deadline();
	return check_done();
}
