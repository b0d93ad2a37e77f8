/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a TCP connection as the packets of both directions show it
 * (RFC 9293 3.3.2), seen from the initiator. Pure.
 */
#ifndef SOCKLINE_CONNECTIONS_TCP_STATE_H
#define SOCKLINE_CONNECTIONS_TCP_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/packet.h"
#include "connections/connection.h"

struct tcp_segment {
	uint8_t flags; /* TCP_FLAG_* */
	uint32_t sequence, acknowledgement;
	uint32_t payload; /* bytes */
	uint16_t window;  /* unscaled */
};

/* True: the segment changes nothing, as most do. */
static inline bool tcp_state_is_steady(const struct tcp_state *state, enum connection_end from,
                                       uint8_t flags)
{
	return state->established && !state->ending && (flags & ~state->seen[from]) == 0 &&
	       (flags & (TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_RST)) == 0;
}

void tcp_state_advance(struct tcp_state *state, enum connection_end from,
                       const struct tcp_segment *segment);
/* The initiator's state, or CLOSED. */
enum socket_state tcp_state_name(const struct tcp_state *state);
/* Both FINs confirmed, or reset: with the reason and the outcome. */
bool tcp_state_closed(const struct tcp_state *state, enum connection_reason *reason,
                      enum connection_outcome *outcome);
/* A SYN that cannot belong to this connection: the tuple is being reused. */
bool tcp_state_restarts(const struct tcp_state *state, const struct tcp_segment *segment);

#endif
