/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where no tracepoint reports which process sends, or it does so later: whether the one that was
 * found with a TCP socket, or with a connected one of UDP, still has it, and whether it has it alone.
 * A child that was forked since has it as well, and any of those that have it may have sent a packet.
 */
#include <netinet/in.h>

#include "attribution/look.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"
#include "base/clock.h"

/* To read a process costs as many scans as it takes of this time: 50 ms of each second in all. */
#define SCAN_COST (NS_PER_MS / 20)

/* Each that had it has it. */
static bool has_all(const struct proc_fd_holders *holders, const struct owner *owner)
{
	for (int i = 0; i < owner->shared_count; i++)
		if (!proc_fd_holders_have(holders, owner->shared_pids[i]))
			return false;
	return true;
}

/* What the sentinel saw is not in the index, so that its process is read. False: no time for that. */
static bool find_again(struct attribution *attribution, const struct owner *owner,
                       struct proc_fd_holders *holders)
{
	struct proc_fd *fds = attribution->options.fds;
	int64_t began_ns = clock_monotonic_ns();

	proc_fd_hint(fds, owner->process->pid);
	if (proc_fd_predict(fds, owner->inode, ATTRIBUTION_PREDICT_BUDGET, holders) == 0)
		return true;
	if (!attribution_spend(&attribution->scans, LOOK_SCANS_PER_SECOND))
		return false;
	proc_fd_scan_process(fds, owner->process->pid);
	attribution->scans.left -= (int)((clock_monotonic_ns() - began_ns) / SCAN_COST);
	return true;
}

/* What a lookup found was in the index: the process has the socket no more. What was sighted stands. */
static unsigned stand_unread(const struct attribution *attribution, const struct owner *owner)
{
	bool stands = attribution->options.sentinel_owners && !owner->lost;

	return ATTRIBUTION_LOOK_AGAIN | (stands ? 0 : ATTRIBUTION_DOUBTFUL);
}

/* Those that have the socket now become the owner's shared_pids. */
static unsigned set_sharers(struct owner *owner, const struct proc_fd_holders *holders)
{
	int count = owner->shared_count > 0 ? owner->shared_count : 1;
	unsigned result = 0;

	owner->lost = false;
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

/* The socket of this end now, and whether it is one whose sends are not reported. */
enum now { NOW_GONE, NOW_REPORTED, NOW_SILENT };

static enum now find_now(struct attribution *attribution,
                         const struct attribution_question *question, const struct owner *owner,
                         struct socket *socket)
{
	if (!look_find_socket(attribution, question, socket))
		return NOW_GONE;
	if (!attribution_udp_is_connected(socket, &question->tuple))
		return owner->inode == socket->inode && !attribution->options.trace_owners
		               ? NOW_SILENT
		               : NOW_REPORTED;
	return owner->inode == 0 || owner->inode == socket->inode ? NOW_SILENT : NOW_GONE;
}

/* Is a child forked in time, so that it may have sent the packet? */
static bool has_child(const struct look *look, int parent_pid)
{
	const struct child *child = NULL;

	if (forks_latest(&look->attribution->forks, parent_pid) < look->since_ns)
		return false;
	while ((child = children_next(&look->attribution->children, parent_pid, child)))
		if (child->forked_ns >= look->since_ns &&
		    child->forked_ns <= look->question->seen_ns)
			return true;
	return look_may_lack(look, parent_pid);
}

/* The process that was seen with the socket first, unless it had ended by the packet. */
static void look_at_first(struct look *look, int pid, int64_t first_ns)
{
	struct attribution *attribution = look->attribution;
	const struct process *first =
		process_table_at(attribution->options.processes, pid, first_ns);

	if (first && first->exited_ns != 0 && first->exited_ns <= look->question->seen_ns)
		return;
	if (!look_index(attribution, look->owner->inode, pid))
		look_doubt(look);
}

/*
 * Those that have it beside the owner and its children: its parent, the process that was seen with it
 * first, and the children of both, which have it from them as the owner has.
 */
static void look_at_relatives(struct look *look)
{
	struct attribution *attribution = look->attribution;
	const struct owner *owner = look->owner;
	int own = owner->process->pid, parent = owner->process->parent_pid, first = 0;
	int64_t first_ns = 0;

	proc_fd_inherited(attribution->options.fds, owner->inode, own, parent);
	if (attribution->options.trace_owners)
		first_ns = trace_owners_first_route(attribution->options.trace_owners,
		                                    look->question, &first);
	if (first_ns != 0 && first != own) {
		look_at_first(look, first, first_ns);
		look_at_children(look, own, first);
	}
	if (parent > 1 && (parent != first || first_ns == 0) &&
	    children_forked_ns(&attribution->children, own) >= look->opened_ns)
		look_at_children(look, own, parent);
}

/* The socket, or its process, is gone since the packet: who had it can be seen no more. */
static unsigned look_at_left(struct look *look)
{
	look->gone = true;
	look_at_all_children(look);
	return look->result;
}

/* Was this datagram, and no connect(2) before a fork? Each of a socket that is not connected is. */
static bool is_reported(const struct look *look)
{
	struct trace_owners *traced = look->attribution->options.trace_owners;
	int pid = look->owner->process->pid;
	int64_t seen_ns = look->question->seen_ns;
	int64_t forked_ns = forks_latest(&look->attribution->forks, pid);
	int64_t from_ns = seen_ns - WINDOW_TRACE_BEFORE_NS;

	if (forked_ns > from_ns)
		from_ns = forked_ns < seen_ns ? forked_ns : seen_ns - WINDOW_TRACE_APART_NS;
	return !traced || trace_owners_sends_since(traced, look->question, pid, from_ns);
}

/*
 * A server of UDP connects its socket to the client, forks a child that answers, and closes it
 * (socat, ncat). What such a socket sends needs no route any more, so that tracepoints do not
 * report it either.
 */
static unsigned look_at_socket(struct look *look, struct owner *owner)
{
	struct attribution *attribution = look->attribution;
	struct proc_fd_holders holders = { 0 };
	struct socket socket;

	if (!attribution_spend(&attribution->holders, LOOK_HOLDERS_PER_SECOND))
		return ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
	switch (find_now(attribution, look->question, owner, &socket)) {
	case NOW_REPORTED:
		if (is_reported(look))
			return 0;
		/* Its connected one is gone, and the server waits on the next one (ncat -k). */
		return look_at_left(look);
	case NOW_GONE:
		return look_at_left(look);
	case NOW_SILENT:
		break;
	}
	owner->inode = socket.inode;
	if (!look_index(attribution, owner->inode, owner->process->pid))
		return ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
	look_at_relatives(look);
	look_at_all_children(look);
	if (!look_is_indexed(attribution, owner->inode, owner->process->pid, &holders))
		return ATTRIBUTION_LOST | look->result;
	/* It may close it yet. */
	if (look->question->seen_ns - forks_latest(&attribution->forks, owner->process->pid) <
	    WINDOW_HANDOVER_NS)
		look->result |= ATTRIBUTION_LOOK_AGAIN;
	return ATTRIBUTION_SILENT | look->result | set_sharers(owner, &holders);
}

/* It was forked not long before, or since: what its parent has is not its alone. */
static bool is_child(const struct look *look)
{
	const struct attribution *attribution = look->attribution;
	int pid = 0, own = look->owner->process->pid;
	int64_t forked_ns = children_forked_ns(&attribution->children, own);

	if (forked_ns == 0 || forked_ns < look->since_ns)
		return false;
	return !attribution->options.trace_owners || forked_ns > look->question->since_ns ||
	       (trace_owners_first_route(attribution->options.trace_owners, look->question, &pid) !=
	                0 &&
	        pid != own);
}

static unsigned look_at_connected(struct attribution *attribution,
                                  const struct attribution_question *question, struct owner *owner)
{
	struct trace_owners *traced = attribution->options.trace_owners;
	struct look look;
	unsigned looked;
	bool forked;

	if (!owner->process ||
	    (owner->process->exited_ns != 0 && owner->process->exited_ns <= question->seen_ns))
		return 0;
	forked = forks_latest(&attribution->forks, owner->process->pid) != 0;
	if (!forked && owner->shared_count == 0 &&
	    children_forked_ns(&attribution->children, owner->process->pid) == 0)
		return 0;
	look = look_begin(attribution, question, owner);
	forked = forks_latest(&attribution->forks, owner->process->pid) >= look.since_ns && forked;
	if (!forked && owner->shared_count == 0 && !is_child(&look))
		return 0;
	if (!question->sender || (owner->shared_count == 0 && !is_child(&look) &&
	                          !has_child(&look, owner->process->pid)))
		return ATTRIBUTION_LOOK_AGAIN;
	if (owner->process->exited_ns == 0)
		looked = look_at_socket(&look, owner);
	else
		looked = look_at_left(&look);
	/* Each send of one that was not connected was reported. */
	if (look.gone && traced && trace_owners_sends_at(traced, question, owner->process->pid))
		return looked & ATTRIBUTION_LOOK_AGAIN;
	return looked;
}

/* Its parent was seen with the socket as well, and lived at the packet. */
static bool may_be_parents(const struct attribution *attribution,
                           const struct attribution_question *question,
                           const struct process *process)
{
	const struct process *parent = process_table_at(attribution->options.processes,
	                                                process->parent_pid, process->forked_ns);
	int pid = process->parent_pid;

	return parent && (parent->exited_ns == 0 || parent->exited_ns >= question->seen_ns) &&
	       trace_owners_first_route(attribution->options.trace_owners, question, &pid) != 0;
}

/* It was gone at the packet, and forked before, whether its child is remembered or not. */
static bool may_have_left_it(const struct look *look)
{
	const struct process *process = look->owner->process;

	return process->exited_ns != 0 && process->exited_ns <= look->question->seen_ns &&
	       forks_latest(&look->attribution->forks, process->pid) >= look->opened_ns;
}

bool attribution_may_share(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	struct trace_owners *traced = attribution->options.trace_owners;
	struct look look;
	unsigned looked;

	if (question->tuple.protocol != IPPROTO_UDP)
		return false;
	look = look_begin(attribution, question, owner);
	looked = look_at_socket(&look, owner) & (ATTRIBUTION_LOST | ATTRIBUTION_DOUBTFUL);
	if (!look.gone)
		return looked;
	return !(traced && trace_owners_sends_at(traced, question, owner->process->pid)) &&
	       (looked || may_have_left_it(&look) ||
	        (traced && may_be_parents(attribution, question, owner->process)));
}

/* The process that accepted it is all that is known: a child that was forked since may send. */
static unsigned look_at_acceptor(struct attribution *attribution,
                                 const struct attribution_question *question,
                                 const struct owner *owner)
{
	struct look look = look_begin(attribution, question, owner);

	if (question->sender && has_child(&look, owner->process->pid))
		return ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
	return ATTRIBUTION_LOOK_AGAIN;
}

unsigned attribution_look_at_holders(struct attribution *attribution,
                                     const struct attribution_question *question,
                                     struct owner *owner)
{
	struct proc_fd_holders holders = { 0 };
	struct look look;

	if (question->tuple.protocol == IPPROTO_UDP)
		return look_at_connected(attribution, question, owner);
	if (attribution->options.trace_owners)
		return attribution_look_at_sends(attribution, question, owner);
	if (owner->method == ATTRIBUTION_LISTENER)
		return look_at_acceptor(attribution, question, owner);
	if (owner->method != ATTRIBUTION_SOCKET || owner->inode == 0 ||
	    owner->process->exited_ns != 0 ||
	    !attribution_spend(&attribution->holders, LOOK_HOLDERS_PER_SECOND))
		return 0;
	if (proc_fd_find(attribution->options.fds, owner->inode, &holders) != 0 &&
	    !find_again(attribution, owner, &holders))
		return stand_unread(attribution, owner);
	look = look_begin(attribution, question, owner);
	look_at_all_children(&look);
	if (!look_is_indexed(attribution, owner->inode, owner->process->pid, &holders))
		return ATTRIBUTION_LOST | look.result;
	return look.result | set_sharers(owner, &holders);
}
