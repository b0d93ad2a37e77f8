/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A route is looked up for what is sent to an address, and for connect(2), and is reported. What a
 * connected socket sends without an address needs none. So which of several processes sent a
 * datagram is seen where one was reported at that moment.
 */
#include "attribution/trace_owners_private.h"
#include "attribution/windows.h"

static struct socket_history_question routes_of(const struct attribution_question *question,
                                                int pid)
{
	return (struct socket_history_question){
		.tuple = question->tuple,
		.netns = question->netns,
		.kinds = SOCKET_HISTORY_ROUTED,
		.from_ns = question->seen_ns - WINDOW_HISTORY_KEEP_NS,
		.to_ns = question->seen_ns + WINDOW_TRACE_EXACT_NS,
		.apart_ns = INT64_MAX,
		.ifindex = question->ifindex,
		.pid = pid,
	};
}

/* A sighting that lasts does not show what was between its first and its last. */
static bool is_at(struct trace_owners *owners, const struct socket_history_question *asked,
                  int64_t from_ns)
{
	struct socket_history_match match;

	if (socket_history_find_latest(owners->socket_history, asked, &match) !=
	    SOCKET_HISTORY_FOUND)
		return false;
	return match.first_ns >= from_ns ||
	       (match.last_ns >= from_ns && match.last_ns <= asked->to_ns);
}

bool trace_owners_sends_since(struct trace_owners *owners,
                              const struct attribution_question *question, int pid, int64_t from_ns)
{
	const struct socket_history_question asked = routes_of(question, pid);

	if (is_at(owners, &asked, from_ns))
		return true;
	trace_owners_drain(owners);
	return is_at(owners, &asked, from_ns);
}

bool trace_owners_sends_at(struct trace_owners *owners, const struct attribution_question *question,
                           int pid)
{
	return trace_owners_sends_since(owners, question, pid,
	                                question->seen_ns - WINDOW_TRACE_APART_NS);
}

int64_t trace_owners_first_route(struct trace_owners *owners,
                                 const struct attribution_question *question, int *pid)
{
	const struct socket_history_question asked = routes_of(question, *pid);
	struct socket_history_match match;
	enum socket_history_answer answer =
		socket_history_find_first(owners->socket_history, &asked, &match);

	if (answer == SOCKET_HISTORY_NONE) {
		trace_owners_drain(owners);
		answer = socket_history_find_first(owners->socket_history, &asked, &match);
	}
	if (answer != SOCKET_HISTORY_FOUND)
		return 0;
	*pid = match.pid;
	return match.first_ns;
}
