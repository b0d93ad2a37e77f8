/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that forks for each connection: the child that serves it did not exist yet when the
 * first packets came. Those are of its parent, whose listening socket took the connection.
 */
#include <netinet/in.h>

#include "attribution/attribution_private.h"
#include "attribution/windows.h"

#define GENERATIONS_MAX 4 /* a daemon may fork twice */

/* Processes whose descriptors are read for one question, and how many they may have: 2 to 3 us each. */
#define PROCESSES_PER_SECOND 20
#define DESCRIPTORS_MAX      500

/* The nearest that was there at the packet; borrowed, NULL when that is not sure. */
static struct process *find_ancestor(struct process_table *processes, const struct process *child,
                                     int64_t seen_ns)
{
	const struct process *young = child;

	for (int generation = 0; generation < GENERATIONS_MAX; generation++) {
		struct process *parent =
			process_table_at(processes, young->parent_pid, young->forked_ns);

		if (!parent)
			return NULL;
		if (!process_is_unborn(parent, seen_ns))
			return process_table_at(processes, parent->pid, seen_ns);
		young = parent;
	}
	return NULL;
}

bool attribution_read_process(struct attribution *attribution, int pid)
{
	return attribution_spend(&attribution->processes, PROCESSES_PER_SECOND) &&
	       proc_fd_scan_small(attribution->options.fds, pid, DESCRIPTORS_MAX) >= 0;
}

/* As far as its descriptors were read. */
static bool is_known_to_hold(struct attribution *attribution, int pid, uint64_t inode)
{
	struct proc_fd_holders holders;

	return proc_fd_find(attribution->options.fds, inode, &holders) == 0 &&
	       proc_fd_holders_have(&holders, pid);
}

bool attribution_holds(struct attribution *attribution, const struct process *process,
                       uint64_t inode)
{
	return process->exited_ns == 0 && (is_known_to_hold(attribution, process->pid, inode) ||
	                                   (attribution_read_process(attribution, process->pid) &&
	                                    is_known_to_hold(attribution, process->pid, inode)));
}

/* Does it have one of the listening sockets? */
static bool listens(struct attribution *attribution, const struct socket *const *sockets, int count,
                    const struct process *process)
{
	for (int i = 0; i < count; i++)
		if (attribution_holds(attribution, process, sockets[i]->inode))
			return true;
	return false;
}

bool attribution_find_listening(struct attribution *attribution,
                                const struct attribution_question *question,
                                const struct process *child, struct owner *owner)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);
	const struct socket *found[ATTRIBUTION_LISTENERS_MAX];
	struct process *parent;
	int count;

	/* The socket that listens now may be another. */
	if (!namespace || question->tuple.protocol != IPPROTO_TCP || question->died ||
	    question->foreign)
		return false;
	parent = find_ancestor(attribution->options.processes, child, question->seen_ns);
	if (!parent || (parent->exited_ns != 0 && parent->exited_ns <= question->seen_ns))
		return false;
	count = attribution_find_listeners(namespace, &question->tuple, question->ifindex, 0,
	                                   found);
	parent = process_ref(parent);
	if (count > ATTRIBUTION_LISTENERS_MAX || !listens(attribution, found, count, parent)) {
		process_unref(parent);
		return false;
	}
	owner->method = ATTRIBUTION_LISTENER;
	owner->reason = ATTRIBUTION_REASON_NONE;
	owner->process = parent;
	owner->netns = question->netns;
	return true;
}
