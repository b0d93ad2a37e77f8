/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of binder share; no other file includes it. */
#ifndef SOCKLINE_STREAM_BINDER_PRIVATE_H
#define SOCKLINE_STREAM_BINDER_PRIVATE_H

#include "stream/binder.h"

#define LEVELS 8 /* of waiting for the next attempt */

struct waiting {
	uint64_t id;
	uint32_t number;
	int64_t due_ns;
};

struct queue {
	struct waiting *entries; /* a ring of QUEUE_MAX, made when first needed */
	uint32_t head, count;
};

struct binder {
	struct binder_options options;
	struct queue levels[LEVELS];
	struct binder_counters counters;
};

struct attribution_question binder_question(const struct binder *binder,
                                            const struct connection *connection,
                                            enum connection_end end);
/* The same in two steps: destroyed sockets are dear to count, and not all answers need them. */
struct attribution_question binder_question_alone(const struct connection *connection,
                                                  enum connection_end end);
void binder_count_destroyed(const struct binder *binder, const struct connection *connection,
                            struct attribution_question *question);
/* An owner became known, or is another: what was encoded of it is made anew. */
void binder_report(struct binder *binder, struct connection *connection);

#endif
