/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/forks.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

void forks_put(struct forks *forks, int pid, int64_t time_ns)
{
	struct fork_place *place = &forks->places[(unsigned)pid % FORKS_PIDS];

	if (place->pid == pid) {
		place->time_ns = later(place->time_ns, time_ns);
		return;
	}
	place->others_ns = later(place->others_ns, place->time_ns);
	place->pid = pid;
	place->time_ns = time_ns;
}

void forks_lost(struct forks *forks, int64_t now_ns)
{
	forks->lost_ns = now_ns;
}

int64_t forks_latest(const struct forks *forks, int pid)
{
	const struct fork_place *place = &forks->places[(unsigned)pid % FORKS_PIDS];

	/* It may have been there twice, and the earlier time have come later. */
	return later(forks->lost_ns, place->pid == pid ? later(place->time_ns, place->others_ns)
	                                               : place->others_ns);
}
