/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Network namespaces that come and go during a run: each has captures and listeners of its own. */
#include <errno.h>
#include <stdlib.h>

#include "app/run_private.h"

/*
 * A ring takes memory in the kernel, so that each namespace that comes gets a smaller
 * one: OTHERS_SHARE / (OTHERS_SHARE + captures that are open) of the own one's, with a floor.
 */
#define OTHERS_SHARE 4
#define OTHERS_MIN   2048 /* KiB */

static int add_watch(struct run *run, uint32_t netns, struct error *error)
{
	const struct attribution_namespace *space =
		attribution_find_namespace(host_attribution(run->host), netns);
	struct run_watch *grown =
		realloc(run->watches, ((size_t)run->watch_count + 1) * sizeof *grown);

	if (!grown)
		return error_set(error, ENOMEM, "out of memory");
	run->watches = grown;
	grown[run->watch_count].netns = netns;
	grown[run->watch_count].watch =
		listener_watch_new(space->lister, host_attribution(run->host), run->emitter);
	if (!grown[run->watch_count].watch)
		return error_set(error, ENOMEM, "out of memory");
	/* The snapshot, soon to be taken, has no namespaces that come later. */
	if (!run->started)
		listener_watch_begin(grown[run->watch_count].watch);
	run->watch_count++;
	return 0;
}

static int buffer_of(const struct run *run, int fd)
{
	int others = capture_set_count(run->captures);
	int kib = run->options->buffer_kib / (others + OTHERS_SHARE) * OTHERS_SHARE;

	if (fd < 0)
		return 0;
	return kib > OTHERS_MIN ? kib : OTHERS_MIN;
}

int run_add_namespace(struct run *run, uint32_t netns, int fd, struct error *error)
{
	const struct options *options = run->options;
	int buffer_kib = buffer_of(run, fd), result = 0;

	if (run->options->events & EMITTER_SOCKET)
		result = add_watch(run, netns, error);
	if (result == 0 && options->interface_count == 0)
		result = capture_set_add_live(run->captures, "any", netns, fd, buffer_kib, error);
	/* Named interfaces are meant where the user is, or where --netns points. */
	if (fd >= 0 && options->netns_path_count == 0)
		return result;
	for (int i = 0; result == 0 && i < options->interface_count; i++)
		result = capture_set_add_live(run->captures, options->interfaces[i], netns, fd, 0,
		                              error);
	return result;
}

void run_on_namespace_opened(void *context, uint32_t netns, int fd)
{
	struct run *run = context;
	struct error error = { 0 };

	if (!run->captures) /* not built yet: open_captures comes to it */
		return;
	if (run_add_namespace(run, netns, fd, &error) != 0)
		log_warning(run->log, "network namespace %u is not captured: %s", netns,
		            error.text);
}

void run_on_namespace_closing(void *context, uint32_t netns)
{
	struct run *run = context;

	if (run->captures) {
		capture_set_remove(run->captures, netns);
		run_hand_on(run);
	}
	for (int i = run->watch_count - 1; i >= 0; i--) {
		if (run->watches[i].netns != netns)
			continue;
		listener_watch_free(run->watches[i].watch);
		run->watches[i] = run->watches[--run->watch_count];
	}
}
