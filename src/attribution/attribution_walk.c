/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Walks over /proc, for questions that nothing else answers: when, and how much of the time. */
#include "attribution/attribution_private.h"
#include "attribution/windows.h"
#include "base/clock.h"

/* A twentieth of it at most: what a walk costs is waited for nineteen-fold. */
#define WALK_SHARE 20

static void walk_finished(struct attribution *attribution, int64_t now)
{
	int64_t rest = (WALK_SHARE - 1) * attribution->walk_work_ns;

	attribution->walked_ns = attribution->walk_began_ns;
	if (attribution->walk_is_full)
		attribution->full_walk_next_ns =
			now + (rest > WINDOW_FULL_WALK_GAP_NS ? rest : WINDOW_FULL_WALK_GAP_NS);
	else
		attribution->changed_rest_ns = rest;
	/* One over what has changed need not wait for what a full one has cost. */
	rest = attribution->changed_rest_ns;
	attribution->walk_next_ns = now + (rest > WINDOW_WALK_GAP_NS ? rest : WINDOW_WALK_GAP_NS);
}

/*
 * Changed processes first. A descriptor that replaced another leaves the count
 * as it was, so a full walk is for questions that such a walk has left open.
 */
static void walk_begin(struct attribution *attribution, int64_t now)
{
	bool full = attribution->full_walk_wanted && now >= attribution->full_walk_next_ns;

	if (now < attribution->walk_next_ns || !(full || attribution->walk_wanted))
		return;
	attribution->walk_is_full = full;
	attribution->full_walk_wanted &= !full;
	attribution->walk_wanted = false;
	attribution->walk_work_ns = 0;
	attribution->walk_began_ns = now;
	proc_fd_walk_start(attribution->options.fds, !full);
}

/* What others wait for: processes with very many descriptors have a share of their own. */
static void add_work(struct attribution *attribution, int64_t took_ns)
{
	attribution->walk_work_ns += took_ns - proc_fd_take_large_ns(attribution->options.fds);
}

bool attribution_work(struct attribution *attribution, int64_t budget_ns)
{
	int64_t now = clock_monotonic_ns();

	if (attribution_find_existing_holders(attribution, budget_ns))
		return true;
	if (!proc_fd_walk_active(attribution->options.fds))
		walk_begin(attribution, now);
	if (!proc_fd_walk_active(attribution->options.fds))
		return false;
	if (proc_fd_walk(attribution->options.fds, budget_ns)) {
		add_work(attribution, clock_monotonic_ns() - now);
		walk_finished(attribution, clock_monotonic_ns());
		return attribution_find_existing_holders(attribution, budget_ns);
	}
	add_work(attribution, clock_monotonic_ns() - now);
	return true;
}

void attribution_find_expected(struct attribution *attribution, int64_t budget_ns)
{
	int64_t deadline_ns = clock_monotonic_ns() + budget_ns;
	bool more = attribution->existing != NULL;

	while (more && budget_ns > 0) {
		more = attribution_work(attribution, budget_ns);
		budget_ns = deadline_ns - clock_monotonic_ns();
	}
}

void attribution_walk_all(struct attribution *attribution)
{
	struct proc_fd *fds = attribution->options.fds;

	while (proc_fd_walk_active(fds)) /* one that began before does not count */
		proc_fd_walk(fds, NS_PER_SECOND);
	attribution->walk_began_ns = clock_monotonic_ns();
	proc_fd_walk_start(fds, false);
	while (!proc_fd_walk(fds, NS_PER_SECOND))
		;
	attribution_find_existing_holders(attribution, INT64_MAX / 2);
	attribution->full_walk_wanted = false;
}
