/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Private to pcapng*.c: numbers of either byte order, and options. */
#ifndef SOCKLINE_CAPTURE_PCAPNG_PARTS_H
#define SOCKLINE_CAPTURE_PCAPNG_PARTS_H

#include <byteswap.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t pcapng_u16(const uint8_t *bytes, bool swapped)
{
	uint16_t number;

	memcpy(&number, bytes, sizeof number);
	return swapped ? bswap_16(number) : number;
}

static inline uint32_t pcapng_u32(const uint8_t *bytes, bool swapped)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof number);
	return swapped ? bswap_32(number) : number;
}

static inline uint64_t pcapng_u64(const uint8_t *bytes, bool swapped)
{
	uint64_t number;

	memcpy(&number, bytes, sizeof number);
	return swapped ? bswap_64(number) : number;
}

/* The options of a block, one after the other. */
struct pcapng_options {
	const uint8_t *at, *end;
	bool swapped;
	uint16_t code;
	uint16_t length;
	const uint8_t *value; /* length bytes */
};

/* False: there are no more, or what follows is none. */
static inline bool pcapng_next_option(struct pcapng_options *options)
{
	size_t padded;

	if (options->end - options->at < 4)
		return false;
	options->code = pcapng_u16(options->at, options->swapped);
	options->length = pcapng_u16(options->at + 2, options->swapped);
	options->value = options->at + 4;
	padded = ((size_t)options->length + 3) & ~(size_t)3;
	if (options->code == 0 || (size_t)(options->end - options->value) < options->length)
		return false;
	/* The last one may lack its padding. */
	options->at = (size_t)(options->end - options->value) < padded ? options->end
	                                                               : options->value + padded;
	return true;
}

/* Since the epoch, in ns, of a time in the resolution and with the offset of an interface. */
int64_t pcapng_time(uint64_t ticks, uint8_t resolution, int64_t offset_s);

#endif
