/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Which capabilities the host's sources go on to use once they are open. */
#include <linux/capability.h>

#include "host/host_private.h"
#include "tracepoints/perf_error.h"

/* Other namespaces are entered to open sockets, also again, and to list by /proc/net. */
static void add_namespaces_privileges(const struct host *host, struct privileges *privileges)
{
	static const char feature[] = "network_namespaces";

	if (host->netns_mode == HOST_NETNS_SELF)
		return;
	if (!host->options.separated)
		privileges_need(privileges, CAP_SYS_ADMIN, feature);
	if (host->netns_mode != HOST_NETNS_ALL)
		return;
	/* For those that come later: large receive buffers, NAT, and rings that report of them. */
	privileges_need(privileges, CAP_NET_ADMIN, feature);
	if (host->trace_owners)
		privileges_need(privileges, CAP_IPC_LOCK, feature);
}

void host_add_privileges(const struct host *host, struct privileges *privileges)
{
	privileges_need(privileges, CAP_DAC_READ_SEARCH, "attribution");
	privileges_need(privileges, CAP_SYS_PTRACE, "attribution");
	if (host->trace_owners &&
	    !host->options.trace_helper) /* a filter is changed where a port is too busy */
		privileges_need(privileges, perf_error_capability(), "tracepoints");
	if (host->args) /* the memory of programs that others execute */
		privileges_need(privileges, CAP_SYS_PTRACE, "arguments");
	if (host_netns_set_tracks(host->netns_set))
		privileges_need(privileges, CAP_NET_ADMIN, "nat");
	add_namespaces_privileges(host, privileges);
}
