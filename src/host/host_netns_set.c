/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_netns_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "sockets/netns.h"

struct watched {
	struct host_netns *space;
	bool alive, was_alive; /* at the last look, and at the one before */
};

struct host_netns_set {
	struct host_netns_set_options options;
	struct watched *spaces;
	int count;
	struct host_netns_counters closed;
};

struct host_netns_set *host_netns_set_new(const struct host_netns_set_options *options)
{
	struct host_netns_set *spaces = calloc(1, sizeof *spaces);

	if (spaces)
		spaces->options = *options;
	return spaces;
}

void host_netns_set_free(struct host_netns_set *spaces)
{
	if (!spaces)
		return;
	for (int i = 0; i < spaces->count; i++)
		host_netns_close(spaces->spaces[i].space);
	free(spaces->spaces);
	free(spaces);
}

/* What its interfaces have carried by now. */
static uint64_t count_missed(int fd)
{
	int previous = fd >= 0 ? netns_enter(fd) : -1;
	uint64_t missed;

	if (previous < 0)
		return 0;
	missed = netns_count_packets();
	netns_leave(previous);
	return missed;
}

/* Opens the namespace of fd, which it takes over, and makes it known. */
static int open_space(struct host_netns_set *spaces, int fd, uint32_t netns,
                      struct host_netns **space, struct error *degraded, struct error *error)
{
	struct attribution_namespace view;
	int result =
		host_netns_open(space, spaces->options.loop, fd, netns, spaces->options.sockets,
	                        &spaces->options.callbacks, degraded, error);

	if (result != 0)
		return result;
	view = host_netns_view(*space);
	result = attribution_add_namespace(spaces->options.attribution, &view);
	if (result == 0)
		return 0;
	host_netns_close(*space);
	return error_set(error, -result, "too many network namespaces");
}

/* Takes fd over. */
static int add(struct host_netns_set *spaces, int fd, uint32_t netns, int64_t made_ns,
               struct error *degraded, struct error *error)
{
	struct watched *grown =
		realloc(spaces->spaces, ((size_t)spaces->count + 1) * sizeof *grown);
	struct host_netns *space;
	int64_t age_ns;
	uint64_t missed;
	int result;

	if (!grown) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	spaces->spaces = grown;
	spaces->options.found(spaces->options.context, netns, fd);
	age_ns = made_ns > 0 ? clock_monotonic_ns() - made_ns : 0;
	missed = count_missed(fd);
	result = open_space(spaces, fd, netns, &space, degraded, error);
	if (result != 0) {
		spaces->options.closing(spaces->options.context, netns);
		return result;
	}
	spaces->spaces[spaces->count++] = (struct watched){ .space = space, .alive = true };
	spaces->options.opened(spaces->options.context, netns, fd, age_ns, missed);
	return 0;
}

int host_netns_set_add_own(struct host_netns_set *spaces, uint32_t netns, struct error *degraded,
                           struct error *error)
{
	return add(spaces, -1, netns, 0, degraded, error);
}

int host_netns_set_add_path(struct host_netns_set *spaces, const char *path, struct error *error)
{
	struct error degraded = { 0 };
	uint32_t netns;
	int fd = netns_open_path(path, &netns, error);

	if (fd < 0)
		return fd;
	if (host_netns_set_is_open(spaces, netns)) {
		close(fd);
		return 0;
	}
	return add(spaces, fd, netns, 0, &degraded, error);
}

static void remove_space(struct host_netns_set *spaces, int number)
{
	struct host_netns *space = spaces->spaces[number].space;
	uint32_t netns = host_netns_number(space);

	spaces->options.closing(spaces->options.context, netns);
	attribution_remove_namespace(spaces->options.attribution, netns);
	host_netns_add_counters(space, &spaces->closed);
	host_netns_close(space);
	memmove(&spaces->spaces[number], &spaces->spaces[number + 1],
	        (size_t)(--spaces->count - number) * sizeof *spaces->spaces);
}

static struct watched *find(const struct host_netns_set *spaces, uint32_t netns)
{
	for (int i = 0; i < spaces->count; i++)
		if (host_netns_number(spaces->spaces[i].space) == netns)
			return &spaces->spaces[i];
	return NULL;
}

void host_netns_set_offer(struct host_netns_set *spaces, uint32_t netns, const char *path,
                          int64_t made_ns)
{
	struct watched *watched = find(spaces, netns);
	struct error degraded, error;
	uint32_t found;
	int fd;

	if (watched) {
		watched->alive = true;
		return;
	}
	fd = netns_open_path(path, &found, &error);
	if (fd >= 0 && found != netns) { /* the process moved or is another one by now */
		close(fd);
		return;
	}
	/* A namespace that cannot be opened is tried again at the next look. */
	if (fd >= 0)
		add(spaces, fd, netns, made_ns, &degraded, &error);
}

static void on_namespace(void *context, uint32_t netns, const char *path)
{
	host_netns_set_offer(context, netns, path, 0);
}

void host_netns_set_look(struct host_netns_set *spaces)
{
	bool complete;

	for (int i = 0; i < spaces->count; i++) {
		spaces->spaces[i].was_alive = spaces->spaces[i].alive;
		spaces->spaces[i].alive = false;
	}
	complete = netns_each(on_namespace, spaces) == 0;
	for (int i = spaces->count - 1; i >= 0; i--) {
		struct watched *watched = &spaces->spaces[i];

		watched->alive |= !complete;
		/* Not at once: the last packets have come through the ring by the next look. */
		if (!watched->alive && !watched->was_alive && host_netns_fd(watched->space) >= 0)
			remove_space(spaces, i);
	}
}

void host_netns_set_catch_up(struct host_netns_set *spaces)
{
	for (int i = 0; i < spaces->count; i++)
		host_netns_catch_up(spaces->spaces[i].space);
}

bool host_netns_set_is_open(const struct host_netns_set *spaces, uint32_t netns)
{
	return find(spaces, netns) != NULL;
}

int host_netns_set_fd(const struct host_netns_set *spaces, uint32_t netns)
{
	const struct watched *watched = find(spaces, netns);

	return watched ? host_netns_fd(watched->space) : -1;
}

int host_netns_set_numbers(const struct host_netns_set *spaces, uint32_t *numbers, int max)
{
	for (int i = 0; i < spaces->count && i < max; i++)
		numbers[i] = host_netns_number(spaces->spaces[i].space);
	return spaces->count;
}

void host_netns_set_read_counters(const struct host_netns_set *spaces,
                                  struct host_netns_counters *counters)
{
	*counters = spaces->closed;
	for (int i = 0; i < spaces->count; i++)
		host_netns_add_counters(spaces->spaces[i].space, counters);
}
