/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The process events connector: lives of processes, or what tracepoints do not report of them. */
#include "host/host_private.h"

#include <errno.h>
#include <sys/epoll.h>

#define BESIDE_TRACEPOINTS (PROC_EVENTS_IDS | PROC_EVENTS_ENDS)

static void on_change(void *context, const struct proc_event *event)
{
	struct host *host = context;

	process_changes_add(host->changes, event);
}

void host_events_read(struct host *host)
{
	proc_events_callback *callback = host->changes ? on_change : host_on_process_event;

	if (!host->events || proc_events_read(host->events, callback, host) != -ENOBUFS)
		return;
	if (host->changes)
		process_changes_lost(host->changes);
	else
		host_on_process_events_lost(host);
	host->options.callbacks.overrun(host->options.callbacks.context, "proc_events",
	                                proc_events_counters(host->events)->lost);
}

static void read_changes(void *context)
{
	host_events_read(context);
}

static void on_events(void *context, uint32_t ready)
{
	(void)ready;
	host_events_read(context);
}

int host_events_open(struct host *host, struct error *error)
{
	const struct process_changes_options options = {
		.processes = host->processes,
		.read = read_changes,
		.context = host,
	};
	bool may_trace = host->options.method == HOST_METHOD_AUTO ||
	                 host->options.method == HOST_METHOD_TRACEPOINTS;

	if (proc_events_open(&host->events,
	                     PROC_EVENTS_LIVES | (may_trace ? BESIDE_TRACEPOINTS : 0),
	                     &host->events_refused) != 0 ||
	    !may_trace)
		return 0;
	host->changes = process_changes_new(&options);
	if (!host->changes)
		return error_set(error, ENOMEM, "out of memory");
	process_table_follow_ids(host->processes, true);
	return 0;
}

/*
 * Tracepoints report the rest; none of them reports setuid(2) or an exit status at no cost to
 * other calls. Such messages wake nothing: they are read with the rings, and once a second.
 */
static void use_beside_tracepoints(struct host *host)
{
	if (host->events) /* else sockline(8), CAVEATS: a user that changes without exec */
		proc_events_narrow(host->events, BESIDE_TRACEPOINTS);
}

void host_events_use(struct host *host)
{
	if (host->trace_owners) {
		use_beside_tracepoints(host);
		return;
	}
	process_changes_free(host->changes);
	host->changes = NULL;
	process_table_follow_ids(host->processes, false);
	process_table_follow_execs(host->processes, host->events != NULL);
	if (!host->events) {
		if (!host->options.once)
			host_degrade(host, host->events_refused.text,
			             "short-lived processes are found later or not at all");
		return;
	}
	proc_events_narrow(host->events, PROC_EVENTS_LIVES);
	host->events_source =
		loop_add_fd(host->loop, proc_events_fd(host->events), EPOLLIN, on_events, host);
}

void host_events_close(struct host *host)
{
	loop_remove(host->events_source);
	proc_events_close(host->events);
	process_changes_free(host->changes);
}
