/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_netns_ends.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

/*
 * Sockets that end one after the other would wake the loop for each. Those that end
 * within so long of each other are read together then, or with the next packets.
 */
#define REST_NS (20 * NS_PER_MS)
#define AT_ONCE 64
#define ROUNDS  16 /* the loop goes on in between: what is left is still ready */

struct host_netns_ends {
	int fd; /* an epoll(7) of its own */
	struct loop_source *source, *rest_timer;
	host_netns_ends_read *read;
	int64_t read_ns;  /* up to then, what ended is known */
	int64_t woken_ns; /* when the end of a socket did so last */
};

/* Returns how many sockets ended. */
static uint64_t read_ready(struct host_netns_ends *ends)
{
	struct epoll_event ready[AT_ONCE];
	int64_t since_ns = ends->read_ns;
	uint64_t ended = 0;
	int count = AT_ONCE;

	ends->read_ns = clock_monotonic_ns();
	for (int i = 0; i < ROUNDS && count == AT_ONCE; i++) {
		count = epoll_wait(ends->fd, ready, AT_ONCE, 0);
		for (int j = 0; j < count; j++)
			ended += ends->read(ready[j].data.ptr, since_ns);
	}
	return ended;
}

static void on_ended(void *context, uint32_t events)
{
	struct host_netns_ends *ends = context;
	int64_t now_ns = clock_monotonic_ns();

	(void)events;
	read_ready(ends);
	if (now_ns - ends->woken_ns < REST_NS && loop_modify(ends->source, 0) == 0)
		loop_set_timer(ends->rest_timer, REST_NS, 0);
	ends->woken_ns = now_ns;
}

static void on_rested(void *context, uint32_t expirations)
{
	struct host_netns_ends *ends = context;

	(void)expirations;
	if (read_ready(ends) > 0 || loop_modify(ends->source, EPOLLIN) != 0)
		loop_set_timer(ends->rest_timer, REST_NS, 0);
}

struct host_netns_ends *host_netns_ends_new(struct loop *loop, host_netns_ends_read *read)
{
	struct host_netns_ends *ends = calloc(1, sizeof *ends);
	int error;

	if (!ends)
		return NULL;
	ends->read = read;
	ends->read_ns = clock_monotonic_ns();
	ends->fd = epoll_create1(EPOLL_CLOEXEC);
	if (ends->fd >= 0)
		ends->source = loop_add_fd(loop, ends->fd, EPOLLIN, on_ended, ends);
	if (ends->source)
		ends->rest_timer = loop_add_timer(loop, 0, 0, on_rested, ends);
	if (ends->rest_timer)
		return ends;
	error = errno;
	host_netns_ends_free(ends);
	errno = error;
	return NULL;
}

void host_netns_ends_free(struct host_netns_ends *ends)
{
	if (!ends)
		return;
	loop_remove(ends->source);
	loop_remove(ends->rest_timer);
	if (ends->fd >= 0)
		close(ends->fd);
	free(ends);
}

int host_netns_ends_add(struct host_netns_ends *ends, int fd, void *namespace)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = namespace };

	return epoll_ctl(ends->fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

void host_netns_ends_remove(struct host_netns_ends *ends, int fd)
{
	epoll_ctl(ends->fd, EPOLL_CTL_DEL, fd, NULL);
}

void host_netns_ends_catch_up(struct host_netns_ends *ends)
{
	/* Not only when it rests: the wait may have ended for a signal, or a moment before. */
	read_ready(ends);
}

int64_t host_netns_ends_read_ns(const struct host_netns_ends *ends)
{
	return ends->read_ns;
}
