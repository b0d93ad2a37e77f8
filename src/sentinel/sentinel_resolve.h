/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* From a first packet to who sent it, at that moment. */
#ifndef SOCKLINE_SENTINEL_SENTINEL_RESOLVE_H
#define SOCKLINE_SENTINEL_SENTINEL_RESOLVE_H

#include "sentinel/sentinel_thread.h"

/* A look takes at most about this long; searching stops then. */
#define SENTINEL_RESOLVE_BUDGET_NS 150000

void sentinel_resolve_packet(struct sentinel_thread *thread, struct sentinel_netns *netns,
                             const struct sentinel_netns_packet *packet);

#endif
