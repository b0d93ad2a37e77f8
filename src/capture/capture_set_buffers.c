/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Where the packets of a capture wait: in a ring, or in a queue. */
#include <errno.h>
#include <string.h>

#include "capture/capture_live.h"
#include "capture/capture_set_private.h"

/* The capture of "any" whose filter queues have, too. NULL: none. */
static const struct capture *find_model(const struct capture_set *set)
{
	for (int i = 0; i < set->count; i++) {
		const struct capture *capture = set->members[i]->capture;

		if (capture && !capture_get_queue(capture) &&
		    strcmp(set->members[i]->name, CAPTURE_LIVE_ANY) == 0)
			return capture;
	}
	return NULL;
}

static int open_queue(struct member *member, struct error *error)
{
	struct capture_set *set = member->set;
	const struct capture *model = find_model(set);

	if (!model || member->netns_fd < 0 || set->budget.total == 0 ||
	    strcmp(member->name, CAPTURE_LIVE_ANY) != 0)
		return -EOPNOTSUPP;
	if (!set->batch)
		set->batch = capture_batch_new(capture_live_snaplen(&set->options.capture));
	if (!set->batch)
		return -ENOMEM;
	return capture_open_queue(&member->capture, model, set->batch,
	                          capture_budget_each(&set->budget, set->queue_count + 1), error);
}

int capture_set_open_buffer(struct member *member, struct error *error)
{
	struct capture_options options = member->set->options.capture;

	if (open_queue(member, error) == 0) {
		member->set->queue_count++;
		return 0;
	}
	if (member->buffer_kib > 0)
		options.buffer_kib = member->buffer_kib;
	return capture_open_live(&member->capture, member->name, &options, error);
}

/* What all queues hold. */
static size_t measure_queues(const struct capture_set *set)
{
	size_t held = 0;

	for (int i = 0; i < set->count; i++) {
		const struct member *member = set->members[i];

		if (member->readable && member->capture && capture_get_queue(member->capture))
			held += capture_queue_bytes(capture_get_queue(member->capture));
	}
	return held;
}

void capture_set_balance(struct capture_set *set, bool ready)
{
	if (!capture_budget_update(&set->budget, measure_queues(set), !ready))
		return;
	for (int i = 0; i < set->count; i++) {
		const struct capture *capture = set->members[i]->capture;

		if (capture && capture_get_queue(capture))
			capture_queue_limit(capture_get_queue(capture),
			                    capture_budget_each(&set->budget, set->queue_count));
	}
}

bool capture_set_may_read(const struct member *member)
{
	return member->capture && (member->readable || !capture_get_queue(member->capture));
}
