/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>

#include "attribution/trace_owners_private.h"
#include "attribution/windows.h"
#include "base/clock.h"

static void on_trace_event(void *context, const struct trace_event *event)
{
	struct trace_owners *owners = context;
	struct process *process = process_history_add(&owners->process_history, event);

	if (event->ring_full || event->kind == TRACE_EVENT_LOST_PROCESSES)
		trace_flood_add(&owners->flood, owners->options.processes, event, process);
	switch (event->kind) {
	case TRACE_EVENT_ROUTE:
	case TRACE_EVENT_NO_ROUTE:
	case TRACE_EVENT_STATE:
	case TRACE_EVENT_RECEIVE:
	case TRACE_EVENT_SEND:
		trace_owners_note_listening(owners, event);
		socket_history_add(owners->socket_history, event, process);
		break;
	case TRACE_EVENT_LOST_SOCKETS:
		trace_owners_note_listening(owners, event);
		socket_history_add(owners->socket_history, event, NULL);
		break;
	case TRACE_EVENT_LOST_PROCESSES:
		socket_history_add(owners->socket_history, event, NULL);
		owners->relist = true;
		owners->options.lived(owners->options.context, event, process);
		break;
	case TRACE_EVENT_NAME:
		if (!event->executed)
			break;
		if (process && owners->executed_count < EXECUTED_MAX)
			owners->executed[owners->executed_count++] = event->pid;
		owners->options.lived(owners->options.context, event, process);
		break;
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_SETTLED:
	case TRACE_EVENT_EXIT:
		owners->options.lived(owners->options.context, event, process);
		break;
	case TRACE_EVENT_IMAGE:
	case TRACE_EVENT_NETNS:
	case TRACE_EVENT_CGROUP:
	case TRACE_EVENT_OTHER:
		break;
	}
}

/* Where its ids are not known by events, /proc has them, as long as it lives. */
static void read_executed(struct trace_owners *owners, int pid)
{
	const struct process *process = process_table_current(owners->options.processes, pid);

	if (process && !process->exited_ns && !process->has_uid)
		process_table_exec(owners->options.processes, pid, process->since_ns);
}

void trace_owners_drain(struct trace_owners *owners)
{
	struct process_changes *changes = owners->options.changes;
	int64_t now_ns = clock_monotonic_ns();

	if (changes)
		process_changes_begin(changes);
	tracepoints_drain(owners->tracepoints, on_trace_event, owners);
	trace_owners_note_switches(owners);
	if (changes)
		process_changes_end(changes, now_ns);
	for (int i = 0; i < owners->executed_count; i++)
		read_executed(owners, owners->executed[i]);
	owners->executed_count = 0;
}

void trace_owners_expire(struct trace_owners *owners)
{
	int64_t now = clock_monotonic_ns();

	trace_owners_drain(owners);
	socket_history_expire(owners->socket_history, now);
	if (!owners->relist)
		return;
	owners->relist = false;
	trace_owners_seed(owners);
}

/* It lacks what only /proc has, while it is there. */
static bool is_incomplete(const struct process *process)
{
	return !process->exited_ns &&
	       (!process->has_uid || process->entity_id == 0 || !process->cgroup);
}

/* For what it did at that time. */
static void complete(struct process_table *processes, struct process *process, int64_t time_ns)
{
	if (is_incomplete(process))
		process_table_refresh(processes, process);
	process_table_confirm_ids(processes, process, time_ns);
}

struct process *trace_owners_process_of(struct trace_owners *owners,
                                        const struct attribution_question *question,
                                        const struct socket_history_match *match)
{
	struct process_table *processes = owners->options.processes;
	struct process *found = process_table_at(processes, match->pid, match->last_ns);

	if (!found || (found->netns != 0 && match->netns == 0 && found->netns != question->netns))
		return NULL;
	complete(processes, found, match->last_ns);
	return found;
}

static struct socket_history_question asked_for(const struct attribution_question *question,
                                                unsigned kinds, int64_t from_ns, int64_t to_ns)
{
	struct socket_history_question asked = {
		.tuple = question->tuple,
		.netns = question->netns,
		.kinds = kinds,
		.from_ns = from_ns,
		.to_ns = to_ns,
		.apart_ns = INT64_MAX,
		.ifindex = question->ifindex,
	};

	if (asked.from_ns < question->heir_ns)
		asked.from_ns = question->heir_ns;
	/* The identifier of an echo is no part of its route. */
	if (question->has_icmp_id)
		asked.tuple.source_port = asked.tuple.destination_port = 0;
	return asked;
}

/* What the rings hold is taken in only when what is known is not enough. */
static bool ask(struct trace_owners *owners, const struct attribution_question *question,
                trace_owners_find_function *find, const struct socket_history_question *asked,
                struct process **process)
{
	struct socket_history_match match;
	enum socket_history_answer answer;

	*process = NULL;
	if (find(owners->socket_history, asked, &match) == SOCKET_HISTORY_FOUND)
		*process = trace_owners_process_of(owners, question, &match);
	if (*process)
		return true;
	trace_owners_drain(owners);
	answer = find(owners->socket_history, asked, &match);
	if (answer == SOCKET_HISTORY_NONE && question->tuple.protocol == IPPROTO_TCP)
		answer = trace_owners_find_elsewhere(owners, question, find, asked, &match);
	if (answer == SOCKET_HISTORY_FOUND)
		*process = trace_owners_process_of(owners, question, &match);
	return *process != NULL;
}

/* Asks for one kind of sighting: all must be of one process. */
static bool ask_for(struct trace_owners *owners, const struct attribution_question *question,
                    unsigned kinds, int64_t before_ns, int64_t to_ns, struct process **process)
{
	struct socket_history_question asked =
		asked_for(question, kinds, question->seen_ns - before_ns, to_ns);

	return ask(owners, question, socket_history_find, &asked, process);
}

void trace_owners_expect(struct trace_owners *owners, const struct tuple *tuple)
{
	socket_history_expect(owners->socket_history, tuple);
}

/* The datagram's: its route was looked up just before, and no other process's at that moment. */
static bool find_sender(struct trace_owners *owners, const struct attribution_question *question,
                        int64_t before_ns, struct process **process)
{
	struct socket_history_question asked =
		asked_for(question, SOCKET_HISTORY_ROUTED, question->seen_ns - before_ns,
	                  question->seen_ns + WINDOW_TRACE_EXACT_NS);

	asked.apart_ns = question->seen_ns - WINDOW_TRACE_APART_NS;
	return ask(owners, question, socket_history_find_latest, &asked, process);
}

/* Sockets that follow each other with the same ends are opened one after the other. */
static bool find_opener(struct trace_owners *owners, const struct attribution_question *question,
                        struct process **process)
{
	struct socket_history_question asked = asked_for(question, SOCKET_HISTORY_OPENED,
	                                                 question->seen_ns - WINDOW_TRACE_BEFORE_NS,
	                                                 question->seen_ns + WINDOW_TRACE_EXACT_NS);

	return ask(owners, question, socket_history_find_latest, &asked, process);
}

/* A socket is opened before its first packet, and accepted after it. */
static int64_t before(const struct attribution_question *question)
{
	return question->responder ? WINDOW_TRACE_EXACT_NS : WINDOW_TRACE_BEFORE_NS;
}

/* Nothing is known of the future: its end need not be read from a clock. */
static int64_t until(const struct attribution_question *question)
{
	return question->until_ns != 0 ? question->until_ns : INT64_MAX;
}

/* The process that used the accepted socket first; one that closed it may be its parent. */
static bool find_server(struct trace_owners *owners, const struct attribution_question *question,
                        struct process **process)
{
	struct socket_history_question asked =
		asked_for(question, SOCKET_HISTORY_RECEIVED | SOCKET_HISTORY_SENT,
	                  question->seen_ns - WINDOW_TRACE_EXACT_NS, until(question));

	return ask(owners, question, socket_history_find_first, &asked, process) ||
	       ask_for(owners, question, SOCKET_HISTORY_CLOSED, WINDOW_TRACE_EXACT_NS,
	               until(question), process);
}

/*
 * The process that was seen to use or close the socket since its former owner exited. One that
 * only opened it may have closed its copy at any time since, which is not reported.
 */
static bool find_heir(struct trace_owners *owners, const struct attribution_question *question,
                      struct process **process)
{
	struct socket_history_question asked = asked_for(
		question, SOCKET_HISTORY_RECEIVED | SOCKET_HISTORY_SENT | SOCKET_HISTORY_CLOSED,
		question->heir_ns, until(question));

	return ask(owners, question, socket_history_find_latest, &asked, process);
}

/* What a socket sends that makes the header itself has the route of any protocol, and no ports. */
static struct attribution_question made_by_hand(const struct attribution_question *question)
{
	struct attribution_question made = *question;

	made.tuple.protocol = IPPROTO_RAW;
	made.tuple.source_port = made.tuple.destination_port = 0;
	made.has_icmp_id = false;
	return made;
}

/*
 * The one process that sent to this end at that time. Routes of echoes have no identifier, so that
 * several may be under way, and those that were made by hand look like all others.
 */
static bool find_echo_sender(struct trace_owners *owners,
                             const struct attribution_question *question, struct process **process)
{
	const struct attribution_question made = made_by_hand(question);
	const int64_t from_ns = question->seen_ns - WINDOW_TRACE_BEFORE_NS;
	const int64_t to_ns = question->seen_ns + WINDOW_TRACE_AFTER_NS;
	struct socket_history_question echoes =
		asked_for(question, SOCKET_HISTORY_ROUTED, from_ns, to_ns);
	struct socket_history_question by_hand =
		asked_for(&made, SOCKET_HISTORY_ROUTED, from_ns, to_ns);
	struct socket_history_match match;
	struct process *sender = NULL;
	bool found = ask(owners, question, socket_history_find, &echoes, process);

	if (!found &&
	    socket_history_find(owners->socket_history, &echoes, &match) != SOCKET_HISTORY_NONE)
		return false;
	switch (socket_history_find(owners->socket_history, &by_hand, &match)) {
	case SOCKET_HISTORY_NONE:
		return found;
	case SOCKET_HISTORY_FOUND:
		sender = trace_owners_process_of(owners, question, &match);
		break;
	case SOCKET_HISTORY_AMBIGUOUS:
	case SOCKET_HISTORY_INCOMPLETE:
		break;
	}
	if (!sender || (found && sender != *process))
		return false;
	*process = sender;
	return true;
}

bool trace_owners_find(struct trace_owners *owners, const struct attribution_question *question,
                       struct process **process)
{
	if (question->has_icmp_id)
		return question->sender && find_echo_sender(owners, question, process);
	if (question->tuple.protocol != IPPROTO_TCP)
		return question->sender &&
		       find_sender(owners, question, WINDOW_TRACE_BEFORE_NS, process);
	if (question->heir_ns != 0)
		return find_heir(owners, question, process);
	if (question->since_ns == 0)
		return false;
	/* Route lookups can be had for any tuple by RTM_GETROUTE; a socket's state cannot. */
	if (!question->responder)
		return find_opener(owners, question, process);
	return find_server(owners, question, process);
}

/* Its sockets are closed a moment after it is reported to have exited. */
static bool was_alive(const struct process *process, int64_t time_ns)
{
	return process->exited_ns == 0 || process->exited_ns + WINDOW_EXITING_NS > time_ns;
}

/* A connected socket needs no route for what it sends: its connect() may be long ago. */
static bool find_connected(struct trace_owners *owners, const struct attribution_question *question,
                           struct process **process)
{
	return ask_for(owners, question, SOCKET_HISTORY_ROUTED, WINDOW_HISTORY_KEEP_NS,
	               question->seen_ns + WINDOW_TRACE_AFTER_NS, process) &&
	       was_alive(*process, question->seen_ns);
}

bool trace_owners_find_raw(struct trace_owners *owners, const struct attribution_question *question,
                           struct process **process)
{
	const struct attribution_question made = made_by_hand(question);

	return ask_for(owners, &made, SOCKET_HISTORY_ROUTED, WINDOW_TRACE_BEFORE_NS,
	               question->seen_ns + WINDOW_TRACE_AFTER_NS, process);
}

bool trace_owners_find_queued(struct trace_owners *owners,
                              const struct attribution_question *question, struct process **process)
{
	if (question->tuple.protocol != IPPROTO_TCP)
		return question->sender &&
		       (ask_for(owners, question, SOCKET_HISTORY_ROUTED, WINDOW_QUEUED_NS,
		                question->seen_ns + WINDOW_TRACE_AFTER_NS, process) ||
		        find_connected(owners, question, process));
	/* A SYN may be sent again, too, and whoever opened the same tuple meanwhile was seen. */
	return question->since_ns != 0 && question->heir_ns == 0 && !question->responder &&
	       ask_for(owners, question, SOCKET_HISTORY_OPENED, WINDOW_QUEUED_NS,
	               clock_monotonic_ns(), process);
}

bool trace_owners_find_receiver(struct trace_owners *owners,
                                const struct attribution_question *question,
                                struct process **process)
{
	return question->tuple.protocol != IPPROTO_TCP &&
	       ask_for(owners, question, SOCKET_HISTORY_ROUTED, WINDOW_HISTORY_KEEP_NS,
	               clock_monotonic_ns(), process) &&
	       was_alive(*process, question->seen_ns);
}

static int64_t since(const struct attribution_question *question)
{
	return question->since_ns != 0 ? question->since_ns - before(question)
	                               : question->seen_ns - WINDOW_HISTORY_KEEP_NS;
}

bool trace_owners_is_contested(struct trace_owners *owners,
                               const struct attribution_question *question)
{
	struct socket_history_match match = { .several = false };
	struct socket_history_question asked;
	int64_t since_ns = since(question);

	if (!trace_owners_changed_since(owners, since_ns))
		return false;
	asked = asked_for(question, SOCKET_HISTORY_USED, since_ns, INT64_MAX);
	socket_history_find_latest(owners->socket_history, &asked, &match);
	return match.several;
}

/*
 * The latest sender has the socket, as far as any was seen. What carries no data of the end is of the
 * latest user: a child may only read what its parent has asked for.
 */
static enum trace_owners_user find_tcp_user(struct trace_owners *owners,
                                            const struct attribution_question *question,
                                            struct process **process)
{
	bool sent = question->sender && question->has_payload;
	struct socket_history_question asked = asked_for(
		question, sent ? SOCKET_HISTORY_OPENED | SOCKET_HISTORY_SENT : SOCKET_HISTORY_USED,
		since(question), question->seen_ns + WINDOW_TRACE_EXACT_NS);
	enum trace_owners_user user = trace_owners_find_sent(owners, question, process);

	if (user != TRACE_OWNERS_NONE)
		return user;
	if (ask(owners, question, socket_history_find_latest, &asked, process)) {
		if (was_alive(*process, question->seen_ns))
			return TRACE_OWNERS_ONE;
		if (sent) /* it waited in the socket, or another one sends, and is not done */
			return TRACE_OWNERS_AMBIGUOUS;
	}
	asked.kinds = SOCKET_HISTORY_USED;
	if (ask(owners, question, socket_history_find_latest, &asked, process) &&
	    was_alive(*process, question->seen_ns))
		return TRACE_OWNERS_ONE;
	asked.from_ns = question->seen_ns;
	asked.to_ns = until(question);
	return ask(owners, question, socket_history_find_first, &asked, process)
	               ? TRACE_OWNERS_ONE
	               : TRACE_OWNERS_NONE;
}

enum trace_owners_user trace_owners_find_user(struct trace_owners *owners,
                                              const struct attribution_question *question,
                                              struct process **process)
{
	if (question->has_icmp_id)
		return TRACE_OWNERS_NONE;
	if (question->tuple.protocol == IPPROTO_TCP)
		return find_tcp_user(owners, question, process);
	if (question->sender && find_sender(owners, question, WINDOW_HISTORY_KEEP_NS, process))
		return TRACE_OWNERS_ONE;
	return TRACE_OWNERS_AMBIGUOUS;
}

bool trace_owners_find_last(struct trace_owners *owners,
                            const struct attribution_question *question, struct process **process)
{
	struct socket_history_question asked;

	if (question->tuple.protocol != IPPROTO_TCP)
		return false;
	/* The one that closed it last may be the parent of the one that had it. */
	asked = asked_for(question, SOCKET_HISTORY_USED, question->seen_ns - before(question),
	                  until(question));
	if (ask(owners, question, socket_history_find_latest, &asked, process))
		return true;
	return ask_for(owners, question, SOCKET_HISTORY_CLOSED, WINDOW_TRACE_EXACT_NS,
	               until(question), process);
}

enum trace_owners_user trace_owners_find_since(struct trace_owners *owners,
                                               const struct attribution_question *question,
                                               int64_t since_ns, struct process **process)
{
	struct socket_history_question asked =
		asked_for(question, SOCKET_HISTORY_USED | SOCKET_HISTORY_CLOSED, since_ns,
	                  clock_monotonic_ns());
	struct socket_history_match match;
	enum socket_history_answer answer;

	trace_owners_drain(owners);
	answer = socket_history_find(owners->socket_history, &asked, &match);
	if (answer == SOCKET_HISTORY_NONE)
		answer = trace_owners_find_elsewhere(owners, question, socket_history_find, &asked,
		                                     &match);
	if (answer == SOCKET_HISTORY_NONE)
		return TRACE_OWNERS_NONE;
	*process = answer == SOCKET_HISTORY_FOUND
	                   ? trace_owners_process_of(owners, question, &match)
	                   : NULL;
	return *process ? TRACE_OWNERS_ONE : TRACE_OWNERS_AMBIGUOUS;
}

bool trace_owners_find_past(struct trace_owners *owners,
                            const struct attribution_question *question, struct process **process)
{
	int64_t now = clock_monotonic_ns();

	return question->tuple.protocol == IPPROTO_TCP &&
	       ask_for(owners, question,
	               SOCKET_HISTORY_OPENED | SOCKET_HISTORY_RECEIVED | SOCKET_HISTORY_CLOSED,
	               WINDOW_HISTORY_KEEP_NS, now, process);
}

bool trace_owners_take_failed(struct trace_owners *owners, int64_t before_ns,
                              struct failed_connect *connect, struct process **process)
{
	do {
		if (!socket_history_take_failed(owners->socket_history, before_ns, connect))
			return false;
		*process = process_table_at(owners->options.processes, connect->pid,
		                            connect->began_ns);
		if (*process)
			complete(owners->options.processes, *process, connect->began_ns);
		if (connect->netns == 0 && *process)
			connect->netns = (*process)->netns;
	} while (connect->netns == 0 && owners->options.namespaces);
	return true;
}
