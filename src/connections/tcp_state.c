/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "connections/tcp_state.h"

#include "decode/packet.h"

static bool has(const struct tcp_state *state, enum connection_end end, uint8_t flag)
{
	return (state->seen[end] & flag) != 0;
}

void tcp_state_advance(struct tcp_state *state, enum connection_end from,
                       const struct tcp_segment *segment)
{
	enum connection_end to =
		from == CONNECTION_SOURCE ? CONNECTION_DESTINATION : CONNECTION_SOURCE;

	if (!state->ending && segment->flags & (TCP_FLAG_RST | TCP_FLAG_FIN)) {
		state->ending = true;
		state->ended_by = from;
	}
	if (segment->flags & TCP_FLAG_RST) {
		if (!state->reset)
			state->reset_by = from;
		state->reset = true;
		return;
	}
	if (segment->flags & TCP_FLAG_FIN) {
		/* A FIN takes one sequence number after the data, and so does a SYN before it. */
		state->fin_end[from] = segment->sequence + segment->payload + 1 +
		                       ((segment->flags & TCP_FLAG_SYN) != 0);
	}
	/*
	 * Packets of two directions can be captured out of order on several CPUs,
	 * so a confirmation counts only when the FIN has been seen.
	 */
	if ((segment->flags & TCP_FLAG_ACK) && has(state, to, TCP_FLAG_FIN) &&
	    (int32_t)(segment->acknowledgement - state->fin_end[to]) >= 0)
		state->fin_confirmed[to] = true;
	state->seen[from] |= segment->flags;
	if (from == CONNECTION_SOURCE && (segment->flags & TCP_FLAG_ACK) &&
	    has(state, CONNECTION_DESTINATION, TCP_FLAG_SYN))
		state->established = true;
	/* Data or a FIN from both ends proves what a lost capture of the handshake hid. */
	if (has(state, CONNECTION_SOURCE, TCP_FLAG_ACK) &&
	    has(state, CONNECTION_DESTINATION, TCP_FLAG_ACK))
		state->established = true;
}

enum socket_state tcp_state_name(const struct tcp_state *state)
{
	bool source_fin = has(state, CONNECTION_SOURCE, TCP_FLAG_FIN);
	bool destination_fin = has(state, CONNECTION_DESTINATION, TCP_FLAG_FIN);

	if (state->reset || (state->fin_confirmed[CONNECTION_SOURCE] &&
	                     state->fin_confirmed[CONNECTION_DESTINATION]))
		return SOCKET_CLOSED;
	if (source_fin && destination_fin) {
		if (state->fin_confirmed[CONNECTION_SOURCE])
			return SOCKET_TIME_WAIT;
		return state->fin_confirmed[CONNECTION_DESTINATION] ? SOCKET_LAST_ACK
		                                                    : SOCKET_CLOSING;
	}
	if (source_fin)
		return state->fin_confirmed[CONNECTION_SOURCE] ? SOCKET_FIN_WAIT_2
		                                               : SOCKET_FIN_WAIT_1;
	if (destination_fin)
		return SOCKET_CLOSE_WAIT;
	if (state->established)
		return SOCKET_ESTABLISHED;
	return has(state, CONNECTION_DESTINATION, TCP_FLAG_SYN) ? SOCKET_SYN_RECEIVED
	                                                        : SOCKET_SYN_SENT;
}

bool tcp_state_closed(const struct tcp_state *state, enum connection_reason *reason,
                      enum connection_outcome *outcome)
{
	if (state->reset) {
		bool answered =
			state->established || has(state, CONNECTION_DESTINATION, TCP_FLAG_SYN);
		bool refused = !answered && state->reset_by == CONNECTION_DESTINATION;

		*reason = refused ? CONNECTION_REFUSED : CONNECTION_RESET;
		*outcome = state->established ? CONNECTION_SUCCESS : CONNECTION_FAILURE;
		return true;
	}
	if (state->fin_confirmed[CONNECTION_SOURCE] &&
	    state->fin_confirmed[CONNECTION_DESTINATION]) {
		*reason = CONNECTION_FIN;
		*outcome = CONNECTION_SUCCESS;
		return true;
	}
	return false;
}

bool tcp_state_restarts(const struct tcp_state *state, const struct tcp_segment *segment)
{
	enum connection_reason reason;
	enum connection_outcome outcome;

	if ((segment->flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) != TCP_FLAG_SYN)
		return false;
	/*
	 * TIME_WAIT may be left early by a SYN (RFC 9293 3.6.1), and a SYN after both
	 * ends have spoken can only mean that the close was not captured.
	 */
	return tcp_state_closed(state, &reason, &outcome) || state->established;
}
