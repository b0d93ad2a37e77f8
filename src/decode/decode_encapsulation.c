/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Link types of serial lines, of radio and of captures that say more than the frame. */
#include <string.h>

#include "base/bytes.h"
#include "decode/decode.h"
#include "decode/decode_parts.h"

#define MPLS_SIZE     4
#define CHDLC_SIZE    4
#define SNAP_PID_SIZE 5
#define NFLOG_SIZE    4
#define TLV_SIZE      4
#define RADIOTAP_SIZE 8
#define WLAN_SIZE     24
#define PKTAP_MIN     108
#define PKTAP_FLAGS   36 /* after length, record type, link type and 24 bytes of a name */

/* RFC 3032 2.1: labels up to the bottom of the stack; what follows says itself what it is. */
enum decode_status decode_encapsulation_mpls(struct decode_cursor *cursor, struct packet *packet,
                                             uint16_t *ether_type)
{
	const uint8_t *label;
	bool bottom = false;

	while (!bottom) {
		label = decode_fetch(cursor, MPLS_SIZE);
		if (label == NULL)
			return decode_short(cursor, MPLS_SIZE, packet);
		if (cursor->headers == 0)
			return DECODE_UNSUPPORTED;
		cursor->headers--;
		cursor->offset += MPLS_SIZE;
		bottom = label[2] & 1;
	}
	decode_set_tunnel(packet, PACKET_MPLS, decode_be32(label) >> 12);
	label = decode_fetch(cursor, 1);
	if (label == NULL)
		return decode_short(cursor, 1, packet);
	switch (label[0] >> 4) {
	case 4:
		*ether_type = DECODE_ETHER_IPV4;
		return DECODE_OK;
	case 6:
		*ether_type = DECODE_ETHER_IPV6;
		return DECODE_OK;
	default: /* a pseudowire (RFC 4385) */
		return DECODE_UNSUPPORTED;
	}
}

/* Address, control, EtherType. */
static enum decode_status decode_chdlc(struct decode_cursor *cursor, struct packet *packet,
                                       uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, CHDLC_SIZE);

	if (header == NULL)
		return decode_short(cursor, CHDLC_SIZE, packet);
	packet->ether_type = decode_be16(header + 2);
	cursor->offset += CHDLC_SIZE;
	if (packet->ether_type < DECODE_ETHER_TYPE_MIN)
		return DECODE_UNSUPPORTED;
	return decode_link_ether_type(cursor, packet, ether_type);
}

/* RFC 1662, or the same line with Cisco's HDLC: the first byte differs. */
static enum decode_status decode_ppp_serial(struct decode_cursor *cursor, struct packet *packet,
                                            uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, 1);

	if (header == NULL)
		return decode_short(cursor, 1, packet);
	if (header[0] == 0x0f || header[0] == 0x8f) /* unicast, multicast */
		return decode_chdlc(cursor, packet, ether_type);
	return decode_link_ppp(cursor, packet, ether_type);
}

/* RFC 2427: OUI and protocol identifier behind NLPID 0x80. */
static enum decode_status decode_frelay_snap(struct decode_cursor *cursor, struct packet *packet,
                                             uint16_t *ether_type)
{
	static const uint8_t ether_types[3];
	const uint8_t *header = decode_fetch(cursor, SNAP_PID_SIZE);

	if (header == NULL)
		return decode_short(cursor, SNAP_PID_SIZE, packet);
	if (memcmp(header, ether_types, sizeof(ether_types)) != 0)
		return DECODE_UNSUPPORTED;
	packet->ether_type = decode_be16(header + 3);
	cursor->offset += SNAP_PID_SIZE;
	if (packet->ether_type < DECODE_ETHER_TYPE_MIN)
		return DECODE_UNSUPPORTED;
	return decode_link_ether_type(cursor, packet, ether_type);
}

/* Q.922: the last byte of an address, of two to four, has its lowest bit set. */
static enum decode_status skip_q922(struct decode_cursor *cursor, const struct packet *packet)
{
	for (size_t size = 2; size <= 4; size++) {
		const uint8_t *address = decode_fetch(cursor, size);

		if (address == NULL)
			return decode_short(cursor, size, packet);
		if (address[size - 1] & 1) {
			cursor->offset += size;
			return DECODE_OK;
		}
	}
	return DECODE_MALFORMED;
}

static enum decode_status decode_frelay(struct decode_cursor *cursor, struct packet *packet,
                                        uint16_t *ether_type)
{
	enum decode_status status = skip_q922(cursor, packet);
	const uint8_t *header;

	if (status != DECODE_OK)
		return status;
	header = decode_fetch(cursor, 2);
	if (header == NULL)
		return decode_short(cursor, 2, packet);
	if (header[0] != 0x03) { /* no unnumbered information: Cisco's way, an EtherType */
		packet->ether_type = decode_be16(header);
		cursor->offset += 2;
		return packet->ether_type < DECODE_ETHER_TYPE_MIN
		               ? DECODE_UNSUPPORTED
		               : decode_link_ether_type(cursor, packet, ether_type);
	}
	cursor->offset += header[1] == 0 ? 2 : 1; /* a byte of padding */
	header = decode_fetch(cursor, 1);
	if (header == NULL)
		return decode_short(cursor, 1, packet);
	cursor->offset += 1;
	switch (header[0]) {
	case 0xcc:
		*ether_type = DECODE_ETHER_IPV4;
		return DECODE_OK;
	case 0x8e:
		*ether_type = DECODE_ETHER_IPV6;
		return DECODE_OK;
	case 0x80:
		return decode_frelay_snap(cursor, packet, ether_type);
	default:
		return DECODE_UNSUPPORTED;
	}
}

/* linux/netfilter/nfnetlink_log.h, linux/netfilter.h */
enum { NFLOG_PACKET = 1, NFLOG_INDEV = 4, NFLOG_OUTDEV = 5, NFLOG_PAYLOAD = 9 };

static enum packet_direction hook_direction(uint8_t hook)
{
	switch (hook) {
	case 0: /* prerouting */
	case 1: /* local in */
		return PACKET_INGRESS;
	case 2: /* forward */
		return PACKET_OTHERHOST;
	case 3: /* local out */
	case 4: /* postrouting */
		return PACKET_EGRESS;
	default:
		return PACKET_DIRECTION_UNKNOWN;
	}
}

static void take_tlv(uint16_t type, const uint8_t *value, size_t size, struct packet *packet)
{
	if (size < 4)
		return;
	if (type == NFLOG_PACKET)
		packet->direction = hook_direction(value[2]);
	else if (type == NFLOG_INDEV || type == NFLOG_OUTDEV)
		packet->ifindex = decode_be32(value);
}

/* Lengths and types are in the order of the machine that captured; libpcap has made it ours. */
static enum decode_status decode_nflog(struct decode_cursor *cursor, struct packet *packet,
                                       uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, NFLOG_SIZE);

	if (header == NULL)
		return decode_short(cursor, NFLOG_SIZE, packet);
	if (header[1] != 0)
		return DECODE_UNSUPPORTED;
	if (header[0] != 2 && header[0] != 10) /* AF_INET, AF_INET6 */
		return DECODE_UNSUPPORTED;
	*ether_type = header[0] == 2 ? DECODE_ETHER_IPV4 : DECODE_ETHER_IPV6;
	cursor->offset += NFLOG_SIZE;
	while (cursor->headers-- > 0) {
		const uint8_t *tlv = decode_fetch(cursor, TLV_SIZE);
		size_t size, padded;
		uint16_t type;

		if (tlv == NULL)
			return decode_short(cursor, TLV_SIZE, packet);
		size = bytes_native16(tlv);
		type = bytes_native16(tlv + 2);
		padded = (size + 3) & ~(size_t)3;
		if (size < TLV_SIZE)
			return DECODE_MALFORMED;
		if (type == NFLOG_PAYLOAD) {
			cursor->offset += TLV_SIZE;
			cursor->headers++;
			return DECODE_OK;
		}
		if (decode_fetch(cursor, padded) == NULL)
			return decode_short(cursor, padded, packet);
		take_tlv(type, tlv + TLV_SIZE, size - TLV_SIZE, packet);
		cursor->offset += padded;
	}
	cursor->headers = 0;
	return DECODE_UNSUPPORTED;
}

/* IEEE 802.11-2020 9.2.4.1 */
#define WLAN_TYPE_DATA 0x08
#define WLAN_TYPE_MASK 0x0c
#define WLAN_NO_DATA   0x40 /* of the subtype */
#define WLAN_QOS       0x80
#define WLAN_TO_DS     0x01
#define WLAN_FROM_DS   0x02
#define WLAN_PROTECTED 0x40
#define WLAN_ORDER     0x80
#define QOS_AMSDU      0x80

static void take_wlan_addresses(const uint8_t *header, struct packet *packet)
{
	/* By ToDS and FromDS: where the destination and the source stand. */
	static const uint8_t destination[4] = { 4, 16, 4, 16 }, source[4] = { 10, 10, 16, 24 };
	unsigned ways = header[1] & (WLAN_TO_DS | WLAN_FROM_DS);

	memcpy(packet->destination_mac, header + destination[ways], 6);
	memcpy(packet->source_mac, header + source[ways], 6);
	packet->has_mac = packet->has_destination_mac = true;
}

static enum decode_status decode_wlan(struct decode_cursor *cursor, struct packet *packet,
                                      uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, WLAN_SIZE);
	size_t size = WLAN_SIZE;

	if (header == NULL)
		return decode_short(cursor, WLAN_SIZE, packet);
	if ((header[0] & WLAN_TYPE_MASK) != WLAN_TYPE_DATA || header[0] & WLAN_NO_DATA ||
	    header[1] & WLAN_PROTECTED)
		return DECODE_UNSUPPORTED;
	if ((header[1] & (WLAN_TO_DS | WLAN_FROM_DS)) == (WLAN_TO_DS | WLAN_FROM_DS))
		size += 6;
	if (header[0] & WLAN_QOS)
		size += header[1] & WLAN_ORDER ? 6 : 2;
	header = decode_fetch(cursor, size);
	if (header == NULL)
		return decode_short(cursor, size, packet);
	if (header[0] & WLAN_QOS && header[size - (header[1] & WLAN_ORDER ? 6 : 2)] & QOS_AMSDU)
		return DECODE_UNSUPPORTED;
	take_wlan_addresses(header, packet);
	cursor->offset += size;
	return decode_link_snap(cursor, packet, ether_type);
}

/* https://www.radiotap.org/: version, padding, length of it all. */
static enum decode_status decode_radiotap(struct decode_cursor *cursor, struct packet *packet,
                                          uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, RADIOTAP_SIZE);
	size_t size;

	if (header == NULL)
		return decode_short(cursor, RADIOTAP_SIZE, packet);
	size = header[2] | (size_t)header[3] << 8;
	if (header[0] != 0)
		return DECODE_UNSUPPORTED;
	if (size < RADIOTAP_SIZE)
		return DECODE_MALFORMED;
	if (decode_fetch(cursor, size) == NULL)
		return decode_short(cursor, size, packet);
	cursor->offset += size;
	return decode_wlan(cursor, packet, ether_type);
}

/* Apple's bsd/net/pktap.h: little-endian; the frame follows with a link type of its own. */
static enum decode_status decode_pktap(struct decode_cursor *cursor, struct packet *packet,
                                       uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, PKTAP_MIN);
	uint32_t size, link_type, flags;

	if (header == NULL)
		return decode_short(cursor, PKTAP_MIN, packet);
	size = bytes_little32(header);
	link_type = bytes_little32(header + 8);
	flags = bytes_little32(header + PKTAP_FLAGS);
	if (size < PKTAP_MIN)
		return DECODE_MALFORMED;
	if (bytes_little32(header + 4) != 1 || link_type == DECODE_LINK_PKTAP ||
	    link_type == DECODE_LINK_PKTAP_OLD || link_type > INT32_MAX)
		return DECODE_UNSUPPORTED;
	if (decode_fetch(cursor, size) == NULL)
		return decode_short(cursor, size, packet);
	cursor->offset += size;
	packet->cooked = (int32_t)size;
	if (flags & 3)
		packet->direction = flags & 1 ? PACKET_INGRESS : PACKET_EGRESS;
	return decode_link(cursor, (int)link_type, packet, ether_type);
}

enum decode_status decode_encapsulation(struct decode_cursor *cursor, int link_type,
                                        struct packet *packet, uint16_t *ether_type)
{
	switch (link_type) {
	case DECODE_LINK_PPP_SERIAL:
		return decode_ppp_serial(cursor, packet, ether_type);
	case DECODE_LINK_CHDLC:
		return decode_chdlc(cursor, packet, ether_type);
	case DECODE_LINK_FRELAY:
		return decode_frelay(cursor, packet, ether_type);
	case DECODE_LINK_WLAN:
		return decode_wlan(cursor, packet, ether_type);
	case DECODE_LINK_RADIOTAP:
		return decode_radiotap(cursor, packet, ether_type);
	case DECODE_LINK_NFLOG:
		return decode_nflog(cursor, packet, ether_type);
	case DECODE_LINK_PKTAP:
	case DECODE_LINK_PKTAP_OLD:
		return decode_pktap(cursor, packet, ether_type);
	default:
		return DECODE_UNSUPPORTED;
	}
}
