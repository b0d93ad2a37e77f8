/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/trace_owners.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "attribution/process_history.h"
#include "attribution/socket_history.h"
#include "base/clock.h"
#include "tracepoints/tracepoints.h"

#define SENTINEL_OWNERS_MAX 131072

/*
 * A packet's time is the wall clock's, an event's the monotonic one; both are
 * read one after the other, and a sender is seen a moment before its packet.
 */
#define BEFORE_NS (20 * NS_PER_MS)
#define AFTER_NS  (1 * NS_PER_MS)
/* A shaper holds packets back; what it holds for longer stays unknown. */
#define QUEUED_NS (3 * NS_PER_SECOND)
/* The exit of a process is reported before its sockets are closed. */
#define EXITING_NS (20 * NS_PER_MS)

#define EXECUTED_MAX 256 /* others are read when they own something */

struct trace_owners {
	struct trace_owners_options options;
	struct tracepoints *tracepoints;
	struct socket_history *socket_history;
	struct process_history process_history;
	bool relist; /* events were lost: who is who must be read anew */
	/* Processes that ran exec during this drain: read when it is known that they go on. */
	int executed[EXECUTED_MAX];
	int executed_count;
};

/* Reads every process into the history, so that their children have a parent. */
static void seed(struct trace_owners *owners)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		struct process *process;
		int64_t now = clock_monotonic_ns();

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		process = process_table_get(owners->options.processes,
		                            (int)strtol(entry->d_name, NULL, 10), NULL);
		if (process)
			process_table_seed(owners->options.processes, process, now);
	}
	closedir(proc);
}

/* Opens the tracepoints and, after that, reads who is there: what begins meanwhile is told by events. */
static int start(struct trace_owners *owners, struct error *error)
{
	struct tracepoints_options tracing = { .namespaces = owners->options.namespaces };
	int code = tracepoints_open(&owners->tracepoints, &tracing, error);

	if (code == 0) {
		owners->process_history.follows_namespaces = tracing.namespaces;
		process_table_walk_cgroups(owners->options.processes);
		seed(owners);
	}
	return code;
}

int trace_owners_open(struct trace_owners **result, const struct trace_owners_options *options,
                      struct error *error)
{
	struct trace_owners *owners = calloc(1, sizeof *owners);
	int code;

	if (!owners)
		return error_set(error, ENOMEM, "out of memory");
	owners->options = *options;
	owners->process_history.processes = options->processes;
	owners->socket_history = socket_history_new(SENTINEL_OWNERS_MAX, &options->key);
	code = owners->socket_history ? start(owners, error)
	                              : error_set(error, ENOMEM, "out of memory");
	if (code != 0) {
		trace_owners_close(owners);
		return code;
	}
	*result = owners;
	return 0;
}

int trace_owners_follow_namespaces(struct trace_owners *owners, struct error *error)
{
	struct tracepoints *before = owners->tracepoints;
	int code;

	if (owners->options.namespaces)
		return 0;
	trace_owners_drain(owners);
	owners->options.namespaces = true;
	/* What happens until the new ones are open is reported by neither. */
	process_table_lost(owners->options.processes, clock_monotonic_ns());
	code = start(owners, error);
	if (code != 0) { /* the old ones go on */
		owners->tracepoints = before;
		owners->options.namespaces = false;
		seed(owners);
		return code;
	}
	tracepoints_close(before);
	return 0;
}

void trace_owners_close(struct trace_owners *owners)
{
	if (!owners)
		return;
	tracepoints_close(owners->tracepoints);
	socket_history_free(owners->socket_history);
	free(owners);
}

int trace_owners_fd(const struct trace_owners *owners)
{
	return tracepoints_fd(owners->tracepoints);
}

static void on_trace_event(void *context, const struct trace_event *event)
{
	struct trace_owners *owners = context;

	struct process *process = process_history_add(&owners->process_history, event);

	switch (event->kind) {
	case TRACE_EVENT_ROUTE:
	case TRACE_EVENT_STATE:
	case TRACE_EVENT_RECEIVE:
		socket_history_add(owners->socket_history, event, process);
		break;
	case TRACE_EVENT_LOST_SOCKETS:
		socket_history_add(owners->socket_history, event, NULL);
		break;
	case TRACE_EVENT_LOST_PROCESSES:
		socket_history_add(owners->socket_history, event, NULL);
		owners->relist = true;
		owners->options.lived(owners->options.context, event);
		break;
	case TRACE_EVENT_NAME:
		if (!event->executed)
			break;
		if (process && owners->executed_count < EXECUTED_MAX)
			owners->executed[owners->executed_count++] = event->pid;
		owners->options.lived(owners->options.context, event);
		break;
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_EXIT:
		owners->options.lived(owners->options.context, event);
		break;
	case TRACE_EVENT_IMAGE:
	case TRACE_EVENT_NETNS:
	case TRACE_EVENT_CGROUP:
		break;
	}
}

/* Events tell neither its user nor its cgroup; /proc does, as long as it lives. */
static void read_executed(struct trace_owners *owners, int pid)
{
	const struct process *process = process_table_current(owners->options.processes, pid);

	if (process && !process->exited_ns)
		process_table_exec(owners->options.processes, pid, process->since_ns);
}

void trace_owners_drain(struct trace_owners *owners)
{
	tracepoints_drain(owners->tracepoints, on_trace_event, owners);
	for (int i = 0; i < owners->executed_count; i++)
		read_executed(owners, owners->executed[i]);
	owners->executed_count = 0;
}

void trace_owners_expire(struct trace_owners *owners)
{
	int64_t now = clock_monotonic_ns();

	trace_owners_drain(owners);
	socket_history_expire(owners->socket_history, now);
	if (owners->relist)
		seed(owners);
	owners->relist = false;
}

static bool ask(struct trace_owners *owners, const struct socket_history_question *question,
                struct process **process)
{
	struct process_table *processes = owners->options.processes;
	struct process *found;
	struct socket_history_match match;

	if (socket_history_find(owners->socket_history, question, &match) != SOCKET_HISTORY_FOUND)
		return false;
	found = process_table_at(processes, match.pid, match.last_ns);
	if (!found || (found->netns != 0 && match.netns == 0 && found->netns != question->netns))
		return false;
	/* What only /proc tells, while it is there. */
	if (!found->exited_ns && !found->has_uid)
		process_table_refresh(processes, found);
	*process = found;
	return true;
}

/* Asks for one kind of sighting; what the rings hold is taken in only when that is not enough. */
static bool ask_for(struct trace_owners *owners, const struct attribution_question *question,
                    unsigned kinds, int64_t before_ns, int64_t to_ns, struct process **process)
{
	struct socket_history_question asked = {
		.tuple = question->tuple,
		.netns = question->netns,
		.kinds = kinds,
		.from_ns = question->seen_ns - before_ns,
		.to_ns = to_ns,
	};

	/* The identifier of an echo is no part of its route. */
	if (question->has_icmp_id)
		asked.tuple.source_port = asked.tuple.destination_port = 0;
	if (ask(owners, &asked, process))
		return true;
	trace_owners_drain(owners);
	return ask(owners, &asked, process);
}

void trace_owners_expect(struct trace_owners *owners, const struct tuple *tuple)
{
	socket_history_expect(owners->socket_history, tuple);
}

bool trace_owners_find(struct trace_owners *owners, const struct attribution_question *question,
                       struct process **process)
{
	int64_t sent_ns = question->seen_ns + AFTER_NS;

	if (question->tuple.protocol != IPPROTO_TCP)
		return question->sender && ask_for(owners, question, SOCKET_HISTORY_ROUTED,
		                                   BEFORE_NS, sent_ns, process);
	if (question->since_ns == 0)
		return false;
	/* Route lookups can be had for any tuple by RTM_GETROUTE; a socket's state cannot. */
	if (!question->responder)
		return ask_for(owners, question, SOCKET_HISTORY_OPENED, BEFORE_NS, sent_ns,
		               process);
	return trace_owners_find_last(owners, question, process);
}

/* Its sockets are closed a moment after it is reported to have exited. */
static bool was_alive(const struct process *process, int64_t time_ns)
{
	return process->exited_ns == 0 || process->exited_ns + EXITING_NS > time_ns;
}

/* A connected socket needs no route for what it sends: its connect() may be long ago. */
static bool find_connected(struct trace_owners *owners, const struct attribution_question *question,
                           struct process **process)
{
	return ask_for(owners, question, SOCKET_HISTORY_ROUTED, SOCKET_HISTORY_KEEP_NS,
	               question->seen_ns + AFTER_NS, process) &&
	       was_alive(*process, question->seen_ns);
}

bool trace_owners_find_raw(struct trace_owners *owners, const struct attribution_question *question,
                           struct process **process)
{
	struct attribution_question asked = *question;

	asked.tuple.protocol = IPPROTO_RAW;
	asked.tuple.source_port = asked.tuple.destination_port = 0;
	asked.has_icmp_id = false;
	return ask_for(owners, &asked, SOCKET_HISTORY_ROUTED, BEFORE_NS,
	               question->seen_ns + AFTER_NS, process);
}

bool trace_owners_find_queued(struct trace_owners *owners,
                              const struct attribution_question *question, struct process **process)
{
	if (question->tuple.protocol != IPPROTO_TCP)
		return question->sender &&
		       (ask_for(owners, question, SOCKET_HISTORY_ROUTED, QUEUED_NS,
		                question->seen_ns + AFTER_NS, process) ||
		        find_connected(owners, question, process));
	/* A SYN may be sent again, too, and whoever opened the same tuple meanwhile was seen. */
	return question->since_ns != 0 && !question->responder &&
	       ask_for(owners, question, SOCKET_HISTORY_OPENED, QUEUED_NS, clock_monotonic_ns(),
	               process);
}

bool trace_owners_find_receiver(struct trace_owners *owners,
                                const struct attribution_question *question,
                                struct process **process)
{
	return question->tuple.protocol != IPPROTO_TCP &&
	       ask_for(owners, question, SOCKET_HISTORY_ROUTED, SOCKET_HISTORY_KEEP_NS,
	               clock_monotonic_ns(), process) &&
	       was_alive(*process, question->seen_ns);
}

bool trace_owners_find_last(struct trace_owners *owners,
                            const struct attribution_question *question, struct process **process)
{
	int64_t now = clock_monotonic_ns();

	if (question->tuple.protocol != IPPROTO_TCP)
		return false;
	/* A process that read from it had it; the one that closed it last may be its parent. */
	return ask_for(owners, question, SOCKET_HISTORY_RECEIVED, BEFORE_NS, now, process) ||
	       ask_for(owners, question, SOCKET_HISTORY_CLOSED, BEFORE_NS, now, process);
}

bool trace_owners_find_past(struct trace_owners *owners,
                            const struct attribution_question *question, struct process **process)
{
	int64_t now = clock_monotonic_ns();

	return question->tuple.protocol == IPPROTO_TCP &&
	       ask_for(owners, question,
	               SOCKET_HISTORY_OPENED | SOCKET_HISTORY_RECEIVED | SOCKET_HISTORY_CLOSED,
	               SOCKET_HISTORY_KEEP_NS, now, process);
}

struct trace_owners_counters trace_owners_counters(const struct trace_owners *owners)
{
	const struct tracepoints_counters *tracepoints = tracepoints_counters(owners->tracepoints);

	return (struct trace_owners_counters){
		.samples = tracepoints->samples,
		.lost = tracepoints->lost,
		.evicted = socket_history_counters(owners->socket_history)->evicted,
	};
}
