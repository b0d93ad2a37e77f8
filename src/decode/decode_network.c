/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* IPv4, IPv6 with its extension headers, ARP: addresses, protocol, where the datagram ends. */
#include <netinet/in.h>

#include "decode/decode_parts.h"

#define IPV4_SIZE     20
#define IPV6_SIZE     40
#define ARP_SIZE      8
#define AH_SIZE       12
#define FRAGMENT_SIZE 8

/* IANA numbers that netinet/in.h lacks; shim6 is RFC 5533, HIP RFC 7401. */
#define PROTOCOL_HIP   139
#define PROTOCOL_SHIM6 140

/*
 * The datagram at the cursor has size bytes by its own header, 0 when it does
 * not say. Behind them there may be padding of the link, which is not read.
 */
static void bound_datagram(struct decode_cursor *cursor, size_t size, struct packet *packet)
{
	cursor->end = size != 0 ? cursor->offset + size : cursor->wire;
	if (cursor->limit > cursor->end)
		cursor->limit = cursor->end;
	packet->ip_length = decode_remaining(cursor);
}

static void set_fragment(struct packet *packet, uint32_t offset, bool more, uint32_t id)
{
	packet->is_fragment = offset > 0 || more;
	packet->is_later_fragment = offset > 0;
	packet->fragment_offset = offset;
	packet->fragment_id = id;
	packet->has_fragment_id = true;
}

/* The size of an extension header, 0 when this one is not to be followed. */
static size_t extension_size(enum packet_network network, uint8_t protocol, uint8_t length)
{
	if (protocol == IPPROTO_AH) /* in both; in units of four bytes less two, RFC 4302 2.2 */
		return 4 * ((size_t)length + 2);
	if (network == PACKET_IPV4)
		return 0;
	switch (protocol) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case PROTOCOL_HIP:
	case PROTOCOL_SHIM6:
		return 8 * ((size_t)length + 1);
	case IPPROTO_FRAGMENT:
		return FRAGMENT_SIZE;
	default:
		return 0;
	}
}

static bool is_extension(enum packet_network network, uint8_t protocol)
{
	return extension_size(network, protocol, 0) != 0;
}

/* To the upper-layer header, or to the data of a later fragment. RFC 8200 4 */
static enum decode_status follow_extensions(struct decode_cursor *cursor, struct packet *packet)
{
	while (!packet->is_later_fragment &&
	       is_extension(packet->network, packet->tuple.protocol)) {
		const uint8_t *header = decode_fetch(cursor, 8);
		uint8_t protocol = packet->tuple.protocol;
		size_t size;

		if (header == NULL)
			return decode_short(cursor, 8, packet);
		if (cursor->headers == 0)
			return DECODE_UNSUPPORTED;
		cursor->headers--;
		size = extension_size(packet->network, protocol, header[1]);
		if (protocol == IPPROTO_AH && size < AH_SIZE)
			return DECODE_MALFORMED;
		if (decode_fetch(cursor, size) == NULL)
			return decode_short(cursor, size, packet);
		if (protocol == IPPROTO_FRAGMENT)
			set_fragment(packet, decode_be16(header + 2) & 0xfff8U, header[3] & 1,
			             decode_be32(header + 4));
		packet->tuple.protocol = header[0];
		cursor->offset += size;
	}
	return DECODE_OK;
}

/* RFC 791 3.1 */
static enum decode_status decode_ipv4(struct decode_cursor *cursor, struct packet *packet)
{
	const uint8_t *header = decode_fetch(cursor, IPV4_SIZE);
	size_t size, total;
	unsigned fragment;

	if (header == NULL)
		return decode_short(cursor, IPV4_SIZE, packet);
	if (header[0] >> 4 != 4)
		return DECODE_MALFORMED;
	packet->network = PACKET_IPV4;
	packet->ip_id = (uint16_t)decode_be16(header + 4);
	packet->ttl = header[8];
	packet->tuple.protocol = header[9];
	inet_from_v4(&packet->tuple.source, header + 12);
	inet_from_v4(&packet->tuple.destination, header + 16);

	/* Total length 0: what the segmentation offload of the sender left (TSO, BIG TCP). */
	size = 4 * (size_t)(header[0] & 0x0f);
	total = decode_be16(header + 2);
	if (size < IPV4_SIZE || (total != 0 && total < size))
		return DECODE_MALFORMED;
	bound_datagram(cursor, total, packet);

	fragment = decode_be16(header + 6);
	if (fragment & 0x3fff)
		set_fragment(packet, 8 * (fragment & 0x1fff), fragment & 0x2000,
		             decode_be16(header + 4));
	if (decode_fetch(cursor, size) == NULL)
		return decode_short(cursor, size, packet);
	cursor->offset += size;
	return follow_extensions(cursor, packet);
}

/* RFC 8200 3 */
static enum decode_status decode_ipv6(struct decode_cursor *cursor, struct packet *packet)
{
	const uint8_t *header = decode_fetch(cursor, IPV6_SIZE);
	size_t payload;

	if (header == NULL)
		return decode_short(cursor, IPV6_SIZE, packet);
	if (header[0] >> 4 != 6)
		return DECODE_MALFORMED;
	packet->network = PACKET_IPV6;
	packet->tuple.protocol = header[6];
	packet->ttl = header[7];
	inet_from_v6(&packet->tuple.source, header + 8);
	inet_from_v6(&packet->tuple.destination, header + 24);

	/* Payload length 0: a jumbogram (RFC 2675), offload as above, or indeed none. */
	payload = decode_be16(header + 4);
	if (payload != 0 || packet->tuple.protocol == IPPROTO_NONE)
		bound_datagram(cursor, IPV6_SIZE + payload, packet);
	else
		bound_datagram(cursor, 0, packet);
	cursor->offset += IPV6_SIZE;
	return follow_extensions(cursor, packet);
}

/* RFC 826; the addresses only when they are IPv4. */
static enum decode_status decode_arp(struct decode_cursor *cursor, struct packet *packet)
{
	const uint8_t *header = decode_fetch(cursor, ARP_SIZE);
	size_t hardware, protocol, size;

	if (header == NULL)
		return decode_short(cursor, ARP_SIZE, packet);
	packet->network = PACKET_ARP;
	packet->arp_operation = decode_be16(header + 6);
	hardware = header[4];
	protocol = header[5];
	size = ARP_SIZE + 2 * (hardware + protocol);
	if (decode_fetch(cursor, size) == NULL)
		return decode_short(cursor, size, packet);
	if (decode_be16(header + 2) == DECODE_ETHER_IPV4 && protocol == 4) {
		inet_from_v4(&packet->tuple.source, header + ARP_SIZE + hardware);
		inet_from_v4(&packet->tuple.destination,
		             header + ARP_SIZE + 2 * hardware + protocol);
	}
	return DECODE_OK;
}

enum decode_status decode_network(struct decode_cursor *cursor, uint16_t ether_type,
                                  struct packet *packet)
{
	switch (ether_type) {
	case DECODE_ETHER_IPV4:
		return decode_ipv4(cursor, packet);
	case DECODE_ETHER_IPV6:
		return decode_ipv6(cursor, packet);
	case DECODE_ETHER_ARP:
		return decode_arp(cursor, packet);
	default:
		return DECODE_UNSUPPORTED;
	}
}
