/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers at any address, in this machine's byte order, or little-endian on each machine. */
#ifndef SOCKLINE_BASE_BYTES_H
#define SOCKLINE_BASE_BYTES_H

#include <stdint.h>
#include <string.h>

static inline uint16_t bytes_native16(const uint8_t *bytes)
{
	uint16_t number;

	memcpy(&number, bytes, sizeof number);
	return number;
}

static inline uint32_t bytes_native32(const uint8_t *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof number);
	return number;
}

static inline uint64_t bytes_native64(const uint8_t *bytes)
{
	uint64_t number;

	memcpy(&number, bytes, sizeof number);
	return number;
}

static inline uint32_t bytes_little32(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

#endif
