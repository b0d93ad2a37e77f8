/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pcapng_write.h"

#include "decode/decode.h"

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, STATISTICS = 5, PACKET = 6 };
#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define NANOSECONDS      9 /* 10^-9 s */
#define TEXT_MAX         4096

/* Options, by the block that they are of. */
enum { OPTION_END = 0, OPTION_COMMENT = 1 };
enum { SECTION_HARDWARE = 2, SECTION_OS = 3, SECTION_APPLICATION = 4 };
enum { INTERFACE_NAME = 2, INTERFACE_DESCRIPTION = 3, INTERFACE_RESOLUTION = 9 };
enum { PACKET_FLAGS = 2, PACKET_DROPS = 4, PACKET_ID = 5 };
enum {
	STATISTICS_START = 2,
	STATISTICS_END = 3,
	STATISTICS_RECEIVED = 4,
	STATISTICS_INTERFACE_DROPS = 5,
	STATISTICS_ACCEPTED = 6,
	STATISTICS_DROPS = 7,
	STATISTICS_DELIVERED = 8,
};

static void put_u16(struct buf *buf, uint16_t number)
{
	buf_append(buf, &number, sizeof number);
}

static void put_u32(struct buf *buf, uint32_t number)
{
	buf_append(buf, &number, sizeof number);
}

static void pad(struct buf *buf, size_t length)
{
	buf_append(buf, "\0\0\0", -length % 4);
}

/* Returns where the block begins. */
static size_t begin(struct buf *buf, uint32_t type)
{
	size_t at = buf->length;

	put_u32(buf, type);
	put_u32(buf, 0); /* the length comes with the end */
	return at;
}

static void end(struct buf *buf, size_t at)
{
	uint32_t length = (uint32_t)(buf->length - at) + 4;

	put_u32(buf, length);
	if (!buf->overflow)
		memcpy(buf->data + at + 4, &length, sizeof length);
}

static void put_option(struct buf *buf, uint16_t code, const void *value, size_t length)
{
	put_u16(buf, code);
	put_u16(buf, (uint16_t)length);
	buf_append(buf, value, length);
	pad(buf, length);
}

static void put_text(struct buf *buf, uint16_t code, const char *text)
{
	size_t length = text ? strnlen(text, TEXT_MAX) : 0;

	if (length > 0)
		put_option(buf, code, text, length);
}

static void put_number(struct buf *buf, uint16_t code, uint64_t number)
{
	put_option(buf, code, &number, sizeof number);
}

static void put_end(struct buf *buf)
{
	put_option(buf, OPTION_END, "", 0);
}

/* The upper half first, in either byte order. There is no time before 1970. */
static void put_time(struct buf *buf, int64_t time_ns)
{
	uint64_t time = time_ns > 0 ? (uint64_t)time_ns : 0;

	put_u32(buf, (uint32_t)(time >> 32));
	put_u32(buf, (uint32_t)time);
}

static void put_time_option(struct buf *buf, uint16_t code, int64_t time_ns)
{
	put_u16(buf, code);
	put_u16(buf, 8);
	put_time(buf, time_ns);
}

void pcapng_write_section(struct buf *buf, const struct pcapng_write_section *section)
{
	static const int64_t length_unknown = -1;
	size_t at = begin(buf, SECTION);

	put_u32(buf, BYTE_ORDER_MAGIC);
	put_u16(buf, 1); /* version 1.0 */
	put_u16(buf, 0);
	buf_append(buf, &length_unknown, sizeof length_unknown);
	put_text(buf, OPTION_COMMENT, section->comment);
	put_text(buf, SECTION_HARDWARE, section->hardware);
	put_text(buf, SECTION_OS, section->os);
	put_text(buf, SECTION_APPLICATION, section->application);
	put_end(buf);
	end(buf, at);
}

/* Files have other numbers for some than libpcap's API on Linux. */
static uint16_t stored_link_type(int link_type)
{
	switch (link_type) {
	case 11: /* ATM_RFC1483 */
		return 100;
	case DECODE_LINK_RAW:
	case DECODE_LINK_RAW_OPENBSD:
		return 101;
	case 15: /* SLIP_BSDOS */
		return 102;
	case 16: /* PPP_BSDOS */
		return 103;
	case 19: /* ATM_CLIP */
		return 106;
	default:
		return (uint16_t)link_type;
	}
}

void pcapng_write_interface(struct buf *buf, const struct pcapng_write_interface *interface)
{
	static const uint8_t resolution = NANOSECONDS;
	size_t at = begin(buf, INTERFACE);

	put_u16(buf, stored_link_type(interface->link_type));
	put_u16(buf, 0);
	put_u32(buf, interface->snaplen);
	put_text(buf, INTERFACE_NAME, interface->name);
	put_text(buf, INTERFACE_DESCRIPTION, interface->description);
	put_option(buf, INTERFACE_RESOLUTION, &resolution, sizeof resolution);
	put_end(buf);
	end(buf, at);
}

/* Bits 0 and 1: inbound, outbound; bits 2 to 4: what is for others is promiscuous. */
static uint32_t flags_of(enum packet_direction direction)
{
	switch (direction) {
	case PACKET_INGRESS:
		return 1;
	case PACKET_EGRESS:
		return 2;
	case PACKET_OTHERHOST:
		return 1 | 4 << 2;
	case PACKET_DIRECTION_UNKNOWN:
		break;
	}
	return 0;
}

void pcapng_write_packet(struct buf *buf, const struct pcapng_write_packet *packet)
{
	uint32_t flags = flags_of(packet->direction);
	size_t at = begin(buf, PACKET);

	put_u32(buf, packet->interface);
	put_time(buf, packet->time_ns);
	put_u32(buf, packet->captured);
	put_u32(buf, packet->length);
	if (packet->captured > 0)
		buf_append(buf, packet->bytes, packet->captured);
	pad(buf, packet->captured);
	if (packet->comment_length > 0)
		put_option(buf, OPTION_COMMENT, packet->comment, packet->comment_length);
	if (flags != 0)
		put_option(buf, PACKET_FLAGS, &flags, sizeof flags);
	if (packet->dropped > 0)
		put_number(buf, PACKET_DROPS, packet->dropped);
	if (packet->id > 0)
		put_number(buf, PACKET_ID, packet->id);
	put_end(buf);
	end(buf, at);
}

void pcapng_write_statistics(struct buf *buf, const struct pcapng_write_statistics *statistics)
{
	size_t at = begin(buf, STATISTICS);

	put_u32(buf, statistics->interface);
	put_time(buf, statistics->time_ns);
	put_time_option(buf, STATISTICS_START, statistics->start_ns);
	put_time_option(buf, STATISTICS_END, statistics->time_ns);
	if (statistics->has_kernel) {
		put_number(buf, STATISTICS_RECEIVED, statistics->received + statistics->dropped);
		put_number(buf, STATISTICS_INTERFACE_DROPS, statistics->interface_dropped);
		put_number(buf, STATISTICS_ACCEPTED, statistics->received + statistics->dropped);
		put_number(buf, STATISTICS_DROPS, statistics->dropped);
	}
	put_number(buf, STATISTICS_DELIVERED, statistics->delivered);
	put_end(buf);
	end(buf, at);
}
