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
#define LIVES_MAX           65536

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

struct trace_owners {
	struct trace_owners_options options;
	struct tracepoints *tracepoints;
	struct socket_history *socket_history;
	struct process_history *process_history;
	int64_t tick_ns;
	bool relist; /* events were lost: who is who must be read anew */
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
			process_history_seed(owners->process_history, process, now);
	}
	closedir(proc);
}

/* Opens the tracepoints and, after that, reads who is there: what begins meanwhile is told by events. */
static int start(struct trace_owners *owners, struct error *error)
{
	struct tracepoints_options tracing = { .namespaces = owners->options.namespaces };
	int code;

	owners->process_history =
		process_history_new(LIVES_MAX, &owners->options.key, tracing.namespaces);
	if (!owners->process_history)
		return error_set(error, ENOMEM, "out of memory");
	code = tracepoints_open(&owners->tracepoints, &tracing, error);
	if (code == 0)
		seed(owners);
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
	owners->tick_ns = NS_PER_SECOND / sysconf(_SC_CLK_TCK);
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
	struct process_history *process_history = owners->process_history;
	int code;

	if (owners->options.namespaces)
		return 0;
	trace_owners_drain(owners);
	owners->options.namespaces = true;
	code = start(owners, error);
	if (code != 0) { /* the old ones go on */
		process_history_free(owners->process_history);
		owners->tracepoints = before;
		owners->process_history = process_history;
		owners->options.namespaces = false;
		return code;
	}
	tracepoints_close(before);
	process_history_free(process_history);
	return 0;
}

void trace_owners_close(struct trace_owners *owners)
{
	if (!owners)
		return;
	tracepoints_close(owners->tracepoints);
	process_history_free(owners->process_history);
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

	process_history_add(owners->process_history, event);
	switch (event->kind) {
	case TRACE_EVENT_ROUTE:
	case TRACE_EVENT_STATE:
	case TRACE_EVENT_RECEIVE:
		socket_history_add(
			owners->socket_history, event,
			process_history_find(owners->process_history, event->pid, event->time_ns));
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
		if (event->executed)
			owners->options.lived(owners->options.context, event);
		break;
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_EXIT:
		owners->options.lived(owners->options.context, event);
		break;
	case TRACE_EVENT_IMAGE:
	case TRACE_EVENT_NETNS:
		break;
	}
}

void trace_owners_drain(struct trace_owners *owners)
{
	tracepoints_drain(owners->tracepoints, on_trace_event, owners);
}

void trace_owners_expire(struct trace_owners *owners)
{
	int64_t now = clock_monotonic_ns();

	trace_owners_drain(owners);
	socket_history_expire(owners->socket_history, now);
	process_history_expire(owners->process_history, now);
	if (owners->relist)
		seed(owners);
	owners->relist = false;
}

/* The table's process for what the history knows; NULL when it is not surely the same. */
static struct process *materialize(struct trace_owners *owners,
                                   const struct process_history_process *life)
{
	struct process_table *processes = owners->options.processes;
	struct process_memory memory = {
		.pid = life->pid,
		.parent_pid = life->parent_pid,
		.name = life->name[0] ? life->name : NULL,
		.executable = life->executable,
		.executable_deleted = life->executable_deleted,
		.parent_name = life->parent_name[0] ? life->parent_name : NULL,
		.netns = life->netns,
		.cgroup_id = life->cgroup_id,
		.exited_ns = life->exited_ns,
	};
	struct process *process;
	uint64_t ticks;
	bool sure = process_history_start_ticks(life, owners->tick_ns, &ticks);

	process = life->started_ns != 0 ? process_table_find(processes, life->pid, ticks) : NULL;
	if (!process && life->started_ns != 0 && !sure)
		process = process_table_find(processes, life->pid, ticks - 1);
	if (process)
		return process;
	if (life->exited_ns == 0) {
		process = process_table_get(processes, life->pid, NULL);
		/* Since before we looked: the one that has the pid now is the one that had it. */
		if (process && (life->started_ns == 0 || process->start_ticks == ticks ||
		                (!sure && process->start_ticks == ticks - 1)))
			return process;
		memory.exited_ns = clock_monotonic_ns(); /* gone, and its exit not yet drained */
	}
	if (life->started_ns == 0)
		return NULL;
	memory.start_ticks = ticks;
	memory.start_unsure = !sure;
	return process_table_remember(processes, &memory);
}

static bool ask(struct trace_owners *owners, const struct socket_history_question *question,
                struct process **process)
{
	const struct process_history_process *life;
	struct socket_history_match match;

	if (socket_history_find(owners->socket_history, question, &match) != SOCKET_HISTORY_FOUND)
		return false;
	life = process_history_find(owners->process_history, match.pid, match.last_ns);
	if (!life || (life->netns != 0 && life->netns != question->netns))
		return false;
	*process = materialize(owners, life);
	return *process != NULL;
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
		.evicted = socket_history_counters(owners->socket_history)->evicted +
		           process_history_counters(owners->process_history)->evicted,
	};
}
