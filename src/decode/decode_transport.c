/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* TCP, UDP, UDP-Lite, SCTP, DCCP, ICMP and ICMPv6 with the packet that an error message quotes. */
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "decode/decode_parts.h"

#define PORTS_SIZE 4
#define TCP_SIZE   20
#define UDP_SIZE   8
#define SCTP_SIZE  12
#define DCCP_SIZE  12 /* and four more with long sequence numbers */
#define ICMP_SIZE  8
#define ICMP_ID    4 /* where the identifier is */

#define CONTENT_WORDS 4 /* of 8 bytes: beyond the connection id of QUIC */

static bool read_ports(const struct decode_cursor *cursor, struct tuple *tuple)
{
	const uint8_t *header = decode_fetch(cursor, PORTS_SIZE);

	if (header == NULL)
		return false;
	tuple->source_port = decode_be16(header);
	tuple->destination_port = decode_be16(header + 2);
	return true;
}

/* The transport header has header_size bytes, and with its data size. */
static void set_payload(const struct decode_cursor *cursor, size_t header_size, size_t size,
                        struct packet *packet)
{
	if (size <= header_size)
		return;
	packet->payload = (uint32_t)(size - header_size);
	packet->payload_offset = (uint32_t)(cursor->offset + header_size);
}

/* A header of fixed size, then payload to the end of the datagram. */
static enum decode_status decode_fixed(const struct decode_cursor *cursor, size_t size,
                                       struct packet *packet)
{
	set_payload(cursor, size, decode_remaining(cursor), packet);
	return decode_fetch(cursor, size) != NULL ? DECODE_OK : decode_short(cursor, size, packet);
}

/* RFC 9293 3.1 */
static enum decode_status decode_tcp(const struct decode_cursor *cursor, struct packet *packet)
{
	const uint8_t *header = decode_fetch(cursor, TCP_SIZE);
	size_t size;

	if (header == NULL)
		return decode_short(cursor, TCP_SIZE, packet);
	packet->has_tcp = true;
	packet->tcp_sequence = decode_be32(header + 4);
	packet->tcp_acknowledgement = decode_be32(header + 8);
	packet->tcp_flags = header[13];
	packet->tcp_window = decode_be16(header + 14);
	size = 4 * (size_t)(header[12] >> 4);
	if (size < TCP_SIZE)
		return DECODE_MALFORMED;
	return decode_fixed(cursor, size, packet);
}

/* RFC 4340 5.1: the data begin at an offset that counts options and what the type adds. */
static enum decode_status decode_dccp(const struct decode_cursor *cursor, struct packet *packet)
{
	const uint8_t *header = decode_fetch(cursor, DCCP_SIZE);
	size_t size;

	if (header == NULL)
		return decode_short(cursor, DCCP_SIZE, packet);
	size = 4 * (size_t)header[4];
	if (size < (header[8] & 1 ? DCCP_SIZE + 4u : DCCP_SIZE))
		return DECODE_MALFORMED;
	return decode_fixed(cursor, size, packet);
}

/* RFC 768; length 0 is only for what does not fit into 16 bits (RFC 2675 4). */
static enum decode_status decode_udp(const struct decode_cursor *cursor, struct packet *packet)
{
	const uint8_t *header = decode_fetch(cursor, UDP_SIZE);
	size_t remaining = decode_remaining(cursor);
	size_t size;

	if (header == NULL)
		return decode_short(cursor, UDP_SIZE, packet);
	size = decode_be16(header + 4);
	if (size == 0 && remaining > UINT16_MAX)
		size = remaining;
	if (size < UDP_SIZE)
		return DECODE_MALFORMED;
	set_payload(cursor, UDP_SIZE, size < remaining ? size : remaining, packet);
	/* The length is that of the whole datagram also in its first fragment. */
	if (size > cursor->end - cursor->offset && !packet->is_fragment)
		return DECODE_MALFORMED;
	return DECODE_OK;
}

/* RFC 792, RFC 950, RFC 4443 4: messages with an identifier behind the checksum. */
static bool icmp_has_id(uint8_t protocol, uint8_t type)
{
	if (protocol == IPPROTO_ICMPV6)
		return type == 128 || type == 129;
	return type == 0 || type == 8 || (type >= 13 && type <= 18);
}

/* RFC 792, RFC 4443 3: messages about another packet, whose beginning they quote. */
static bool icmp_is_error(uint8_t protocol, uint8_t type)
{
	if (protocol == IPPROTO_ICMPV6)
		return type >= 1 && type <= 4;
	return (type >= 3 && type <= 5) || type == 11 || type == 12;
}

/*
 * The quoted packet, at the cursor. It may end anywhere; only a tuple with all
 * that its protocol has is kept, half of one would match the wrong socket.
 */
static enum decode_status decode_quoted(struct decode_cursor cursor, struct packet *packet)
{
	bool cut = cursor.limit < cursor.end;
	struct packet quoted = { 0 };
	enum decode_status status;

	if (packet->tuple.protocol == IPPROTO_ICMPV6)
		status = decode_network(&cursor, DECODE_ETHER_IPV6, &quoted);
	else
		status = decode_network(&cursor, DECODE_ETHER_IPV4, &quoted);
	if (status == DECODE_OK && inet_has_ports(quoted.tuple.protocol)) {
		if (quoted.is_later_fragment)
			return DECODE_OK;
		if (!read_ports(&cursor, &quoted.tuple))
			status = DECODE_TRUNCATED;
	}
	if (status == DECODE_OK) {
		packet->has_icmp_inner = true;
		packet->icmp_inner = quoted.tuple;
	}
	return status == DECODE_TRUNCATED && cut ? DECODE_TRUNCATED : DECODE_OK;
}

static enum decode_status decode_icmp(const struct decode_cursor *cursor, struct packet *packet)
{
	uint8_t protocol = packet->tuple.protocol;
	const uint8_t *header = decode_fetch(cursor, 2);
	struct decode_cursor quoted = *cursor;
	enum decode_status status;

	if (header == NULL)
		return decode_short(cursor, 2, packet);
	packet->has_icmp = true;
	packet->icmp_type = header[0];
	packet->icmp_code = header[1];
	if (icmp_has_id(protocol, header[0]) && decode_fetch(cursor, ICMP_ID + 2)) {
		packet->icmp_id = decode_be16(header + ICMP_ID);
		packet->has_icmp_id = true;
	}
	status = decode_fixed(cursor, ICMP_SIZE, packet);
	if (status != DECODE_OK)
		return status;
	if (!icmp_is_error(protocol, header[0]))
		return DECODE_OK;
	quoted.offset += ICMP_SIZE;
	return decode_quoted(quoted, packet);
}

/*
 * Datagrams of one flow that have no number, as of IPv6 and where fragments are not allowed
 * (RFC 6864), differ in what they carry. Checksums are left out: a device may fill them in later.
 */
static void mark_content(const struct decode_cursor *cursor, struct packet *packet)
{
	size_t from = packet->has_icmp ? cursor->offset + ICMP_ID : packet->payload_offset;
	uint64_t mark = 0;

	if (packet->has_tcp || packet->ip_id != 0 || from == 0)
		return;
	for (size_t i = 0; i < CONTENT_WORDS && from < cursor->limit; i++) {
		size_t left = cursor->limit - from;
		uint64_t word = 0;

		memcpy(&word, cursor->bytes + from, left < sizeof word ? left : sizeof word);
		mark = (mark ^ le64toh(word)) * UINT64_C(0x9e3779b97f4a7c15);
		mark ^= mark >> 32;
		from += sizeof word;
	}
	packet->content = (uint32_t)mark;
}

static enum decode_status decode_protocol(struct decode_cursor *cursor, struct packet *packet)
{
	if (packet->is_later_fragment)
		return decode_fixed(cursor, 0, packet);
	if (inet_has_ports(packet->tuple.protocol))
		packet->has_ports = read_ports(cursor, &packet->tuple);
	switch (packet->tuple.protocol) {
	case IPPROTO_TCP:
		return decode_tcp(cursor, packet);
	case IPPROTO_UDP:
		return decode_udp(cursor, packet);
	case IPPROTO_UDPLITE: /* RFC 3828: its length field is the coverage of the checksum */
		return decode_fixed(cursor, UDP_SIZE, packet);
	case IPPROTO_SCTP:
		return decode_fixed(cursor, SCTP_SIZE, packet);
	case IPPROTO_DCCP:
		return decode_dccp(cursor, packet);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return decode_icmp(cursor, packet);
	case IPPROTO_NONE: /* RFC 8200 4.7: whatever follows is to be ignored */
		return DECODE_OK;
	default:
		return decode_fixed(cursor, 0, packet);
	}
}

enum decode_status decode_transport(struct decode_cursor *cursor, struct packet *packet)
{
	enum decode_status status = decode_protocol(cursor, packet);

	mark_content(cursor, packet);
	return status;
}
