/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/locality.h"

#include <string.h>

static const uint8_t broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static bool is_broadcast(const struct packet *packet)
{
	static const uint8_t limited[16] = {
		[10] = 0xff, [11] = 0xff, [12] = 0xff, [13] = 0xff, [14] = 0xff, [15] = 0xff
	};

	if (packet->is_broadcast)
		return true;
	if (packet->has_destination_mac && memcmp(packet->destination_mac, broadcast_mac, 6) == 0)
		return true;
	return memcmp(packet->tuple.destination.bytes, limited, sizeof limited) == 0;
}

struct locality locality_of(const struct interfaces *interfaces, const struct packet *packet,
                            int64_t seen_ns)
{
	struct locality locality = { .direction = packet->direction };
	bool source_address, destination_address;

	if (!interfaces || (packet->network != PACKET_IPV4 && packet->network != PACKET_IPV6))
		return locality;
	source_address = interfaces_was_local(interfaces, &packet->tuple.source, seen_ns);
	destination_address = interfaces_was_local(interfaces, &packet->tuple.destination, seen_ns);
	locality.fanned_out = inet_is_multicast(&packet->tuple.destination) || is_broadcast(packet);

	if (locality.direction == PACKET_DIRECTION_UNKNOWN &&
	    (source_address || destination_address))
		locality.direction = destination_address ? PACKET_INGRESS : PACKET_EGRESS;
	else if (locality.direction == PACKET_DIRECTION_UNKNOWN && locality.fanned_out)
		locality.direction = PACKET_INGRESS;
	switch (locality.direction) {
	case PACKET_EGRESS:
		/* Transparent proxies and DHCP clients send from addresses that are not configured. */
		locality.source = source_address || inet_is_unspecified(&packet->tuple.source);
		locality.destination = destination_address;
		break;
	case PACKET_INGRESS:
		locality.source = source_address;
		locality.destination = destination_address || locality.fanned_out;
		break;
	case PACKET_OTHERHOST:
	case PACKET_DIRECTION_UNKNOWN:
		locality.source = source_address;
		locality.destination = destination_address;
		break;
	}
	return locality;
}
