/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that had what was sought, the last one first. */
#ifndef SOCKLINE_ATTRIBUTION_SENTINEL_SUSPECTS_H
#define SOCKLINE_ATTRIBUTION_SENTINEL_SUSPECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "processes/process.h"

#define SENTINEL_SUSPECTS_MAX 16

struct sentinel_suspect {
	int pid;
	int dir;      /* O_PATH of /proc/PID: identity, all below it is gone when the process is */
	int fd;       /* the last that was right */
	uint32_t uid; /* of that socket */
	uint64_t remote; /* hash of whom that socket spoke to */
	bool shared;     /* with the other threads */
	bool told;       /* the caller's: somebody knows this process */
	struct process_stat stat;
};

struct sentinel_suspects {
	int count;
	struct sentinel_suspect list[SENTINEL_SUSPECTS_MAX];
	int gone_count;
	int gone[SENTINEL_SUSPECTS_MAX]; /* directories to be closed */
};

void sentinel_suspects_clear(struct sentinel_suspects *suspects);
/* What can wait until nobody is held up. */
void sentinel_suspects_tidy(struct sentinel_suspects *suspects);

int sentinel_suspects_find(const struct sentinel_suspects *suspects, int pid); /* -1 = none */
/* The first from now on; the last makes room. Takes over suspect->dir. */
struct sentinel_suspect *sentinel_suspects_add(struct sentinel_suspects *suspects,
                                               const struct sentinel_suspect *suspect);
struct sentinel_suspect *sentinel_suspects_to_front(struct sentinel_suspects *suspects, int at);
void sentinel_suspects_remove(struct sentinel_suspects *suspects, int at);

#endif
