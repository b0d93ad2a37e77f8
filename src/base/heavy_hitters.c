/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heavy_hitters.h"

#include <stddef.h>

void heavy_hitters_add(struct heavy_hitters *hitters, uint64_t key, int64_t time_ns)
{
	struct heavy_hitter *free = NULL;

	hitters->total++;
	for (int i = 0; i < HEAVY_HITTERS; i++) {
		struct heavy_hitter *entry = &hitters->entries[i];

		if (entry->count > 0 && entry->key == key) {
			entry->count++;
			entry->time_ns = time_ns;
			return;
		}
		if (entry->count == 0)
			free = entry;
	}
	if (free) {
		*free = (struct heavy_hitter){ key, 1, time_ns };
		return;
	}
	for (int i = 0; i < HEAVY_HITTERS; i++)
		hitters->entries[i].count--;
}

const struct heavy_hitter *heavy_hitters_majority(const struct heavy_hitters *hitters)
{
	for (int i = 0; i < HEAVY_HITTERS; i++)
		if (hitters->entries[i].count > hitters->total / 2)
			return &hitters->entries[i];
	return NULL;
}
