/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well a TCP connection goes, by its segments: what was sent again, overtaken, confirmed
 * twice, and the time of the handshake. And its history in the letters of Zeek's conn.log. Pure.
 */
#ifndef SOCKLINE_CONNECTIONS_TCP_QUALITY_H
#define SOCKLINE_CONNECTIONS_TCP_QUALITY_H

#include "connections/connection_extra.h"
#include "connections/tcp_state.h"

/* Letters that an end has once, or that depend on a first one. */
#define TCP_SEEN_ACK      0x01u
#define TCP_SEEN_DATA     0x02u
#define TCP_SEEN_SYN      0x04u
#define TCP_SEEN_FIN      0x08u
#define TCP_SEEN_RST      0x10u
#define TCP_SEEN_CONTRARY 0x20u /* I: FIN and RST */
#define TCP_SEEN_MIXED    0x40u /* Q: SYN with one of the two */
#define TCP_SEEN_SEQUENCE 0x80u /* no letter: flow.next is known */

/*
 * For each segment, in the order of their times and before tcp_state_advance(). False: it is
 * not the one that was expected, and nothing is done; it goes to the next function.
 */
static inline bool tcp_quality_take(struct connection *connection, enum connection_end from,
                                    const struct tcp_segment *segment)
{
	struct tcp_flow *flow = &connection->flow;
	int32_t advance = (int32_t)(segment->acknowledgement - flow->acked[from]);
	uint8_t control = TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_RST | TCP_FLAG_ACK;
	uint8_t letters = flow->letters[from] & (TCP_SEEN_DATA | TCP_SEEN_ACK | TCP_SEEN_RST);
	bool as_before = segment->payload > 0
	                         ? (letters & ~TCP_SEEN_ACK) == TCP_SEEN_DATA
	                         : (letters & ~TCP_SEEN_DATA) == TCP_SEEN_ACK &&
	                                   (advance != 0 || segment->window != flow->window[from]);

	if ((segment->flags & control) != TCP_FLAG_ACK || !as_before ||
	    segment->sequence != flow->next[from] || advance < 0 || segment->window == 0 ||
	    flow->holes != 0 || !connection->tcp.established)
		return false;
	flow->next[from] += segment->payload;
	flow->acked[from] = segment->acknowledgement;
	flow->window[from] = segment->window;
	return true;
}
void tcp_quality_unusual(struct connection *connection, enum connection_end from,
                         const struct tcp_segment *segment, int64_t time_ns);

/*
 * A RST that the end which connects ignores, as it does not acknowledge its SYN (RFC 9293 3.10.7.3):
 * somebody else's, or of a connection before. Ask after the segment was taken.
 */
bool tcp_quality_is_stray_reset(const struct connection *connection, enum connection_end from,
                                const struct tcp_segment *segment);

/*
 * For a connection that both FINs or an RST have ended: is the segment one of a later connection with
 * the same ends, whose SYN was not captured? Its sequence number is more than a window (RFC 7323 2.3)
 * away from where this one ended, or behind the FIN; after FINs its acknowledgement may be, too.
 */
bool tcp_quality_is_of_another(const struct connection *connection, enum connection_end from,
                               const struct tcp_segment *segment);

/* A datagram of UDP: its history alone. */
void tcp_quality_datagram(struct connection *connection, enum connection_end from);

#define TCP_HISTORY_MAX 32

/* Returns how many letters there are; no NUL. */
size_t tcp_quality_history(const struct connection *connection, char history[TCP_HISTORY_MAX]);

#endif
