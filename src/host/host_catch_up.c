/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel reported before a packet was sent is taken in before it: the rule is in host.h. */
#include "host/host_private.h"

#include "attribution/windows.h"
#include "base/clock.h"

/* Rings are emptied as often as that, however many packets there are that need it not. */
#define REPORTS_WAIT_NS (10 * NS_PER_MS)

static void begin_turn(struct host *host)
{
	host->in_turn = true;
	proc_fd_next_turn(host->fds);
	host_netns_set_catch_up(host->netns_set);
}

/*
 * What a process did before it sent a packet was in the ring when the packet was captured. So reports
 * that were read after that need no second reading, as most packets of a block are older. Arguments
 * come from other threads, later than the exec that they are of.
 */
static bool has_caught_up(const struct host *host, int64_t packets_ns, int64_t now_ns)
{
	return host->in_turn && !host->args &&
	       packets_ns < host->caught_up_ns - WINDOW_TRACE_AFTER_NS &&
	       now_ns - host->caught_up_ns < REPORTS_WAIT_NS;
}

static void catch_up_traces(struct host *host, int64_t packets_ns)
{
	int64_t now_ns = clock_monotonic_ns();

	if (has_caught_up(host, packets_ns, now_ns))
		return;
	host->caught_up_ns = now_ns;
	/* First, so that what tracepoints report later than it is taken in later. */
	host_events_read(host);
	host_args_drain(host);
}

void host_catch_up(struct host *host, int64_t packets_ns)
{
	if (host->trace_owners)
		catch_up_traces(host, packets_ns);
	if (host->sentinel)
		host_method_drain_sentinel(host);
	if (!host->in_turn)
		begin_turn(host);
	else
		host_netns_set_read_ended(host->netns_set, packets_ns);
	if (!host->trace_owners)
		host_events_read(host);
}

void host_read_ended(struct host *host)
{
	host_netns_set_read_ended(host->netns_set, HOST_ALL);
}
