/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Blocks of pcapng files: what they say, in both byte orders, and wherever they are cut off. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/pcapng.h"
#include "capture/pcapng_parts.h"
#include "check.h"
#include "pcap_writer.h"

#define NS INT64_C(1000000000)

static struct origin *origin;
static struct pcapng *reader;

static void begin(bool big_endian)
{
	start(big_endian);
	pcapng_free(reader);
	origin_free(origin);
	origin = origin_new();
	reader = pcapng_new(origin);
	if (!origin || !reader)
		exit(EXIT_FAILURE);
}

static size_t block_at;

static void begin_block(uint32_t type)
{
	block_at = file.length;
	put_number(type, 4);
	put_number(0, 4);
}

static void end_block(void)
{
	size_t end = file.length + 4;
	uint32_t length = (uint32_t)(end - block_at);

	put_number(length, 4);
	file.length = block_at + 4;
	put_number(length, 4);
	file.length = end;
}

static void put_option(uint16_t code, const void *value, uint16_t length)
{
	put_number(code, 2);
	put_number(length, 2);
	put(value, length);
	put("\0\0\0", (4 - length % 4u) % 4);
}

static void put_number_option(uint16_t code, uint64_t value, int size)
{
	put_number(code, 2);
	put_number((uint64_t)size, 2);
	put_number(value, size);
	put("\0\0\0", (4 - (size_t)size % 4) % 4);
}

static void put_named_interface(uint16_t link_type, uint32_t snaplen, const char *name,
                                uint8_t resolution, int64_t offset)
{
	begin_block(1);
	put_number(link_type, 2);
	put_number(0, 2);
	put_number(snaplen, 4);
	put_option(2, name, (uint16_t)strlen(name));
	put_option(9, &resolution, 1);
	put_number_option(14, (uint64_t)offset, 8);
	put_number(0, 4);
	end_block();
}

static void put_packet(uint32_t interface, uint64_t time, uint32_t flags)
{
	begin_block(6);
	put_number(interface, 4);
	put_number(time >> 32, 4);
	put_number(time & UINT32_MAX, 4);
	put_number(5, 4);
	put_number(60, 4);
	put("hello\0\0", 8);
	put_option(1, "a comment", 9);
	put_number_option(2, flags, 4);
	put_number(0, 4);
	end_block();
}

static void put_statistics(uint32_t interface, uint64_t by_interface, uint64_t by_system)
{
	begin_block(5);
	put_number(interface, 4);
	put_number(0, 8);
	put_number_option(5, by_interface, 8);
	put_number_option(7, by_system, 8);
	end_block();
}

/* Takes what was put; the packet of the last block, and what the last block gave. */
static int take(struct pcapng_packet *packet)
{
	size_t at = 0, length;
	int result = 0;

	while (at < file.length && result >= 0) {
		length = pcapng_length(reader, file.bytes + at);
		if (length == 0)
			return -EINVAL;
		result = pcapng_block(reader, file.bytes + at, length, packet);
		at += length;
	}
	return result;
}

static void test_packet(void)
{
	for (int big = 0; big < 2; big++) {
		struct pcapng_packet packet;
		const struct interface *interface;

		begin(big);
		put_section();
		put_named_interface(101, 100, "tun0", 6, 0);
		put_named_interface(1, 0, "\\Device\\NPF_{a name that is longer than 15}", 9, -5);
		put_packet(1, 7 * NS + 3, 2);
		if (!CHECK_EQUAL(take(&packet), 1, "a packet"))
			continue;
		interface = origin_interface(origin, packet.interface);
		CHECK(packet.has_time && packet.time_ns == 2 * NS + 3 && packet.captured == 5 &&
		              packet.length == 60 && memcmp(packet.bytes, "hello", 5) == 0 &&
		              packet.link_type == 1 && packet.direction == PACKET_EGRESS,
		      "its time, lengths, bytes, link type and direction");
		CHECK(interface && interface->ifindex == 1 &&
		              strcmp(interface->long_name,
		                     "\\Device\\NPF_{a name that is longer than 15}") == 0,
		      "its interface has index and whole name");
		put_packet(0, 7000001, 1);
		CHECK(take(&packet) == 1 && packet.time_ns == 7 * NS + 1000 &&
		              packet.link_type == 12 && packet.direction == PACKET_INGRESS,
		      "each interface has its own resolution and link type");
		put_packet(2, 0, 0);
		CHECK(take(&packet) == -EBADMSG && strstr(pcapng_problem(reader), "not described"),
		      "no packet without an interface: %s", pcapng_problem(reader));
	}
}

static void test_sections(void)
{
	struct pcapng_packet packet;

	begin(false);
	put_section();
	put_named_interface(1, 0, "eth0", 6, 0);
	put_statistics(0, 3, 4);
	put_statistics(0, 5, 6);
	file.big_endian = true;
	put_section();
	put_named_interface(1, 0, "eth0", 3, 0);
	put_statistics(0, 10, 20);
	put_packet(0, 1001, 0);
	CHECK(take(&packet) == 1 && packet.time_ns == NS + 1000000,
	      "a section of the other byte order, with interfaces of its own");
	CHECK(packet.interface == 1, "an interface of the same index and name is the same");
	CHECK(pcapng_drops(reader).interface_dropped == 15 && pcapng_drops(reader).dropped == 26,
	      "the last statistics of each interface and section count");
	put_section();
	put_packet(0, 0, 0);
	CHECK(take(&packet) == -EBADMSG, "the interfaces of a section end with it");
}

static void test_other_packets(void)
{
	struct pcapng_packet packet;

	begin(false);
	put_section();
	put_named_interface(1, 6, "", 6, 0);
	begin_block(3);
	put_number(40, 4);
	put("hello, world", 12);
	end_block();
	CHECK(take(&packet) == 1 && !packet.has_time && packet.captured == 6 &&
	              packet.length == 40 && memcmp(packet.bytes, "hello,", 6) == 0,
	      "a simple packet ends at the snapshot length, and has no time");
	begin_block(2);
	put_number(0, 2);
	put_number(9, 2);
	put_number(0, 4);
	put_number(2000000, 4);
	put_number(3, 4);
	put_number(4, 4);
	put("abc", 4);
	put_number_option(2, 1, 4);
	end_block();
	CHECK(take(&packet) == 1 && packet.has_time && packet.time_ns == 2 * NS &&
	              packet.captured == 3 && packet.direction == PACKET_INGRESS &&
	              pcapng_drops(reader).dropped >= 9,
	      "an obsolete packet block, with what was dropped before it");
	begin_block(0x0bad);
	put_number(1, 4);
	end_block();
	CHECK_EQUAL(take(&packet), 0, "other blocks are passed over");
}

static void test_times(void)
{
	static const struct {
		uint64_t ticks;
		uint8_t resolution;
		int64_t offset, expected;
	} cases[] = {
		{ 1500, 3, 0, 1500000000 },
		{ 7, 0, 0, 7 * NS },
		{ 1234567890123, 12, 0, 1234567890 },
		{ UINT64_MAX, 19, 0, 1844674407 },
		{ UINT64_MAX, 127, 0, 0 },
		{ 3, 0x81, 0, 1500000000 },
		{ UINT64_C(5) << 31, 0x80 | 32, 0, 2500000000 },
		{ UINT64_C(1) << 63, 0xbf, 0, NS },
		{ UINT64_MAX, 0xff, 0, 0 },
		{ 0, 6, -2, -2 * NS },
		{ UINT64_MAX, 6, 0, INT64_MAX },
		{ UINT64_MAX, 0, 0, INT64_MAX },
		{ 0, 6, INT64_MIN, INT64_MIN },
		{ UINT64_MAX, 0, INT64_MAX, INT64_MAX },
		{ UINT64_C(19244973367000000), 6, 0, INT64_MAX }, /* of 2579 */
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK(pcapng_time(cases[i].ticks, cases[i].resolution, cases[i].offset) ==
		              cases[i].expected,
		      "%zu: %" PRIu64 " in resolution %u", i, cases[i].ticks, cases[i].resolution);
}

/* What is no file of blocks. */
static void test_heads(void)
{
	static const struct {
		const char *name;
		uint32_t type, length;
	} cases[] = { { "short", 1, 8 }, { "odd", 1, 33 }, { "huge", 1, 0x40000000 } };
	struct pcapng_packet packet;

	begin(false);
	put_interface(1, 0, 6);
	CHECK_EQUAL(take(&packet), -EINVAL, "a block before the first section");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		begin(false);
		put_section();
		put_number(cases[i].type, 4);
		put_number(cases[i].length, 4);
		put_number(0, 8);
		CHECK_EQUAL(take(&packet), -EINVAL, "%s length", cases[i].name);
	}
	begin(false);
	put_section();
	put_interface(1, 0, 6);
	file.bytes[file.length - 1] ^= 1;
	CHECK_EQUAL(take(&packet), -EBADMSG, "two lengths that differ");
}

static void write_number(uint8_t *bytes, uint32_t number, bool big)
{
	for (int i = 0; i < 4; i++)
		bytes[i] = (uint8_t)(number >> 8 * (big ? 3 - i : i));
}

/* The block with a length of less, at the end of readable memory: only itself is read. */
static bool survives(const uint8_t *block, size_t length, bool big)
{
	struct pcapng_packet packet;
	uint8_t *copy = malloc(length), *guarded;
	int result;

	if (!copy)
		exit(EXIT_FAILURE);
	memcpy(copy, block, length);
	write_number(copy + 4, (uint32_t)length, big);
	write_number(copy + length - 4, (uint32_t)length, big);
	guarded = check_guarded(copy, length);
	free(copy);
	result = pcapng_block(reader, guarded, length, &packet);
	if (result != 1)
		return result == 0 || result == -EBADMSG;
	return packet.bytes >= guarded && packet.bytes + packet.captured <= guarded + length;
}

static void test_cut(void)
{
	size_t cuts = 0, right = 0;

	for (int big = 0; big < 2; big++) {
		size_t at, length;

		begin(big);
		put_section();
		put_named_interface(239, 0, "nflog", 9, 1); /* its bytes are swapped */
		put_statistics(0, 1, 2);
		put_packet(0, 1, 1);
		begin_block(2);
		put("\0\0\0\0\0\0\0\0\0\0\0\0\4\0\0\0\4\0\0\0abcd", 24);
		end_block();
		begin_block(3);
		put_number(4, 4);
		put("abcd", 4);
		end_block();
		for (at = 0; at < file.length; at += length) {
			length = pcapng_length(reader, file.bytes + at);
			for (size_t cut = 12; cut <= length; cut += 4) {
				cuts++;
				right += survives(file.bytes + at, cut, big);
			}
		}
	}
	CHECK(cuts > 100 && right == cuts, "%zu of %zu blocks that are cut are harmless", right,
	      cuts);
}

int main(void)
{
	test_packet();
	test_sections();
	test_other_packets();
	test_times();
	test_heads();
	test_cut();
	pcapng_free(reader);
	origin_free(origin);
	return check_done();
}
