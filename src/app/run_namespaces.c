/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces that come and go during a run: each has captures and listeners of its own. */
#include <errno.h>
#include <stdlib.h>

#include "app/run_private.h"
#include "base/clock.h"

#define RING_MIN 64 /* KiB */
/*
 * Where a namespace cannot have a queue, it has a ring, which takes memory all the time, so that
 * each namespace that comes gets a smaller one: OTHERS_SHARE / (OTHERS_SHARE + captures that are
 * open) of the own one's, with a floor.
 */
#define OTHERS_SHARE 4
#define OTHERS_MIN   2048 /* KiB */
/*
 * The kernel clears a ring page by page, 1 ms for 4 MiB and many times that when the
 * processors are busy: one that is found while it runs is to be captured at once.
 */
#define LATE_MAX 4096 /* KiB */
/* For so long the rings of all captures have room, also where 100,000 packets a second come. */
#define START_WALK_NS (100 * NS_PER_MS)

int run_add_watch(struct run *run, uint32_t netns, struct error *error)
{
	const struct attribution_namespace *namespace;
	struct run_watch *grown;

	if (!(run->options->events & EMITTER_SOCKET))
		return 0;
	namespace = attribution_find_namespace(host_attribution(run->host), netns);
	grown = realloc(run->watches, ((size_t)run->watch_count + 1) * sizeof *grown);
	if (!grown)
		return error_set(error, ENOMEM, "out of memory");
	run->watches = grown;
	grown[run->watch_count].netns = netns;
	grown[run->watch_count].watch =
		listener_watch_new(namespace->lister, host_attribution(run->host), run->emitter);
	if (!grown[run->watch_count].watch)
		return error_set(error, ENOMEM, "out of memory");
	/* The snapshot, soon to be taken, has no namespaces that come later. */
	if (!run->started)
		listener_watch_begin(grown[run->watch_count].watch);
	run->watch_count++;
	return 0;
}

struct listing {
	struct stream *stream;
	int64_t began_ns; /* since the epoch */
};

static int on_existing(void *context, const struct socket *socket)
{
	const struct listing *listing = context;

	stream_add_existing(listing->stream, socket, listing->began_ns);
	return 0;
}

void run_add_existing(struct run *run, uint32_t netns)
{
	struct listing listing = { run->stream, clock_realtime_ns() };

	host_list_sockets(run->host, netns, on_existing, &listing);
}

void run_find_existing(struct run *run)
{
	if (run->captures && !run_is_replay(run))
		attribution_find_expected(host_attribution(run->host), START_WALK_NS);
}

static bool captures_others(const struct options *options)
{
	return options->interface_count == 0 && options->netns_mode != HOST_NETNS_SELF;
}

size_t run_queue_bytes(const struct options *options)
{
	return captures_others(options) ? (size_t)options->buffer_kib * 1024 : 0;
}

int run_ring_kib(const struct options *options)
{
	int rings = options->interface_count * (1 + options->netns_path_count);

	if (captures_others(options))
		return options->buffer_kib - options->buffer_kib / RUN_OTHERS_PART;
	if (rings > 1 && options->buffer_kib / rings < RING_MIN)
		return RING_MIN;
	return rings > 1 ? options->buffer_kib / rings : options->buffer_kib;
}

static int buffer_of(const struct run *run, int fd)
{
	int others = capture_set_count(run->captures);
	int kib = run_ring_kib(run->options) / (others + OTHERS_SHARE) * OTHERS_SHARE;

	if (fd < 0)
		return 0;
	if (run->started && kib > LATE_MAX)
		return LATE_MAX;
	return kib > OTHERS_MIN ? kib : OTHERS_MIN;
}

int run_add_captures(struct run *run, uint32_t netns, int fd, struct error *error)
{
	const struct options *options = run->options;
	int buffer_kib = buffer_of(run, fd), result = 0;

	if (options->interface_count == 0)
		result = capture_set_add_live(run->captures, "any", netns, fd, buffer_kib, error);
	/* Named interfaces are meant where the user is, or where --netns points. */
	if (fd >= 0 && options->netns_path_count == 0)
		return result;
	for (int i = 0; result == 0 && i < options->interface_count; i++)
		result = capture_set_add_live(run->captures, options->interfaces[i], netns, fd, 0,
		                              error);
	return result;
}

void run_on_namespace_found(void *context, uint32_t netns, int fd)
{
	struct run *run = context;
	struct error error = { 0 };

	if (!run->captures) /* not built yet: open_captures comes to it */
		return;
	if (run_add_captures(run, netns, fd, &error) != 0)
		log_warning(run->log, "network namespace %u is not captured: %s", netns,
		            error.text);
}

static bool is_captured(const struct run *run, uint32_t netns)
{
	for (int i = 0; i < capture_set_count(run->captures); i++)
		if (capture_set_netns(run->captures, i) == netns)
			return true;
	return false;
}

void run_on_namespace_opened(void *context, uint32_t netns, int64_t age_ns, uint64_t missed)
{
	struct run *run = context;
	struct error error = { 0 };
	struct event_log content = {
		.level = missed > 0 ? "warning" : "info",
		.message = "a network namespace is captured from now on",
		.netns = netns,
		.age_ns = age_ns,
		.missed_packets = missed,
	};

	if (!run->captures)
		return;
	if (run_add_watch(run, netns, &error) != 0)
		log_warning(run->log, "network namespace %u: %s", netns, error.text);
	capture_set_set_namespace(run->captures, netns, host_namespace_fd(run->host, netns));
	if (is_captured(run, netns)) {
		run_add_existing(run, netns);
		stream_pass_packets(run->stream);
		run_emit_log(run, EVENT_NETNS_OPENED, &content);
	}
}

void run_on_namespace_closing(void *context, uint32_t netns)
{
	struct run *run = context;

	if (run->captures) {
		capture_set_remove(run->captures, netns);
		stream_pass_packets(run->stream);
		stream_forget_existing(run->stream, netns);
	}
	for (int i = run->watch_count - 1; i >= 0; i--) {
		if (run->watches[i].netns != netns)
			continue;
		listener_watch_free(run->watches[i].watch);
		run->watches[i] = run->watches[--run->watch_count];
	}
}

void run_on_limit_reached(void *context, uint32_t uid, int max, uint64_t refused)
{
	struct run *run = context;
	struct event_log content = {
		.level = "warning",
		.message = "network namespaces are not watched: there are too many of their user",
		.limit = "network_namespaces",
		.max = (uint64_t)max,
		.refused = refused,
		.uid = uid,
	};

	run_emit_log(run, EVENT_LIMIT_REACHED, &content);
	log_warning(run->log,
	            "network namespaces of user %u are not watched: at most %d are, and 8 new "
	            "ones at once",
	            uid, max);
}
