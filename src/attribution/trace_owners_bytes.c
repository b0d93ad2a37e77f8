/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The senders of bytes: what was sent waits in the socket, and leaves it when another process has that. */
#include "attribution/trace_owners_private.h"
#include "attribution/windows.h"

void trace_owners_note_switches(struct trace_owners *owners)
{
	uint64_t switches = tracepoints_counters(owners->tracepoints)->switches;

	if (switches != owners->switches)
		socket_history_uncount(owners->socket_history);
	owners->switches = switches;
}

bool trace_owners_reports_sends(const struct trace_owners *owners)
{
	return tracepoints_counters(owners->tracepoints)->has_sends;
}

void trace_owners_drain_for(struct trace_owners *owners,
                            const struct attribution_question *question)
{
	if (owners->drained_for.seen_ns == question->seen_ns &&
	    owners->drained_for.offset == question->offset &&
	    tuple_equal(&owners->drained_for.tuple, &question->tuple))
		return;
	trace_owners_drain(owners);
	owners->drained_for.tuple = question->tuple;
	owners->drained_for.seen_ns = question->seen_ns;
	owners->drained_for.offset = question->offset;
}

/* A sender that is known alone is noted without its namespace. False: it cannot be known. */
static bool find_namespace(struct trace_owners *owners, struct socket_history_match *match)
{
	const struct process *process;

	if (match->netns != 0)
		return true;
	process = process_table_at(owners->options.processes, match->pid, match->last_ns);
	if (process && !process->mixed_netns)
		match->netns = process->netns;
	return match->netns != 0;
}

enum socket_history_answer trace_owners_find_byte(struct trace_owners *owners,
                                                  const struct attribution_question *question,
                                                  struct socket_history_match *match)
{
	struct socket_history_question asked = {
		.tuple = question->tuple,
		.netns = question->netns,
		.from_ns = question->since_ns - WINDOW_TRACE_BEFORE_NS,
		.to_ns = question->seen_ns + WINDOW_TRACE_EXACT_NS,
	};
	enum socket_history_answer answer =
		socket_history_find_sent(owners->socket_history, &asked, question->offset, match);

	if (answer != SOCKET_HISTORY_NONE)
		return answer;
	asked.netns = 0;
	answer = socket_history_find_sent(owners->socket_history, &asked, question->offset, match);
	if (answer == SOCKET_HISTORY_FOUND &&
	    (!find_namespace(owners, match) || !trace_owners_may_use(owners, question, match)))
		return SOCKET_HISTORY_NONE;
	return answer;
}

enum trace_owners_user trace_owners_find_sent(struct trace_owners *owners,
                                              const struct attribution_question *question,
                                              struct process **process)
{
	struct socket_history_match match;

	if (!question->has_offset)
		return TRACE_OWNERS_NONE;
	if (trace_owners_find_byte(owners, question, &match) != SOCKET_HISTORY_FOUND) {
		trace_owners_drain_for(owners, question);
		if (trace_owners_find_byte(owners, question, &match) != SOCKET_HISTORY_FOUND)
			return TRACE_OWNERS_NONE;
	}
	*process = trace_owners_process_of(owners, question, &match);
	return *process ? TRACE_OWNERS_ONE : TRACE_OWNERS_AMBIGUOUS;
}
