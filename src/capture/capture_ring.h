/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel writes into its ring beside a packet and libpcap does not hand on: the
 * VLAN tag that it took out (packet(7), tp_vlan_tci). libpcap puts it back for all link
 * types but LINUX_SLL2, which is that of "any".
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_RING_H
#define SOCKLINE_CAPTURE_CAPTURE_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/packet.h"

struct capture_ring {
	int version;     /* enum tpacket_versions; -1 = no ring that we know */
	uint32_t offset; /* of the network header in a frame */
};

/* For an AF_PACKET socket (SOCK_DGRAM) whose ring is set up. */
void capture_ring_init(struct capture_ring *ring, int fd);

/*
 * The tag of a packet that libpcap hands over from the ring as LINUX_SLL2: cooked points
 * to the cooked header, length counts it. Not present where the frame around it is not as
 * expected.
 */
struct packet_tag capture_ring_tag(const struct capture_ring *ring, const uint8_t *cooked,
                                   uint32_t length);

#endif
