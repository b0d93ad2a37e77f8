/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much the queues of many captures may hold, capture_queue.h. While all of them together hold
 * less than there is for them, each may take all of it: packets come in bursts, to few at a time.
 * When they hold more, each has its share until they hold half.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_BUDGET_H
#define SOCKLINE_CAPTURE_CAPTURE_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

/* A plain value. */
struct capture_budget {
	size_t total; /* bytes */
	bool shared;  /* each has its share */
};

/* A queue that may hold less than this is of no use. */
#define CAPTURE_BUDGET_LEAST (64u << 10)

/* held: by all queues now. stopped: they are not read meanwhile. True when the limits change. */
bool capture_budget_update(struct capture_budget *budget, size_t held, bool stopped);
/* What each of so many queues may hold. */
size_t capture_budget_each(const struct capture_budget *budget, int queues);

#endif
