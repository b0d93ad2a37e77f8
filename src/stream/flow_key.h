/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a packet says about the connection it belongs to. Pure. */
#ifndef SOCKLINE_STREAM_FLOW_KEY_H
#define SOCKLINE_STREAM_FLOW_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/packet.h"
#include "connections/connection.h"

/*
 * The tuple by which the connection is kept: that of the packet; for ICMP echo
 * and its kin both ports are the identifier. False: the packet belongs to no
 * connection (ARP, later fragments, ICMP errors, headers that were cut off).
 */
bool flow_key_of(const struct packet *packet, struct tuple *key);

/* RST and ACK with sequence number 0: the answer to a SYN that is refused (RFC 9293 3.5.2). */
bool flow_key_is_refusal(const struct packet *packet);

enum flow_key_sender { FLOW_KEY_INITIATOR, FLOW_KEY_RESPONDER, FLOW_KEY_UNKNOWN };
/* Unknown only for TCP without SYN that refuses none. UDP and the rest: who is seen first began. */
enum flow_key_sender flow_key_sender(const struct packet *packet);

/* What keeps connections of that tuple apart: CONNECTION_LANE_*. */
uint32_t flow_key_lane(const struct packet *packet);

/*
 * ICMP without an identifier that is no error either: what finds neighbours, routers and members of
 * groups, which the kernel sends itself. It never sends the advertisement of a router, which is made by hand.
 */
bool flow_key_is_message(const struct packet *packet);
bool flow_key_is_by_hand(const struct packet *packet);
/* ICMP reports that the packet it quotes did not arrive, or not as it was. */
bool flow_key_is_error(const struct packet *packet);
/*
 * What an ICMP error says of the packet it quotes: REFUSED (port or protocol unreachable),
 * UNREACHABLE (the network, the host, or a filter in between; on the way too many hops, or a header
 * that was not understood), NONE. Refused, or not admitted, is final; Linux gives up a connect(2)
 * for each of the destination errors (ip(7), tcp_v4_err), for too many hops others try again.
 */
enum connection_reason flow_key_error(const struct packet *packet);
bool flow_key_error_is_final(const struct packet *packet);
/* The host is unreachable: so does a host answer itself when no neighbour answers. */
bool flow_key_error_is_of_host(const struct packet *packet);

/* Community ID is defined: an IP packet with its transport header, or a portless protocol. */
bool flow_key_has_community_id(const struct packet *packet);
/* text holds COMMUNITY_ID_SIZE bytes. */
void flow_key_community_id(const struct packet *packet, uint16_t seed, char *text);

#endif
