/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A busy namespace gets a ring in place of its queue, and a queue again after a quiet minute. A
 * thread makes the change, as the kernel takes its time for it: both are of one group
 * (capture_socket_join), of which each packet goes to the old one or to the new one. What is in
 * the old one is read first, then it is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/worker.h"
#include "capture/capture_live.h"
#include "capture/capture_set_private.h"
#include "capture/capture_socket.h"
#include "sockets/netns.h"

#define BUSY_NS       (100 * NS_PER_MS)
#define BUSY_PACKETS  1000 /* in that time: a ring */
#define QUIET_PACKETS 100  /* less in a second */
#define QUIET_SECONDS 60   /* in a row: a queue */
#define JOBS_MAX      16

struct capture_change {
	struct worker_job job;
	struct capture_set *set;
	struct member *member; /* NULL: it is gone, or nothing is changed but opened is closed */
	bool closes, fails;
	struct capture_options options; /* of a ring */
	int netns_fd, old_fd;           /* own ones, or -1 */
	struct capture *opened;         /* a queue is open before, and hears nothing */
};

static int open_ring(struct capture_change *change)
{
	struct error error;
	int previous = netns_enter(change->netns_fd), result;

	if (previous < 0)
		return previous;
	result = capture_open_live(&change->opened, CAPTURE_LIVE_ANY, &change->options, &error);
	netns_leave(previous);
	if (result != 0)
		change->opened = NULL;
	return result;
}

static int make_change(struct capture_change *change)
{
	int result = capture_socket_choose(change->old_fd, 0); /* the new one will be the second */

	if (result == 0 && change->opened)
		result =
			capture_socket_listen_in(capture_fd(change->opened), change->options.group);
	else if (result == 0)
		result = open_ring(change);
	return result == 0 ? capture_socket_choose(change->old_fd, 1) : result;
}

static void run(struct worker_job *job, const atomic_bool *stop)
{
	struct capture_change *change = (struct capture_change *)job;

	(void)stop;
	change->fails = change->closes || make_change(change) != 0;
	if (!change->fails)
		return;
	capture_close(change->opened);
	change->opened = NULL;
}

static void change_free(struct capture_change *change)
{
	if (change->netns_fd >= 0)
		close(change->netns_fd);
	if (change->old_fd >= 0)
		close(change->old_fd);
	capture_close(change->opened);
	free(change);
}

static void done(void *context, struct worker_job *job, bool ran)
{
	struct capture_set *set = context;
	struct capture_change *change = (struct capture_change *)job;
	struct member *member = change->member;
	bool made = ran && !change->fails;

	if (member) {
		member->change = NULL;
		member->fixed = !made;
	}
	if (member && made) {
		member->next = change->opened;
		change->opened = NULL;
	} else if (!change->closes && !(member && member->grown)) {
		set->ring_count--; /* it was to have one, or had one when it went */
	}
	change_free(change);
}

static bool submit(struct capture_set *set, struct capture_change *change)
{
	if (!set->changer)
		set->changer = worker_new(set->loop, &(struct worker_options){
							     .name = "changer",
							     .max_jobs = JOBS_MAX,
							     .run = run,
							     .done = done,
							     .context = set,
						     });
	return set->changer && worker_submit(set->changer, &change->job) == 0;
}

static struct capture_change *change_new(const struct capture_set *set)
{
	struct capture_change *change = calloc(1, sizeof *change);

	if (!change)
		return NULL;
	change->options = set->options.capture;
	change->netns_fd = change->old_fd = -1;
	return change;
}

/* False: it stays as it is. */
static bool begin(struct member *member, struct capture *queue)
{
	struct capture_set *set = member->set;
	struct capture_change *change = change_new(set);

	if (!change) {
		capture_close(queue);
		return false;
	}
	change->member = member;
	change->opened = queue;
	change->options.buffer_kib = set->options.grown_kib;
	change->options.group = member->group;
	change->netns_fd = fcntl(member->netns_fd, F_DUPFD_CLOEXEC, 0);
	change->old_fd = fcntl(capture_fd(member->capture), F_DUPFD_CLOEXEC, 0);
	if (change->netns_fd < 0 || change->old_fd < 0 || !submit(set, change)) {
		change_free(change);
		return false;
	}
	member->change = change;
	return true;
}

static void grow(struct member *member)
{
	member->group = capture_group(member->capture);
	if (member->group > 0 && begin(member, NULL))
		member->set->ring_count++;
}

static void shrink(struct member *member)
{
	struct capture *queue;

	if (capture_set_open_queue(member, &queue) == 0)
		begin(member, queue);
}

void capture_set_note_packets(struct member *member, int packets)
{
	const struct capture_set *set = member->set;
	int64_t now_ns;

	member->packets += packets;
	if (packets == 0 || member->fixed || member->change || member->next ||
	    !capture_get_queue(member->capture) || set->options.capture.immediate ||
	    set->ring_count >= set->options.grown_max)
		return;
	now_ns = clock_monotonic_ns();
	if (now_ns - member->since_ns > BUSY_NS) {
		member->since_ns = now_ns;
		member->packets = packets;
	}
	if (member->packets >= BUSY_PACKETS)
		grow(member);
}

void capture_set_tick(struct capture_set *set)
{
	for (int i = 0; i < set->count && set->ring_count > 0; i++) {
		struct member *member = set->members[i];

		if (!member->grown || member->change || member->next || member->fixed)
			continue;
		member->quiet_seconds =
			member->packets < QUIET_PACKETS ? member->quiet_seconds + 1 : 0;
		member->packets = 0;
		if (member->quiet_seconds >= QUIET_SECONDS)
			shrink(member);
	}
}

/*
 * Not by another thread: where the next change begins, the old one must have left the group, or the
 * new one was not the second.
 */
static void close_old(struct capture_set *set, struct capture *old)
{
	struct capture_change *change = change_new(set);

	if (!change) {
		capture_close(old);
		return;
	}
	change->opened = old;
	change->closes = true;
	if (!submit(set, change))
		change_free(change);
}

bool capture_set_finish_change(struct member *member)
{
	struct capture_set *set = member->set;
	struct capture *old = member->capture;
	struct capture_counters counters = { 0 };

	if (!member->next || capture_read_counters(old, &counters) != 0 ||
	    counters.received != counters.delivered)
		return false;
	capture_set_leave(member, &counters);
	member->capture = member->next;
	member->next = NULL;
	member->grown = !capture_get_queue(member->capture);
	member->quiet_seconds = member->packets = 0;
	if (!member->grown)
		set->ring_count--;
	capture_set_enter(member);
	close_old(set, old);
	return true;
}

void capture_set_forget_change(struct member *member)
{
	struct capture_set *set = member->set;

	/* What is under way is counted when it is done. */
	if (member->change)
		member->change->member = NULL;
	else if (member->grown || member->next)
		set->ring_count--;
	member->change = NULL;
	member->grown = false;
}

void capture_set_end_changes(struct capture_set *set)
{
	worker_free(set->changer);
	set->changer = NULL;
}
