/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/forks.h"

void forks_put(struct forks *forks, int pid, int64_t time_ns)
{
	int64_t *latest = &forks->times_ns[(unsigned)pid % FORKS_PIDS];

	if (time_ns > *latest)
		*latest = time_ns;
}

void forks_lost(struct forks *forks, int64_t now_ns)
{
	forks->lost_ns = now_ns;
}

int64_t forks_latest(const struct forks *forks, int pid)
{
	int64_t time_ns = forks->times_ns[(unsigned)pid % FORKS_PIDS];

	return time_ns > forks->lost_ns ? time_ns : forks->lost_ns;
}
