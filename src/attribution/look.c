/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that were forked since a connection began, and have the socket of its end. */
#include "attribution/look.h"

#include <errno.h>
#include <netinet/in.h>

#include "attribution/trace_owners.h"
#include "attribution/windows.h"

/* Children that one look looks at, and those that it passes by, which have ended. */
#define CHILDREN_LOOKED_AT 16
#define CHILDREN_ENDED     256
/* A process that has more is not read. */
#define DESCRIPTORS_MAX 500

struct look look_begin(struct attribution *attribution, const struct attribution_question *question,
                       const struct owner *owner)
{
	struct look look = {
		.attribution = attribution,
		.question = question,
		.owner = owner,
		.opened_ns = question->since_ns - WINDOW_FORK_NS,
	};
	int pid = 0;
	int64_t first_ns =
		attribution->options.trace_owners && question->tuple.protocol == IPPROTO_UDP
			? trace_owners_first_route(attribution->options.trace_owners, question,
	                                           &pid)
			: 0;

	if (first_ns != 0)
		look.opened_ns = first_ns;
	look.since_ns = look.opened_ns;
	if (question->tuple.protocol == IPPROTO_UDP)
		look.since_ns -= WINDOW_HISTORY_KEEP_NS;
	return look;
}

bool look_find_socket(struct attribution *attribution, const struct attribution_question *question,
                      struct socket *socket)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);

	return namespace && attribution_find_socket(attribution, namespace, question, socket) == 0;
}

bool look_is_indexed(const struct attribution *attribution, uint64_t inode, int pid,
                     struct proc_fd_holders *holders)
{
	return proc_fd_find(attribution->options.fds, inode, holders) == 0 &&
	       proc_fd_holders_have(holders, pid);
}

bool look_index(struct attribution *attribution, uint64_t inode, int pid)
{
	struct proc_fd_holders holders = { 0 };

	if (look_is_indexed(attribution, inode, pid, &holders))
		return true;
	if (!attribution_spend(&attribution->scans, LOOK_SCANS_PER_SECOND))
		return false;
	proc_fd_scan_small(attribution->options.fds, pid, DESCRIPTORS_MAX);
	return true;
}

/* What is closed at exec(2) was so by then. */
static bool has_executed(const struct look *look, const struct child *child)
{
	const struct process *process = process_table_at(look->attribution->options.processes,
	                                                 child->pid, look->question->seen_ns);

	return process && process->executed_ns > child->forked_ns &&
	       process->executed_ns <= look->question->seen_ns;
}

/* 1, 0, or -errno when that is not known. One that executed a program may have moved it. */
static int has_inherited(const struct look *look, int holder_pid, const struct child *child)
{
	struct attribution *attribution = look->attribution;
	uint64_t inode = look->owner->inode;
	struct proc_fd_holders holders;
	int held = proc_fd_inherited(attribution->options.fds, inode, holder_pid, child->pid);

	if (held != 0 || look_is_indexed(attribution, inode, child->pid, &holders))
		return held < 0 ? held : 1;
	if (look->question->tuple.protocol != IPPROTO_UDP || child->forked_ns < look->opened_ns)
		return 0;
	if (!look_index(attribution, inode, child->pid))
		return -EAGAIN;
	return look_is_indexed(attribution, inode, child->pid, &holders);
}

/*
 * A child that had ended by then sent nothing. How long one had the socket that has ended since, or
 * that was just forked, is not known. holder_pid: it had the socket at the same descriptor.
 */
static void look_at_child(struct look *look, int holder_pid, const struct child *child)
{
	int64_t seen_ns = look->question->seen_ns;
	bool opened = child->forked_ns >= look->opened_ns;
	int held = 0;

	if (child->ended_ns != 0 && (child->ended_ns < seen_ns || !opened)) {
		look->ended++;
		return;
	}
	look->children++;
	if (child->ended_ns == 0 && !look->gone)
		held = has_inherited(look, holder_pid, child);
	look->inherited |= held > 0;
	if (opened && (child->ended_ns != 0 || held < 0 || look->gone ||
	               (held == 0 && seen_ns - child->forked_ns < WINDOW_INHERITED_NS &&
	                !has_executed(look, child))))
		look_doubt(look);
}

bool look_may_lack(const struct look *look, int parent_pid)
{
	return look->question->tuple.protocol == IPPROTO_UDP &&
	       children_may_lack(&look->attribution->children, parent_pid, look->opened_ns,
	                         look->question->seen_ns);
}

void look_at_children(struct look *look, int holder_pid, int parent_pid)
{
	const struct attribution *attribution = look->attribution;
	const struct child *child = NULL;

	if (forks_latest(&attribution->forks, parent_pid) < look->since_ns)
		return;
	if (look_may_lack(look, parent_pid))
		look_doubt(look);
	while ((child = children_next(&attribution->children, parent_pid, child))) {
		if (child->forked_ns < look->since_ns)
			continue;
		if (child->forked_ns > look->question->seen_ns) {
			look->result |= ATTRIBUTION_LOOK_AGAIN;
			continue;
		}
		if (look->children == CHILDREN_LOOKED_AT || look->ended == CHILDREN_ENDED) {
			look_doubt(look);
			return;
		}
		look_at_child(look, holder_pid, child);
		look_at_children(look, holder_pid, child->pid);
	}
}

void look_at_all_children(struct look *look)
{
	const struct owner *owner = look->owner;

	look_at_children(look, owner->process->pid, owner->process->pid);
	for (int i = 0; i < owner->shared_count; i++)
		if (owner->shared_pids[i] != owner->process->pid)
			look_at_children(look, owner->shared_pids[i], owner->shared_pids[i]);
}
