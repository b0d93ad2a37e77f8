/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "connections/tcp_quality.h"

#include <string.h>

/*
 * What fills a hole sooner than anything can be sent again was overtaken. To be sent again it
 * takes a round trip: the handshake was one. Where that was not seen, a time that is short for
 * any network but a local one.
 */
#define REORDERING_NS INT64_C(3000000)

#define WINDOW_MAX (1u << 30) /* bytes, RFC 7323 2.3 */

static enum connection_end other_end(enum connection_end end)
{
	return end == CONNECTION_SOURCE ? CONNECTION_DESTINATION : CONNECTION_SOURCE;
}

static struct tcp_trouble *trouble_of(struct connection *connection)
{
	struct tcp_trouble *trouble = connection_extra_trouble(connection);

	if (!trouble)
		connection->flow.unmeasured = true;
	return trouble;
}

/* One of the letters of an end: capital of the source. */
static void add_letter(struct connection *connection, enum connection_end end, char letter)
{
	struct tcp_trouble *trouble;

	if (end == CONNECTION_DESTINATION)
		letter = (char)(letter - 'A' + 'a');
	if (connection->flow.length < sizeof connection->flow.history) {
		connection->flow.history[connection->flow.length++] = letter;
		return;
	}
	trouble = trouble_of(connection);
	if (trouble && trouble->length < sizeof trouble->history)
		trouble->history[trouble->length++] = letter;
}

static void add_once(struct connection *connection, enum connection_end end, uint8_t seen,
                     char letter)
{
	if (connection->flow.letters[end] & seen)
		return;
	connection->flow.letters[end] |= seen;
	add_letter(connection, end, letter);
}

/* At the first, the tenth, the hundredth. */
static void add_by_count(struct connection *connection, enum connection_end end, uint32_t count,
                         char letter)
{
	while (count % 10 == 0)
		count /= 10;
	if (count == 1)
		add_letter(connection, end, letter);
}

/* The first packet that was seen is not of the end that began. */
static void begin_history(struct connection *connection, enum connection_end from)
{
	struct tcp_flow *flow = &connection->flow;

	if (flow->length == 0 && from == CONNECTION_DESTINATION)
		flow->history[flow->length++] = '^';
}

/* The same SYN again, although data may have followed. */
static bool is_same_syn(const struct tcp_flow *flow, enum connection_end from,
                        const struct tcp_segment *segment)
{
	return flow->letters[from] & TCP_SEEN_SYN &&
	       flow->next[from] - segment->sequence - 1 < UINT16_MAX;
}

static uint32_t end_of(const struct tcp_segment *segment)
{
	return segment->sequence + segment->payload + ((segment->flags & TCP_FLAG_SYN) != 0) +
	       ((segment->flags & TCP_FLAG_FIN) != 0);
}

/* SYN, FIN and RST have letters again where their sequence number is another. */
static void note_control(struct connection *connection, enum connection_end from,
                         const struct tcp_segment *segment)
{
	struct tcp_flow *flow = &connection->flow;
	uint8_t seen = flow->letters[from];

	if (segment->flags & TCP_FLAG_SYN) {
		if (!is_same_syn(flow, from, segment))
			add_letter(connection, from, segment->flags & TCP_FLAG_ACK ? 'H' : 'S');
	} else if (segment->flags & TCP_FLAG_FIN) {
		if (!(seen & TCP_SEEN_FIN) || end_of(segment) != flow->next[from])
			add_letter(connection, from, 'F');
		flow->letters[from] |= TCP_SEEN_FIN;
	} else {
		if (!(seen & TCP_SEEN_RST) || segment->sequence != flow->next[from])
			add_letter(connection, from, 'R');
		flow->letters[from] |= TCP_SEEN_RST;
		flow->next[from] = segment->sequence; /* the last that is looked at */
	}
}

static void note_letters(struct connection *connection, enum connection_end from,
                         const struct tcp_segment *segment)
{
	uint8_t control = segment->flags & (TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_RST);

	if ((control & TCP_FLAG_FIN) && (control & TCP_FLAG_RST))
		add_once(connection, from, TCP_SEEN_CONTRARY, 'I');
	else if ((control & TCP_FLAG_SYN) && control != TCP_FLAG_SYN)
		add_once(connection, from, TCP_SEEN_MIXED, 'Q');
	else if (control != 0)
		note_control(connection, from, segment);
	else if (segment->payload > 0)
		add_once(connection, from, TCP_SEEN_DATA, 'D');
	else if (segment->flags & TCP_FLAG_ACK)
		add_once(connection, from, TCP_SEEN_ACK, 'A');
}

static void note_handshake(struct connection *connection, enum connection_end from,
                           const struct tcp_segment *segment, int64_t time_ns)
{
	int64_t took_us;

	if (from != CONNECTION_SOURCE || connection->tcp.established ||
	    connection->flow.history[0] != 'S' || !(segment->flags & TCP_FLAG_ACK) ||
	    segment->flags & TCP_FLAG_SYN ||
	    !(connection->tcp.seen[CONNECTION_DESTINATION] & TCP_FLAG_SYN))
		return;
	took_us = (time_ns - connection->start_ns) / 1000;
	if (took_us >= 0 && took_us <= UINT32_MAX)
		connection->flow.handshake_us = took_us > 0 ? (uint32_t)took_us : 1;
}

static void remove_hole(struct connection *connection, struct tcp_trouble *trouble,
                        enum connection_end end, int number)
{
	int last = --trouble->hole_count[end];

	memmove(&trouble->holes[end][number], &trouble->holes[end][number + 1],
	        (size_t)(last - number) * sizeof trouble->holes[end][0]);
	if (last == 0)
		connection->flow.holes &= (uint8_t) ~(1u << end);
}

static void add_hole(struct connection *connection, enum connection_end end,
                     const struct tcp_hole *hole)
{
	struct tcp_trouble *trouble = trouble_of(connection);

	if (!trouble)
		return;
	if (trouble->hole_count[end] == TCP_HOLES_MAX)
		remove_hole(connection, trouble, end, 0); /* what fills it counts as sent again */
	trouble->holes[end][trouble->hole_count[end]++] = *hole;
	connection->flow.holes |= (uint8_t)(1u << end);
}

/* The other end has confirmed what was not captured. */
static void note_gap(struct connection *connection, enum connection_end end)
{
	struct tcp_trouble *trouble = trouble_of(connection);

	if (trouble)
		add_by_count(connection, end, ++trouble->gaps[end], 'G');
}

static void pass_over(struct connection *connection, enum connection_end from, uint32_t until,
                      int64_t time_ns)
{
	const struct tcp_flow *flow = &connection->flow;
	enum connection_end to = other_end(from);
	const struct tcp_hole hole = { flow->next[from], until, time_ns };

	if ((int32_t)(flow->acked[to] - until) >= 0)
		note_gap(connection, from);
	else
		add_hole(connection, from, &hole);
}

/* Takes [start, end) out of the hole that it begins in. False: it begins in none. */
static bool fill_hole(struct connection *connection, enum connection_end from, uint32_t start,
                      uint32_t end, int64_t *since_ns)
{
	struct tcp_trouble *trouble = trouble_of(connection);

	for (int i = 0; trouble && i < trouble->hole_count[from]; i++) {
		struct tcp_hole *hole = &trouble->holes[from][i];
		struct tcp_hole rest = *hole;

		if (start - hole->start >= hole->end - hole->start)
			continue;
		*since_ns = hole->since_ns;
		rest.start = end;
		hole->end = start;
		if (hole->end == hole->start)
			remove_hole(connection, trouble, from, i);
		if ((int32_t)(rest.end - rest.start) > 0)
			add_hole(connection, from, &rest);
		return true;
	}
	return false;
}

/* Sequence numbers below the highest: sent again, or overtaken by what came before. */
static void note_old(struct connection *connection, enum connection_end from,
                     const struct tcp_segment *segment, int64_t time_ns)
{
	const struct tcp_flow *flow = &connection->flow;
	struct tcp_trouble *trouble = trouble_of(connection);
	int64_t limit_ns =
		flow->handshake_us > 0 ? (int64_t)flow->handshake_us * 1000 : REORDERING_NS;
	int64_t since_ns;

	if (!trouble)
		return;
	if (flow->holes & 1u << from &&
	    fill_hole(connection, from, segment->sequence, end_of(segment), &since_ns) &&
	    time_ns - since_ns < limit_ns) {
		trouble->figures[from].out_of_order++;
		return;
	}
	trouble->figures[from].retransmissions++;
	if (segment->payload > 0)
		add_by_count(connection, from, ++trouble->repeated[from], 'T');
}

/* One byte before the next, or none there: asks for an answer (RFC 9293 3.8.4). */
static bool is_keep_alive(const struct tcp_flow *flow, enum connection_end from,
                          const struct tcp_segment *segment)
{
	return segment->payload <= 1 && !(segment->flags & TCP_FLAG_FIN) &&
	       segment->sequence + 1 == flow->next[from];
}

/* What the other end confirms is no less than what this one begins with. */
static void begin_sequence(struct connection *connection, enum connection_end from,
                           const struct tcp_segment *segment)
{
	struct tcp_flow *flow = &connection->flow;
	enum connection_end to = other_end(from);

	if (!(connection->tcp.seen[to] & TCP_FLAG_ACK))
		flow->acked[to] = segment->sequence;
	if (!(flow->letters[to] & TCP_SEEN_SEQUENCE))
		flow->acked[from] = segment->acknowledgement;
	flow->next[from] = end_of(segment);
	flow->letters[from] |= TCP_SEEN_SEQUENCE;
	connection->first[from] = segment->sequence + 1;
	if (from == CONNECTION_SOURCE)
		flow->syn_data = segment->flags & TCP_FLAG_SYN && segment->payload > 0;
}

static void note_sequence(struct connection *connection, enum connection_end from,
                          const struct tcp_segment *segment, int64_t time_ns)
{
	struct tcp_flow *flow = &connection->flow;
	uint32_t end = end_of(segment);
	bool syn = segment->flags & TCP_FLAG_SYN;

	if (!(flow->letters[from] & TCP_SEEN_SEQUENCE) ||
	    (syn && !is_same_syn(flow, from, segment))) {
		begin_sequence(connection, from, segment);
	} else if (syn) {
		note_old(connection, from, segment, time_ns);
	} else if (end != segment->sequence && !is_keep_alive(flow, from, segment)) {
		if ((int32_t)(segment->sequence - flow->next[from]) < 0)
			note_old(connection, from, segment, time_ns);
		else if (segment->sequence != flow->next[from])
			pass_over(connection, from, segment->sequence, time_ns);
		if ((int32_t)(end - flow->next[from]) > 0)
			flow->next[from] = end;
	}
	if (syn)
		flow->letters[from] |= TCP_SEEN_SYN;
}

static bool is_duplicate_ack(const struct tcp_flow *flow, enum connection_end from,
                             const struct tcp_segment *segment)
{
	enum connection_end to = other_end(from);

	return segment->payload == 0 && !(segment->flags & (TCP_FLAG_SYN | TCP_FLAG_FIN)) &&
	       segment->acknowledgement == flow->acked[from] &&
	       segment->window == flow->window[from] && segment->window > 0 &&
	       segment->sequence == flow->next[from] && flow->letters[to] & TCP_SEEN_SEQUENCE &&
	       (int32_t)(flow->next[to] - segment->acknowledgement) > 0;
}

static void close_gaps(struct connection *connection, enum connection_end end, uint32_t confirmed)
{
	struct tcp_trouble *trouble = trouble_of(connection);

	for (int i = 0; trouble && i < trouble->hole_count[end];) {
		if ((int32_t)(confirmed - trouble->holes[end][i].end) < 0) {
			i++;
			continue;
		}
		remove_hole(connection, trouble, end, i);
		note_gap(connection, end);
	}
}

static void note_acknowledgement(struct connection *connection, enum connection_end from,
                                 const struct tcp_segment *segment)
{
	struct tcp_flow *flow = &connection->flow;
	enum connection_end to = other_end(from);
	struct tcp_trouble *trouble;

	if (!(segment->flags & TCP_FLAG_ACK) ||
	    (int32_t)(segment->acknowledgement - flow->acked[from]) < 0)
		return; /* or overtaken */
	if (is_duplicate_ack(flow, from, segment)) {
		trouble = trouble_of(connection);
		if (trouble)
			trouble->figures[from].duplicate_acks++;
	}
	flow->acked[from] = segment->acknowledgement;
	if (flow->holes & 1u << to)
		close_gaps(connection, to, flow->acked[from]);
	flow->window[from] = segment->window;
}

static void note_window(struct connection *connection, enum connection_end from,
                        const struct tcp_segment *segment)
{
	struct tcp_trouble *trouble;

	if (segment->window > 0 || segment->flags & (TCP_FLAG_SYN | TCP_FLAG_FIN))
		return;
	trouble = trouble_of(connection);
	if (trouble)
		add_by_count(connection, from, ++trouble->figures[from].zero_windows, 'W');
}

void tcp_quality_unusual(struct connection *connection, enum connection_end from,
                         const struct tcp_segment *segment, int64_t time_ns)
{
	bool over = connection->flow.letters[from] & TCP_SEEN_RST;

	begin_history(connection, from);
	note_letters(connection, from, segment);
	if (over || segment->flags & TCP_FLAG_RST)
		return;
	note_handshake(connection, from, segment, time_ns);
	note_window(connection, from, segment);
	note_sequence(connection, from, segment, time_ns);
	note_acknowledgement(connection, from, segment);
}

/* May a segment have the number, where the last of the connection is known? */
static bool is_within(uint32_t number, uint32_t last, bool finished)
{
	return last - number <= WINDOW_MAX || (!finished && number - last <= WINDOW_MAX);
}

bool tcp_quality_is_of_another(const struct connection *connection, enum connection_end from,
                               const struct tcp_segment *segment)
{
	const struct tcp_flow *flow = &connection->flow;
	bool finished = connection->reason == CONNECTION_FIN;
	enum connection_end to = other_end(from);

	if ((!finished && connection->reason != CONNECTION_RESET) ||
	    segment->flags & (TCP_FLAG_SYN | TCP_FLAG_RST) || !(segment->flags & TCP_FLAG_ACK) ||
	    !(flow->letters[from] & flow->letters[to] & TCP_SEEN_SEQUENCE))
		return false;
	return !is_within(segment->sequence, flow->next[from], finished) ||
	       (finished && !is_within(segment->acknowledgement, flow->next[to], true));
}

void tcp_quality_datagram(struct connection *connection, enum connection_end from)
{
	if (connection->flow.letters[from] & TCP_SEEN_DATA)
		return;
	begin_history(connection, from);
	add_once(connection, from, TCP_SEEN_DATA, 'D');
}

size_t tcp_quality_history(const struct connection *connection, char history[TCP_HISTORY_MAX])
{
	const struct tcp_flow *flow = &connection->flow;
	const struct tcp_trouble *trouble = connection->extra ? connection->extra->trouble : NULL;
	size_t length = flow->length;

	memcpy(history, flow->history, length);
	if (trouble) {
		memcpy(history + length, trouble->history, trouble->length);
		length += trouble->length;
	}
	return length;
}

bool tcp_quality_is_stray_reset(const struct connection *connection, enum connection_end from,
                                const struct tcp_segment *segment)
{
	const struct tcp_state *state = &connection->tcp;
	const struct tcp_flow *flow = &connection->flow;
	uint32_t missing = flow->next[CONNECTION_SOURCE] - segment->acknowledgement;

	if (!(segment->flags & TCP_FLAG_RST) || from == CONNECTION_SOURCE || state->established ||
	    state->seen[CONNECTION_DESTINATION] & TCP_FLAG_SYN ||
	    !(flow->letters[CONNECTION_SOURCE] & TCP_SEEN_SYN))
		return false;
	return !(segment->flags & TCP_FLAG_ACK) || missing > (flow->syn_data ? UINT16_MAX : 0);
}
