/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pcapng.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "decode/decode.h"
#include "capture/pcapng_owners.h"
#include "capture/pcapng_parts.h"

#define SECTION_BLOCK    0x0a0d0d0au /* the same in both byte orders */
#define INTERFACE_BLOCK  1u
#define OLD_PACKET_BLOCK 2u
#define SIMPLE_BLOCK     3u
#define STATISTICS_BLOCK 5u
#define PACKET_BLOCK     6u
#define PROCESS_BLOCK    0x80000001u /* Apple's */

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define MAJOR            1
#define HEAD             8 /* type and length */
#define TAIL             4 /* the length again */

/* Options of interfaces, packets and statistics. */
enum { IF_COMMENT = 1, IF_NAME = 2, IF_DESCRIPTION = 3, IF_TSRESOL = 9, IF_TSOFFSET = 14 };
enum { EPB_FLAGS = 2 };
enum { ISB_IFDROP = 5, ISB_OSDROP = 7 };

#define MICROSECONDS      6
#define FLAGS_PROMISCUOUS 4

struct section_interface {
	int link_type;
	uint32_t snaplen;
	bool is_named;
	uint32_t number; /* of the origin */
	uint8_t resolution;
	int64_t offset_s;
	struct pcapng_drops drops; /* its last statistics */
};

struct pcapng {
	struct origin *origin;
	bool swapped, in_section;
	struct section_interface *interfaces;
	uint32_t count, capacity;
	struct pcapng_drops drops; /* of sections before, and of packets */
	struct pcapng_owners owners;
	const char *problem;
};

struct pcapng *pcapng_new(struct origin *origin)
{
	struct pcapng *pcapng = calloc(1, sizeof *pcapng);

	if (!pcapng)
		return NULL;
	pcapng->origin = origin;
	pcapng->owners.origin = origin;
	return pcapng;
}

void pcapng_free(struct pcapng *pcapng)
{
	if (!pcapng)
		return;
	pcapng_owners_free(&pcapng->owners);
	free(pcapng->interfaces);
	free(pcapng);
}

const char *pcapng_problem(const struct pcapng *pcapng)
{
	return pcapng->problem;
}

static int wrong(struct pcapng *pcapng, const char *problem)
{
	pcapng->problem = problem;
	return -EBADMSG;
}

static uint32_t number(const struct pcapng *pcapng, const uint8_t *bytes)
{
	return pcapng_u32(bytes, pcapng->swapped);
}

size_t pcapng_length(struct pcapng *pcapng, const uint8_t *head)
{
	uint32_t type = number(pcapng, head), length;

	if (type == SECTION_BLOCK) {
		pcapng->swapped = pcapng_u32(head + HEAD, false) != BYTE_ORDER_MAGIC;
		if (number(pcapng, head + HEAD) != BYTE_ORDER_MAGIC)
			return 0;
	} else if (!pcapng->in_section) {
		return 0;
	}
	length = number(pcapng, head + 4);
	if (length < PCAPNG_HEAD || length > PCAPNG_BLOCK_MAX || length % 4 != 0)
		return 0;
	return length;
}

static void add_drops(struct pcapng_drops *sum, struct pcapng_drops more)
{
	sum->dropped += more.dropped;
	sum->interface_dropped += more.interface_dropped;
}

static int begin_section(struct pcapng *pcapng, const uint8_t *body, size_t length)
{
	if (length < 16)
		return wrong(pcapng, "a section header is too short");
	if (pcapng_u16(body + 4, pcapng->swapped) != MAJOR)
		return wrong(pcapng, "a section of an unknown version");
	for (uint32_t i = 0; i < pcapng->count; i++)
		add_drops(&pcapng->drops, pcapng->interfaces[i].drops);
	pcapng->count = 0;
	pcapng_owners_begin_section(&pcapng->owners);
	pcapng->in_section = true;
	return 0;
}

/* Files have other numbers for some than libpcap's API on Linux. */
static int link_type_of(uint16_t stored)
{
	switch (stored) {
	case 100: /* ATM_RFC1483 */
		return 11;
	case 101:
		return DECODE_LINK_RAW;
	case 102: /* SLIP_BSDOS */
		return 15;
	case 103: /* PPP_BSDOS */
		return 16;
	case 106: /* ATM_CLIP */
		return 19;
	default:
		return stored;
	}
}

static int grow(struct pcapng *pcapng)
{
	uint32_t capacity = pcapng->capacity ? 2 * pcapng->capacity : 8;
	struct section_interface *grown;

	if (pcapng->count < pcapng->capacity)
		return 0;
	if (pcapng->count == PCAPNG_INTERFACES_MAX)
		return wrong(pcapng, "a section has more interfaces than any machine");
	grown = realloc(pcapng->interfaces, capacity * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	pcapng->interfaces = grown;
	pcapng->capacity = capacity;
	return 0;
}

/* The number behind the word; 0: the text does not have both. */
static uint32_t number_behind(const struct pcapng_options *text, const char *word)
{
	size_t length = strlen(word);
	const uint8_t *at = memmem(text->value, text->length, word, length);
	const uint8_t *end = text->value + text->length;
	uint64_t number = 0;

	for (at = at ? at + length : end; at < end && *at >= '0' && *at <= '9'; at++) {
		number = 10 * number + (uint64_t)(*at - '0');
		if (number > UINT32_MAX)
			return 0;
	}
	return (uint32_t)number;
}

/* As sockline and ptcpdump write it; 0: not known. */
static uint32_t netns_of(const struct pcapng_options *option)
{
	switch (option->code) {
	case IF_DESCRIPTION:
		return option->length > 6 && memcmp(option->value, "netns=", 6) == 0
		               ? number_behind(option, "netns=")
		               : 0;
	case IF_COMMENT:
		return number_behind(option, "netNsInode: ");
	default:
		return 0;
	}
}

static int add_interface(struct pcapng *pcapng, const uint8_t *body, size_t length)
{
	struct section_interface interface = { .resolution = MICROSECONDS };
	struct pcapng_options options = { .swapped = pcapng->swapped };
	const char *name = NULL;
	uint32_t netns = 0;
	size_t name_length = 0;
	int result;

	if (length < 8)
		return wrong(pcapng, "an interface description is too short");
	options.at = body + 8;
	options.end = body + length;
	interface.link_type = link_type_of(pcapng_u16(body, pcapng->swapped));
	interface.snaplen = number(pcapng, body + 4);
	while (pcapng_next_option(&options)) {
		if (options.code == IF_NAME) {
			name = (const char *)options.value;
			name_length = options.length;
		} else if (options.code == IF_TSRESOL && options.length >= 1) {
			interface.resolution = options.value[0];
		} else if (options.code == IF_TSOFFSET && options.length >= 8) {
			interface.offset_s = (int64_t)pcapng_u64(options.value, pcapng->swapped);
		} else if (netns == 0) {
			netns = netns_of(&options);
		}
	}
	result = grow(pcapng);
	if (result != 0)
		return result;
	interface.is_named = name_length > 0;
	interface.number =
		origin_add_interface(pcapng->origin, pcapng->count, netns, name, name_length);
	pcapng->interfaces[pcapng->count++] = interface;
	return 0;
}

static struct section_interface *find_interface(struct pcapng *pcapng, uint32_t index)
{
	return index < pcapng->count ? &pcapng->interfaces[index] : NULL;
}

/* The latest block of an interface has the totals. */
static int take_statistics(struct pcapng *pcapng, const uint8_t *body, size_t length)
{
	struct pcapng_options options = { .swapped = pcapng->swapped };
	struct section_interface *interface;

	if (length < 12)
		return wrong(pcapng, "interface statistics are too short");
	options.at = body + 12;
	options.end = body + length;
	interface = find_interface(pcapng, number(pcapng, body));
	while (interface && pcapng_next_option(&options)) {
		if (options.length < 8)
			continue;
		if (options.code == ISB_IFDROP)
			interface->drops.interface_dropped =
				pcapng_u64(options.value, pcapng->swapped);
		else if (options.code == ISB_OSDROP)
			interface->drops.dropped = pcapng_u64(options.value, pcapng->swapped);
	}
	return 0;
}

/*
 * In a section of the other byte order, lengths and types of NFLOG are that, too; the decoder
 * expects ours, as libpcap gives them.
 */
static void swap_nflog(uint8_t *bytes, uint32_t captured)
{
	uint32_t at = 4;

	while (captured >= 4 && at <= captured - 4) {
		uint16_t size = pcapng_u16(bytes + at, true),
			 type = pcapng_u16(bytes + at + 2, true);

		memcpy(bytes + at, &size, sizeof size);
		memcpy(bytes + at + 2, &type, sizeof type);
		if (size < 4)
			return;
		at += (size + 3u) & ~3u;
	}
}

static int describe(struct pcapng *pcapng, const struct section_interface *interface,
                    uint8_t *bytes, struct pcapng_packet *packet)
{
	packet->bytes = bytes;
	packet->link_type = interface->link_type;
	/* The only interface, without a name: that says nothing. */
	if (interface->is_named || pcapng->count > 1)
		packet->interface = interface->number;
	if (pcapng->swapped && interface->link_type == DECODE_LINK_NFLOG)
		swap_nflog(bytes, packet->captured);
	return 1;
}

/* draft-ietf-opsawg-pcapng 4.3.1: bits 0 and 1 of the flags; bits 2 to 4 say to whom it came. */
static enum packet_direction direction_of(uint32_t flags)
{
	switch (flags & 3) {
	case 1:
		return (flags >> 2 & 7) == FLAGS_PROMISCUOUS ? PACKET_OTHERHOST : PACKET_INGRESS;
	case 2:
		return PACKET_EGRESS;
	default:
		return PACKET_DIRECTION_UNKNOWN;
	}
}

static void take_options(struct pcapng *pcapng, const uint8_t *from, const uint8_t *to,
                         struct pcapng_packet *packet)
{
	struct pcapng_options options = { from, to, .swapped = pcapng->swapped };
	struct pcapng_stated stated;

	stated.comment_count = 0;
	stated.has_process = false;
	stated.pid = 0;
	while (pcapng_next_option(&options)) {
		if (options.code == EPB_FLAGS && options.length >= 4)
			packet->direction = direction_of(number(pcapng, options.value));
		else
			pcapng_owners_take(&stated, &options);
	}
	packet->owners = pcapng_owners_find(&pcapng->owners, &stated);
}

/* body: behind the interface; all of both packet blocks is the same from there on. */
static int take_timed(struct pcapng *pcapng, const struct section_interface *interface,
                      uint8_t *body, size_t length, struct pcapng_packet *packet)
{
	size_t padded;

	if (!interface)
		return wrong(pcapng, "a packet of an interface that is not described");
	packet->has_time = true;
	packet->time_ns =
		pcapng_time((uint64_t)number(pcapng, body) << 32 | number(pcapng, body + 4),
	                    interface->resolution, interface->offset_s);
	packet->captured = number(pcapng, body + 8);
	packet->length = number(pcapng, body + 12);
	if (packet->captured > length - 16)
		return wrong(pcapng, "a packet is longer than its block");
	padded = ((size_t)packet->captured + 3) & ~(size_t)3;
	if (padded < length - 16)
		take_options(pcapng, body + 16 + padded, body + length, packet);
	return describe(pcapng, interface, body + 16, packet);
}

static int take_packet(struct pcapng *pcapng, uint8_t *body, size_t length,
                       struct pcapng_packet *packet)
{
	if (length < 20)
		return wrong(pcapng, "a packet block is too short");
	return take_timed(pcapng, find_interface(pcapng, number(pcapng, body)), body + 4,
	                  length - 4, packet);
}

#define DROPS_UNKNOWN 0xffff

static int take_old_packet(struct pcapng *pcapng, uint8_t *body, size_t length,
                           struct pcapng_packet *packet)
{
	uint16_t drops;

	if (length < 20)
		return wrong(pcapng, "a packet block is too short");
	drops = pcapng_u16(body + 2, pcapng->swapped);
	if (drops != DROPS_UNKNOWN)
		pcapng->drops.dropped += drops;
	return take_timed(pcapng, find_interface(pcapng, pcapng_u16(body, pcapng->swapped)),
	                  body + 4, length - 4, packet);
}

/* It has neither a time nor its captured length, which is what the interface and the block allow. */
static int take_simple(struct pcapng *pcapng, uint8_t *body, size_t length,
                       struct pcapng_packet *packet)
{
	const struct section_interface *interface = find_interface(pcapng, 0);

	if (length < 4)
		return wrong(pcapng, "a simple packet block is too short");
	if (!interface)
		return wrong(pcapng, "a packet of an interface that is not described");
	packet->length = number(pcapng, body);
	packet->captured = packet->length;
	if (interface->snaplen > 0 && packet->captured > interface->snaplen)
		packet->captured = interface->snaplen;
	if (packet->captured > length - 4)
		return wrong(pcapng, "a packet is longer than its block");
	return describe(pcapng, interface, body + 4, packet);
}

int pcapng_block(struct pcapng *pcapng, uint8_t *block, size_t length, struct pcapng_packet *packet)
{
	uint8_t *body = block + HEAD;
	size_t size = length - HEAD - TAIL;

	if (number(pcapng, block + length - TAIL) != length)
		return wrong(pcapng, "the two lengths of a block differ");
	*packet = (struct pcapng_packet){ .time_ns = 0 };
	switch (number(pcapng, block)) {
	case SECTION_BLOCK:
		return begin_section(pcapng, body, size);
	case INTERFACE_BLOCK:
		return add_interface(pcapng, body, size);
	case OLD_PACKET_BLOCK:
		return take_old_packet(pcapng, body, size, packet);
	case SIMPLE_BLOCK:
		return take_simple(pcapng, body, size, packet);
	case STATISTICS_BLOCK:
		return take_statistics(pcapng, body, size);
	case PACKET_BLOCK:
		return take_packet(pcapng, body, size, packet);
	case PROCESS_BLOCK:
		return pcapng_owners_add_process(&pcapng->owners, body, size, pcapng->swapped);
	default:
		return 0;
	}
}

struct pcapng_drops pcapng_drops(const struct pcapng *pcapng)
{
	struct pcapng_drops sum = pcapng->drops;

	for (uint32_t i = 0; i < pcapng->count; i++)
		add_drops(&sum, pcapng->interfaces[i].drops);
	return sum;
}
