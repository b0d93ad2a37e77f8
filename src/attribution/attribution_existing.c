/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that were there when a capture began. The first walk over /proc after that shows their
 * holders; what is found then is remembered for those that are closed before their first packet is
 * read, and is used as far as the holder cannot have changed since.
 */
#include "attribution/attribution_private.h"
#include "attribution/existing_owners.h"
#include "attribution/recent.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"
#include "base/clock.h"

/* Each second: the descriptors of some are looked at again, for so long. */
#define LOOK_BUDGET 500000 /* ns */

void attribution_expect_socket(struct attribution *attribution, const struct socket *socket)
{
	int64_t now_ns = clock_monotonic_ns();

	if (!attribution->existing)
		attribution->existing =
			existing_owners_new(ATTRIBUTION_EXISTING_MAX, &attribution->options.key);
	if (!attribution->existing || socket->inode == 0)
		return; /* out of memory; or it has no descriptor */
	existing_owners_add(attribution->existing, socket->inode, now_ns);
	attribution->full_walk_wanted = true;
}

/* Just after the walk, which read all that it asks for. */
static void set_holder(struct attribution *attribution, struct existing_owner *existing)
{
	struct proc_fd_holders holders = { 0 };

	if (proc_fd_find(attribution->options.fds, existing->inode, &holders) != 0)
		return;
	existing->several = holders.count > 1 || holders.more;
	existing->since_ns = existing->verified_ns = attribution->walk_began_ns;
	if (!existing->several)
		existing_owners_set_process(existing, holders.processes[0]);
}

bool attribution_find_existing_holders(struct attribution *attribution, int64_t budget_ns)
{
	int64_t deadline_ns = clock_monotonic_ns() + budget_ns;
	struct existing_owner *existing;
	bool complete, more = false;

	if (!attribution->existing)
		return false;
	while (!more && (existing = existing_owners_first(attribution->existing))) {
		if (existing->inode != 0 &&
		    !proc_fd_walked_since(attribution->options.fds, existing->listed_ns, &complete))
			return false;
		proc_fd_trust(attribution->options.fds, existing->listed_ns);
		if (existing->inode != 0)
			set_holder(attribution, existing);
		existing_owners_pass(attribution->existing);
		more = clock_monotonic_ns() > deadline_ns;
	}
	proc_fd_trust(attribution->options.fds, 0);
	return more;
}

/* Its holder may have closed it, or handed it on: when that was is known as far as it is looked at. */
static void look_again(struct attribution *attribution, struct existing_owner *existing,
                       int64_t now_ns)
{
	struct proc_fd_holders holders = { 0 };

	proc_fd_find(attribution->options.fds, existing->inode, &holders);
	if (holders.count == 1 && holders.processes[0] == existing->process)
		existing->verified_ns = now_ns;
	else
		existing->lost_ns = now_ns;
}

void attribution_tick(struct attribution *attribution)
{
	int64_t now_ns = clock_monotonic_ns(), deadline_ns = now_ns + LOOK_BUDGET;
	uint32_t count;

	recent_expire(attribution->recent, now_ns);
	if (!attribution->existing)
		return;
	count = existing_owners_count(attribution->existing);
	for (uint32_t i = 0; i < count && now_ns < deadline_ns; i++) {
		struct existing_owner *existing = existing_owners_turn(attribution->existing);

		if (!existing)
			return;
		if (existing->lost_ns != 0 && now_ns - existing->lost_ns > WINDOW_EXISTING_LOST_NS)
			existing_owners_forget(attribution->existing, existing->inode);
		else if (existing->process && existing->lost_ns == 0)
			look_again(attribution, existing, now_ns);
		now_ns = clock_monotonic_ns();
	}
}

void attribution_forget_existing(struct attribution *attribution, uint64_t inode)
{
	if (attribution->existing && inode != 0)
		existing_owners_forget(attribution->existing, inode);
}

static bool was_alive(const struct process *process, int64_t time_ns)
{
	return process->exited_ns == 0 || process->exited_ns + WINDOW_EXITING_NS > time_ns;
}

/*
 * The time from which on no fork of the process has shared its socket with a child, that then has
 * it alone. One that has its descriptor so long after a fork has not handed it on.
 */
static int64_t sole_since(const struct existing_owner *existing)
{
	int64_t handed_ns = existing->verified_ns - WINDOW_HANDOVER_NS;

	return handed_ns > existing->since_ns ? handed_ns : existing->since_ns;
}

/* With tracepoints: a process that uses or closes the socket is seen, and so is a fork. */
static struct process *find_traced(struct attribution *attribution,
                                   const struct attribution_question *question,
                                   const struct existing_owner *existing)
{
	int64_t since_ns = sole_since(existing);
	struct process *seen;

	switch (trace_owners_find_since(attribution->options.trace_owners, question, since_ns,
	                                &seen)) {
	case TRACE_OWNERS_ONE:
		return existing->several || seen == existing->process ? seen : NULL;
	case TRACE_OWNERS_NONE:
		return existing->process && existing->process->sole_holder_since_ns < since_ns
		               ? existing->process
		               : NULL;
	case TRACE_OWNERS_AMBIGUOUS:
		break;
	}
	return NULL;
}

/* Where no fork is reported, one is taken to have come with the search. */
static struct process *find_unshared(struct attribution *attribution,
                                     const struct existing_owner *existing)
{
	int64_t since_ns = sole_since(existing);
	bool may_be_handed =
		!existing->process ||
		(attribution->options.reports_forks
	                 ? forks_latest(&attribution->forks, existing->process->pid) >= since_ns
	                 : since_ns == existing->since_ns);

	return may_be_handed ? NULL : existing->process;
}

enum attribution_existing attribution_find_existing(struct attribution *attribution,
                                                    const struct attribution_question *question,
                                                    struct owner *owner)
{
	const struct existing_owner *existing =
		attribution->existing && question->inode != 0
			? existing_owners_find(attribution->existing, question->inode)
			: NULL;
	struct process *process;

	if (!existing || existing->since_ns == 0)
		return ATTRIBUTION_EXISTING_NONE;
	process = attribution->options.trace_owners ? find_traced(attribution, question, existing)
	                                            : find_unshared(attribution, existing);
	if (!process || !was_alive(process, question->seen_ns) ||
	    (existing->lost_ns != 0 && question->seen_ns > existing->lost_ns))
		return ATTRIBUTION_EXISTING_DOUBTFUL;
	owner_clear(owner);
	owner->method = ATTRIBUTION_RECENT;
	owner->process = process_ref(process);
	owner->netns = question->netns;
	owner->inode = question->inode;
	owner->cookie = question->cookie;
	return ATTRIBUTION_EXISTING_FOUND;
}
