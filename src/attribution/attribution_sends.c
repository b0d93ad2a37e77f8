/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A send from a TCP socket is reported when it is done, and lasts as long as the other end lets it
 * wait. Where several processes have the socket, its packets are on the network before it is known
 * which of them sends.
 */
#include <netinet/in.h>

#include "attribution/look.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"

/* The last fork up to the packet in which the process took part; 0: not since the connection began. */
static int64_t shared_since(const struct look *look)
{
	const struct children *children = &look->attribution->children;
	const struct process *process = look->owner->process;
	const struct child *child = NULL;
	int64_t seen_ns = look->question->seen_ns, latest_ns = process->sole_holder_since_ns;

	if (latest_ns <= seen_ns)
		return latest_ns >= look->since_ns ? latest_ns : 0;
	latest_ns = children_forked_ns(children, process->pid);
	while ((child = children_next(children, process->pid, child)))
		if (child->forked_ns > latest_ns && child->forked_ns <= seen_ns)
			latest_ns = child->forked_ns;
	return latest_ns >= look->since_ns && latest_ns <= seen_ns ? latest_ns : 0;
}

/* Its parent had the socket before it, and may have closed it since. */
static bool has_parent(const struct look *look)
{
	const struct process *process = look->owner->process;
	int64_t forked_ns = children_forked_ns(&look->attribution->children, process->pid);

	if (forked_ns == 0 || forked_ns < look->since_ns)
		return false;
	return look->question->seen_ns - forked_ns < WINDOW_INHERITED_NS ||
	       proc_fd_inherited(look->attribution->options.fds, look->owner->inode, process->pid,
	                         process->parent_pid) == 1;
}

/* May another process have the socket that the one had at that fork? Without time to look: it may. */
static bool has_sharers(struct look *look, struct owner *owner)
{
	struct attribution *attribution = look->attribution;
	struct proc_fd_holders holders = { 0 };
	struct socket socket = { .inode = 0 };

	if (!attribution_spend(&attribution->holders, LOOK_HOLDERS_PER_SECOND))
		return true;
	look->gone = !look_find_socket(attribution, look->question, &socket) || socket.inode == 0;
	owner->inode = look->gone ? 0 : socket.inode;
	if (!look->gone &&
	    (!look_index(attribution, owner->inode, owner->process->pid) ||
	     !look_is_indexed(attribution, owner->inode, owner->process->pid, &holders) ||
	     holders.count > 1))
		return true;
	look_at_all_children(look);
	return look->inherited || owner->shared_count > 0 || look->result & ATTRIBUTION_DOUBTFUL ||
	       has_parent(look);
}

bool attribution_may_send(struct attribution *attribution,
                          const struct attribution_question *question, const struct owner *owner)
{
	struct owner holder = *owner; /* no reference of its own */
	struct look look;

	if (question->tuple.protocol != IPPROTO_TCP || !question->sender ||
	    !question->has_payload ||
	    !trace_owners_send_goes_on(attribution->options.trace_owners, question))
		return false;
	look = look_begin(attribution, question, &holder);
	return has_sharers(&look, &holder);
}

/*
 * As long as none is reported since the process forked, or was forked, the packet may be of a send
 * that another process has begun.
 */
unsigned attribution_look_at_sends(struct attribution *attribution,
                                   const struct attribution_question *question,
                                   const struct owner *owner)
{
	struct trace_owners *traced = attribution->options.trace_owners;
	struct owner holder = *owner; /* no reference of its own */
	struct look look;
	int64_t forked_ns;

	if ((owner->method != ATTRIBUTION_TRACEPOINT && owner->method != ATTRIBUTION_SOCKET) ||
	    owner->process->exited_ns != 0 ||
	    !attribution_forked_since(owner->process, question->since_ns))
		return 0;
	look = look_begin(attribution, question, &holder);
	forked_ns = shared_since(&look);
	if (forked_ns == 0) /* later than the packet */
		return ATTRIBUTION_LOOK_AGAIN;
	if ((question->seen_ns - forked_ns > WINDOW_HISTORY_KEEP_NS ||
	     trace_owners_sent_since(traced, question, forked_ns)) &&
	    !trace_owners_send_goes_on(traced, question))
		return 0;
	if (!question->sender || !question->has_payload)
		return ATTRIBUTION_LOOK_AGAIN;
	if (trace_owners_sent_by(traced, question, owner->process) || !has_sharers(&look, &holder))
		return ATTRIBUTION_LOOK_AGAIN;
	return ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
}
