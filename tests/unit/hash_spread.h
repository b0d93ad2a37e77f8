/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Does a hash fill a table as chance would? */
#ifndef SOCKLINE_TESTS_UNIT_HASH_SPREAD_H
#define SOCKLINE_TESTS_UNIT_HASH_SPREAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

#define HASH_SPREAD_COUNT 32768

static int hash_spread_compare(const void *a, const void *b)
{
	uint32_t first = *(const uint32_t *)a, second = *(const uint32_t *)b;

	return (first > second) - (first < second);
}

/* Hardly any of HASH_SPREAD_COUNT hashes shares its tag (base/table.h), nor many a slot. */
static inline void hash_spread_check(const uint64_t *hashes, const char *what, int number)
{
	static uint32_t tags[HASH_SPREAD_COUNT];
	static bool slots[HASH_SPREAD_COUNT];
	int same = 0, used = 0;

	memset(slots, 0, sizeof slots);
	for (int i = 0; i < HASH_SPREAD_COUNT; i++) {
		tags[i] = (uint32_t)(hashes[i] >> 32);
		used += !slots[tags[i] % HASH_SPREAD_COUNT];
		slots[tags[i] % HASH_SPREAD_COUNT] = true;
	}
	qsort(tags, HASH_SPREAD_COUNT, sizeof *tags, hash_spread_compare);
	for (int i = 1; i < HASH_SPREAD_COUNT; i++)
		same += tags[i] == tags[i - 1];
	/* Expected: 0.1 pairs, and 1 - 1/e of the slots, 20,713 with 65 around. */
	CHECK(same < 6 && used > 20200, "%s %d: %d tags twice, %d slots used", what, number, same,
	      used);
}

#endif
