/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Where the packets of a capture wait: in a ring, or in a queue. */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/capture_live.h"
#include "capture/capture_set_private.h"
#include "sockets/netns.h"

/*
 * Packets of a ring come in blocks, and in a queue one by one. Those that come within so long of one
 * that woke the loop are read together; a queue has room for them.
 */
#define REST_NS (5 * NS_PER_MS)
#define AT_ONCE 64
#define ROUNDS  16
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

static void on_queues(void *context, uint32_t events)
{
	struct capture_set *set = context;

	(void)events;
	if (set->options.capture.immediate || loop_modify(set->queues_source, 0) != 0)
		return;
	set->resting = true;
	loop_set_timer(set->rest_timer, REST_NS, 0);
}

static void on_rested(void *context, uint32_t expirations)
{
	struct capture_set *set = context;

	(void)expirations;
	set->resting = false;
	capture_set_watch_queues(set);
}

void capture_set_watch_queues(struct capture_set *set)
{
	if (set->queues_source && !set->resting)
		loop_modify(set->queues_source, set->watching ? EPOLLIN : 0);
}

void capture_set_close_queues(struct capture_set *set)
{
	loop_remove(set->queues_source);
	loop_remove(set->rest_timer);
	if (set->queues_fd >= 0)
		close(set->queues_fd);
	capture_batch_free(set->batch);
}

/* What all queues need. */
static int prepare_queues(struct capture_set *set)
{
	if (set->queues_fd < 0)
		set->queues_fd = epoll_create1(EPOLL_CLOEXEC);
	if (set->queues_fd >= 0 && !set->queues_source)
		set->queues_source =
			loop_add_fd(set->loop, set->queues_fd, EPOLLIN, on_queues, set);
	if (!set->rest_timer)
		set->rest_timer = loop_add_timer(set->loop, 0, 0, on_rested, set);
	if (!set->queues_source || !set->rest_timer)
		return -errno;
	if (!set->batch)
		set->batch = capture_batch_new(capture_live_snaplen(&set->options.capture));
	return set->batch ? 0 : -ENOMEM;
}

int capture_set_follow_queue(struct member *member)
{
	struct capture_set *set = member->set;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = member };

	if (!capture_get_queue(member->capture))
		return 0;
	if (epoll_ctl(set->queues_fd, EPOLL_CTL_ADD, capture_fd(member->capture), &event) != 0)
		return -errno;
	set->queue_count++;
	return 0;
}

void capture_set_forget_queue(struct member *member)
{
	struct capture_set *set = member->set;

	if (!member->capture || !capture_get_queue(member->capture))
		return;
	epoll_ctl(set->queues_fd, EPOLL_CTL_DEL, capture_fd(member->capture), NULL);
	set->queue_count--;
}

void capture_set_find_readable(struct capture_set *set)
{
	struct epoll_event ready[AT_ONCE];
	int count = AT_ONCE;

	for (int i = 0; i < ROUNDS && count == AT_ONCE; i++) {
		count = epoll_wait(set->queues_fd, ready, AT_ONCE, 0);
		for (int j = 0; j < count; j++)
			((struct member *)ready[j].data.ptr)->readable = true;
	}
}

static int open_queue(struct member *member, struct error *error)
{
	struct capture_set *set = member->set;
	const struct capture *model = find_model(set);
	int result;

	if (!model || member->netns_fd < 0 || set->budget.total == 0 ||
	    strcmp(member->name, CAPTURE_LIVE_ANY) != 0)
		return -EOPNOTSUPP;
	result = prepare_queues(set);
	if (result == 0)
		result = capture_open_queue(&member->capture, model, set->batch, 0,
		                            capture_budget_each(&set->budget, set->queue_count + 1),
		                            error);
	if (result != 0)
		return result;
	result = capture_set_follow_queue(member);
	if (result == 0)
		return 0;
	capture_close(member->capture);
	member->capture = NULL;
	return result;
}

void capture_set_set_namespace(struct capture_set *set, uint32_t netns, int netns_fd)
{
	for (int i = 0; i < set->count; i++)
		if (set->members[i]->netns == netns)
			set->members[i]->netns_fd = netns_fd;
}

int capture_set_open_queue(struct member *member, struct capture **queue)
{
	struct capture_set *set = member->set;
	struct error error;
	int previous = netns_enter(member->netns_fd), result;

	if (previous < 0)
		return previous;
	result =
		capture_open_queue(queue, member->capture, set->batch, member->group,
	                           capture_budget_each(&set->budget, set->queue_count + 1), &error);
	netns_leave(previous);
	return result;
}

int capture_set_open_buffer(struct member *member, struct error *error)
{
	struct capture_options options = member->set->options.capture;

	if (open_queue(member, error) == 0)
		return 0;
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
	return member->capture &&
	       (member->readable || member->next || !capture_get_queue(member->capture));
}
