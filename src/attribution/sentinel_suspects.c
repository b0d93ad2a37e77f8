/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/sentinel_suspects.h"

#include <string.h>
#include <unistd.h>

void sentinel_suspects_tidy(struct sentinel_suspects *suspects)
{
	while (suspects->gone_count > 0)
		close(suspects->gone[--suspects->gone_count]);
}

void sentinel_suspects_clear(struct sentinel_suspects *suspects)
{
	while (suspects->count > 0)
		sentinel_suspects_remove(suspects, suspects->count - 1);
	sentinel_suspects_tidy(suspects);
}

int sentinel_suspects_find(const struct sentinel_suspects *suspects, int pid)
{
	for (int i = 0; i < suspects->count; i++)
		if (suspects->list[i].pid == pid)
			return i;
	return -1;
}

struct sentinel_suspect *sentinel_suspects_to_front(struct sentinel_suspects *suspects, int at)
{
	struct sentinel_suspect suspect = suspects->list[at];

	memmove(suspects->list + 1, suspects->list, (size_t)at * sizeof suspect);
	suspects->list[0] = suspect;
	return suspects->list;
}

struct sentinel_suspect *sentinel_suspects_add(struct sentinel_suspects *suspects,
                                               const struct sentinel_suspect *suspect)
{
	if (suspects->count == SENTINEL_SUSPECTS_MAX)
		sentinel_suspects_remove(suspects, SENTINEL_SUSPECTS_MAX - 1);
	suspects->list[suspects->count] = *suspect;
	return sentinel_suspects_to_front(suspects, suspects->count++);
}

/* Closing takes longer when the process is gone: not now, while somebody is held up. */
void sentinel_suspects_remove(struct sentinel_suspects *suspects, int at)
{
	if (suspects->gone_count == SENTINEL_SUSPECTS_MAX)
		sentinel_suspects_tidy(suspects);
	suspects->gone[suspects->gone_count++] = suspects->list[at].dir;
	suspects->count--;
	memmove(suspects->list + at, suspects->list + at + 1,
	        (size_t)(suspects->count - at) * sizeof *suspects->list);
}
