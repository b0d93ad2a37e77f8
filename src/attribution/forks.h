/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a process last forked, as far as the kernel reported it: also of processes that
 * have not been asked for, since a fork is reported before the packets of the
 * connection that it was for are read. Pure and small: a place is for all pids with the same low
 * bits. It has the one that forked there last, and of the others a time that may be later than
 * the truth, never earlier.
 */
#ifndef SOCKLINE_ATTRIBUTION_FORKS_H
#define SOCKLINE_ATTRIBUTION_FORKS_H

#include <stdint.h>

#define FORKS_PIDS 16384 /* power of two */

/* Zeroed. */
struct forks {
	int64_t lost_ns;
	struct fork_place {
		int pid; /* 0 = none */
		int64_t time_ns;
		int64_t others_ns; /* the latest of those that were there before */
	} places[FORKS_PIDS];
};

/* Times are monotonic; pid is the parent's. */
void forks_put(struct forks *forks, int pid, int64_t time_ns);
/* Word of some forks was lost before now: any process may have forked. */
void forks_lost(struct forks *forks, int64_t now_ns);
/* 0 = not since we look. */
int64_t forks_latest(const struct forks *forks, int pid);

#endif
