/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/pcapng_parts.h"

#include "base/clock.h"

#define BINARY     0x80 /* of a resolution: it is a power of 2 */
#define NANO       9
#define POWERS_MAX 19 /* of 10 in 64 bits */

static uint64_t power_of_10(unsigned exponent)
{
	uint64_t result = 1;

	while (exponent-- > 0)
		result *= 10;
	return result;
}

/* Whole seconds and the rest in ns. */
static void split_decimal(uint64_t ticks, unsigned exponent, uint64_t *seconds, uint64_t *rest_ns)
{
	uint64_t second;

	*seconds = *rest_ns = 0;
	if (exponent > POWERS_MAX)
		return; /* all of 64 bits are less than a second, and of no use */
	second = power_of_10(exponent);
	*seconds = ticks / second;
	*rest_ns = ticks % second;
	if (exponent > NANO)
		*rest_ns /= power_of_10(exponent - NANO);
	else
		*rest_ns *= power_of_10(NANO - exponent);
}

static void split_binary(uint64_t ticks, unsigned exponent, uint64_t *seconds, uint64_t *rest_ns)
{
	uint64_t fraction;

	*seconds = exponent < 64 ? ticks >> exponent : 0;
	fraction = exponent < 64 ? ticks - (*seconds << exponent) : ticks;
	/* 32 bits of it are finer than a nanosecond. */
	while (exponent > 32) {
		fraction >>= 1;
		exponent--;
	}
	*rest_ns = fraction * NS_PER_SECOND >> exponent;
}

int64_t pcapng_time(uint64_t ticks, uint8_t resolution, int64_t offset_s)
{
	unsigned exponent = resolution & (BINARY - 1);
	uint64_t seconds, rest_ns;
	int64_t whole, result;

	if (resolution & BINARY)
		split_binary(ticks, exponent, &seconds, &rest_ns);
	else
		split_decimal(ticks, exponent, &seconds, &rest_ns);
	/* With the seconds of a 64-bit counter and an offset, either end can be passed. */
	if (seconds > INT64_MAX || __builtin_add_overflow((int64_t)seconds, offset_s, &whole))
		return INT64_MAX;
	if (__builtin_mul_overflow(whole, NS_PER_SECOND, &result) ||
	    __builtin_add_overflow(result, (int64_t)rest_ns, &result))
		return whole < 0 ? INT64_MIN : INT64_MAX;
	return result;
}
