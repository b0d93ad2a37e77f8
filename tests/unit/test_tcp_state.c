/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "connections/tcp_state.h"

#include "decode/packet.h"
#include "check.h"
#include "random.h"

#define STEPS_MAX 12

struct step {
	const char *segment; /* '>' from the initiator or '<', then S A F R P */
	uint32_t sequence, acknowledgement, payload;
	enum socket_state state; /* afterwards */
};

static const struct {
	const char *title;
	struct step steps[STEPS_MAX];
	enum connection_reason reason; /* NONE: still open */
	enum connection_outcome outcome;
} scripts[] = {
	{ "closed by the initiator",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 101, 501, 0, SOCKET_ESTABLISHED },
	    { ">AP", 101, 501, 10, SOCKET_ESTABLISHED },
	    { "<AP", 501, 111, 20, SOCKET_ESTABLISHED },
	    { ">FA", 111, 521, 0, SOCKET_FIN_WAIT_1 },
	    { "<A", 521, 112, 0, SOCKET_FIN_WAIT_2 },
	    { "<FA", 521, 112, 0, SOCKET_TIME_WAIT },
	    { ">A", 112, 522, 0, SOCKET_CLOSED } },
	  CONNECTION_FIN,
	  CONNECTION_SUCCESS },
	{ "closed by the responder",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 101, 501, 0, SOCKET_ESTABLISHED },
	    { "<FA", 501, 101, 0, SOCKET_CLOSE_WAIT },
	    { ">A", 101, 502, 0, SOCKET_CLOSE_WAIT },
	    { ">FA", 101, 502, 0, SOCKET_LAST_ACK },
	    { "<A", 502, 102, 0, SOCKET_CLOSED } },
	  CONNECTION_FIN,
	  CONNECTION_SUCCESS },
	{ "three segments to close",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 101, 501, 0, SOCKET_ESTABLISHED },
	    { ">FA", 101, 501, 7, SOCKET_FIN_WAIT_1 },
	    { "<FA", 501, 109, 3, SOCKET_TIME_WAIT },
	    { ">A", 109, 505, 0, SOCKET_CLOSED } },
	  CONNECTION_FIN,
	  CONNECTION_SUCCESS },
	{ "both at once",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 101, 501, 0, SOCKET_ESTABLISHED },
	    { ">FA", 101, 501, 0, SOCKET_FIN_WAIT_1 },
	    { "<FA", 501, 101, 0, SOCKET_CLOSING },
	    { ">A", 102, 502, 0, SOCKET_LAST_ACK },
	    { "<A", 502, 102, 0, SOCKET_CLOSED } },
	  CONNECTION_FIN,
	  CONNECTION_SUCCESS },
	{ "half closed: the other end goes on sending",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">FA", 101, 501, 0, SOCKET_FIN_WAIT_1 },
	    { "<A", 501, 102, 1000, SOCKET_FIN_WAIT_2 },
	    { ">A", 102, 1501, 0, SOCKET_FIN_WAIT_2 },
	    { "<A", 1501, 102, 1000, SOCKET_FIN_WAIT_2 } },
	  CONNECTION_REASON_NONE,
	  CONNECTION_UNKNOWN },
	{ "an old acknowledgement confirms no FIN",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 101, 501, 0, SOCKET_ESTABLISHED },
	    { ">FA", 101, 501, 5, SOCKET_FIN_WAIT_1 },
	    { "<A", 501, 106, 0, SOCKET_FIN_WAIT_1 },
	    { "<A", 501, 107, 0, SOCKET_FIN_WAIT_2 } },
	  CONNECTION_REASON_NONE,
	  CONNECTION_UNKNOWN },
	{ "sequence numbers wrap at the FIN",
	  { { ">S", 0xfffffff0, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 0xfffffffe, 0xfffffff1, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 0xfffffff1, 0xffffffff, 0, SOCKET_ESTABLISHED },
	    { ">FA", 0xfffffff1, 0xffffffff, 14, SOCKET_FIN_WAIT_1 },
	    { "<A", 0xffffffff, 0xffffffff, 0, SOCKET_FIN_WAIT_1 },
	    { "<FA", 0xffffffff, 0, 0, SOCKET_TIME_WAIT },
	    { ">A", 0, 0, 0, SOCKET_CLOSED } },
	  CONNECTION_FIN,
	  CONNECTION_SUCCESS },
	{ "refused",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT }, { "<RA", 0, 101, 0, SOCKET_CLOSED } },
	  CONNECTION_REFUSED,
	  CONNECTION_FAILURE },
	{ "given up by the initiator before an answer",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT }, { ">R", 101, 0, 0, SOCKET_CLOSED } },
	  CONNECTION_RESET,
	  CONNECTION_FAILURE },
	{ "a half-open scan: the answer is reset",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">R", 101, 0, 0, SOCKET_CLOSED } },
	  CONNECTION_RESET,
	  CONNECTION_FAILURE },
	{ "reset while established",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 101, 501, 0, SOCKET_ESTABLISHED },
	    { "<R", 501, 0, 0, SOCKET_CLOSED } },
	  CONNECTION_RESET,
	  CONNECTION_SUCCESS },
	{ "SYNs again and again",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { ">S", 100, 0, 0, SOCKET_SYN_SENT } },
	  CONNECTION_REASON_NONE,
	  CONNECTION_UNKNOWN },
	{ "met at the answer to a SYN",
	  { { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 101, 501, 0, SOCKET_ESTABLISHED } },
	  CONNECTION_REASON_NONE,
	  CONNECTION_UNKNOWN },
	{ "one direction of the handshake captured late",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { ">A", 101, 501, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_ESTABLISHED } },
	  CONNECTION_REASON_NONE,
	  CONNECTION_UNKNOWN },
	{ "the FIN captured after what confirms it",
	  { { ">S", 100, 0, 0, SOCKET_SYN_SENT },
	    { "<SA", 500, 101, 0, SOCKET_SYN_RECEIVED },
	    { ">A", 101, 501, 0, SOCKET_ESTABLISHED },
	    { "<A", 501, 102, 0, SOCKET_ESTABLISHED },
	    { ">FA", 101, 501, 0, SOCKET_FIN_WAIT_1 },
	    { "<FA", 501, 102, 0, SOCKET_TIME_WAIT },
	    { ">A", 102, 502, 0, SOCKET_CLOSED } },
	  CONNECTION_FIN,
	  CONNECTION_SUCCESS },
	{ "a SYN that carries data and a FIN",
	  { { ">SF", 100, 0, 3, SOCKET_FIN_WAIT_1 },
	    { "<SA", 500, 104, 0, SOCKET_FIN_WAIT_1 },
	    { "<FA", 501, 105, 0, SOCKET_TIME_WAIT },
	    { ">A", 105, 502, 0, SOCKET_CLOSED } },
	  CONNECTION_FIN,
	  CONNECTION_SUCCESS },
};

static uint8_t flags_of(const char *segment)
{
	static const char letters[] = "FSRPAUEC";
	uint8_t flags = 0;

	for (const char *letter = segment + 1; *letter; letter++)
		flags |= (uint8_t)(1 << (strchr(letters, *letter) - letters));
	return flags;
}

static void advance(struct tcp_state *state, const struct step *step)
{
	struct tcp_segment segment = {
		.flags = flags_of(step->segment),
		.sequence = step->sequence,
		.acknowledgement = step->acknowledgement,
		.payload = step->payload,
	};

	tcp_state_advance(state,
	                  step->segment[0] == '>' ? CONNECTION_SOURCE : CONNECTION_DESTINATION,
	                  &segment);
}

static void test_scripts(void)
{
	for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
		enum connection_reason reason = CONNECTION_REASON_NONE;
		enum connection_outcome outcome = CONNECTION_UNKNOWN;
		struct tcp_state state = { 0 };
		bool right = true, closed = false;

		for (const struct step *step = scripts[i].steps; step->segment; step++) {
			right = right && !closed; /* not before the last */
			advance(&state, step);
			right = right && tcp_state_name(&state) == step->state;
			closed = tcp_state_closed(&state, &reason, &outcome);
			if (!right)
				printf("# %s at %d: state %d\n", step->segment,
				       (int)(step - scripts[i].steps), (int)tcp_state_name(&state));
		}
		CHECK(right, "%s: states", scripts[i].title);
		CHECK(closed == (scripts[i].reason != CONNECTION_REASON_NONE) &&
		              reason == scripts[i].reason && outcome == scripts[i].outcome,
		      "%s: reason %u, outcome %u", scripts[i].title, reason, outcome);
	}
}

static bool restarts(const struct tcp_state *state, const char *segment)
{
	struct tcp_segment syn = { .flags = flags_of(segment), .sequence = 7777 };

	return tcp_state_restarts(state, &syn);
}

static void test_restarts(void)
{
	static const struct step syn = { ">S", 100, 0, 0, 0 }, answer = { "<SA", 500, 101, 0, 0 },
				 ack = { ">A", 101, 501, 0, 0 }, fin = { ">FA", 101, 501, 0, 0 },
				 other_fin = { "<FA", 501, 102, 0, 0 },
				 last = { ">A", 102, 502, 0, 0 }, reset = { "<R", 501, 0, 0, 0 };
	struct tcp_state state = { 0 };

	CHECK(!restarts(&state, ">S"), "nothing yet: no restart");
	advance(&state, &syn);
	CHECK(!restarts(&state, ">S"), "a SYN sent again");
	advance(&state, &answer);
	CHECK(!restarts(&state, ">S"), "a SYN sent again that crossed the answer");
	advance(&state, &ack);
	CHECK(restarts(&state, ">S"), "a SYN while established: the close was not captured");
	CHECK(!restarts(&state, "<SA"), "an answer to a SYN begins nothing");
	CHECK(!restarts(&state, ">SR") && !restarts(&state, ">A"), "nor does RST or ACK");
	advance(&state, &fin);
	advance(&state, &other_fin);
	advance(&state, &last);
	CHECK(restarts(&state, ">S"), "a SYN into TIME_WAIT");
	state = (struct tcp_state){ 0 };
	advance(&state, &syn);
	advance(&state, &reset);
	CHECK(restarts(&state, ">S"), "another attempt after a refusal");
}

/* Whatever comes, closed stays closed, and the state is one that has a name. */
static void test_any_order(struct random *random)
{
	bool right = true;

	for (int round = 0; round < 20000 && right; round++) {
		struct tcp_state state = { 0 };
		bool closed = false;

		for (int i = 0; i < 12; i++) {
			struct tcp_segment segment = {
				.flags = (uint8_t)random_below(random, 64),
				.sequence = random_below(random, 4) - 2,
				.acknowledgement = random_below(random, 4) - 2,
				.payload = random_below(random, 3),
			};
			enum connection_reason reason;
			enum connection_outcome outcome;
			enum socket_state name;

			tcp_state_advance(&state, random_below(random, 2), &segment);
			name = tcp_state_name(&state);
			right = right && (!closed || tcp_state_closed(&state, &reason, &outcome));
			closed = tcp_state_closed(&state, &reason, &outcome);
			right = right && closed == (name == SOCKET_CLOSED) &&
			        name >= SOCKET_ESTABLISHED && name <= SOCKET_CLOSING &&
			        name != SOCKET_LISTEN;
			right = right &&
			        (!closed || reason == CONNECTION_FIN ||
			         reason == CONNECTION_RESET || reason == CONNECTION_REFUSED);
		}
	}
	CHECK(right, "segments in any order: closed stays closed");
}

int main(void)
{
	struct random random = random_begin();

	test_scripts();
	test_restarts();
	test_any_order(&random);
	return check_done();
}
