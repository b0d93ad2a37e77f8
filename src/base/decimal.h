/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unsigned numbers in decimal, straight to where they belong. In a header,
 * because a packet record has a dozen of them and they are most of its cost.
 */
#ifndef SOCKLINE_BASE_DECIMAL_H
#define SOCKLINE_BASE_DECIMAL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define DECIMAL_MAX 20 /* digits of 2^64 - 1 */

/* "00" to "99": halves the divisions. */
static const char decimal_pairs[200] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

static inline void decimal_put_pair(char *to, uint32_t below_100)
{
	memcpy(to, decimal_pairs + 2 * below_100, 2);
}

/* Number of digits: log10 as the binary logarithm times 1233/4096, at most one too small. */
static inline size_t decimal_length_32(uint32_t value)
{
	static const uint32_t power_of_ten[] = {
		0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000,
	};
	uint32_t digits = (uint32_t)(32 - __builtin_clz(value | 1)) * 1233 >> 12;

	return digits + (value >= power_of_ten[digits]);
}

/* Backwards from end, straight into place: copying from a scratch area doubled the time. */
static inline void decimal_put_32(char *end, uint32_t value)
{
	/* Four at a time: the two pairs do not wait for each other. */
	while (value >= 10000) {
		uint32_t low = value % 10000;

		value /= 10000;
		decimal_put_pair(end - 2, low % 100);
		decimal_put_pair(end - 4, low / 100);
		end -= 4;
	}
	if (value >= 100) {
		decimal_put_pair(end - 2, value % 100);
		value /= 100;
		end -= 2;
	}
	if (value >= 10)
		decimal_put_pair(end - 2, value);
	else
		end[-1] = (char)('0' + value);
}

#endif
