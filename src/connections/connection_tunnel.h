/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The tunnel that the packets of a connection are in. */
#ifndef SOCKLINE_CONNECTIONS_CONNECTION_TUNNEL_H
#define SOCKLINE_CONNECTIONS_CONNECTION_TUNNEL_H

#include <stdint.h>

#include "decode/packet.h"

struct connection_tunnel {
	struct tunnel tunnel; /* of the first of them; source is on the initiator's side */
	uint64_t outer_id;    /* the connection that this one was in; 0 = none */
	uint16_t vlans[PACKET_VLANS_MAX]; /* within the tunnel */
	uint8_t vlan_count;
};

#endif
