/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_holders.h"

#include <string.h>
#include <unistd.h>

void sentinel_holders_tidy(struct sentinel_holders *holders)
{
	while (holders->gone_count > 0)
		close(holders->gone[--holders->gone_count]);
}

void sentinel_holders_clear(struct sentinel_holders *holders)
{
	while (holders->count > 0)
		sentinel_holders_remove(holders, holders->count - 1);
	sentinel_holders_tidy(holders);
}

int sentinel_holders_find(const struct sentinel_holders *holders, int pid)
{
	for (int i = 0; i < holders->count; i++)
		if (holders->list[i].pid == pid)
			return i;
	return -1;
}

struct sentinel_holder *sentinel_holders_to_front(struct sentinel_holders *holders, int at)
{
	struct sentinel_holder holder = holders->list[at];

	memmove(holders->list + 1, holders->list, (size_t)at * sizeof holder);
	holders->list[0] = holder;
	return holders->list;
}

struct sentinel_holder *sentinel_holders_add(struct sentinel_holders *holders,
                                             const struct sentinel_holder *holder)
{
	if (holders->count == SENTINEL_HOLDERS_MAX)
		sentinel_holders_remove(holders, SENTINEL_HOLDERS_MAX - 1);
	holders->list[holders->count] = *holder;
	return sentinel_holders_to_front(holders, holders->count++);
}

/* Closing takes longer when the process is gone: not now, while somebody is held up. */
void sentinel_holders_remove(struct sentinel_holders *holders, int at)
{
	if (holders->gone_count == SENTINEL_HOLDERS_MAX)
		sentinel_holders_tidy(holders);
	holders->gone[holders->gone_count++] = holders->list[at].dir;
	holders->count--;
	memmove(holders->list + at, holders->list + at + 1,
	        (size_t)(holders->count - at) * sizeof *holders->list);
}
