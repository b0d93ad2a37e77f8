/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where no tracepoint reports which process sends: whether the one that was found with a TCP
 * socket, or with a connected one of UDP, still has it, and whether it has it alone. A child that
 * was forked since has it as well, and any of those that have it may have sent a packet.
 */
#include <netinet/in.h>

#include "attribution/attribution_private.h"
#include "attribution/windows.h"
#include "base/clock.h"

/* Looks at descriptors each second for no other reason, 2 to 3 us each. */
#define HOLDERS_PER_SECOND 4000
/* Reads so many processes with few descriptors, or as long as that takes: 50 ms of each second. */
#define SCANS_PER_SECOND 1000
#define SCAN_COST        (NS_PER_MS / 20)
/* Children that one look looks at, the same. */
#define CHILDREN_LOOKED_AT 16

struct look {
	struct attribution *attribution;
	const struct attribution_question *question;
	const struct owner *owner;
	int children; /* that were looked at */
	unsigned result;
};

/*
 * A child that had ended by then sent nothing. How long one had the socket that has ended since, or
 * that was just forked, is not known.
 */
static void look_at_child(struct look *look, int parent_pid, const struct child *child)
{
	int64_t seen_ns = look->question->seen_ns;
	int held = 0;

	if (child->forked_ns > seen_ns) {
		look->result |= ATTRIBUTION_LOOK_AGAIN;
		return;
	}
	if (child->ended_ns != 0 && child->ended_ns < seen_ns)
		return;
	if (child->ended_ns == 0)
		held = proc_fd_inherited(look->attribution->options.fds, look->owner->inode,
		                         parent_pid, child->pid);
	look->children++;
	if (child->ended_ns != 0 || held < 0 ||
	    (held == 0 && seen_ns - child->forked_ns < WINDOW_INHERITED_NS))
		look->result |= ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
}

static void look_at_children(struct look *look, int parent_pid)
{
	const struct attribution *attribution = look->attribution;
	int64_t since_ns = look->question->since_ns - WINDOW_FORK_NS;
	const struct child *child = NULL;

	if (forks_latest(&attribution->forks, parent_pid) < since_ns)
		return;
	while (look->children < CHILDREN_LOOKED_AT &&
	       (child = children_next(&attribution->children, parent_pid, child)))
		if (child->forked_ns >= since_ns)
			look_at_child(look, parent_pid, child);
}

/* Each that had it has it. */
static bool has_all(const struct proc_fd_holders *holders, const struct owner *owner)
{
	for (int i = 0; i < owner->shared_count; i++)
		if (!proc_fd_holders_have(holders, owner->shared_pids[i]))
			return false;
	return true;
}

/*
 * What the sentinel saw is not in the index, so that its process is read. False: as long as there
 * is no time for that, it stands.
 */
static bool find_again(struct attribution *attribution, const struct owner *owner,
                       struct proc_fd_holders *holders)
{
	struct proc_fd *fds = attribution->options.fds;
	int64_t began_ns = clock_monotonic_ns();

	proc_fd_hint(fds, owner->process->pid);
	if (proc_fd_predict(fds, owner->inode, ATTRIBUTION_PREDICT_BUDGET, holders) == 0)
		return true;
	if (!attribution_spend(&attribution->scans, SCANS_PER_SECOND))
		return false;
	proc_fd_scan_process(fds, owner->process->pid);
	attribution->scans.left -= (int)((clock_monotonic_ns() - began_ns) / SCAN_COST);
	return true;
}

static bool is_connected(struct attribution *attribution,
                         const struct attribution_question *question, struct socket *socket)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);

	return namespace &&
	       attribution_find_socket(attribution, namespace, question, socket) == 0 &&
	       attribution_udp_is_connected(socket, &question->tuple);
}

/* So that the one that has its parent's socket is found without a walk. */
static void read_children(struct attribution *attribution, int parent_pid, int64_t since_ns)
{
	const struct child *child = NULL;
	int read = 0;

	while (read < CHILDREN_LOOKED_AT &&
	       (child = children_next(&attribution->children, parent_pid, child)))
		if (child->ended_ns == 0 && child->forked_ns >= since_ns - WINDOW_FORK_NS &&
		    attribution_spend(&attribution->scans, SCANS_PER_SECOND)) {
			attribution_read_process(attribution, child->pid);
			read++;
		}
}

/* Those that have the socket now become the owner's shared_pids. */
static unsigned set_sharers(struct owner *owner, const struct proc_fd_holders *holders)
{
	int count = owner->shared_count > 0 ? owner->shared_count : 1;
	unsigned result = 0;

	if (holders->count == count && has_all(holders, owner))
		return 0;
	/* One that has it no more had it until some time since the last look. */
	if (!has_all(holders, owner)) {
		result = ATTRIBUTION_DOUBTFUL;
		owner->was_shared = true;
	}
	if (attribution_set_shared(owner, holders) != 0)
		return result | ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
	return result | ATTRIBUTION_NOW_OTHERS;
}

/* It has the socket still: do its children have it, too? */
static unsigned look_at_sharers(struct attribution *attribution,
                                const struct attribution_question *question, struct owner *owner,
                                bool recent)
{
	unsigned again = recent ? ATTRIBUTION_LOOK_AGAIN : 0; /* it may close it yet */
	struct proc_fd_holders holders = { 0 };

	if (recent || owner->shared_count == 0)
		read_children(attribution, owner->process->pid, question->since_ns);
	if (proc_fd_find(attribution->options.fds, owner->inode, &holders) != 0 ||
	    !proc_fd_holders_have(&holders, owner->process->pid))
		return again;
	return again | set_sharers(owner, &holders);
}

/*
 * A server of UDP connects its socket to the client, forks a child that answers, and closes it
 * (socat, ncat). What such a socket sends needs no route any more, so that tracepoints do not
 * report it either.
 */
static unsigned look_at_connected(struct attribution *attribution,
                                  const struct attribution_question *question, struct owner *owner)
{
	int64_t forked_ns =
		owner->process ? forks_latest(&attribution->forks, owner->process->pid) : 0;
	struct socket socket;

	if (forked_ns == 0 || forked_ns < question->since_ns - WINDOW_FORK_NS ||
	    owner->process->exited_ns != 0)
		return 0;
	if (!question->sender || forked_ns > question->seen_ns)
		return ATTRIBUTION_LOOK_AGAIN;
	if (!attribution_spend(&attribution->holders, HOLDERS_PER_SECOND))
		return ATTRIBUTION_LOOK_AGAIN;
	if (!is_connected(attribution, question, &socket) ||
	    (owner->inode != 0 && owner->inode != socket.inode))
		return 0;
	owner->inode = socket.inode;
	if (!attribution_holds(attribution, owner->process, socket.inode)) {
		read_children(attribution, owner->process->pid, question->since_ns);
		return ATTRIBUTION_LOST;
	}
	return look_at_sharers(attribution, question, owner,
	                       question->seen_ns - forked_ns < WINDOW_HANDOVER_NS);
}

unsigned attribution_look_at_holders(struct attribution *attribution,
                                     const struct attribution_question *question,
                                     struct owner *owner)
{
	struct look look = { attribution, question, owner, 0, 0 };
	struct proc_fd_holders holders = { 0 };

	if (question->tuple.protocol == IPPROTO_UDP)
		return look_at_connected(attribution, question, owner);
	if (attribution->options.trace_owners || owner->method != ATTRIBUTION_SOCKET ||
	    owner->inode == 0 || owner->process->exited_ns != 0 ||
	    !attribution_spend(&attribution->holders, HOLDERS_PER_SECOND))
		return 0;
	if (proc_fd_find(attribution->options.fds, owner->inode, &holders) != 0 &&
	    !find_again(attribution, owner, &holders))
		return ATTRIBUTION_LOOK_AGAIN;
	look_at_children(&look, owner->process->pid);
	for (int i = 0; i < owner->shared_count; i++)
		if (owner->shared_pids[i] != owner->process->pid)
			look_at_children(&look, owner->shared_pids[i]);
	if (proc_fd_find(attribution->options.fds, owner->inode, &holders) != 0 ||
	    !proc_fd_holders_have(&holders, owner->process->pid))
		return ATTRIBUTION_LOST | look.result;
	return look.result | set_sharers(owner, &holders);
}
