/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that had what was sought, the last one first. */
#ifndef SOCKLINE_SENTINEL_SENTINEL_HOLDERS_H
#define SOCKLINE_SENTINEL_SENTINEL_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "processes/process.h"

#define SENTINEL_HOLDERS_MAX 16

struct sentinel_holder {
	int pid;
	int dir;      /* O_PATH of /proc/PID: identity, all below it is gone when the process is */
	int fd;       /* the last that was right */
	uint32_t uid; /* of that socket */
	uint64_t remote; /* hash of whom that socket spoke to */
	bool shared;     /* with the other threads */
	bool reported;   /* the caller's: the attribution knows this process */
	struct process_stat stat;
	int64_t stat_ns; /* monotonic: it was so then */
};

struct sentinel_holders {
	int count;
	struct sentinel_holder list[SENTINEL_HOLDERS_MAX];
	int gone_count;
	int gone[SENTINEL_HOLDERS_MAX]; /* directories to be closed */
};

void sentinel_holders_clear(struct sentinel_holders *holders);
/* What can wait until nobody is held up. */
void sentinel_holders_tidy(struct sentinel_holders *holders);

int sentinel_holders_find(const struct sentinel_holders *holders, int pid); /* -1 = none */
/* The first from now on; the last makes room. Takes over holder->dir. */
struct sentinel_holder *sentinel_holders_add(struct sentinel_holders *holders,
                                             const struct sentinel_holder *holder);
struct sentinel_holder *sentinel_holders_to_front(struct sentinel_holders *holders, int at);
void sentinel_holders_remove(struct sentinel_holders *holders, int at);

#endif
