/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "display/units.h"

#include <stdio.h>

#include "base/clock.h"

void units_format(char text[UNITS_MAX], uint64_t number)
{
	static const char letters[] = "kMGTPE";
	uint64_t unit = 1000;
	const char *letter = letters;
	unsigned whole, part;

	if (number < unit) {
		snprintf(text, UNITS_MAX, "%u", (unsigned)number);
		return;
	}
	while (number / unit >= 1000) {
		unit *= 1000;
		letter++;
	}
	whole = (unsigned)(number / unit);
	part = (unsigned)(number % unit / (unit / 1000));
	if (whole >= 100)
		snprintf(text, UNITS_MAX, "%u%c", whole % 1000, *letter);
	else if (whole >= 10)
		snprintf(text, UNITS_MAX, "%u.%u%c", whole % 100, part / 100 % 10, *letter);
	else
		snprintf(text, UNITS_MAX, "%u.%02u%c", whole % 10, part / 10 % 100, *letter);
}

uint64_t units_rate(uint64_t number, int64_t ns)
{
	double rate = (double)number / ((double)ns / NS_PER_SECOND);

	return rate < (double)UINT64_MAX ? (uint64_t)rate : UINT64_MAX;
}
