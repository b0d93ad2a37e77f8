/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_netns_watch.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "sockets/netns.h"
#include "tracepoints/netns_events.h"

/* Threads that are making a namespace at one time; more are found by their names or the next look. */
#define MAKERS_MAX 64
/*
 * The event comes some 0.3 ms before the system call that makes the namespace ends; a
 * thread without processor takes longer. Looked at after 1, 2, 4 ... ms.
 */
#define MAKER_WAIT_NS     (1 * NS_PER_MS)
#define MAKER_WAIT_MAX_NS (64 * NS_PER_MS)
/* Mounts come in numbers, when a container starts: they are looked at together. */
#define MOUNTS_WAIT_NS (2 * NS_PER_MS)
#define CHILDREN_MAX   4 /* of a thread, its latest */

struct maker {
	int pid, tid;
	int64_t made_ns, due_ns, wait_ns;
};

struct host_netns_watch {
	host_netns_watch_callback *callback;
	void *context;
	struct netns_events *events; /* NULL: none */
	int mounts;                  /* /proc/self/mountinfo, -1 */
	struct loop_source *events_source, *mounts_source, *makers_timer, *mounts_timer;
	struct maker makers[MAKERS_MAX];
	int count;
};

static uint32_t number_at(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? (uint32_t)status.st_ino : 0;
}

static void offer(struct host_netns_watch *watch, const char *path, const struct maker *maker)
{
	uint32_t number = number_at(path);

	if (number != 0)
		watch->callback(watch->context, number, path, maker->made_ns);
}

/* clone(2) with CLONE_NEWNET leaves the caller where it is: its latest children are asked. */
static void offer_children(struct host_netns_watch *watch, const struct maker *maker)
{
	char path[64], text[4096];
	int pids[CHILDREN_MAX] = { 0 }, next = 0;
	ssize_t length;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", maker->pid, maker->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = '\0';
	for (char *at = text, *end; *at; at = end) {
		int pid = (int)strtol(at, &end, 10);

		if (end == at || pid <= 0)
			break;
		pids[next++ % CHILDREN_MAX] = pid;
	}
	for (int i = 0; i < CHILDREN_MAX && pids[i] > 0; i++) {
		snprintf(path, sizeof path, "/proc/%d/ns/net", pids[i]);
		offer(watch, path, maker);
	}
}

static void look_at(struct host_netns_watch *watch, const struct maker *maker)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/task/%d/ns/net", maker->pid, maker->tid);
	offer(watch, path, maker);
	offer_children(watch, maker);
}

/* All whose time has come; the timer is set for the first of those that are left. */
static void look_at_makers(struct host_netns_watch *watch)
{
	int64_t now = clock_monotonic_ns(), first = INT64_MAX;

	for (int i = watch->count - 1; i >= 0; i--) {
		struct maker *maker = &watch->makers[i];

		if (maker->due_ns <= now) {
			look_at(watch, maker);
			maker->due_ns = clock_monotonic_ns() + maker->wait_ns;
			maker->wait_ns *= 2;
		}
		if (maker->wait_ns > MAKER_WAIT_MAX_NS)
			*maker = watch->makers[--watch->count];
	}
	for (int i = 0; i < watch->count; i++)
		if (watch->makers[i].due_ns < first)
			first = watch->makers[i].due_ns;
	if (watch->count > 0) {
		now = clock_monotonic_ns();
		loop_set_timer(watch->makers_timer, first > now ? first - now : 1, 0);
	}
}

static void on_makers_timer(void *context, uint32_t expirations)
{
	(void)expirations;
	look_at_makers(context);
}

/* A making has several events; the latest is nearest to its end, the first says since when. */
static void on_event(void *context, int pid, int tid, int64_t time_ns)
{
	struct host_netns_watch *watch = context;
	struct maker *maker = NULL;

	for (int i = 0; i < watch->count && !maker; i++)
		if (watch->makers[i].tid == tid)
			maker = &watch->makers[i];
	if (!maker && watch->count < MAKERS_MAX) {
		maker = &watch->makers[watch->count++];
		*maker = (struct maker){ .pid = pid, .tid = tid, .made_ns = time_ns };
	}
	if (!maker)
		return;
	maker->due_ns = 0;
	maker->wait_ns = MAKER_WAIT_NS;
	/* Another namespace by the same thread. */
	if (time_ns - maker->made_ns > MAKER_WAIT_MAX_NS)
		maker->made_ns = time_ns;
}

void host_netns_watch_look(struct host_netns_watch *watch)
{
	if (!watch->events)
		return;
	netns_events_drain(watch->events, on_event, watch);
	for (int i = 0; i < watch->count; i++)
		watch->makers[i].due_ns = 0;
	look_at_makers(watch);
}

static void on_events(void *context, uint32_t ready)
{
	(void)ready;
	host_netns_watch_look(context);
}

static void on_named(void *context, uint32_t number, const char *path)
{
	struct host_netns_watch *watch = context;

	watch->callback(watch->context, number, path, 0);
}

static void on_mounts_timer(void *context, uint32_t expirations)
{
	(void)expirations;
	netns_each_named(on_named, context);
}

static void on_mounts(void *context, uint32_t ready)
{
	struct host_netns_watch *watch = context;

	(void)ready;
	loop_set_timer(watch->mounts_timer, MOUNTS_WAIT_NS, 0);
}

static int open_sources(struct host_netns_watch *watch, struct loop *loop, struct error *refused)
{
	watch->makers_timer = loop_add_timer(loop, 0, 0, on_makers_timer, watch);
	watch->mounts_timer = loop_add_timer(loop, 0, 0, on_mounts_timer, watch);
	if (!watch->makers_timer || !watch->mounts_timer)
		return -1;
	if (netns_events_open(&watch->events, refused) == 0)
		watch->events_source = loop_add_fd(loop, netns_events_fd(watch->events), EPOLLIN,
		                                   on_events, watch);
	watch->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	if (watch->mounts >= 0)
		watch->mounts_source = loop_add_fd(loop, watch->mounts, EPOLLPRI, on_mounts, watch);
	return 0;
}

struct host_netns_watch *host_netns_watch_new(struct loop *loop,
                                              host_netns_watch_callback *callback, void *context,
                                              struct error *refused)
{
	struct host_netns_watch *watch = calloc(1, sizeof *watch);

	if (!watch)
		return NULL;
	watch->callback = callback;
	watch->context = context;
	watch->mounts = -1;
	if (open_sources(watch, loop, refused) != 0) {
		host_netns_watch_free(watch);
		return NULL;
	}
	return watch;
}

void host_netns_watch_free(struct host_netns_watch *watch)
{
	if (!watch)
		return;
	loop_remove(watch->events_source);
	loop_remove(watch->mounts_source);
	loop_remove(watch->makers_timer);
	loop_remove(watch->mounts_timer);
	netns_events_close(watch->events);
	if (watch->mounts >= 0)
		close(watch->mounts);
	free(watch);
}

int host_netns_watch_fd(const struct host_netns_watch *watch)
{
	return watch->events ? netns_events_fd(watch->events) : -1;
}
