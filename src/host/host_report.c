/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the host reports of losses and limits. */
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
	const struct host_callbacks *callbacks = &host->options.callbacks;
	uint64_t lost = trace_owners_counters(host->trace_owners).lost;
	struct trace_flood_source source;

	if (lost <= host->trace_lost)
		return;
	source = trace_owners_take_flood(host->trace_owners);
	callbacks->trace_lost(callbacks->context, lost - host->trace_lost, &source);
	host->trace_lost = lost;
}

void host_report_losses(struct host *host)
{
	if (host->trace_owners)
		report_trace_lost(host);
	report_limits(host);
}
