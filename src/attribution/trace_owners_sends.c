/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends from TCP sockets are reported when they are done: one that lasts has had packets on the
 * network before.
 */
#include "attribution/trace_owners_private.h"
#include "attribution/windows.h"

bool trace_owners_sent_since(struct trace_owners *owners,
                             const struct attribution_question *question, int64_t since_ns)
{
	const struct socket_history_question asked = {
		.tuple = question->tuple,
		.kinds = SOCKET_HISTORY_SENT,
		.from_ns = since_ns,
		.to_ns = question->seen_ns + WINDOW_TRACE_EXACT_NS,
		.apart_ns = INT64_MAX,
	};
	struct socket_history_match match;

	if (socket_history_find_latest(owners->socket_history, &asked, &match) !=
	    SOCKET_HISTORY_NONE)
		return true;
	trace_owners_drain_for(owners, question);
	return socket_history_find_latest(owners->socket_history, &asked, &match) !=
	       SOCKET_HISTORY_NONE;
}

bool trace_owners_send_goes_on(struct trace_owners *owners,
                               const struct attribution_question *question)
{
	struct socket_history_match match;

	if (!question->has_offset ||
	    trace_owners_find_byte(owners, question, &match) != SOCKET_HISTORY_INCOMPLETE)
		return false;
	trace_owners_drain_for(owners, question);
	return trace_owners_find_byte(owners, question, &match) == SOCKET_HISTORY_INCOMPLETE;
}

bool trace_owners_sent_by(struct trace_owners *owners, const struct attribution_question *question,
                          const struct process *process)
{
	struct process *sender = NULL;

	return trace_owners_find_sent(owners, question, &sender) == TRACE_OWNERS_ONE &&
	       sender == process;
}

bool trace_owners_count_sent(struct trace_owners *owners,
                             const struct attribution_question *question,
                             struct socket_history_sent *sent)
{
	const struct socket_history_question asked = {
		.tuple = question->tuple,
		.from_ns = question->since_ns - WINDOW_TRACE_BEFORE_NS,
		.to_ns = question->seen_ns + WINDOW_TRACE_EXACT_NS,
	};

	return socket_history_count_sent(owners->socket_history, &asked, sent);
}
