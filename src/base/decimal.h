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

/* The numbers below 1000: three digits each, with leading zeros, and how many there are without. */
extern const char decimal_triples[4 * 1000];

static inline void decimal_put_pair(char *to, uint32_t below_100)
{
	memcpy(to, decimal_triples + 4 * below_100 + 1, 2);
}

/*
 * The rest writes a byte more than it says, as four can be copied at once: what comes next
 * overwrites it. With leading zeros: returns the end.
 */
static inline char *decimal_put_triple(char *to, uint32_t below_1000)
{
	memcpy(to, decimal_triples + 4 * below_1000, 4);
	return to + 3;
}

static inline char *decimal_put_nine(char *to, uint32_t below_10_9)
{
	uint32_t thousands = below_10_9 / 1000;

	to = decimal_put_triple(to, thousands / 1000);
	to = decimal_put_triple(to, thousands % 1000);
	return decimal_put_triple(to, below_10_9 % 1000);
}

/* Without: returns the end. Four bytes are written in any case. */
static inline char *decimal_put_short(char *to, uint32_t below_1000)
{
	const char *triple = decimal_triples + 4 * below_1000;
	uint32_t length = (uint8_t)triple[3];

	/* Behind a short one the next number is read; the last of them have three digits. */
	memcpy(to, triple + 3 - length, 4);
	return to + length;
}

static inline char *decimal_put_32(char *to, uint32_t value)
{
	uint32_t thousands = value / 1000;
	uint32_t millions = thousands / 1000;
	uint32_t billions = millions / 1000;

	if (value < 1000)
		return decimal_put_short(to, value);
	if (thousands < 1000) {
		to = decimal_put_short(to, thousands);
	} else {
		if (millions < 1000) {
			to = decimal_put_short(to, millions);
		} else {
			to = decimal_put_short(to, billions);
			to = decimal_put_triple(to, millions - billions * 1000);
		}
		to = decimal_put_triple(to, thousands - millions * 1000);
	}
	return decimal_put_triple(to, value - thousands * 1000);
}

#endif
