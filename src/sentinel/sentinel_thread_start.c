/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A thread's beginning and end, and what others do with it. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "security/capabilities.h"
#include "security/privileges.h"
#include "sentinel/sentinel_thread.h"

#define STACK_SIZE (256 << 10)

/* A local UDP port may wake a CPU so often in a second, see port_budget.h. */
#define UDP_PORT_MAX 200

/* Threads that hear of forks: each of them costs each fork in the system a little. */
#define SHARES_MAX 16

void sentinel_thread_close_left(struct sentinel_thread *thread)
{
	for (int i = 0; i < SENTINEL_NETNS_MAX; i++) {
		struct sentinel_netns *netns = &thread->namespaces[i];

		if (atomic_load_explicit(&netns->state, memory_order_acquire) !=
		    SENTINEL_NETNS_LEFT)
			continue;
		sentinel_netns_close(netns);
		atomic_store_explicit(&netns->state, SENTINEL_NETNS_FREE, memory_order_release);
	}
}

/* Its own, and that before the first thread, which all share. */
static bool lock_memory(struct sentinel_thread *thread)
{
	struct sentinel_shared *shared = thread->shared;
	size_t head = (size_t)((char *)shared->threads - (char *)shared);

	return sentinel_schedule_lock(shared, head) &&
	       sentinel_schedule_lock(thread, sizeof *thread) && sentinel_schedule_lock_stack();
}

static void *run(void *argument)
{
	struct sentinel_thread *thread = argument;

	thread->pinned = sentinel_schedule_pin(thread->cpu);
	thread->locked = lock_memory(thread);
	thread->mode = sentinel_schedule_urgent();
	/* Sockets are opened by the loop, and given up here. */
	thread->limited = privileges_limit_thread(PRIVILEGES_LOOK);
	sem_post(&thread->ready);
	if (thread->limited != 0)
		return NULL;
	sentinel_thread_watch(thread);
	/* Each its own, at the same time, as each takes long. */
	for (int i = 0; i < SENTINEL_NETNS_MAX; i++) {
		int state = atomic_load(&thread->namespaces[i].state);

		if (state == SENTINEL_NETNS_WATCHED || state == SENTINEL_NETNS_LEAVING)
			sentinel_netns_close(&thread->namespaces[i]);
	}
	return NULL;
}

static int add_to_epoll(struct sentinel_thread *thread, int fd, void *what)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = what };

	return fd >= 0 && epoll_ctl(thread->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0 ? -errno : 0;
}

int sentinel_thread_add_netns(struct sentinel_thread *thread, struct sentinel_netns *netns)
{
	int result;

	netns->filter_generation =
		0; /* the thread's is never 0: it attaches the filter when woken up */
	atomic_store_explicit(&netns->state, SENTINEL_NETNS_WATCHED, memory_order_release);
	result = add_to_epoll(thread, netns->fd, netns);
	sentinel_thread_wakeup(thread);
	return result;
}

void sentinel_thread_wakeup(struct sentinel_thread *thread)
{
	static const uint64_t one = 1;

	if (write(thread->wakeup_fd, &one, sizeof one) < 0) {
		/* Full: then it is readable anyway. */
	}
}

void sentinel_thread_wakeup_others(struct sentinel_shared *shared,
                                   const struct sentinel_thread *but)
{
	for (int i = 0; i < shared->thread_count; i++)
		if (&shared->threads[i] != but)
			sentinel_thread_wakeup(&shared->threads[i]);
}

int sentinel_thread_create(pthread_t *thread, void *(*start)(void *argument), void *argument)
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

static int open_all(struct sentinel_thread *thread)
{
	int result = sentinel_search_init(&thread->resolver.search, &thread->shared->young);
	uint32_t shares = (uint32_t)thread->shared->thread_count;

	thread->forks.listeners = &thread->shared->listeners;
	thread->forks.young = &thread->shared->young;
	thread->forks.report = &thread->report;
	thread->forks.namespaces = thread->namespaces;
	thread->forks.proc_fd = thread->resolver.search.proc_fd;
	sentinel_forks_init(&thread->forks, (uint32_t)thread->cpu,
	                    shares < SHARES_MAX ? shares : SHARES_MAX);
	thread->wakeup_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	thread->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	thread->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	if (result == 0 && (thread->wakeup_fd < 0 || thread->epoll_fd < 0 || thread->timer_fd < 0))
		result = -errno;
	if (result == 0)
		result = add_to_epoll(thread, thread->wakeup_fd, &thread->wakeup_fd);
	if (result == 0)
		result = add_to_epoll(thread, thread->timer_fd, &thread->timer_fd);
	if (result == 0)
		result = add_to_epoll(thread, sentinel_forks_fd(&thread->forks), &thread->forks);
	return result;
}

static void close_all(struct sentinel_thread *thread)
{
	sentinel_forks_destroy(&thread->forks);
	sentinel_search_destroy(&thread->resolver.search);
	if (thread->wakeup_fd >= 0)
		close(thread->wakeup_fd);
	if (thread->timer_fd >= 0)
		close(thread->timer_fd);
	if (thread->epoll_fd >= 0)
		close(thread->epoll_fd);
}

int sentinel_thread_start(struct sentinel_thread *thread, struct sentinel_shared *shared, int cpu,
                          struct error *error)
{
	int result;

	/* The memory is zeroed. */
	thread->shared = shared;
	thread->cpu = cpu;
	thread->resolver.budget.per_second = UDP_PORT_MAX;
	thread->filter_generation = 1;
	thread->resolver.filter.tcp_out = thread->resolver.filter.tcp_in = true;
	thread->resolver.filter.udp = thread->resolver.filter.icmp = true;
	thread->second_ns = thread->window_ns = clock_monotonic_ns();
	thread->resolver.key = &shared->key;
	thread->resolver.listeners = &shared->listeners;
	thread->resolver.report = &thread->report;
	sentinel_report_init(&thread->report, shared->wake_fd, &shared->woken);
	sem_init(&thread->ready, 0, 0);
	result = open_all(thread);
	if (result == 0)
		result = sentinel_thread_create(&thread->pthread, run, thread);
	while (result == 0 && sem_wait(&thread->ready) != 0)
		; /* a signal */
	if (result == 0 && thread->limited != 0) {
		pthread_join(thread->pthread, NULL);
		result = thread->limited;
	}
	if (result < 0) {
		close_all(thread);
		error_set(error, -result, "sentinel: %s", strerror(-result));
	}
	return result;
}

void sentinel_thread_join(struct sentinel_thread *thread)
{
	sentinel_thread_wakeup(thread);
	pthread_join(thread->pthread, NULL);
	close_all(thread);
}
