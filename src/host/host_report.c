/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the host counts, and what it reports of losses and limits. */
#include <string.h>

#include "host/host_private.h"

static void report_limits(struct host *host)
{
	const struct host_callbacks *callbacks = &host->options.callbacks;
	struct host_netns_quota_user user;

	while (host_netns_set_report(host->netns_set, &user))
		callbacks->limit_reached(callbacks->context, user.uid, user.max, user.refused);
}

static void report_trace_lost(struct host *host)
{
	uint64_t lost = trace_owners_counters(host->trace_owners).lost;

	if (lost > host->trace_lost)
		host->options.callbacks.trace_lost(host->options.callbacks.context,
		                                   lost - host->trace_lost);
	host->trace_lost = lost;
}

void host_report_losses(struct host *host)
{
	if (host->trace_owners)
		report_trace_lost(host);
	report_limits(host);
}

static void add_netlink(const struct host *host, struct host_counters *counters)
{
	struct host_netns_counters netns;

	host_netns_set_read_counters(host->netns_set, &netns);
	counters->netlink.interrupted = netns.interrupted;
	counters->netlink.resyncs = netns.resyncs;
	counters->netlink.overruns = netns.overruns;
	counters->netlink.lost = netns.lost;
	if (host->events) {
		counters->netlink.overruns += proc_events_counters(host->events)->overruns;
		counters->netlink.lost += proc_events_counters(host->events)->lost;
	}
}

static void add_processes(const struct host *host, struct host_counters *counters)
{
	const struct process_counters *processes = process_table_counters(host->processes);
	const struct proc_fd_counters *fds = proc_fd_counters(host->fds);

	counters->processes.tracked = process_table_count(host->processes);
	counters->processes.evicted = processes->evicted;
	counters->processes.scans = fds->scans;
	counters->processes.descriptors = fds->descriptors;
	counters->processes.vanished = processes->vanished + fds->vanished;
	counters->processes.permission_denied =
		processes->permission_denied + fds->permission_denied;
	counters->sockets.tracked = proc_fd_count(host->fds);
}

static void add_tracepoints(const struct host *host, struct host_counters *counters)
{
	struct trace_owners_counters traced;

	if (!host->trace_owners)
		return;
	traced = trace_owners_counters(host->trace_owners);
	counters->tracepoints.present = true;
	counters->tracepoints.samples = traced.samples;
	counters->tracepoints.lost = traced.lost;
	counters->tracepoints.evicted = traced.evicted;
}

static void add_sentinel(const struct host *host, struct host_counters *counters)
{
	struct sentinel_counters sentinel;

	if (!host->sentinel)
		return;
	sentinel_read_counters(host->sentinel, &sentinel);
	counters->sentinel.present = true;
	counters->sentinel.packets = sentinel.packets;
	counters->sentinel.resolved = sentinel.resolved;
	counters->sentinel.unresolved = sentinel.unresolved;
	counters->sentinel.late = sentinel.late;
	counters->sentinel.lost = sentinel.ring_lost + sentinel.kernel_lost + sentinel.events_lost;
}

void host_read_counters(const struct host *host, struct host_counters *counters)
{
	const struct attribution_counters *lookups = attribution_counters(host->attribution);

	memset(counters, 0, sizeof *counters);
	counters->lookups.queries = lookups->queries;
	counters->lookups.misses = lookups->misses;
	counters->lookups.cached_misses = lookups->cached_misses;
	add_netlink(host, counters);
	add_processes(host, counters);
	add_tracepoints(host, counters);
	add_sentinel(host, counters);
}
