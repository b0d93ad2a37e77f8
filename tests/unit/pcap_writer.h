/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Capture files in the making: pcap and pcapng, of both byte orders. */
#ifndef SOCKLINE_TESTS_PCAP_WRITER_H
#define SOCKLINE_TESTS_PCAP_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LINK_ETHERNET 1

#define PCAP_MICROSECONDS 0xa1b2c3d4
#define PCAP_NANOSECONDS  0xa1b23c4d

static struct {
	uint8_t bytes[1 << 20];
	size_t length;
	bool big_endian;
} file;

static inline void put(const void *bytes, size_t length)
{
	memcpy(file.bytes + file.length, bytes, length);
	file.length += length;
}

static inline void put_number(uint64_t value, int size)
{
	uint8_t bytes[8];
	int i;

	for (i = 0; i < size; i++)
		bytes[i] = (uint8_t)(value >> 8 * (file.big_endian ? size - 1 - i : i));
	put(bytes, (size_t)size);
}

static inline void start(bool big_endian)
{
	file.length = 0;
	file.big_endian = big_endian;
}

/* The formats: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng). */
static inline void put_pcap_header(uint32_t magic, uint32_t snaplen, uint32_t link_type)
{
	put_number(magic, 4);
	put_number(2, 2);
	put_number(4, 2);
	put_number(0, 8);
	put_number(snaplen, 4);
	put_number(link_type, 4);
}

static inline void put_pcap_packet(uint32_t seconds, uint32_t fraction, const void *bytes,
                                   uint32_t length)
{
	put_number(seconds, 4);
	put_number(fraction, 4);
	put_number(length, 4);
	put_number(length, 4);
	put(bytes, length);
}

static inline void put_section(void)
{
	put_number(0x0A0D0D0A, 4);
	put_number(28, 4);
	put_number(0x1A2B3C4D, 4);
	put_number(1, 2);
	put_number(0, 2);
	put_number(UINT64_MAX, 8);
	put_number(28, 4);
}

/* resolution: if_tsresol, decimal digits of a second. */
static inline void put_interface(uint16_t link_type, uint32_t snaplen, uint8_t resolution)
{
	put_number(1, 4);
	put_number(32, 4);
	put_number(link_type, 2);
	put_number(0, 2);
	put_number(snaplen, 4);
	put_number(9, 2);
	put_number(1, 2);
	put(&resolution, 1);
	put("\0\0\0", 3);
	put_number(0, 4);
	put_number(32, 4);
}

static inline void put_enhanced(uint32_t interface, uint64_t time, const void *bytes,
                                uint32_t length)
{
	uint32_t padded = (length + 3) / 4 * 4;

	put_number(6, 4);
	put_number(32 + padded, 4);
	put_number(interface, 4);
	put_number(time >> 32, 4);
	put_number(time & UINT32_MAX, 4);
	put_number(length, 4);
	put_number(length, 4);
	put(bytes, length);
	put("\0\0\0", padded - length);
	put_number(32 + padded, 4);
}

#endif
