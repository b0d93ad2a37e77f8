/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "connections/tcp_quality.h"

#include <stdlib.h>
#include <string.h>

#include "decode/packet.h"
#include "check.h"
#include "random.h"

#define STEPS_MAX 16
#define NONE      (-1)

struct step {
	const char *segment; /* '>' from the initiator or '<', then S A F R P */
	uint32_t sequence, acknowledgement, payload;
	uint16_t window;
	uint32_t at_us; /* since the first one */
};

/* How a connection of 40 us to and fro begins. */
#define HANDSHAKE                                                                                  \
	{ ">S", 100, 0, 0, 9, 0 }, { "<SA", 500, 101, 0, 9, 20 },                                  \
	{                                                                                          \
		">A", 101, 501, 0, 9, 40                                                           \
	}

static const struct {
	const char *title;
	struct step steps[STEPS_MAX];
	const char *history;
	int ended_by; /* enum connection_end, or NONE */
	uint32_t handshake_us;
	struct tcp_figures source, destination;
} cases[] = {
	{ "request, answer, both close",
	  { HANDSHAKE,
	    { ">AP", 101, 501, 10, 9, 50 },
	    { "<A", 501, 111, 0, 9, 60 },
	    { "<AP", 501, 111, 20, 9, 70 },
	    { ">A", 111, 521, 0, 9, 80 },
	    { ">FA", 111, 521, 0, 9, 90 },
	    { "<FA", 521, 112, 0, 9, 99 },
	    { ">A", 112, 522, 0, 9, 100 } },
	  "ShADadFf",
	  CONNECTION_SOURCE,
	  40,
	  { 0 },
	  { 0 } },
	{ "the responder closes first, and the initiator resets",
	  { HANDSHAKE, { "<FA", 501, 101, 0, 9, 50 }, { ">R", 101, 0, 0, 0, 60 } },
	  "ShAfR",
	  CONNECTION_DESTINATION,
	  40,
	  { 0 },
	  { 0 } },
	{ "a reset alone ends it, and each of another number is noted",
	  { HANDSHAKE,
	    { ">AP", 101, 501, 10, 9, 50 },
	    { "<R", 501, 0, 0, 0, 60 },
	    { "<R", 501, 0, 0, 0, 61 },
	    { "<R", 502, 0, 0, 0, 62 } },
	  "ShADrr",
	  CONNECTION_DESTINATION,
	  40,
	  { 0 },
	  { 0 } },
	{ "refused",
	  { { ">S", 100, 0, 0, 9, 0 }, { "<RA", 0, 101, 0, 0, 20 } },
	  "Sr",
	  CONNECTION_DESTINATION,
	  0,
	  { 0 },
	  { 0 } },
	{ "no answer: a SYN again has no letter, one of another number has",
	  { { ">S", 100, 0, 0, 9, 0 },
	    { ">S", 100, 0, 0, 9, 1000000 },
	    { ">S", 100, 0, 0, 9, 3000000 },
	    { ">S", 90000000, 0, 0, 9, 9000000 } },
	  "SS",
	  NONE,
	  0,
	  { .retransmissions = 2 },
	  { 0 } },
	{ "the handshake takes as long as its lost SYN",
	  { { ">S", 100, 0, 0, 9, 0 },
	    { ">S", 100, 0, 0, 9, 1000000 },
	    { "<SA", 500, 101, 0, 9, 1000020 },
	    { "<SA", 500, 101, 0, 9, 1000030 },
	    { ">A", 101, 501, 0, 9, 1000040 } },
	  "ShA",
	  NONE,
	  1000040,
	  { .retransmissions = 1 },
	  { .retransmissions = 1 } },
	{ "the last ACK of the handshake may carry data",
	  { { ">S", 100, 0, 0, 9, 0 },
	    { "<SA", 500, 101, 0, 9, 20 },
	    { ">AP", 101, 501, 7, 9, 30 } },
	  "ShD",
	  NONE,
	  30,
	  { 0 },
	  { 0 } },
	{ "an ACK that came before its time completes no handshake",
	  { { ">S", 100, 0, 0, 9, 0 },
	    { ">A", 101, 501, 0, 9, 10 },
	    { "<SA", 500, 101, 0, 9, 20 },
	    { ">A", 101, 501, 0, 8, 40 } },
	  "SAh",
	  NONE,
	  0,
	  { 0 },
	  { 0 } },
	{ "without its SYN a handshake has no time",
	  { { "<SA", 500, 101, 0, 9, 20 }, { ">A", 101, 501, 0, 9, 40 } },
	  "^hA",
	  NONE,
	  0,
	  { 0 },
	  { 0 } },
	{ "sent again: the first time has a letter, and so has the tenth",
	  { HANDSHAKE,
	    { ">AP", 101, 501, 10, 9, 50 },
	    { ">AP", 101, 501, 10, 9, 1000 },
	    { ">AP", 101, 501, 10, 9, 2000 },
	    { ">AP", 101, 501, 10, 9, 3000 },
	    { ">AP", 101, 501, 10, 9, 4000 },
	    { ">AP", 101, 501, 10, 9, 5000 },
	    { ">AP", 101, 501, 10, 9, 6000 },
	    { ">AP", 101, 501, 10, 9, 7000 },
	    { ">AP", 101, 501, 10, 9, 8000 },
	    { ">AP", 101, 501, 10, 9, 9000 },
	    { ">AP", 106, 501, 10, 9, 9500 } },
	  "ShADTT",
	  NONE,
	  40,
	  { .retransmissions = 10 },
	  { 0 } },
	{ "overtaken: what comes within a round trip",
	  { HANDSHAKE,
	    { "<A", 511, 101, 10, 9, 50 },
	    { "<A", 501, 101, 10, 9, 89 },
	    { "<A", 531, 101, 10, 9, 90 },
	    { "<A", 521, 101, 10, 9, 129 } },
	  "ShAd",
	  NONE,
	  40,
	  { 0 },
	  { .out_of_order = 2 } },
	{ "sent again: what comes later",
	  { HANDSHAKE, { "<A", 511, 101, 10, 9, 50 }, { "<A", 501, 101, 10, 9, 90 } },
	  "ShAdt",
	  NONE,
	  40,
	  { 0 },
	  { .retransmissions = 1 } },
	{ "a hole is filled in pieces, each once",
	  { HANDSHAKE,
	    { "<A", 541, 101, 10, 9, 50 },
	    { "<A", 511, 101, 10, 9, 60 },
	    { "<A", 501, 101, 10, 9, 61 },
	    { "<A", 511, 101, 10, 9, 62 },
	    { "<A", 521, 101, 20, 9, 63 },
	    { "<A", 521, 101, 20, 9, 64 } },
	  "ShAdt",
	  NONE,
	  40,
	  { 0 },
	  { .retransmissions = 2, .out_of_order = 3 } },
	{ "without a handshake three milliseconds decide",
	  { { "<A", 511, 101, 10, 9, 0 },
	    { "<A", 531, 101, 10, 9, 100 },
	    { "<A", 521, 101, 10, 9, 3099 },
	    { "<A", 551, 101, 10, 9, 4000 },
	    { "<A", 541, 101, 10, 9, 7000 } },
	  "^dt",
	  NONE,
	  0,
	  { 0 },
	  { .retransmissions = 1, .out_of_order = 1 } },
	{ "what was confirmed and never captured is a gap",
	  { HANDSHAKE,
	    { "<A", 511, 101, 10, 9, 50 },
	    { ">A", 101, 521, 0, 9, 60 },
	    { ">A", 101, 541, 0, 9, 70 },
	    { "<A", 541, 101, 10, 9, 80 } },
	  "ShAdg",
	  NONE,
	  40,
	  { 0 },
	  { 0 } },
	{ "ACKs of one number while data is on its way",
	  { HANDSHAKE,
	    { "<A", 501, 101, 10, 9, 50 },
	    { "<A", 511, 101, 10, 9, 51 },
	    { "<A", 521, 101, 10, 9, 52 },
	    { ">A", 101, 511, 0, 9, 60 },
	    { ">A", 101, 511, 0, 9, 61 },
	    { ">A", 101, 511, 0, 9, 62 },
	    { ">A", 101, 511, 0, 8, 63 },
	    { ">A", 101, 531, 0, 8, 70 },
	    { ">A", 101, 531, 0, 8, 71 } },
	  "ShAd",
	  NONE,
	  40,
	  { .duplicate_acks = 2 },
	  { 0 } },
	{ "no window left, and an answer to each question for one",
	  { HANDSHAKE,
	    { "<A", 501, 101, 10, 9, 50 },
	    { ">A", 101, 511, 0, 0, 60 },
	    { "<A", 510, 101, 0, 9, 99 },
	    { ">A", 101, 511, 0, 0, 100 },
	    { ">A", 101, 511, 0, 9, 200 } },
	  "ShAdWa",
	  NONE,
	  40,
	  { .zero_windows = 2 },
	  { 0 } },
	{ "keep-alives are nothing that is sent again",
	  { HANDSHAKE,
	    { ">A", 101, 501, 10, 9, 50 },
	    { "<A", 501, 111, 0, 9, 60 },
	    { ">A", 110, 501, 0, 9, 5000 },
	    { "<A", 501, 111, 0, 9, 5020 },
	    { ">A", 110, 501, 1, 9, 9000 },
	    { "<A", 501, 111, 0, 9, 9020 } },
	  "ShADa",
	  NONE,
	  40,
	  { 0 },
	  { 0 } },
	{ "a FIN again is sent again, and has one letter",
	  { HANDSHAKE,
	    { ">FA", 101, 501, 5, 9, 50 },
	    { ">FA", 101, 501, 5, 9, 900 },
	    { ">FA", 106, 501, 0, 9, 1900 },
	    { "<FA", 501, 107, 0, 9, 2000 } },
	  "ShAFTf",
	  CONNECTION_SOURCE,
	  40,
	  { .retransmissions = 2 },
	  { 0 } },
	{ "flags that contradict each other",
	  { { ">SF", 100, 0, 0, 9, 0 }, { "<FRA", 0, 101, 0, 0, 20 }, { ">SR", 7, 0, 0, 0, 30 } },
	  "Qi",
	  CONNECTION_SOURCE,
	  0,
	  { 0 },
	  { 0 } },
	{ "across the end of the sequence numbers",
	  { { ">S", 0xfffffff0, 0, 0, 9, 0 },
	    { "<SA", 0xffffffff, 0xfffffff1, 0, 9, 20 },
	    { ">A", 0xfffffff1, 0, 0, 9, 40 },
	    { ">A", 0xfffffff1, 0, 20, 9, 50 },
	    { ">A", 15, 0, 10, 9, 51 },
	    { ">A", 5, 0, 10, 9, 52 },
	    { "<A", 0, 0xfffffff1, 0, 9, 60 },
	    { "<A", 0, 25, 0, 9, 61 },
	    { ">A", 5, 0, 20, 9, 500 } },
	  "ShADaT",
	  NONE,
	  40,
	  { .retransmissions = 1, .out_of_order = 1 },
	  { .duplicate_acks = 1 } },
};

static uint8_t flags_of(const char *segment)
{
	static const char letters[] = "FSRPAUEC";
	uint8_t flags = 0;

	for (const char *letter = segment + 1; *letter; letter++)
		flags |= (uint8_t)(1 << (strchr(letters, *letter) - letters));
	return flags;
}

static void pass(struct connection *connection, enum connection_end from,
                 const struct tcp_segment *segment, int64_t time_ns, bool quick)
{
	if (!quick || !tcp_quality_take(connection, from, segment))
		tcp_quality_unusual(connection, from, segment, time_ns);
	tcp_state_advance(&connection->tcp, from, segment);
}

static void step_on(struct connection *connection, const struct step *step)
{
	const struct tcp_segment segment = {
		.flags = flags_of(step->segment),
		.sequence = step->sequence,
		.acknowledgement = step->acknowledgement,
		.payload = step->payload,
		.window = step->window,
	};

	pass(connection, step->segment[0] == '>' ? CONNECTION_SOURCE : CONNECTION_DESTINATION,
	     &segment, step->at_us * INT64_C(1000), true);
}

static bool is(const struct connection *connection, enum connection_end end,
               const struct tcp_figures *expected)
{
	static const struct tcp_figures none;
	const struct tcp_trouble *trouble = connection->extra ? connection->extra->trouble : NULL;
	const struct tcp_figures *found = trouble ? &trouble->figures[end] : &none;

	if (memcmp(found, expected, sizeof *found) == 0)
		return true;
	printf("# end %d: %u sent again, %u overtaken, %u duplicate ACKs, %u zero windows\n",
	       (int)end, found->retransmissions, found->out_of_order, found->duplicate_acks,
	       found->zero_windows);
	return false;
}

static bool has_history(const struct connection *connection, const char *expected)
{
	char history[TCP_HISTORY_MAX + 1];

	history[tcp_quality_history(connection, history)] = '\0';
	if (strcmp(history, expected) == 0)
		return true;
	printf("# history %s, not %s\n", history, expected);
	return false;
}

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct connection connection = { 0 };

		for (const struct step *step = cases[i].steps; step->segment; step++)
			step_on(&connection, step);
		CHECK(has_history(&connection, cases[i].history), "%s: history", cases[i].title);
		CHECK_EQUAL(connection.tcp.ending ? connection.tcp.ended_by : NONE,
		            cases[i].ended_by, "%s: ended by", cases[i].title);
		CHECK_EQUAL(connection.flow.handshake_us, cases[i].handshake_us, "%s: handshake",
		            cases[i].title);
		CHECK(is(&connection, CONNECTION_SOURCE, &cases[i].source) &&
		              is(&connection, CONNECTION_DESTINATION, &cases[i].destination),
		      "%s: figures", cases[i].title);
		connection_extra_free(connection.extra);
	}
}

/* So many letters are kept, and no more. */
static void test_bounds(void)
{
	static const char expected[] = "SSSSSSSSSSSSSSSSSSSSSSSSSSSSSSSS";
	struct connection connection = { 0 };

	for (uint32_t i = 0; i < 100; i++) {
		const struct step syn = { ">S", i * 1000000, 0, 0, 9, i };

		step_on(&connection, &syn);
	}
	CHECK(has_history(&connection, expected), "a hundred SYNs of other numbers");
	connection_extra_free(connection.extra);
}

/* More holes than there is room for: the oldest is forgotten, no other. */
static void test_many_holes(void)
{
	struct connection connection = { 0 };
	uint32_t i;

	for (i = 0; i <= TCP_HOLES_MAX + 1; i++) {
		const struct step data = { ">A", i * 20, 1, 10, 9, i };

		step_on(&connection, &data);
	}
	for (i = 0; i <= TCP_HOLES_MAX; i++) {
		const struct step data = { ">A", i * 20 + 10, 1, 10, 9, 100 + i };

		step_on(&connection, &data);
	}
	CHECK(is(&connection, CONNECTION_SOURCE,
	         &(struct tcp_figures){ .retransmissions = 1, .out_of_order = TCP_HOLES_MAX }),
	      "%d holes", TCP_HOLES_MAX + 1);
	CHECK_EQUAL(connection.flow.holes, 0, "and none is left");
	connection_extra_free(connection.extra);
}

static void test_datagrams(void)
{
	struct connection connection = { 0 };

	tcp_quality_datagram(&connection, CONNECTION_SOURCE);
	tcp_quality_datagram(&connection, CONNECTION_SOURCE);
	tcp_quality_datagram(&connection, CONNECTION_DESTINATION);
	CHECK(has_history(&connection, "Dd"), "datagrams to and fro");
}

static struct tcp_segment random_segment(struct random *random, uint32_t next, uint32_t acked)
{
	static const uint8_t flags[] = { TCP_FLAG_ACK,
		                         TCP_FLAG_ACK,
		                         TCP_FLAG_ACK | TCP_FLAG_PSH,
		                         TCP_FLAG_ACK | TCP_FLAG_PSH,
		                         TCP_FLAG_SYN,
		                         TCP_FLAG_SYN | TCP_FLAG_ACK,
		                         TCP_FLAG_FIN | TCP_FLAG_ACK,
		                         TCP_FLAG_RST };
	bool exact = random_below(random, 4) > 0;

	return (struct tcp_segment){
		.flags = flags[random_below(random, exact ? 4 : 8)],
		.sequence = exact ? next : next + random_below(random, 60) - 30,
		.acknowledgement = exact ? acked : acked + random_below(random, 60) - 30,
		.payload = random_below(random, 3) * 10,
		.window = (uint16_t)random_below(random, 12) / 4,
	};
}

/* The short way of what was expected says the same as the long one. */
static void test_quick_is_same(void)
{
	struct random random = random_begin();
	bool same = true;
	int quick = 0;

	for (int run = 0; run < 3000 && same; run++) {
		struct connection one = { 0 }, other = { 0 };

		for (int i = 0; i < 60; i++) {
			enum connection_end from = random_below(&random, 2);
			struct tcp_segment segment =
				random_segment(&random, one.flow.next[from], one.flow.acked[from]);
			struct connection before = one;

			quick += tcp_quality_take(&before, from, &segment);
			pass(&one, from, &segment, i * 100000, true);
			pass(&other, from, &segment, i * 100000, false);
			same = same && memcmp(&one.flow, &other.flow, sizeof one.flow) == 0;
		}
		same = same && !one.extra == !other.extra &&
		       (!one.extra || memcmp(one.extra->trouble, other.extra->trouble,
		                             sizeof *one.extra->trouble) == 0);
		connection_extra_free(one.extra);
		connection_extra_free(other.extra);
	}
	CHECK(same, "the short way is the same as the long one");
	CHECK(quick > 3000, "and is taken (%d times)", quick);
}

int main(void)
{
	test_cases();
	test_bounds();
	test_many_holes();
	test_datagrams();
	test_quick_is_same();
	return check_done();
}
