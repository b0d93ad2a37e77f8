/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unsigned numbers in decimal, straight to where they belong. In a header,
 * because a packet record has a dozen of them and they are most of its cost.
 */
#ifndef SOCKLINE_BASE_DECIMAL_H
#define SOCKLINE_BASE_DECIMAL_H

#include <stdint.h>
#include <string.h>

#define DECIMAL_MAX    20 /* digits of 2^64 - 1 */
#define DECIMAL_MAX_32 10 /* of 2^32 - 1 */

/* "00" to "99": halves the divisions. */
static const char decimal_pairs[200] =
	"00010203040506070809101112131415161718192021222324252627282930313233343536373839"
	"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
	"8081828384858687888990919293949596979899";

static inline void decimal_put_pair(char *to, uint32_t below_100)
{
	memcpy(to, decimal_pairs + 2 * below_100, 2);
}

/* With leading zeros. */
static inline void decimal_put_four(char *to, uint32_t below_10000)
{
	decimal_put_pair(to, below_10000 / 100);
	decimal_put_pair(to + 2, below_10000 % 100);
}

/* Without; returns the end. */
static inline char *decimal_put_short(char *to, uint32_t below_10000)
{
	if (below_10000 >= 1000) {
		decimal_put_four(to, below_10000);
		return to + 4;
	}
	if (below_10000 >= 100) {
		*to = (char)('0' + below_10000 / 100);
		decimal_put_pair(to + 1, below_10000 % 100);
		return to + 3;
	}
	if (below_10000 >= 10) {
		decimal_put_pair(to, below_10000);
		return to + 2;
	}
	*to = (char)('0' + below_10000);
	return to + 1;
}

/*
 * Returns the end. Forwards: how long a number is, is then the result of jumps, which the
 * processor foresees, and what comes behind it need not wait for its digits.
 */
static inline char *decimal_put_32(char *to, uint32_t value)
{
	uint32_t high = value / 10000;

	if (high == 0)
		return decimal_put_short(to, value);
	if (high < 10000) {
		to = decimal_put_short(to, high);
	} else {
		to = decimal_put_short(to, high / 10000);
		decimal_put_four(to, high % 10000);
		to += 4;
	}
	decimal_put_four(to, value % 10000);
	return to + 4;
}

#endif
