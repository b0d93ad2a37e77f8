/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data of a send that goes on. A process that was known to have the socket may have passed it on in a
 * message, which nothing reports, and the one that got it may send at length: that is reported when it
 * is done. Then the first one has closed its descriptor, or it waits for something else while bytes
 * leave that no report counts.
 */
#include <errno.h>

#include "attribution/look.h"
#include "attribution/socket_history.h"
#include "attribution/trace_owners.h"
#include "base/hash.h"
#include "processes/process_waits.h"

/* Looks at descriptors each second, 5 us each, and at threads, 3 us each. */
#define LOOK_SENDS_PER_SECOND   4000
#define LOOK_THREADS_PER_SECOND 4000
#define THREADS_MAX             32
#define DESCRIPTORS_MAX         500

static bool is_reported(const struct socket_history_sent *sent, uint32_t offset)
{
	return (int32_t)(offset - (uint32_t)sent->bytes) < 0;
}

/* The place of the packet's socket and the process, cleared where it was another's. */
static struct attribution_sending *find_place(struct attribution *attribution,
                                              const struct attribution_question *question,
                                              const struct process *process)
{
	uint64_t hash =
		hash_bytes(&attribution->options.key, &question->tuple, sizeof question->tuple);
	struct attribution_sending *sending = &attribution->sendings[hash % ATTRIBUTION_SENDINGS];

	if (sending->pid != process->pid || sending->start_ticks != process->start_ticks ||
	    sending->netns != question->netns || !tuple_equal(&sending->tuple, &question->tuple))
		*sending = (struct attribution_sending){ .tuple = question->tuple,
			                                 .netns = question->netns,
			                                 .pid = process->pid,
			                                 .start_ticks = process->start_ticks };
	return sending;
}

/*
 * What a look showed holds for packets of before it. One that has not begun the send has not, until
 * that is reported.
 */
static bool is_known(const struct attribution_sending *sending,
                     const struct attribution_question *question,
                     const struct socket_history_sent *sent)
{
	return sending->looked_ns != 0 && sending->bytes == sent->bytes &&
	       (question->seen_ns <= sending->looked_ns || !sending->may);
}

/* 1, 0 or -errno: it is not known. */
static int has_descriptor(struct attribution *attribution, uint64_t inode, int pid)
{
	struct proc_fd *fds = attribution->options.fds;
	struct proc_fd_holders holders;
	int result;

	proc_fd_next_turn(fds); /* what was verified before the packet does not count */
	if (look_is_indexed(attribution, inode, pid, &holders))
		return 1;
	if (!attribution_spend(&attribution->scans, LOOK_SCANS_PER_SECOND))
		return -EAGAIN;
	result = proc_fd_scan_small(fds, pid, DESCRIPTORS_MAX);
	return result < 0 ? result : look_is_indexed(attribution, inode, pid, &holders);
}

/* The same of the packet's socket. -ENOTCONN: no process has it, and all that was sent is reported. */
static int has_socket(struct attribution *attribution, const struct attribution_question *question,
                      struct attribution_sending *sending)
{
	struct socket socket;

	if (sending->inode != 0 && has_descriptor(attribution, sending->inode, sending->pid) == 1)
		return 1;
	if (!look_find_socket(attribution, question, &socket) || socket.inode == 0 ||
	    socket.state == SOCKET_LISTEN)
		return -ENOTCONN;
	sending->inode = socket.inode;
	return has_descriptor(attribution, sending->inode, sending->pid);
}

/*
 * Does none of its threads send? Where that is not known: some may. One look is for packets of all its
 * sockets that were captured before.
 */
static bool waits(struct attribution *attribution, const struct attribution_question *question,
                  const struct process *process)
{
	struct attribution_waiting *waiting =
		&attribution->waiting[(unsigned)process->pid % ATTRIBUTION_WAITING];
	int dir, read = 0;

	if (waiting->pid == process->pid && waiting->start_ticks == process->start_ticks &&
	    question->seen_ns <= waiting->looked_ns)
		return waiting->waits;
	if (!attribution_spend(&attribution->threads, LOOK_THREADS_PER_SECOND))
		return false;
	waiting->pid = process->pid;
	waiting->start_ticks = process->start_ticks;
	waiting->looked_ns = clock_monotonic_ns();
	dir = process_table_dir(attribution->options.processes, process);
	waiting->waits = dir >= 0 && process_waits(dir, THREADS_MAX, &read) == 1;
	attribution->threads.left -= read;
	return waiting->waits;
}

/*
 * Are all bytes counted that leave the socket? Where no send was reported, it need not be that any is:
 * sockmap, MPTCP. A kTLS socket sends more than is reported: a report of the process itself does not
 * reach what had left before, while it waited for something else.
 */
static bool is_exact(const struct attribution_sending *sending,
                     const struct socket_history_sent *sent)
{
	return !sending->is_inexact && sent->bytes > 0 &&
	       (sending->looked_ns == 0 || sending->may || sent->bytes == sending->bytes ||
	        sent->pid != sending->pid || is_reported(sent, sending->offset));
}

static bool may_send(struct attribution *attribution, const struct attribution_question *question,
                     const struct process *process, bool exact, struct attribution_sending *sending)
{
	int has = has_socket(attribution, question, sending);

	if (has == 0 || has == -ENOTCONN)
		return has != 0;
	return !exact || !waits(attribution, question, process);
}

/* Is the send over, or not counted? */
static bool is_settled(struct trace_owners *traced, const struct attribution_question *question,
                       struct socket_history_sent *sent, enum attribution_send *now)
{
	*now = ATTRIBUTION_SEND_UNCOUNTED;
	if (!trace_owners_count_sent(traced, question, sent))
		return true;
	*now = ATTRIBUTION_SEND_REPORTED;
	return is_reported(sent, question->offset);
}

/* One that is reported when the look is over was over before it, perhaps. */
static enum attribution_send look_at_process(struct attribution *attribution,
                                             const struct attribution_question *question,
                                             const struct process *process,
                                             struct socket_history_sent *sent,
                                             struct attribution_sending *sending)
{
	struct trace_owners *traced = attribution->options.trace_owners;
	struct attribution_sending looked = *sending;
	bool exact = is_exact(sending, sent);
	enum attribution_send now;

	if (!attribution_spend(&attribution->sends, LOOK_SENDS_PER_SECOND))
		return exact ? ATTRIBUTION_SEND_NOT_SEEN : ATTRIBUTION_SEND_MAY;
	looked.is_inexact = sent->bytes > 0 && !exact;
	looked.looked_ns = clock_monotonic_ns();
	looked.may = may_send(attribution, question, process, exact, &looked);
	trace_owners_drain(traced);
	if (is_settled(traced, question, sent, &now))
		return now;
	looked.bytes = sent->bytes;
	looked.offset = question->offset;
	*sending = looked;
	return looked.may ? ATTRIBUTION_SEND_MAY : ATTRIBUTION_SEND_NOT_SEEN;
}

enum attribution_send attribution_find_send(struct attribution *attribution,
                                            const struct attribution_question *question,
                                            const struct owner *owner, uint32_t *reported)
{
	struct trace_owners *traced = attribution->options.trace_owners;
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);
	struct socket_history_sent sent = { 0 };
	struct attribution_sending *sending;
	enum attribution_send now = ATTRIBUTION_SEND_UNCOUNTED;

	if (!traced || !trace_owners_reports_sends(traced) || !namespace || !namespace->diag)
		return now;
	if (!is_settled(traced, question, &sent, &now)) {
		sending = find_place(attribution, question, owner->process);
		if (is_known(sending, question, &sent))
			return sending->may ? ATTRIBUTION_SEND_MAY : ATTRIBUTION_SEND_NOT_SEEN;
		trace_owners_drain_for(traced, question);
		if (!is_settled(traced, question, &sent, &now))
			now = look_at_process(attribution, question, owner->process, &sent,
			                      sending);
	}
	if (now == ATTRIBUTION_SEND_REPORTED)
		*reported = (uint32_t)sent.bytes;
	return now;
}
