/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/decode.h"

#include "decode/decode_parts.h"

static enum decode_status decode_layers(struct decode_cursor *cursor, struct packet *packet)
{
	uint16_t ether_type = DECODE_ETHER_NONE;
	enum decode_status status;

	status = decode_link(cursor, packet->link_type, packet, &ether_type);
	if (status != DECODE_OK)
		return status;
	status = decode_network(cursor, ether_type, packet);
	if (status != DECODE_OK || packet->network == PACKET_ARP)
		return status;
	return decode_transport(cursor, packet);
}

/* Copied rather than cleared: gcc clears this size with "rep stos", 10 ns of 26 for a packet. */
static const struct packet nothing;

void decode_packet_tagged(int link_type, const uint8_t *bytes, uint32_t captured, uint32_t length,
                          const struct packet_tag *tag, struct packet *packet)
{
	struct decode_cursor cursor = {
		.bytes = bytes,
		.limit = captured,
		.headers = DECODE_HEADERS_MAX,
		.tag = tag,
	};
	int64_t time_ns = packet->time_ns;
	uint64_t number = packet->number;
	uint32_t netns = packet->netns;
	uint32_t ifindex = packet->ifindex;

	if (length < captured)
		length = captured;
	cursor.wire = cursor.end = length;

	*packet = nothing;
	packet->time_ns = time_ns;
	packet->number = number;
	packet->netns = netns;
	packet->ifindex = ifindex;
	packet->length = length;
	packet->captured = captured;
	packet->link_type = link_type;
	packet->status = decode_layers(&cursor, packet);
}

void decode_packet(int link_type, const uint8_t *bytes, uint32_t captured, uint32_t length,
                   struct packet *packet)
{
	decode_packet_tagged(link_type, bytes, captured, length, NULL, packet);
}
