/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "decode/decode_tunnel.h"

#include "decode/decode.h"
#include "decode/decode_parts.h"

#define ETHER_TRANSPARENT 0x6558 /* Ethernet bridging: a whole frame */
#define ETHER_ERSPAN      0x88be /* type I without a header, and II */
#define ETHER_ERSPAN_III  0x22eb

/* What a tunnel's header says. */
struct header {
	enum packet_tunnel type;
	bool has_id;
	bool is_frame;       /* Ethernet follows; otherwise what ether_type says, */
	bool is_ppp;         /* or PPP */
	uint16_t ether_type; /* DECODE_ETHER_NONE: by the first half byte that follows */
	uint32_t id;
};

/* Steps over size bytes; NULL: they are not there. */
static const uint8_t *take(struct decode_cursor *cursor, size_t size)
{
	const uint8_t *bytes = decode_fetch(cursor, size);

	if (bytes)
		cursor->offset += size;
	return bytes;
}

/* draft-foschiano-erspan: II and III begin with the version. */
static bool read_erspan(struct decode_cursor *cursor, bool third, struct header *header)
{
	const uint8_t *bytes = take(cursor, third ? 12 : 8);

	if (!bytes || bytes[0] >> 4 != (third ? 2 : 1))
		return false;
	header->id = decode_be16(bytes + 2) & 0x3ff;
	header->has_id = true;
	/* Its frame type, and whether another header of 8 bytes follows. */
	if (third &&
	    ((decode_be16(bytes + 10) >> 10 & 0x1f) != 0 || (bytes[11] & 1 && !take(cursor, 8))))
		return false;
	return true;
}

/* RFC 2784 2, RFC 2890 2: a checksum, a key and a number may follow the first four bytes. */
static bool read_gre(struct decode_cursor *cursor, struct header *header)
{
	const uint8_t *bytes = take(cursor, 4), *optional;
	bool sequenced;

	/* No source routes (RFC 1701), and version 0: 1 is PPTP's. */
	if (!bytes || bytes[0] & 0x4f || bytes[1] & 0x07)
		return false;
	sequenced = bytes[0] & 0x10;
	if (bytes[0] & 0x80 && !take(cursor, 4))
		return false;
	if (bytes[0] & 0x20) {
		optional = take(cursor, 4);
		if (!optional)
			return false;
		header->id = decode_be32(optional);
		header->has_id = true;
	}
	if (sequenced && !take(cursor, 4))
		return false;
	header->ether_type = decode_be16(bytes + 2);
	switch (header->ether_type) {
	case ETHER_ERSPAN:
	case ETHER_ERSPAN_III:
		header->type = PACKET_ERSPAN;
		header->is_frame = true;
		return !sequenced ||
		       read_erspan(cursor, header->ether_type == ETHER_ERSPAN_III, header);
	case ETHER_TRANSPARENT:
		header->is_frame = true;
		return true;
	default:
		return header->ether_type >= DECODE_ETHER_TYPE_MIN;
	}
}

/*
 * RFC 7348 5; with the highest bit draft-smith-vxlan-group-policy, as Linux sends it; with that of
 * the next protocol draft-ietf-nvo3-vxlan-gpe.
 */
static bool read_vxlan(struct decode_cursor *cursor, struct header *header)
{
	static const uint16_t nexts[] = { DECODE_ETHER_NONE, DECODE_ETHER_IPV4, DECODE_ETHER_IPV6 };
	const uint8_t *bytes = take(cursor, 8);
	uint32_t flags;

	if (!bytes || bytes[7] != 0)
		return false;
	header->id = decode_be32(bytes + 4) >> 8;
	header->has_id = true;
	header->is_frame = true;
	flags = decode_be32(bytes);
	if (flags == 0x08000000 || flags == 0x0c000003 || (flags & 0xffb70000) == 0x88000000)
		return true;
	if (flags != 0x0c000001 && flags != 0x0c000002)
		return false;
	header->is_frame = false;
	header->ether_type = nexts[flags & 3];
	return true;
}

/* RFC 8926 3.4: no control packet; options may be critical. */
static bool read_geneve(struct decode_cursor *cursor, struct header *header)
{
	const uint8_t *bytes = take(cursor, 8);

	if (!bytes || bytes[0] >> 6 != 0 || bytes[1] & 0xbf || bytes[7] != 0 ||
	    !take(cursor, 4 * (size_t)(bytes[0] & 0x3f)))
		return false;
	header->id = decode_be32(bytes + 4) >> 8;
	header->has_id = true;
	header->ether_type = decode_be16(bytes + 2);
	header->is_frame = header->ether_type == ETHER_TRANSPARENT;
	return header->is_frame || header->ether_type == DECODE_ETHER_IPV4 ||
	       header->ether_type == DECODE_ETHER_IPV6;
}

/* TS 29.281 5.1, 5.2: a packet of a user, behind extension headers. */
static bool read_gtp(struct decode_cursor *cursor, struct header *header)
{
	const uint8_t *bytes = take(cursor, 8), *optional;
	uint8_t next;

	if (!bytes || (bytes[0] & 0xf8) != 0x30 || bytes[1] != 0xff ||
	    decode_be16(bytes + 2) != decode_remaining(cursor))
		return false;
	header->id = decode_be32(bytes + 4);
	header->has_id = true;
	if (!(bytes[0] & 0x07))
		return true;
	optional = take(cursor, 4);
	if (!optional)
		return false;
	next = bytes[0] & 0x04 ? optional[3] : 0;
	while (next != 0 && cursor->headers-- > 0) {
		optional = decode_fetch(cursor, 1);
		if (!optional || optional[0] == 0)
			return false;
		optional = take(cursor, 4 * (size_t)optional[0]);
		if (!optional)
			return false;
		next = optional[4 * (size_t)optional[0] - 1];
	}
	return next == 0;
}

/* RFC 2661 3.1: no control message; length, numbers and padding may be there. */
static bool read_l2tp(struct decode_cursor *cursor, struct header *header)
{
	uint32_t size = decode_remaining(cursor);
	const uint8_t *bytes = take(cursor, 2), *optional;
	uint16_t flags;

	if (!bytes)
		return false;
	flags = decode_be16(bytes);
	if ((flags & 0xb4ff) != 0x0002)
		return false;
	if (flags & 0x4000 && (!(optional = take(cursor, 2)) || decode_be16(optional) != size))
		return false;
	bytes = take(cursor, 4);
	if (!bytes || (flags & 0x0800 && !take(cursor, 4)))
		return false;
	if (flags & 0x0200 &&
	    (!(optional = take(cursor, 2)) || !take(cursor, decode_be16(optional))))
		return false;
	header->id = decode_be16(bytes + 2);
	header->has_id = true;
	header->is_ppp = true;
	return true;
}

static bool read_header(struct decode_cursor *cursor, struct header *header)
{
	switch (header->type) {
	case PACKET_IPIP:
	case PACKET_4IN6:
		header->ether_type = DECODE_ETHER_IPV4;
		return true;
	case PACKET_6IN4:
	case PACKET_6IN6:
		header->ether_type = DECODE_ETHER_IPV6;
		return true;
	case PACKET_GRE:
		return read_gre(cursor, header);
	case PACKET_VXLAN:
		return read_vxlan(cursor, header);
	case PACKET_GENEVE:
		return read_geneve(cursor, header);
	case PACKET_GTP:
		return read_gtp(cursor, header);
	case PACKET_L2TP:
		return read_l2tp(cursor, header);
	default:
		return false;
	}
}

static enum decode_status decode_link_of(struct decode_cursor *cursor, const struct header *header,
                                         struct packet *inner, uint16_t *ether_type)
{
	if (header->is_frame)
		return decode_link(cursor, DECODE_LINK_ETHERNET, inner, ether_type);
	if (header->is_ppp)
		return decode_link_ppp(cursor, inner, ether_type);
	if (header->ether_type == DECODE_ETHER_NONE)
		return decode_link(cursor, DECODE_LINK_RAW, inner, ether_type);
	inner->ether_type = header->ether_type;
	return decode_link_ether_type(cursor, inner, ether_type);
}

/* False: there is no IP or ARP header, or one that contradicts what it is in. */
static bool decode_layers(struct decode_cursor *cursor, const struct header *header,
                          struct packet *inner)
{
	size_t end = cursor->end;
	uint16_t ether_type = DECODE_ETHER_NONE;
	enum decode_status status = decode_link_of(cursor, header, inner, &ether_type);

	if (status != DECODE_OK)
		return false;
	status = decode_network(cursor, ether_type, inner);
	if (inner->network == PACKET_ARP) {
		inner->status = status;
		return status == DECODE_OK;
	}
	if (inner->ip_length == 0 || cursor->end > end)
		return false;
	inner->status = status == DECODE_OK ? decode_transport(cursor, inner) : status;
	return true;
}

/* What it has of the frame that it was captured in. */
static void take_frame(struct packet *inner, const struct packet *packet)
{
	*inner = (struct packet){
		.time_ns = packet->time_ns,
		.number = packet->number,
		.length = packet->length,
		.captured = packet->captured,
		.cooked = packet->cooked,
		.netns = packet->netns,
		.ifindex = packet->ifindex,
		.interface = packet->interface,
		.link_type = packet->link_type,
		.direction = packet->direction,
	};
}

bool decode_tunnel(const struct packet *packet, const uint8_t *bytes, struct packet *inner)
{
	struct header header = { .type = decode_tunnel_of(packet) };
	struct decode_cursor cursor = {
		.bytes = bytes,
		.offset = packet->payload_offset,
		.limit = packet->payload_offset + packet_payload_captured(packet),
		.end = packet->payload_offset + packet->payload,
		.wire = packet->payload_offset + packet->payload,
		.headers = DECODE_HEADERS_MAX,
	};

	if (header.type == PACKET_NO_TUNNEL || packet->status != DECODE_OK || packet->is_fragment ||
	    packet_payload_captured(packet) == 0)
		return false;
	take_frame(inner, packet);
	if (!read_header(&cursor, &header) || !decode_layers(&cursor, &header, inner))
		return false;
	inner->tunnel_depth = (uint8_t)(inner->tunnel_depth + packet->tunnel_depth + 1);
	inner->tunnel = header.type;
	inner->tunnel_id = header.id;
	inner->has_tunnel_id = header.has_id;
	return true;
}
