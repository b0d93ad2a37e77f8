/* SPDX-License-Identifier: Apache-2.0 */
#include "host_spaces.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sockets/netns.h"

struct watched {
	struct host_space *space;
	bool alive, was_alive; /* at the last look, and at the one before */
};

struct host_spaces {
	struct host_spaces_options options;
	struct watched *spaces;
	int count;
	struct host_space_counters closed;
};

struct host_spaces *host_spaces_new(const struct host_spaces_options *options)
{
	struct host_spaces *spaces = calloc(1, sizeof *spaces);

	if (spaces)
		spaces->options = *options;
	return spaces;
}

void host_spaces_free(struct host_spaces *spaces)
{
	if (!spaces)
		return;
	for (int i = 0; i < spaces->count; i++)
		host_space_close(spaces->spaces[i].space);
	free(spaces->spaces);
	free(spaces);
}

/* Takes fd over. */
static int add(struct host_spaces *spaces, int fd, uint32_t netns, struct error *degraded,
               struct error *error)
{
	struct watched *grown =
		realloc(spaces->spaces, ((size_t)spaces->count + 1) * sizeof *grown);
	struct attribution_namespace view;
	struct host_space *space;
	int result;

	if (!grown) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	spaces->spaces = grown;
	result = host_space_open(&space, spaces->options.loop, fd, netns, spaces->options.sockets,
	                         &spaces->options.callbacks, degraded, error);
	if (result != 0)
		return result;
	view = host_space_view(space);
	result = attribution_add_namespace(spaces->options.attribution, &view);
	if (result != 0) {
		host_space_close(space);
		return error_set(error, -result, "too many network namespaces");
	}
	spaces->spaces[spaces->count++] = (struct watched){ .space = space, .alive = true };
	spaces->options.opened(spaces->options.context, netns, fd);
	return 0;
}

int host_spaces_add_own(struct host_spaces *spaces, uint32_t netns, struct error *degraded,
                        struct error *error)
{
	return add(spaces, -1, netns, degraded, error);
}

int host_spaces_add_path(struct host_spaces *spaces, const char *path, struct error *error)
{
	struct error degraded = { 0 };
	uint32_t netns;
	int fd = netns_open_path(path, &netns, error);

	if (fd < 0)
		return fd;
	if (host_spaces_is_open(spaces, netns)) {
		close(fd);
		return 0;
	}
	return add(spaces, fd, netns, &degraded, error);
}

static void remove_space(struct host_spaces *spaces, int number)
{
	struct host_space *space = spaces->spaces[number].space;
	uint32_t netns = host_space_number(space);

	spaces->options.closing(spaces->options.context, netns);
	attribution_remove_namespace(spaces->options.attribution, netns);
	host_space_add_counters(space, &spaces->closed);
	host_space_close(space);
	memmove(&spaces->spaces[number], &spaces->spaces[number + 1],
	        (size_t)(--spaces->count - number) * sizeof *spaces->spaces);
}

static struct watched *find(const struct host_spaces *spaces, uint32_t netns)
{
	for (int i = 0; i < spaces->count; i++)
		if (host_space_number(spaces->spaces[i].space) == netns)
			return &spaces->spaces[i];
	return NULL;
}

static void on_namespace(void *context, uint32_t netns, const char *path)
{
	struct host_spaces *spaces = context;
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
		add(spaces, fd, netns, &degraded, &error);
}

void host_spaces_look(struct host_spaces *spaces)
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
		if (!watched->alive && !watched->was_alive && host_space_fd(watched->space) >= 0)
			remove_space(spaces, i);
	}
}

void host_spaces_prepare(struct host_spaces *spaces)
{
	for (int i = 0; i < spaces->count; i++)
		host_space_prepare(spaces->spaces[i].space);
}

bool host_spaces_is_open(const struct host_spaces *spaces, uint32_t netns)
{
	return find(spaces, netns) != NULL;
}

int host_spaces_fd(const struct host_spaces *spaces, uint32_t netns)
{
	const struct watched *watched = find(spaces, netns);

	return watched ? host_space_fd(watched->space) : -1;
}

int host_spaces_numbers(const struct host_spaces *spaces, uint32_t *numbers, int max)
{
	for (int i = 0; i < spaces->count && i < max; i++)
		numbers[i] = host_space_number(spaces->spaces[i].space);
	return spaces->count;
}

void host_spaces_read_counters(const struct host_spaces *spaces,
                               struct host_space_counters *counters)
{
	*counters = spaces->closed;
	for (int i = 0; i < spaces->count; i++)
		host_space_add_counters(spaces->spaces[i].space, counters);
}
