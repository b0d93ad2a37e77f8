/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The tunnel that the packets of a connection are in. */
#ifndef SOCKLINE_CONNECTIONS_CONNECTION_TUNNEL_H
#define SOCKLINE_CONNECTIONS_CONNECTION_TUNNEL_H

#include <stdint.h>
#include <string.h>

#include "connections/connection.h"
#include "decode/packet.h"

struct connection_tunnel {
	struct tunnel tunnel; /* of the first of them; source is on the initiator's side */
	uint64_t outer_id;    /* the connection that this one was in; 0 = none */
	uint16_t vlans[PACKET_VLANS_MAX]; /* within the tunnel */
	uint8_t vlan_count;
};

/* The ids of its packets' VLANs, the outer one first; of what is in a tunnel those within. How many. */
static inline int connection_vlans(const struct connection *connection,
                                   uint16_t ids[PACKET_VLANS_MAX])
{
	const struct connection_tunnel *tunnel = connection->tunnel;

	if (connection->lane & CONNECTION_LANE_TUNNEL) {
		if (!tunnel)
			return 0;
		memcpy(ids, tunnel->vlans, sizeof tunnel->vlans[0] * tunnel->vlan_count);
		return tunnel->vlan_count;
	}
	ids[0] = CONNECTION_LANE_VLAN(connection->lane);
	ids[1] = CONNECTION_LANE_INNER(connection->lane);
	return ids[1] != 0 ? 2 : ids[0] != 0;
}

#endif
