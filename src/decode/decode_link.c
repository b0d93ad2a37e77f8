/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Link headers: they say who sent it, which way it went, and what follows. */
#include <string.h>

#include "decode/decode.h"
#include "decode/decode_parts.h"

#define ETHERNET_SIZE 14
#define VLAN_SIZE     4
#define SNAP_SIZE     8
#define PPPOE_SIZE    6

#define ETHER_PPPOE      0x8864 /* session stage */
#define ETHER_MPLS       0x8847
#define ETHER_MPLS_UP    0x8848 /* upstream-assigned labels, once multicast */
#define ETHER_LENGTH_MAX 1500   /* up to here the field is an 802.3 length */

#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057
#define PPP_MPLS 0x0281 /* RFC 3032 4.3 */

#define PPP_MPLS_MULTICAST 0x0283

/* Numbers that DLT_RAW had on other systems and that stay in some files. */
#define LINK_RAW_FILE 101

static enum decode_status skip_vlan(struct decode_cursor *cursor, struct packet *packet)
{
	const uint8_t *tag = decode_fetch(cursor, VLAN_SIZE);

	if (tag == NULL)
		return decode_short(cursor, VLAN_SIZE, packet);
	if (cursor->headers == 0)
		return DECODE_UNSUPPORTED;
	cursor->headers--;
	if (packet->vlan_count < PACKET_VLANS_MAX)
		packet->vlans[packet->vlan_count++] = decode_be16(tag) & 0x0fff;
	packet->ether_type = decode_be16(tag + 2);
	cursor->offset += VLAN_SIZE;
	return DECODE_OK;
}

/* 802.2 LLC with SNAP carries an EtherType (RFC 1042); other LLC is not for us. */
static enum decode_status skip_snap(struct decode_cursor *cursor, struct packet *packet)
{
	static const uint8_t snap[3] = { 0xaa, 0xaa, 0x03 };
	static const uint8_t encapsulated_ethernet[3];
	const uint8_t *header = decode_fetch(cursor, sizeof(snap));

	if (header == NULL)
		return decode_short(cursor, sizeof(snap), packet);
	if (memcmp(header, snap, sizeof(snap)) != 0)
		return DECODE_UNSUPPORTED;
	if (decode_fetch(cursor, SNAP_SIZE) == NULL)
		return decode_short(cursor, SNAP_SIZE, packet);
	if (memcmp(header + 3, encapsulated_ethernet, 3) != 0 || cursor->headers == 0)
		return DECODE_UNSUPPORTED;
	cursor->headers--;
	packet->ether_type = decode_be16(header + 6);
	cursor->offset += SNAP_SIZE;
	return packet->ether_type < DECODE_ETHER_TYPE_MIN ? DECODE_UNSUPPORTED : DECODE_OK;
}

/* RFC 1661 2, 6.5: protocols are odd, their first byte is even and left out when it is 0. */
enum decode_status decode_link_ppp(struct decode_cursor *cursor, struct packet *packet,
                                   uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, 2);
	uint16_t protocol;

	if (header != NULL && header[0] == 0xff && header[1] == 0x03) {
		cursor->offset += 2; /* RFC 1662 3.1: address and control */
		header = decode_fetch(cursor, 2);
	}
	if (header == NULL)
		return decode_short(cursor, 2, packet);
	if (header[0] & 1) {
		protocol = header[0];
		cursor->offset += 1;
	} else {
		protocol = decode_be16(header);
		cursor->offset += 2;
	}
	if (protocol == PPP_IPV4)
		*ether_type = DECODE_ETHER_IPV4;
	else if (protocol == PPP_IPV6)
		*ether_type = DECODE_ETHER_IPV6;
	else if (protocol == PPP_MPLS || protocol == PPP_MPLS_MULTICAST)
		return decode_encapsulation_mpls(cursor, packet, ether_type);
	else
		return DECODE_UNSUPPORTED;
	return DECODE_OK;
}

/* RFC 2516 4 */
static enum decode_status decode_pppoe(struct decode_cursor *cursor, struct packet *packet,
                                       uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, PPPOE_SIZE);

	if (header == NULL)
		return decode_short(cursor, PPPOE_SIZE, packet);
	if (header[0] != 0x11 || header[1] != 0)
		return DECODE_UNSUPPORTED;
	decode_set_tunnel(packet, PACKET_PPPOE, decode_be16(header + 2));
	cursor->offset += PPPOE_SIZE;
	return decode_link_ppp(cursor, packet, ether_type);
}

enum decode_status decode_link_ether_type(struct decode_cursor *cursor, struct packet *packet,
                                          uint16_t *ether_type)
{
	enum decode_status status = DECODE_OK;

	while (status == DECODE_OK) {
		switch (packet->ether_type) {
		case DECODE_ETHER_VLAN:
		case DECODE_ETHER_SERVICE:
		case DECODE_ETHER_QINQ:
			status = skip_vlan(cursor, packet);
			break;
		case ETHER_MPLS:
		case ETHER_MPLS_UP:
			return decode_encapsulation_mpls(cursor, packet, ether_type);
		case ETHER_PPPOE:
			return decode_pppoe(cursor, packet, ether_type);
		default:
			if (packet->ether_type > ETHER_LENGTH_MAX) {
				*ether_type = packet->ether_type;
				return DECODE_OK;
			}
			status = skip_snap(cursor, packet);
		}
	}
	return status;
}

enum decode_status decode_link_snap(struct decode_cursor *cursor, struct packet *packet,
                                    uint16_t *ether_type)
{
	enum decode_status status = skip_snap(cursor, packet);

	return status == DECODE_OK ? decode_link_ether_type(cursor, packet, ether_type) : status;
}

static enum decode_status decode_ethernet(struct decode_cursor *cursor, struct packet *packet,
                                          uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, ETHERNET_SIZE);

	if (header == NULL)
		return decode_short(cursor, ETHERNET_SIZE, packet);
	memcpy(packet->destination_mac, header, 6);
	memcpy(packet->source_mac, header + 6, 6);
	packet->has_mac = packet->has_destination_mac = true;
	packet->ether_type = decode_be16(header + 12);
	cursor->offset += ETHERNET_SIZE;
	return decode_link_ether_type(cursor, packet, ether_type);
}

/*
 * BSD loopback: an address family, in network order (LOOP) or in the order of
 * the machine that captured (NULL). Families are small, so the order shows.
 */
static enum decode_status decode_family(struct decode_cursor *cursor, bool any_order,
                                        struct packet *packet, uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, 4);
	uint32_t family;

	if (header == NULL)
		return decode_short(cursor, 4, packet);
	family = decode_be32(header);
	if (any_order && family > UINT16_MAX)
		family = __builtin_bswap32(family);
	cursor->offset += 4;
	switch (family) {
	case 2:
		*ether_type = DECODE_ETHER_IPV4;
		return DECODE_OK;
	case 10: /* AF_INET6 on Linux, */
	case 23: /* Windows, */
	case 24: /* NetBSD, OpenBSD, */
	case 28: /* FreeBSD, */
	case 30: /* and macOS */
		*ether_type = DECODE_ETHER_IPV6;
		return DECODE_OK;
	default:
		return DECODE_UNSUPPORTED;
	}
}

static enum decode_status decode_raw(const struct decode_cursor *cursor,
                                     const struct packet *packet, uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, 1);

	if (header == NULL)
		return decode_short(cursor, 1, packet);
	switch (header[0] >> 4) {
	case 4:
		*ether_type = DECODE_ETHER_IPV4;
		return DECODE_OK;
	case 6:
		*ether_type = DECODE_ETHER_IPV6;
		return DECODE_OK;
	default:
		return DECODE_MALFORMED;
	}
}

enum decode_status decode_link(struct decode_cursor *cursor, int link_type, struct packet *packet,
                               uint16_t *ether_type)
{
	switch (link_type) {
	case DECODE_LINK_ETHERNET:
		return decode_ethernet(cursor, packet, ether_type);
	case DECODE_LINK_SLL:
		return decode_cooked_sll(cursor, packet, ether_type);
	case DECODE_LINK_SLL2:
		return decode_cooked_sll2(cursor, packet, ether_type);
	case DECODE_LINK_NULL:
		return decode_family(cursor, true, packet, ether_type);
	case DECODE_LINK_LOOP:
		return decode_family(cursor, false, packet, ether_type);
	case DECODE_LINK_PPP:
		return decode_link_ppp(cursor, packet, ether_type);
	case DECODE_LINK_RAW:
	case DECODE_LINK_RAW_OPENBSD:
	case LINK_RAW_FILE:
	case DECODE_LINK_IPV4:
	case DECODE_LINK_IPV6:
		return decode_raw(cursor, packet, ether_type);
	default:
		return decode_encapsulation(cursor, link_type, packet, ether_type);
	}
}
