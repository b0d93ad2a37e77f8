/* SPDX-License-Identifier: Apache-2.0 */
/* From a first packet to who sent it, at that moment. */
#ifndef SOCKLINE_ATTRIBUTION_SENTINEL_LOOK_H
#define SOCKLINE_ATTRIBUTION_SENTINEL_LOOK_H

#include "attribution/sentinel_guard.h"

/* A look takes at most about this long; searching stops then. */
#define SENTINEL_LOOK_BUDGET_NS 150000

void sentinel_look_at(struct sentinel_guard *guard, struct sentinel_post *post,
                      const struct sentinel_post_packet *packet);

#endif
