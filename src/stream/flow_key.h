/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a packet says about the connection it belongs to. Pure. */
#ifndef SOCKLINE_STREAM_FLOW_KEY_H
#define SOCKLINE_STREAM_FLOW_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "capture/packet.h"

/*
 * The tuple by which the connection is kept: that of the packet; for ICMP echo
 * and its kin both ports are the identifier. False: the packet belongs to no
 * connection (ARP, later fragments, ICMP errors, headers that were cut off).
 */
bool flow_key_of(const struct packet *packet, struct tuple *key);

enum flow_key_sender { FLOW_KEY_INITIATOR, FLOW_KEY_RESPONDER, FLOW_KEY_UNKNOWN };
/* Unknown only for TCP without SYN. UDP and the rest: who is seen first began. */
enum flow_key_sender flow_key_sender(const struct packet *packet);

/* What keeps connections of that tuple apart: CONNECTION_LANE_*. */
uint32_t flow_key_lane(const struct packet *packet);

/* An ICMP error that ends a connection attempt: port or protocol unreachable. */
bool flow_key_is_refusal(const struct packet *packet);

/* Community ID is defined: an IP packet with its transport header, or a portless protocol. */
bool flow_key_has_community_id(const struct packet *packet);
/* text holds COMMUNITY_ID_SIZE bytes. */
void flow_key_community_id(const struct packet *packet, uint16_t seed, char *text);

#endif
