/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The key that most of a stream has, in bounded memory: J. Misra and D. Gries, "Finding repeated
 * elements", 1982. A count may be too small by total / (HEAVY_HITTERS + 1), never too large, so
 * that a key that is named has the majority for sure.
 */
#ifndef SOCKLINE_BASE_HEAVY_HITTERS_H
#define SOCKLINE_BASE_HEAVY_HITTERS_H

#include <stdbool.h>
#include <stdint.h>

#define HEAVY_HITTERS 15

struct heavy_hitters {
	struct heavy_hitter {
		uint64_t key;
		uint64_t count;  /* 0 = the place is free */
		int64_t time_ns; /* when it was counted last */
	} entries[HEAVY_HITTERS];
	uint64_t total;
};

void heavy_hitters_add(struct heavy_hitters *hitters, uint64_t key, int64_t time_ns);
/* One whose key is not known. */
static inline void heavy_hitters_add_unknown(struct heavy_hitters *hitters)
{
	hitters->total++;
}
/* The key of more than half of them all; NULL: none has that, or not for sure. */
const struct heavy_hitter *heavy_hitters_majority(const struct heavy_hitters *hitters);

#endif
