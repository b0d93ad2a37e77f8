/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_stated.h"

void capture_stated_apply(const struct origin *origin, const struct capture_packet *captured,
                          struct packet *packet)
{
	packet->interface = captured->interface;
	if (packet->ifindex == 0)
		packet->ifindex = origin_ifindex(origin, captured->interface);
	if (captured->direction != PACKET_DIRECTION_UNKNOWN)
		packet->direction = captured->direction;
	if (captured->interface > 0)
		packet->netns = origin_netns(origin, captured->interface);
	packet->owners = captured->owners;
	/* What was sent is the sender's, what came in the receiver's. */
	if (packet->owners.any > 0 && packet->direction == PACKET_EGRESS) {
		packet->owners.source = packet->owners.any;
		packet->owners.destination = packet->owners.any = 0;
	} else if (packet->owners.any > 0 && packet->direction == PACKET_INGRESS) {
		packet->owners.destination = packet->owners.any;
		packet->owners.source = packet->owners.any = 0;
	}
}
