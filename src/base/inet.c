/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/inet.h"

#include <arpa/inet.h>
#include <endian.h>
#include <netinet/in.h>
#include <string.h>

#include "base/decimal.h"

#define GROUPS 8 /* of 16 bits in an IPv6 address */

static const uint8_t mapped_prefix[12] = { [10] = 0xff, [11] = 0xff };
static const struct inet_address v6_unspecified;
static const struct inet_address v6_loopback = { .bytes[15] = 1 };

void inet_from_v4(struct inet_address *address, const void *four_bytes)
{
	memcpy(address->bytes, mapped_prefix, sizeof(mapped_prefix));
	memcpy(address->bytes + sizeof(mapped_prefix), four_bytes, 4);
}

void inet_from_v6(struct inet_address *address, const void *sixteen_bytes)
{
	memcpy(address->bytes, sixteen_bytes, sizeof(address->bytes));
}

static bool is_of_link(const struct inet_address *address)
{
	static const uint8_t v4_mapped[12] = { [10] = 0xff, [11] = 0xff };
	const uint8_t *bytes = address->bytes, *v4 = bytes + 12;

	if (memcmp(bytes, v4_mapped, sizeof v4_mapped) == 0)
		return (v4[0] == 169 && v4[1] == 254) ||
		       (v4[0] == 224 && v4[1] == 0 && v4[2] == 0) ||
		       (v4[0] == 255 && v4[1] == 255 && v4[2] == 255 && v4[3] == 255);
	return (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) ||
	       (bytes[0] == 0xff && (bytes[1] & 0x0f) <= 2);
}

bool tuple_is_of_link(const struct tuple *tuple)
{
	return is_of_link(&tuple->source) || is_of_link(&tuple->destination);
}

bool inet_is_unspecified(const struct inet_address *address)
{
	static const uint8_t v4_unspecified[4];

	if (inet_is_v4(address))
		return memcmp(address->bytes + 12, v4_unspecified, sizeof(v4_unspecified)) == 0;
	return inet_equal(address, &v6_unspecified);
}

bool inet_is_loopback(const struct inet_address *address)
{
	if (inet_is_v4(address))
		return address->bytes[12] == 127;
	return inet_equal(address, &v6_loopback);
}

bool inet_is_multicast(const struct inet_address *address)
{
	if (inet_is_v4(address))
		return (address->bytes[12] & 0xf0) == 0xe0;
	return address->bytes[0] == 0xff;
}

bool inet_parse(const char *text, struct inet_address *address)
{
	uint8_t bytes[16];

	if (inet_pton(AF_INET, text, bytes) == 1)
		inet_from_v4(address, bytes);
	else if (inet_pton(AF_INET6, text, bytes) == 1)
		inet_from_v6(address, bytes);
	else
		return false;
	return true;
}

static size_t format_v4(const uint8_t *bytes, char *text)
{
	char *out = text;

	for (int i = 0; i < 4; i++) {
		out = decimal_put_short(out, bytes[i]);
		*out++ = '.';
	}
	*--out = '\0';
	return (size_t)(out - text);
}

/* A group in lower-case hexadecimal without leading zeros: four nibbles at once, no branch. */
static char *format_group(uint32_t group, char *out)
{
	int digits = (35 - __builtin_clz(group | 1)) / 4;
	uint32_t nibbles = (group | group << 8) & 0x00ff00ff;
	uint32_t letters, ascii;

	nibbles = (nibbles | nibbles << 4) & 0x0f0f0f0f;
	letters = (nibbles + 0x06060606) >> 4 & 0x01010101;
	ascii = nibbles + 0x30303030 + letters * ('a' - '0' - 10);
	ascii = htobe32(ascii << 8 * (4 - digits));
	memcpy(out, &ascii, sizeof(ascii));
	return out + digits;
}

/*
 * RFC 5952 4.2: "::" stands for the longest run of zero groups, the first of
 * equally long ones, and never for a single group. Returns the run's first
 * group, GROUPS when there is none; zeros has bit i set when group i is zero.
 */
static int longest_run(uint32_t zeros, int *length)
{
	uint32_t starts = zeros;
	uint32_t longest = 0;

	/* After n turns bit i is set when n + 1 zero groups begin at i. */
	for (*length = 0; starts != 0; starts &= zeros >> *length) {
		longest = starts;
		++*length;
	}
	return *length > 1 ? __builtin_ctz(longest) : GROUPS;
}

static size_t format_v6(const uint8_t *bytes, char *text)
{
	uint32_t groups[GROUPS];
	uint32_t zeros = 0;
	char *out = text;
	int run, length;

	for (int i = 0; i < GROUPS; i++) {
		groups[i] = (uint32_t)bytes[2 * i] << 8 | bytes[2 * i + 1];
		zeros |= (uint32_t)(groups[i] == 0) << i;
	}
	run = longest_run(zeros, &length);
	for (int i = 0; i < run; i++) {
		out = format_group(groups[i], out);
		*out++ = ':';
	}
	if (run == GROUPS) {
		out--;
	} else {
		if (run == 0)
			*out++ = ':';
		for (int i = run + length; i < GROUPS; i++) {
			*out++ = ':';
			out = format_group(groups[i], out);
		}
		if (run + length == GROUPS)
			*out++ = ':';
	}
	*out = '\0';
	return (size_t)(out - text);
}

size_t inet_format(const struct inet_address *address, char *text)
{
	if (inet_is_v4(address))
		return format_v4(address->bytes + 12, text);
	return format_v6(address->bytes, text);
}

size_t inet_format_v6(const struct inet_address *address, char *text)
{
	return format_v6(address->bytes, text);
}
