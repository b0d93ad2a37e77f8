/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/process_history.h"

static struct process *add_fork(struct process_history *history, const struct trace_event *event)
{
	const struct process_fork fork = {
		.pid = event->pid,
		.parent_pid = event->parent_pid,
		.time_ns = event->time_ns,
		.boottime_ns = event->boottime_ns,
	};

	history->forks++;
	history->orphans += !process_table_current(history->processes, event->parent_pid);
	return process_table_fork(history->processes, &fork);
}

static void add_name(struct process_history *history, struct process *process,
                     const struct trace_event *event)
{
	/* An exec by another thread than the first: that one's exit was not the end. */
	if (event->executed) {
		process_table_revived(history->processes, process);
		process_table_executed(history->processes, process, event->time_ns, event->text,
		                       event->text_length);
	} else {
		process_table_renamed(process, event->time_ns, event->text, event->text_length);
	}
}

static void add_netns(struct process *process, const struct trace_event *event)
{
	/* A process with threads cannot change it. */
	if (event->tid == event->pid && event->userns != 0)
		process->userns = event->userns;
	if (event->tid == event->pid && !process->mixed_netns) {
		process->netns = event->netns;
	} else if (event->netns != process->netns) {
		process->mixed_netns = true;
		process->netns = 0;
	}
}

static void settle(struct process_history *history, struct process *process,
                   const struct trace_event *event)
{
	const struct process_start_ids ids = {
		.uid = event->ids.uid,
		.effective_uid = event->ids.euid,
		.gid = event->ids.gid,
	};

	process_table_started_with(history->processes, process, event->time_ns,
	                           event->has_ids ? &ids : NULL);
}

/* Events of a process that is there already. */
static void add_to(struct process_history *history, struct process *process,
                   const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_EVENT_NAME:
		add_name(history, process, event);
		break;
	case TRACE_EVENT_IMAGE:
		process_table_mapped(process, event->text, event->text_length);
		break;
	case TRACE_EVENT_NETNS:
		if (history->follows_namespaces)
			add_netns(process, event);
		break;
	case TRACE_EVENT_SETTLED:
		settle(history, process, event);
		break;
	case TRACE_EVENT_EXIT:
		history->exits++;
		process_table_ended(history->processes, process, event->time_ns,
		                    event->ended ? event->tid : 0);
		break;
	case TRACE_EVENT_ROUTE:
	case TRACE_EVENT_NO_ROUTE:
	case TRACE_EVENT_STATE:
	case TRACE_EVENT_RECEIVE:
	case TRACE_EVENT_SEND:
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_CGROUP:
	case TRACE_EVENT_LOST_SOCKETS:
	case TRACE_EVENT_LOST_PROCESSES:
	case TRACE_EVENT_OTHER:
		break;
	}
}

/* Others neither depend on the ids of a process nor end it. */
static bool changes_processes(const struct trace_event *event)
{
	return event->kind == TRACE_EVENT_FORK || event->kind == TRACE_EVENT_EXIT ||
	       event->kind == TRACE_EVENT_SETTLED ||
	       (event->kind == TRACE_EVENT_NAME && event->executed);
}

struct process *process_history_add(struct process_history *history,
                                    const struct trace_event *event)
{
	struct process *process;

	if (history->changes && changes_processes(event))
		process_changes_until(history->changes, event->time_ns);
	switch (event->kind) {
	case TRACE_EVENT_FORK:
		return add_fork(history, event);
	case TRACE_EVENT_LOST_PROCESSES:
		process_table_lost(history->processes, event->since_ns);
		return NULL;
	case TRACE_EVENT_CGROUP:
		process_table_cgroup_made(history->processes, event->cgroup_id, event->text,
		                          event->text_length);
		return NULL;
	case TRACE_EVENT_LOST_SOCKETS:
		return NULL;
	case TRACE_EVENT_OTHER:
		return process_table_at(history->processes, event->pid, event->time_ns);
	default:
		process = process_table_at(history->processes, event->pid, event->time_ns);
		if (process && event->process_context && event->cgroup_id != process->cgroup_id)
			process_table_in_cgroup(history->processes, process, event->cgroup_id,
			                        event->time_ns);
		if (process)
			add_to(history, process, event);
		return process;
	}
}
