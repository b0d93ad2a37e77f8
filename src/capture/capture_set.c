/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_set.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "capture/capture_set_private.h"
#include "capture/capture_socket.h"
#include "capture/capture_stated.h"
#include "decode/decode.h"
#include "capture/origin.h"
#include "sockets/netns.h"

#define REOPEN_NS (NS_PER_SECOND / 2)

struct capture_set *capture_set_new(struct loop *loop, const struct capture_set_options *options)
{
	struct capture_set *set = calloc(1, sizeof *set);

	if (!set)
		return NULL;
	set->loop = loop;
	set->options = *options;
	set->watching = true;
	set->budget.total = options->queue_bytes;
	set->queues_fd = -1;
	return set;
}

static void member_free(struct member *member)
{
	loop_remove(member->source);
	capture_close(member->capture);
	capture_close(member->next);
	free(member->name);
	free(member);
}

/* The work is done in the turn that follows each wait; readiness only has to end the wait. */
static void on_readable(void *context, uint32_t events)
{
	(void)context;
	(void)events;
}

static void watch(struct member *member)
{
	int fd = member->capture ? capture_fd(member->capture) : -1;

	if (fd < 0 || member->source || capture_get_queue(member->capture))
		return;
	member->source = loop_add_fd(member->set->loop, fd, EPOLLIN, on_readable, member);
}

static void unwatch(struct member *member)
{
	loop_remove(member->source);
	member->source = NULL;
}

static void close_member(void *context, int number)
{
	struct capture_set *set = context;

	capture_close(set->members[number]->capture);
	set->members[number]->capture = NULL;
}

void capture_set_free(struct capture_set *set)
{
	if (!set)
		return;
	loop_remove(set->reopen_timer);
	capture_set_end_changes(set);
	/* loop_remove is not for threads. */
	for (int i = 0; i < set->count; i++)
		unwatch(set->members[i]);
	/* The kernel closes each when no processor looks at it any more, which takes 10 ms and more. */
	parallel_run(close_member, set, set->count);
	capture_closer_free(set->closer);
	for (int i = 0; i < set->count; i++)
		member_free(set->members[i]);
	capture_set_close_queues(set);
	free(set->members);
	free(set);
}

static struct member *member_new(struct capture_set *set, const char *name)
{
	struct member **grown =
		realloc(set->members, ((size_t)set->count + 1) * sizeof(struct member *));
	struct member *member;

	if (!grown)
		return NULL;
	set->members = grown;
	member = calloc(1, sizeof *member);
	if (!member)
		return NULL;
	member->name = strdup(name);
	if (!member->name) {
		free(member);
		return NULL;
	}
	member->set = set;
	return member;
}

static int open_live(struct member *member, struct error *error)
{
	int previous = -1, result;

	if (member->netns_fd >= 0) {
		previous = netns_enter(member->netns_fd);
		if (previous < 0)
			return error_set(error, -previous, "setns: %s", strerror(-previous));
	}
	result = capture_set_open_buffer(member, error);
	if (result == 0)
		member->ifindex =
			strcmp(member->name, "any") == 0
				? 0
				: capture_socket_index(capture_fd(member->capture), member->name);
	if (previous >= 0)
		netns_leave(previous);
	if (result != 0)
		return result;
	if (member->set->watching)
		watch(member);
	return 0;
}

int capture_set_add_live(struct capture_set *set, const char *interface, uint32_t netns,
                         int netns_fd, int buffer_kib, struct error *error)
{
	struct member *member = member_new(set, interface);
	int result;

	if (!member)
		return error_set(error, ENOMEM, "out of memory");
	member->netns = netns;
	member->netns_fd = netns_fd;
	member->buffer_kib = buffer_kib;
	result = open_live(member, error);
	if (result != 0) {
		member_free(member);
		return result;
	}
	set->members[set->count++] = member;
	return 0;
}

int capture_set_add_file(struct capture_set *set, const char *path, struct error *error)
{
	struct member *member = member_new(set, path);
	int result;

	if (!member)
		return error_set(error, ENOMEM, "out of memory");
	result = capture_open_file(&member->capture, path, &set->options.capture, error);
	if (result != 0) {
		member_free(member);
		return result;
	}
	set->members[set->count++] = member;
	if (set->watching)
		watch(member);
	return 0;
}

static void add_counters(struct capture_counters *sum, const struct capture_counters *more)
{
	sum->received += more->received;
	sum->dropped += more->dropped;
	sum->interface_dropped += more->interface_dropped;
	sum->delivered += more->delivered;
}

static void try_reopen(void *context, uint32_t expirations)
{
	struct capture_set *set = context;
	bool missing = false;

	(void)expirations;
	for (int i = 0; i < set->count; i++) {
		struct member *member = set->members[i];

		if (member->capture)
			continue;
		if (open_live(member, &member->lost) == 0)
			set->options.change(set->options.context, member->name, true, NULL);
		else
			missing = true;
	}
	if (!missing)
		loop_set_timer(set->reopen_timer, 0, 0);
}

static void lose(struct member *member, const struct error *error)
{
	struct capture_set *set = member->set;
	struct capture_counters counters = { 0 };
	bool reported = member->down; /* it goes down before it vanishes, and may be seen to */

	capture_read_counters(member->capture, &counters);
	add_counters(&member->before, &counters);
	unwatch(member);
	capture_set_forget_queue(member);
	capture_set_forget_change(member);
	capture_close(member->next);
	member->next = NULL;
	capture_close(member->capture);
	member->capture = NULL;
	member->down = false;
	if (!reported)
		set->options.change(set->options.context, member->name, false, error->text);
	if (!set->reopen_timer)
		set->reopen_timer =
			loop_add_timer(set->loop, REOPEN_NS, REOPEN_NS, try_reopen, set);
	else
		loop_set_timer(set->reopen_timer, REOPEN_NS, REOPEN_NS);
}

static void hand_over(void *context, const struct capture_packet *captured)
{
	struct member *member = context;
	struct capture_set *set = member->set;
	struct packet packet;

	packet.time_ns = captured->time_ns;
	packet.number = ++set->packets;
	packet.netns = member->netns;
	packet.ifindex = member->ifindex;
	decode_packet_tagged(captured->link_type, captured->bytes, captured->captured,
	                     captured->length, &captured->tag, &packet);
	if (capture_stated_is_any(captured))
		capture_stated_apply(capture_origin(member->capture), captured, &packet);
	set->options.packet(set->options.context, &packet, captured->bytes);
}

/* Returns the number of packets, or -errno for a damaged file. */
static int dispatch(struct member *member, int limit, struct error *error)
{
	struct capture_set *set = member->set;
	int result = capture_dispatch(member->capture, limit, hand_over, member, error);

	if (result >= 0 && member->down) {
		member->down = false;
		set->options.change(set->options.context, member->name, true, NULL);
	}
	if (result >= 0 || capture_is_file(member->capture))
		return result;
	if (result == -ENETDOWN) { /* libpcap goes on by itself when it is up again */
		if (!member->down)
			set->options.change(set->options.context, member->name, false, error->text);
		member->down = true;
		return 0;
	}
	lose(member, error);
	return 0;
}

bool capture_set_dispatch(struct capture_set *set, int limit, bool *ended, int *result,
                          struct error *error)
{
	bool more = false, ready = set->options.ready(set->options.context);

	if (set->queue_count > 0 && ready)
		capture_set_find_readable(set);
	for (int i = 0; i < set->count && !set->broken; i++) {
		struct member *member = set->members[i];
		int count;

		if (!capture_set_may_read(member) || !set->options.ready(set->options.context))
			continue;
		count = dispatch(member, limit, error);
		member->readable = count >= limit;
		capture_set_note_packets(member, count);
		if (count == 0)
			capture_set_finish_change(member);
		if (count == -EAGAIN) /* a pipe, which is watched */
			continue;
		if (count < 0)
			*result = count;
		if (count <= 0 && member->capture && capture_is_file(member->capture))
			*ended = true;
		more |= count >= limit;
	}
	if (set->queue_count > 0 && (more || !ready || set->budget.shared))
		capture_set_balance(set, ready);
	return more;
}

int capture_set_timeout_ms(const struct capture_set *set)
{
	int timeout = -1;

	for (int i = 0; i < set->count; i++) {
		int wanted = set->members[i]->capture
		                     ? capture_poll_timeout_ms(set->members[i]->capture)
		                     : -1;

		if (wanted >= 0 && (timeout < 0 || wanted < timeout))
			timeout = wanted;
	}
	return timeout;
}

void capture_set_watch(struct capture_set *set, bool watching)
{
	if (set->watching == watching)
		return;
	set->watching = watching;
	for (int i = 0; i < set->count; i++) {
		if (watching)
			watch(set->members[i]);
		else
			unwatch(set->members[i]);
	}
	capture_set_watch_queues(set);
}

void capture_set_break(struct capture_set *set)
{
	set->broken = true;
	for (int i = 0; i < set->count; i++)
		if (set->members[i]->capture)
			capture_break(set->members[i]->capture);
}

/* What is in a ring when the flow is stopped still counts, and goes out while there is time. */
static void drain_one(struct member *member, int64_t deadline_ns)
{
	struct error error;

	while (!capture_drained(member->capture) && clock_monotonic_ns() < deadline_ns) {
		int timeout = capture_poll_timeout_ms(member->capture);
		struct pollfd readable = { .fd = capture_fd(member->capture), .events = POLLIN };

		poll(&readable, 1, timeout < 0 ? 10 : timeout);
		if (capture_dispatch(member->capture, 1024, hand_over, member, &error) < 0)
			return;
	}
}

static void drain(struct member *member, int64_t deadline_ns)
{
	drain_one(member, deadline_ns);
	if (capture_set_finish_change(member))
		drain_one(member, deadline_ns);
}

/* Lets nothing in any more. */
static void stop(struct member *member)
{
	unwatch(member);
	if (member->capture && !capture_is_file(member->capture))
		capture_stop(member->capture);
	if (member->next)
		capture_stop(member->next);
}

void capture_set_leave(struct member *member, const struct capture_counters *counters)
{
	add_counters(&member->before, counters);
	unwatch(member);
	capture_set_forget_queue(member);
	member->capture = NULL;
}

void capture_set_enter(struct member *member)
{
	if (member->set->watching)
		watch(member);
	capture_set_follow_queue(member);
}

void capture_set_stop(struct capture_set *set, int64_t deadline_ns)
{
	capture_set_end_changes(set);
	for (int i = 0; i < set->count; i++)
		stop(set->members[i]);
	for (int i = 0; i < set->count; i++) {
		struct member *member = set->members[i];

		if (member->capture && !capture_is_file(member->capture) && !set->broken)
			drain(member, deadline_ns);
	}
}

void capture_set_remove(struct capture_set *set, uint32_t netns)
{
	for (int i = set->count - 1; i >= 0; i--) {
		struct member *member = set->members[i];
		struct capture_counters counters;
		struct capture *capture;

		if (member->netns != netns)
			continue;
		if (member->capture && set->options.ready(set->options.context)) {
			stop(member);
			drain(member, clock_monotonic_ns() + WINDOW_CAPTURE_END_NS);
		}
		capture_set_counters(set, i, &counters);
		add_counters(&set->removed, &counters);
		set->removed_count++;
		capture = member->capture;
		capture_set_leave(member, &counters);
		capture_set_forget_change(member);
		if (!set->closer)
			set->closer = capture_closer_new(set->loop);
		if (capture)
			capture_closer_close(set->closer, capture);
		member_free(member);
		set->members[i] = set->members[--set->count];
	}
}

const struct origin *capture_set_origin(const struct capture_set *set)
{
	return set->count > 0 ? capture_origin(set->members[0]->capture) : NULL;
}

int capture_set_count(const struct capture_set *set)
{
	return set->count;
}

size_t capture_set_buffer(const struct capture_set *set, int number)
{
	const struct capture *capture = set->members[number]->capture;

	return capture ? capture_buffer_bytes(capture) : 0;
}

int capture_set_link_type(const struct capture_set *set, int number)
{
	const struct capture *capture = set->members[number]->capture;

	return capture ? capture_link_type(capture) : -1;
}

uint32_t capture_set_netns(const struct capture_set *set, int number)
{
	return set->members[number]->netns;
}

int capture_set_removed(const struct capture_set *set, struct capture_counters *counters)
{
	*counters = set->removed;
	return set->removed_count;
}

const char *capture_set_name(const struct capture_set *set, int number)
{
	return set->members[number]->name;
}

void capture_set_counters(struct capture_set *set, int number, struct capture_counters *counters)
{
	struct member *member = set->members[number];
	struct capture_counters current = { 0 };

	if (member->capture)
		capture_read_counters(member->capture, &current);
	*counters = member->before;
	add_counters(counters, &current);
	if (member->next && capture_read_counters(member->next, &current) == 0)
		add_counters(counters, &current);
}
