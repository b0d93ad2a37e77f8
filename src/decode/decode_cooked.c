/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Linux cooked headers (SLL, SLL2), which stand for the link header of the interface. */
#include <string.h>

#include "decode/decode.h"
#include "decode/decode_parts.h"

#define SLL_SIZE      16
#define SLL2_SIZE     20
#define ETHERNET_SIZE 14
#define TAG_SIZE      4
#define IPV4_SIZE     20
#define IPV6_SIZE     40

#define SLL_PROTOCOL_802_2 4

/* linux/if_arp.h */
#define ARPHRD_ETHER       1
#define ARPHRD_EETHER      2
#define ARPHRD_IEEE802     6
#define ARPHRD_FRAME_RELAY 770
#define ARPHRD_LOOPBACK    772
#define ARPHRD_RADIOTAP    803
#define ARPHRD_NETLINK     824

#define TAG_ID 0x0fff

/* linux/if_packet.h, PACKET_HOST and so on */
static enum packet_direction sll_direction(unsigned packet_type)
{
	switch (packet_type) {
	case 0: /* host */
	case 1: /* broadcast */
	case 2: /* multicast */
		return PACKET_INGRESS;
	case 3:
		return PACKET_OTHERHOST;
	case 4:
		return PACKET_EGRESS;
	default:
		return PACKET_DIRECTION_UNKNOWN;
	}
}

/* The length of the link header that was on the wire; tunnels have none. */
static int32_t hardware_header_size(unsigned hardware)
{
	switch (hardware) {
	case ARPHRD_ETHER:
	case ARPHRD_EETHER:
	case ARPHRD_IEEE802:
	case ARPHRD_LOOPBACK:
		return ETHERNET_SIZE;
	default:
		return 0;
	}
}

static bool is_tag_type(uint16_t type)
{
	return type == DECODE_ETHER_VLAN || type == DECODE_ETHER_SERVICE ||
	       type == DECODE_ETHER_QINQ;
}

/* Do the bytes at the cursor look like a header of this protocol? Without knowing better: yes. */
static bool begins_with(const struct decode_cursor *cursor, uint16_t protocol)
{
	const uint8_t *header = decode_fetch(cursor, IPV4_SIZE);
	size_t remaining = cursor->wire - cursor->offset;

	if (header == NULL)
		return true;
	switch (protocol) {
	case DECODE_ETHER_IPV4:
		return header[0] >> 4 == 4 && (header[0] & 0x0f) >= 5 &&
		       decode_be16(header + 2) <= remaining;
	case DECODE_ETHER_IPV6:
		return header[0] >> 4 == 6 &&
		       (size_t)decode_be16(header + 4) + IPV6_SIZE <= remaining;
	case DECODE_ETHER_ARP:
		return decode_be16(header + 2) == DECODE_ETHER_IPV4;
	default:
		return true;
	}
}

/* Too little is captured to know what begins at the cursor: it may be a tag. */
static bool is_cut(const struct decode_cursor *cursor)
{
	return decode_fetch(cursor, IPV4_SIZE) == NULL &&
	       cursor->wire - cursor->offset >= IPV4_SIZE;
}

static void keep_tag(uint16_t control, struct packet *packet)
{
	if (packet->vlan_count < PACKET_VLANS_MAX)
		packet->vlans[packet->vlan_count++] = control & TAG_ID;
}

/*
 * The kernel (since 6.10) names the innermost protocol although further tags may stand
 * before it. The first of a packet that leaves without offload is the one that it also
 * delivers beside the packet.
 */
static enum decode_status skip_inner_tags(struct decode_cursor *cursor, uint16_t protocol,
                                          struct packet *packet)
{
	bool first = true;

	while (cursor->headers > 0 && !begins_with(cursor, protocol)) {
		const uint8_t *tag = decode_fetch(cursor, TAG_SIZE);
		uint16_t type = decode_be16(tag + 2);

		if (type != protocol && !is_tag_type(type))
			return DECODE_OK;
		cursor->headers--;
		cursor->offset += TAG_SIZE;
		if (first && packet->direction == PACKET_EGRESS &&
		    decode_be16(tag) == cursor->tag->control)
			packet->cooked += TAG_SIZE; /* among the bytes, after all */
		else
			keep_tag(decode_be16(tag), packet);
		first = false;
	}
	return is_cut(cursor) ? DECODE_TRUNCATED : DECODE_OK;
}

static enum decode_status take_tag(struct decode_cursor *cursor, uint16_t protocol,
                                   struct packet *packet)
{
	keep_tag(cursor->tag->control, packet);
	packet->cooked -= TAG_SIZE;
	return skip_inner_tags(cursor, protocol, packet);
}

static enum decode_status follow_cooked(struct decode_cursor *cursor, unsigned hardware,
                                        uint16_t protocol, struct packet *packet,
                                        uint16_t *ether_type)
{
	packet->cooked = (int32_t)cursor->offset - hardware_header_size(hardware);
	if (hardware == ARPHRD_NETLINK || hardware == ARPHRD_RADIOTAP ||
	    hardware == ARPHRD_FRAME_RELAY)
		return DECODE_UNSUPPORTED;
	if (cursor->tag != NULL && cursor->tag->present &&
	    take_tag(cursor, protocol, packet) != DECODE_OK)
		return DECODE_TRUNCATED;
	packet->ether_type = protocol;
	if (protocol >= DECODE_ETHER_TYPE_MIN)
		return decode_link_ether_type(cursor, packet, ether_type);
	if (protocol != SLL_PROTOCOL_802_2)
		return DECODE_UNSUPPORTED;
	return decode_link_snap(cursor, packet, ether_type);
}

static void take_address(unsigned size, const uint8_t *address, struct packet *packet)
{
	if (size == sizeof(packet->source_mac)) {
		memcpy(packet->source_mac, address, sizeof(packet->source_mac));
		packet->has_mac = true;
	}
}

/* https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL.html */
enum decode_status decode_cooked_sll(struct decode_cursor *cursor, struct packet *packet,
                                     uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, SLL_SIZE);

	if (header == NULL)
		return decode_short(cursor, SLL_SIZE, packet);
	packet->direction = sll_direction(decode_be16(header));
	packet->is_broadcast = decode_be16(header) == 1;
	take_address(decode_be16(header + 4), header + 6, packet);
	cursor->offset += SLL_SIZE;
	return follow_cooked(cursor, decode_be16(header + 2), decode_be16(header + 14), packet,
	                     ether_type);
}

/* https://www.tcpdump.org/linktypes/LINKTYPE_LINUX_SLL2.html */
enum decode_status decode_cooked_sll2(struct decode_cursor *cursor, struct packet *packet,
                                      uint16_t *ether_type)
{
	const uint8_t *header = decode_fetch(cursor, SLL2_SIZE);

	if (header == NULL)
		return decode_short(cursor, SLL2_SIZE, packet);
	packet->ifindex = decode_be32(header + 4);
	packet->direction = sll_direction(header[10]);
	packet->is_broadcast = header[10] == 1;
	take_address(header[11], header + 12, packet);
	cursor->offset += SLL2_SIZE;
	return follow_cooked(cursor, decode_be16(header + 8), decode_be16(header), packet,
	                     ether_type);
}
