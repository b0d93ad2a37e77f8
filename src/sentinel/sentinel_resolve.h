/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* From a first packet to who sent it, at that moment. */
#ifndef SOCKLINE_SENTINEL_SENTINEL_RESOLVE_H
#define SOCKLINE_SENTINEL_SENTINEL_RESOLVE_H

#include "base/hash.h"
#include "base/port_budget.h"
#include "sentinel/sentinel_filter.h"
#include "sentinel/sentinel_forks.h"
#include "sentinel/sentinel_netns.h"
#include "sentinel/sentinel_report.h"
#include "sentinel/sentinel_search.h"

/* A look takes at most about this long; searching stops then. */
#define SENTINEL_RESOLVE_BUDGET_NS 150000

/* What a thread resolves packets with: its own, but for the first three. */
struct sentinel_resolver {
	const struct hash_key *key;
	struct sentinel_listeners *listeners; /* of all threads */
	struct sentinel_report *report;
	struct sentinel_search search;
	struct port_budget budget; /* of local UDP ports, of all namespaces together */
	struct sentinel_filter_options filter;
	int searched_in_vain, udp_in_vain, connections_in, echoes; /* in this second */
};

/* What the thread has to do next, or-ed. */
#define SENTINEL_RESOLVE_FILTER   1u /* the filter has changed, for all namespaces */
#define SENTINEL_RESOLVE_PORT     2u /* a listener's port is to be let be in this namespace */
#define SENTINEL_RESOLVE_LISTENER 4u /* the listeners have changed, for all threads */

unsigned sentinel_resolve_packet(struct sentinel_resolver *resolver, struct sentinel_netns *netns,
                                 const struct sentinel_netns_packet *packet);

#endif
