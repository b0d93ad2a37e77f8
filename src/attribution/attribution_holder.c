/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The owner of a socket that was found: the processes that hold it. */
#include "attribution/attribution_private.h"
#include "attribution/windows.h"

#define ANCESTORS_MAX 4

/* Why nobody is known to hold a socket that exists: looked everywhere, or not yet. */
static void name_nobody(struct attribution *attribution, const struct socket *socket,
                        int64_t asked_ns, struct owner *owner)
{
	bool permitted = false;

	if (!proc_fd_walked_since(attribution->options.fds, asked_ns, &permitted)) {
		if (asked_ns > attribution->walked_ns)
			attribution->walk_wanted = true;
		else
			attribution->full_walk_wanted = true;
		attribution_unknown(owner, ATTRIBUTION_PENDING);
	} else if (!permitted) {
		attribution_unknown(owner, ATTRIBUTION_NO_PERMISSION);
	} else if (socket->has_uid && socket->uid == 0 && attribution->options.sees_all_processes) {
		/*
		 * It exists, and a whole walk over every process, begun after it was first
		 * asked for, found no descriptor of it: the kernel made it for itself (NFS,
		 * WireGuard, tunnels).
		 */
		owner->method = ATTRIBUTION_KERNEL;
		owner->reason = ATTRIBUTION_REASON_NONE;
	} else {
		attribution_unknown(owner, ATTRIBUTION_EXITED);
	}
}

/*
 * A prediction finds a holder, not every one: a listener inherited by a young
 * child is its parent's first of all. So the parents are read as well.
 */
static void find_ancestors(struct attribution *attribution, uint64_t inode,
                           struct proc_fd_holders *holders)
{
	struct proc_fd *fds = attribution->options.fds;

	for (int generation = 0; generation < ANCESTORS_MAX; generation++) {
		int parent = holders->processes[0]->parent_pid, count = holders->count;
		struct proc_fd_holders again = { 0 };

		if (parent <= 1 || proc_fd_scan_process(fds, parent) < 0 ||
		    proc_fd_find(fds, inode, &again) != 0 || again.count == 0)
			return;
		*holders = again;
		if (again.count == count)
			return;
	}
}

/*
 * The index may have a child alone that was just forked: what it has not closed yet, by exec or
 * otherwise, its parent has at the same descriptor.
 */
static void find_parents(struct attribution *attribution, uint64_t inode,
                         struct proc_fd_holders *holders)
{
	struct proc_fd *fds = attribution->options.fds;

	for (int generation = 0; generation < ANCESTORS_MAX; generation++) {
		const struct process *first = holders->processes[0];
		struct proc_fd_holders again = { 0 };

		if (first->parent_pid <= 1 || proc_fd_holders_have(holders, first->parent_pid) ||
		    process_age_ns(first) > WINDOW_YOUNG_NS ||
		    proc_fd_inherited(fds, inode, first->pid, first->parent_pid) != 1 ||
		    proc_fd_find(fds, inode, &again) != 0)
			return;
		*holders = again;
	}
}

void attribution_name_holder(struct attribution *attribution, const struct socket *socket,
                             enum attribution_method method, int64_t asked_ns, struct owner *owner,
                             struct proc_fd_holders *holders)
{
	struct proc_fd_holders found = { 0 };
	int result;

	owner->inode = socket->inode;
	owner->cookie = socket->cookie;
	owner->netns = socket->netns;
	owner->uid = socket->uid;
	owner->has_uid = socket->has_uid;
	owner->from_proc_net = socket->source == SOCKET_FROM_PROC_NET;
	result = proc_fd_find(attribution->options.fds, socket->inode, &found);
	if (result != 0) {
		result = proc_fd_predict(attribution->options.fds, socket->inode,
		                         ATTRIBUTION_PREDICT_BUDGET, &found);
		if (result == 0 && found.count > 0 && method == ATTRIBUTION_LISTENER)
			find_ancestors(attribution, socket->inode, &found);
	} else if (method == ATTRIBUTION_LISTENER) {
		find_parents(attribution, socket->inode, &found);
	}
	if (result != 0 || found.count == 0) {
		name_nobody(attribution, socket, asked_ns, owner);
	} else if (attribution_set_shared(owner, &found) != 0) {
		attribution_unknown(owner, ATTRIBUTION_AMBIGUOUS); /* not one of them alone */
	} else {
		owner->method = method;
		owner->reason = ATTRIBUTION_REASON_NONE;
		owner->process = process_ref(found.processes[0]);
	}
	if (holders)
		*holders = found;
}
