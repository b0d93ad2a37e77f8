/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where no tracepoint reports which process sends, or it does so later: whether the one that was
 * found with a TCP socket, or with a connected one of UDP, still has it, and whether it has it alone.
 * A child that was forked since has it as well, and any of those that have it may have sent a packet.
 */
#include <errno.h>
#include <netinet/in.h>

#include "attribution/attribution_private.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"
#include "base/clock.h"

/* Looks at descriptors each second for no other reason, 2 to 3 us each. */
#define HOLDERS_PER_SECOND 4000
/* Reads so many processes with few descriptors, or as long as that takes: 50 ms of each second. */
#define SCANS_PER_SECOND 1000
#define SCAN_COST        (NS_PER_MS / 20)
/* Children that one look looks at, the same, and those that it passes by, which have ended. */
#define CHILDREN_LOOKED_AT 16
#define CHILDREN_ENDED     256
/* A process that has more is not read. */
#define DESCRIPTORS_MAX 500

struct look {
	struct attribution *attribution;
	const struct attribution_question *question;
	const struct owner *owner;
	int64_t opened_ns; /* a child from before this had not the socket, as far as is known */
	int64_t since_ns;  /* those that were forked since then are looked at; not later than it */
	int children, ended; /* that were looked at, and passed by */
	bool gone;           /* the socket is */
	bool inherited;      /* a child has it */
	unsigned result;
};

/* Not known: it may have had the socket at the packet. */
static void doubt(struct look *look)
{
	look->result |= ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
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
	struct proc_fd *fds = attribution->options.fds;
	uint64_t inode = look->owner->inode;
	struct proc_fd_holders holders;
	int held = proc_fd_inherited(fds, inode, holder_pid, child->pid);

	if (held != 0 ||
	    (proc_fd_find(fds, inode, &holders) == 0 && proc_fd_holders_have(&holders, child->pid)))
		return held < 0 ? held : 1;
	if (look->question->tuple.protocol != IPPROTO_UDP || child->forked_ns < look->opened_ns)
		return 0;
	if (!attribution_spend(&attribution->scans, SCANS_PER_SECOND))
		return -EAGAIN;
	proc_fd_scan_small(fds, child->pid, DESCRIPTORS_MAX);
	return proc_fd_find(fds, inode, &holders) == 0 &&
	       proc_fd_holders_have(&holders, child->pid);
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
		doubt(look);
}

/* A child that closed it, or has ended, may have left it to children of its own. */
static void look_at_children(struct look *look, int holder_pid, int parent_pid)
{
	const struct attribution *attribution = look->attribution;
	const struct child *child = NULL;

	if (forks_latest(&attribution->forks, parent_pid) < look->since_ns)
		return;
	while ((child = children_next(&attribution->children, parent_pid, child))) {
		if (child->forked_ns < look->since_ns)
			continue;
		if (child->forked_ns > look->question->seen_ns) {
			look->result |= ATTRIBUTION_LOOK_AGAIN;
			continue;
		}
		if (look->children == CHILDREN_LOOKED_AT || look->ended == CHILDREN_ENDED) {
			doubt(look);
			return;
		}
		look_at_child(look, holder_pid, child);
		look_at_children(look, holder_pid, child->pid);
	}
}

/* Those of its process, and of the others that have it. */
static void look_at_all_children(struct look *look)
{
	const struct owner *owner = look->owner;

	look_at_children(look, owner->process->pid, owner->process->pid);
	for (int i = 0; i < owner->shared_count; i++)
		if (owner->shared_pids[i] != owner->process->pid)
			look_at_children(look, owner->shared_pids[i], owner->shared_pids[i]);
}

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
	if (!attribution_spend(&attribution->scans, SCANS_PER_SECOND))
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
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);

	if (!namespace || attribution_find_socket(attribution, namespace, question, socket) != 0)
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
	return false;
}

/* Only where it was seen to connect is it known since when it has the socket. */
static struct look begin_look(struct attribution *attribution,
                              const struct attribution_question *question,
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

/* Those that have it beside the owner: its parent, and the process that was seen with it first. */
static void look_at_relatives(struct look *look)
{
	struct attribution *attribution = look->attribution;
	struct proc_fd *fds = attribution->options.fds;
	const struct owner *owner = look->owner;
	struct proc_fd_holders holders = { 0 };
	int first = 0;

	proc_fd_inherited(fds, owner->inode, owner->process->pid, owner->process->parent_pid);
	if (!attribution->options.trace_owners ||
	    !trace_owners_first_route(attribution->options.trace_owners, look->question, &first) ||
	    first == owner->process->pid)
		return;
	if (proc_fd_find(fds, owner->inode, &holders) == 0 && proc_fd_holders_have(&holders, first))
		return;
	if (attribution_spend(&attribution->scans, SCANS_PER_SECOND))
		proc_fd_scan_small(fds, first, DESCRIPTORS_MAX);
	else
		doubt(look);
}

/*
 * A server of UDP connects its socket to the client, forks a child that answers, and closes it
 * (socat, ncat). What such a socket sends needs no route any more, so that tracepoints do not
 * report it either.
 */
static unsigned look_at_socket(struct look *look, struct owner *owner)
{
	struct attribution *attribution = look->attribution;
	struct proc_fd *fds = attribution->options.fds;
	struct proc_fd_holders holders = { 0 };
	struct socket socket;

	if (!attribution_spend(&attribution->holders, HOLDERS_PER_SECOND))
		return ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
	switch (find_now(attribution, look->question, owner, &socket)) {
	case NOW_REPORTED:
		return 0;
	case NOW_GONE:
		look->gone = true;
		look_at_all_children(look);
		return look->result;
	case NOW_SILENT:
		break;
	}
	owner->inode = socket.inode;
	if (proc_fd_find(fds, owner->inode, &holders) != 0 ||
	    !proc_fd_holders_have(&holders, owner->process->pid)) {
		if (!attribution_spend(&attribution->scans, SCANS_PER_SECOND))
			return ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
		proc_fd_scan_small(fds, owner->process->pid, DESCRIPTORS_MAX);
	}
	look_at_relatives(look);
	look_at_all_children(look);
	if (proc_fd_find(fds, owner->inode, &holders) != 0 ||
	    !proc_fd_holders_have(&holders, owner->process->pid))
		return ATTRIBUTION_LOST | look->result;
	/* It may close it yet. */
	if (look->question->seen_ns - forks_latest(&attribution->forks, owner->process->pid) <
	    WINDOW_HANDOVER_NS)
		look->result |= ATTRIBUTION_LOOK_AGAIN;
	return look->result | set_sharers(owner, &holders);
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

	if (!owner->process || owner->process->exited_ns != 0)
		return 0;
	forked = forks_latest(&attribution->forks, owner->process->pid) != 0;
	if (!forked && owner->shared_count == 0 &&
	    children_forked_ns(&attribution->children, owner->process->pid) == 0)
		return 0;
	look = begin_look(attribution, question, owner);
	forked = forks_latest(&attribution->forks, owner->process->pid) >= look.since_ns && forked;
	if (!forked && owner->shared_count == 0 && !is_child(&look))
		return 0;
	if (!question->sender || (owner->shared_count == 0 && !is_child(&look) &&
	                          !has_child(&look, owner->process->pid)))
		return ATTRIBUTION_LOOK_AGAIN;
	looked = look_at_socket(&look, owner);
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

bool attribution_may_share(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	struct trace_owners *traced = attribution->options.trace_owners;
	struct look look;
	unsigned looked;

	if (question->tuple.protocol != IPPROTO_UDP)
		return false;
	look = begin_look(attribution, question, owner);
	looked = look_at_socket(&look, owner) & (ATTRIBUTION_LOST | ATTRIBUTION_DOUBTFUL);
	if (!look.gone)
		return looked;
	return !(traced && trace_owners_sends_at(traced, question, owner->process->pid)) &&
	       (looked || (traced && may_be_parents(attribution, question, owner->process)));
}

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

/* May another process have the socket that the one had at that fork? */
static bool has_sharers(struct look *look, struct owner *owner)
{
	struct attribution *attribution = look->attribution;
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, look->question->netns);
	struct proc_fd *fds = attribution->options.fds;
	struct proc_fd_holders holders = { 0 };
	struct socket socket;

	look->gone = !namespace ||
	             attribution_find_socket(attribution, namespace, look->question, &socket) != 0;
	owner->inode = look->gone ? 0 : socket.inode;
	look->gone |= owner->inode == 0;
	if (!look->gone && (proc_fd_find(fds, owner->inode, &holders) != 0 ||
	                    !proc_fd_holders_have(&holders, owner->process->pid))) {
		if (!attribution_spend(&attribution->scans, SCANS_PER_SECOND))
			return true;
		proc_fd_scan_small(fds, owner->process->pid, DESCRIPTORS_MAX);
		if (proc_fd_find(fds, owner->inode, &holders) != 0 ||
		    !proc_fd_holders_have(&holders, owner->process->pid))
			return true;
	}
	look_at_all_children(look);
	return look->inherited || look->result & ATTRIBUTION_DOUBTFUL || has_parent(look);
}

/*
 * A send is reported when it is done, and lasts as long as the other end lets it wait. As long as
 * none is since the process forked, or was forked, the packet may be of one that another process
 * has begun.
 */
static unsigned look_at_sends(struct attribution *attribution,
                              const struct attribution_question *question,
                              const struct owner *owner)
{
	struct owner holder = *owner; /* no reference of its own */
	struct look look;
	int64_t forked_ns;

	if ((owner->method != ATTRIBUTION_TRACEPOINT && owner->method != ATTRIBUTION_SOCKET) ||
	    owner->shared_count > 0 || owner->process->exited_ns != 0 ||
	    !attribution_forked_since(owner->process, question->since_ns))
		return 0;
	look = begin_look(attribution, question, &holder);
	forked_ns = shared_since(&look);
	if (forked_ns == 0) /* later than the packet */
		return ATTRIBUTION_LOOK_AGAIN;
	if (question->seen_ns - forked_ns > WINDOW_HISTORY_KEEP_NS ||
	    trace_owners_sent_since(attribution->options.trace_owners, question, forked_ns))
		return 0;
	if (!question->sender || !question->has_payload)
		return ATTRIBUTION_LOOK_AGAIN;
	if (attribution_spend(&attribution->holders, HOLDERS_PER_SECOND) &&
	    !has_sharers(&look, &holder))
		return ATTRIBUTION_LOOK_AGAIN;
	return ATTRIBUTION_DOUBTFUL | ATTRIBUTION_LOOK_AGAIN;
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
		return look_at_sends(attribution, question, owner);
	if (owner->method != ATTRIBUTION_SOCKET || owner->inode == 0 ||
	    owner->process->exited_ns != 0 ||
	    !attribution_spend(&attribution->holders, HOLDERS_PER_SECOND))
		return 0;
	if (proc_fd_find(attribution->options.fds, owner->inode, &holders) != 0 &&
	    !find_again(attribution, owner, &holders))
		return stand_unread(attribution, owner);
	look = begin_look(attribution, question, owner);
	look_at_all_children(&look);
	if (proc_fd_find(attribution->options.fds, owner->inode, &holders) != 0 ||
	    !proc_fd_holders_have(&holders, owner->process->pid))
		return ATTRIBUTION_LOST | look.result;
	return look.result | set_sharers(owner, &holders);
}
