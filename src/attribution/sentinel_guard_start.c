/* SPDX-License-Identifier: Apache-2.0 */
/* A guard's beginning and end, and what others do with it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "attribution/sentinel_guard.h"
#include "base/clock.h"

#define STACK_SIZE (256 << 10)

/* A local UDP port may wake a CPU so often in a second, see port_budget.h. */
#define UDP_PORT_MAX 200

/* Threads that hear of forks: each of them costs each fork in the system a little. */
#define SHARES_MAX 16

void sentinel_guard_close_left(struct sentinel_guard *guard)
{
	for (int i = 0; i < SENTINEL_SPACES_MAX; i++) {
		struct sentinel_post *post = &guard->posts[i];

		if (atomic_load_explicit(&post->state, memory_order_acquire) != SENTINEL_POST_LEFT)
			continue;
		sentinel_post_close(post);
		atomic_store_explicit(&post->state, SENTINEL_POST_FREE, memory_order_release);
	}
}

/* Its own, and that before the first guard, which all share. */
static bool lock_memory(struct sentinel_guard *guard)
{
	struct sentinel_shared *shared = guard->shared;
	size_t head = (size_t)((char *)shared->guards - (char *)shared);

	return sentinel_schedule_lock(shared, head) &&
	       sentinel_schedule_lock(guard, sizeof *guard) && sentinel_schedule_lock_stack();
}

static void *run(void *argument)
{
	struct sentinel_guard *guard = argument;

	guard->pinned = sentinel_schedule_pin(guard->cpu);
	guard->locked = lock_memory(guard);
	guard->mode = sentinel_schedule_urgent();
	sem_post(&guard->ready);
	sentinel_guard_watch(guard);
	/* Each its own, at the same time, as each takes long. */
	for (int i = 0; i < SENTINEL_SPACES_MAX; i++) {
		int state = atomic_load(&guard->posts[i].state);

		if (state == SENTINEL_POST_WATCHED || state == SENTINEL_POST_LEAVING)
			sentinel_post_close(&guard->posts[i]);
	}
	return NULL;
}

static int add_to_epoll(struct sentinel_guard *guard, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	return fd >= 0 && epoll_ctl(guard->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0 ? -errno : 0;
}

int sentinel_guard_add_post(struct sentinel_guard *guard, struct sentinel_post *post)
{
	int result;

	post->filter_generation =
		0; /* the thread's is never 0: it attaches the filter when kicked */
	atomic_store_explicit(&post->state, SENTINEL_POST_WATCHED, memory_order_release);
	result = add_to_epoll(guard, post->fd, post);
	sentinel_guard_kick(guard);
	return result;
}

void sentinel_guard_kick(struct sentinel_guard *guard)
{
	static const uint64_t one = 1;

	if (write(guard->kick_fd, &one, sizeof one) < 0) {
		/* Full: then it is readable anyway. */
	}
}

void sentinel_guard_kick_others(struct sentinel_shared *shared, const struct sentinel_guard *but)
{
	for (int i = 0; i < shared->guard_count; i++)
		if (&shared->guards[i] != but)
			sentinel_guard_kick(&shared->guards[i]);
}

int sentinel_guard_thread(pthread_t *thread, void *(*start)(void *argument), void *argument)
{
	pthread_attr_t attributes;
	sigset_t all, before;
	int result = pthread_attr_init(&attributes);

	if (result != 0)
		return -result;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (result == 0)
		result = pthread_create(thread, &attributes, start, argument);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attributes);
	return -result;
}

static int open_all(struct sentinel_guard *guard)
{
	int result = sentinel_search_init(&guard->search, &guard->shared->young);
	uint32_t shares = (uint32_t)guard->shared->guard_count;

	guard->forks.listeners = &guard->shared->listeners;
	guard->forks.young = &guard->shared->young;
	guard->forks.report = &guard->report;
	guard->forks.posts = guard->posts;
	guard->forks.proc_fd = guard->search.proc_fd;
	sentinel_forks_init(&guard->forks, (uint32_t)guard->cpu,
	                    shares < SHARES_MAX ? shares : SHARES_MAX);
	guard->kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	guard->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	guard->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (result == 0 && (guard->kick_fd < 0 || guard->epoll_fd < 0 || guard->timer_fd < 0))
		result = -errno;
	if (result == 0)
		result = add_to_epoll(guard, guard->kick_fd, &guard->kick_fd);
	if (result == 0)
		result = add_to_epoll(guard, guard->timer_fd, &guard->timer_fd);
	if (result == 0)
		result = add_to_epoll(guard, sentinel_forks_fd(&guard->forks), &guard->forks);
	return result;
}

static void close_all(struct sentinel_guard *guard)
{
	sentinel_forks_destroy(&guard->forks);
	sentinel_search_destroy(&guard->search);
	if (guard->kick_fd >= 0)
		close(guard->kick_fd);
	if (guard->timer_fd >= 0)
		close(guard->timer_fd);
	if (guard->epoll_fd >= 0)
		close(guard->epoll_fd);
}

int sentinel_guard_start(struct sentinel_guard *guard, struct sentinel_shared *shared, int cpu,
                         struct error *error)
{
	int result;

	/* The memory is zeroed. */
	guard->shared = shared;
	guard->cpu = cpu;
	guard->budget.per_second = UDP_PORT_MAX;
	guard->filter_generation = 1;
	guard->filter.tcp_out = guard->filter.tcp_in = true;
	guard->filter.udp = guard->filter.icmp = true;
	guard->second_ns = guard->window_ns = clock_monotonic_ns();
	sentinel_report_init(&guard->report, shared->wake_fd, &shared->woken);
	sem_init(&guard->ready, 0, 0);
	result = open_all(guard);
	if (result == 0)
		result = sentinel_guard_thread(&guard->thread, run, guard);
	while (result == 0 && sem_wait(&guard->ready) != 0)
		; /* a signal */
	if (result < 0) {
		close_all(guard);
		error_set(error, -result, "sentinel: %s", strerror(-result));
	}
	return result;
}

void sentinel_guard_join(struct sentinel_guard *guard)
{
	sentinel_guard_kick(guard);
	pthread_join(guard->thread, NULL);
	close_all(guard);
}
