/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The process, of those that may have an end, that used it at the time of a packet. */
#include <netinet/in.h>

#include "attribution/attribution_private.h"
#include "attribution/sentinel_owners.h"
#include "base/clock.h"
#include "attribution/trace_owners.h"
#include "attribution/windows.h"

/* The kernel names any one of several sockets on a UDP port: which of them sent is not known. */
static bool shares_port(struct attribution *attribution,
                        const struct attribution_question *question)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);
	const struct socket *found[ATTRIBUTION_LISTENERS_MAX];

	return question->tuple.protocol == IPPROTO_UDP && namespace &&
	       attribution_find_listeners(namespace, &question->tuple, question->ifindex, 0,
	                                  found) > 1;
}

bool attribution_find_sighted(struct attribution *attribution,
                              const struct attribution_question *question, struct owner *owner)
{
	if (!attribution->options.sentinel_owners ||
	    !sentinel_owners_find(attribution->options.sentinel_owners, question, owner))
		return false;
	if (!shares_port(attribution, question))
		return true;
	attribution_withdraw(question, owner, ATTRIBUTION_AMBIGUOUS);
	return false;
}

uint32_t attribution_changes(struct attribution *attribution)
{
	uint32_t changes = attribution->exits + attribution->forked;

	if (attribution->options.trace_owners) {
		changes += trace_owners_changes(attribution->options.trace_owners);
	} else {
		/* Descriptors are looked at when these packets were read, and not before. */
		proc_fd_next_turn(attribution->options.fds);
		changes += ++attribution->batches;
	}
	if (attribution->options.sentinel_owners)
		changes += sentinel_owners_changes(attribution->options.sentinel_owners);
	return changes;
}

bool attribution_changed_since(const struct attribution *attribution, int64_t since_ns)
{
	return !attribution->options.trace_owners ||
	       trace_owners_changed_since(attribution->options.trace_owners, since_ns);
}

void attribution_exited(struct attribution *attribution, int pid, int64_t time_ns)
{
	children_ended(&attribution->children, pid, time_ns);
	attribution->exits++;
}

uint32_t attribution_exits(const struct attribution *attribution)
{
	return attribution->exits;
}

bool attribution_is_contested(struct attribution *attribution,
                              const struct attribution_question *question)
{
	if (attribution->options.trace_owners)
		return trace_owners_is_contested(attribution->options.trace_owners, question);
	return attribution->options.sentinel_owners &&
	       sentinel_owners_is_contested(attribution->options.sentinel_owners, question);
}

bool attribution_find_user(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	struct process *process;

	if (attribution->options.trace_owners) {
		switch (trace_owners_find_user(attribution->options.trace_owners, question,
		                               &process)) {
		case TRACE_OWNERS_NONE:
			return false;
		case TRACE_OWNERS_ONE:
			attribution_set_traced(question, process, owner);
			if (!attribution_may_share(attribution, question, owner) &&
			    !attribution_may_send(attribution, question, owner))
				return true;
			break;
		case TRACE_OWNERS_AMBIGUOUS:
			break;
		}
	} else if (question->tuple.protocol == IPPROTO_TCP) {
		return false;
	} else if (question->sender && attribution_find_sighted(attribution, question, owner) &&
	           !attribution_may_share(attribution, question, owner)) {
		return true;
	}
	attribution_withdraw(question, owner, ATTRIBUTION_AMBIGUOUS);
	return true;
}

/* Data of a TCP end: it may have waited in the socket since before its process was gone. */
static bool is_data(const struct attribution *attribution,
                    const struct attribution_question *question)
{
	return question->tuple.protocol == IPPROTO_TCP && question->sender &&
	       question->has_payload && attribution->options.trace_owners;
}

/* One that has the descriptor, and has sent nothing that is reported: a send of its own may go on. */
static bool may_be_of_dead(const struct attribution *attribution,
                           const struct attribution_question *question, const struct owner *heir)
{
	struct trace_owners *traced = attribution->options.trace_owners;

	return is_data(attribution, question) && heir->method == ATTRIBUTION_SOCKET &&
	       trace_owners_reports_sends(traced) &&
	       !trace_owners_sent_since(traced, question, question->heir_ns);
}

bool attribution_find_heir(struct attribution *attribution,
                           const struct attribution_question *question, struct owner *owner)
{
	struct process *process;

	if (is_data(attribution, question) &&
	    trace_owners_find_sent(attribution->options.trace_owners, question, &process) ==
	            TRACE_OWNERS_ONE) {
		attribution_set_traced(question, process, owner);
		return true;
	}
	attribution_resolve(attribution, question, owner);
	if (may_be_of_dead(attribution, question, owner)) {
		attribution_withdraw(question, owner, ATTRIBUTION_AMBIGUOUS);
		return false;
	}
	if ((owner->method == ATTRIBUTION_SOCKET || owner->method == ATTRIBUTION_TRACEPOINT) &&
	    (owner->process->exited_ns == 0 || owner->process->exited_ns > question->seen_ns))
		return true;
	if (owner->method != ATTRIBUTION_UNKNOWN)
		attribution_withdraw(question, owner, ATTRIBUTION_NO_SOCKET);
	return false;
}
