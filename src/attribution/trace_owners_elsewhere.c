/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process may use a TCP socket of another namespace than its own, which it was given: sessions of
 * vsftpd, services with a namespace of their own whose sockets systemd opens. The kernel reports
 * what the process does and not where the socket is, and two namespaces may have the same
 * addresses: 127.0.0.1 is in each.
 */
#include "attribution/trace_owners_private.h"

static bool came_from(struct trace_owners *owners, const struct process *process, uint32_t netns,
                      int64_t time_ns)
{
	const struct process *parent =
		process_table_at(owners->options.processes, process->parent_pid,
	                         process->forked_ns != 0 ? process->forked_ns : time_ns);

	return parent && parent->netns == netns && parent->entity_id == process->parent_entity_id;
}

bool trace_owners_may_use(struct trace_owners *owners, const struct attribution_question *question,
                          const struct socket_history_match *match)
{
	enum trace_owners_address address = TRACE_OWNERS_ADDRESS_UNKNOWN;
	const struct process *process;

	if (match->netns == 0 || question->netns == 0 || match->netns == question->netns)
		return true;
	/* The packet is forwarded, and its socket is in the other namespace. */
	if (question->foreign)
		return false;
	if (owners->options.address)
		address = owners->options.address(owners->options.context, match->netns,
		                                  &question->tuple.source, question->seen_ns);
	if (address != TRACE_OWNERS_ADDRESS_UNKNOWN)
		return address == TRACE_OWNERS_ADDRESS_ABSENT;
	process = process_table_at(owners->options.processes, match->pid, match->last_ns);
	return process && came_from(owners, process, question->netns, match->last_ns);
}

enum socket_history_answer trace_owners_find_elsewhere(struct trace_owners *owners,
                                                       const struct attribution_question *question,
                                                       trace_owners_find_function *find,
                                                       const struct socket_history_question *asked,
                                                       struct socket_history_match *match)
{
	struct socket_history_question wider = *asked;
	enum socket_history_answer answer;

	wider.netns = 0;
	wider.kinds &= ~(unsigned)SOCKET_HISTORY_OPENED; /* it opens one in its own */
	answer = find(owners->socket_history, &wider, match);
	if (answer == SOCKET_HISTORY_FOUND && !trace_owners_may_use(owners, question, match))
		return SOCKET_HISTORY_NONE;
	return answer;
}
