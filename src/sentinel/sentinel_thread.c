/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_thread.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "sentinel/sentinel_schedule.h"

#define BATCH 16 /* events taken from epoll at once */

/*
 * The kernel stops real-time threads that leave nothing to others for a second
 * (sched_rt_runtime_us): well below that we stop by ourselves.
 */
#define WINDOW_NS   (100 * NS_PER_MS)
#define BUSY_MAX_NS (75 * NS_PER_MS)

/* Process events are read when they are asked for, and so often so that they are few then. */
#define EVENTS_NS      (100 * NS_PER_MS)
#define EVENTS_SOON_NS (10 * NS_PER_MS)
#define EVENTS_MANY    8
#define EVENTS_MAX     4096

/* All namespaces are to have the filter as it is now; each gets it when it is next seen. */
static void change_filter(struct sentinel_thread *thread)
{
	thread->filter_generation++;
}

static void refresh_filter(struct sentinel_thread *thread, struct sentinel_netns *netns)
{
	if (netns->filter_generation == thread->filter_generation)
		return;
	netns->filter_generation = thread->filter_generation;
	sentinel_netns_set_filter(netns, &thread->resolver.filter);
}

static bool is_watched(const struct sentinel_netns *netns)
{
	return atomic_load_explicit(&netns->state, memory_order_acquire) == SENTINEL_NETNS_WATCHED;
}

/*
 * Closing a packet socket waits until all CPUs have passed a quiet moment (packet_release in
 * net/packet/af_packet.c), 10 ms and more: that is for somebody else to do.
 */
static void leave_namespaces(struct sentinel_thread *thread)
{
	for (int i = 0; i < SENTINEL_NETNS_MAX; i++) {
		struct sentinel_netns *netns = &thread->namespaces[i];

		if (atomic_load_explicit(&netns->state, memory_order_acquire) !=
		    SENTINEL_NETNS_LEAVING)
			continue;
		epoll_ctl(thread->epoll_fd, EPOLL_CTL_DEL, netns->fd, NULL);
		atomic_store_explicit(&netns->state, SENTINEL_NETNS_LEFT, memory_order_release);
		sem_post(&thread->shared->left);
	}
}

static void take_ports(struct sentinel_thread *thread)
{
	struct sentinel_filter_ports *except = &thread->resolver.filter.udp_except;

	except->count = 0;
	for (int i = 0; i < PORT_BUDGET_EXCLUDED; i++)
		if (thread->resolver.budget.ports[i].excluded)
			except->ports[except->count++] = thread->resolver.budget.ports[i].port;
	sentinel_report_set(&thread->report, SENTINEL_EXCLUDED_PORTS, (uint64_t)except->count);
	change_filter(thread);
}

static void on_packet(struct sentinel_thread *thread, struct sentinel_netns *netns)
{
	struct sentinel_netns_packet packet;
	unsigned flags;

	if (!is_watched(netns) || sentinel_netns_read(netns, &packet) <= 0)
		return;
	flags = sentinel_resolve_packet(&thread->resolver, netns, &packet);
	if (flags & SENTINEL_RESOLVE_FILTER)
		change_filter(thread);
	if (flags & SENTINEL_RESOLVE_PORT)
		netns->filter_generation = thread->filter_generation - 1;
	if (flags & SENTINEL_RESOLVE_LISTENER) {
		sentinel_forks_refresh(&thread->forks);
		sentinel_thread_wakeup_others(thread->shared, thread);
	}
	sentinel_holders_tidy(&thread->resolver.search.holders);
	if (port_budget_update(&thread->resolver.budget, clock_monotonic_ns()))
		take_ports(thread);
	refresh_filter(thread, netns);
}

static void on_wakeup(struct sentinel_thread *thread)
{
	uint64_t ignored;

	if (read(thread->wakeup_fd, &ignored, sizeof ignored) < 0)
		return;
	leave_namespaces(thread);
	sentinel_forks_refresh(&thread->forks);
	for (int i = 0; i < SENTINEL_NETNS_MAX; i++)
		if (is_watched(&thread->namespaces[i]))
			refresh_filter(thread, &thread->namespaces[i]);
}

static void tick(struct sentinel_thread *thread, int64_t now_ns)
{
	struct sentinel_filter_options *filter = &thread->resolver.filter;
	uint64_t lost = atomic_load_explicit(&thread->report.counts[SENTINEL_KERNEL_LOST],
	                                     memory_order_relaxed);

	thread->second_ns = now_ns;
	thread->resolver.searched_in_vain = thread->resolver.udp_in_vain = 0;
	thread->resolver.connections_in = thread->resolver.echoes = 0;
	if (!filter->udp || !filter->tcp_in || !filter->icmp) {
		filter->udp = filter->tcp_in = filter->icmp = true;
		change_filter(thread);
	}
	if (port_budget_update(&thread->resolver.budget, now_ns))
		take_ports(thread);
	for (int i = 0; i < SENTINEL_NETNS_MAX; i++) {
		struct sentinel_netns *netns = &thread->namespaces[i];

		if (!is_watched(netns))
			continue;
		lost += sentinel_netns_lost(netns);
		if (sentinel_netns_expire_listeners(netns, now_ns))
			netns->filter_generation = thread->filter_generation - 1;
		refresh_filter(thread, netns);
	}
	sentinel_report_set(&thread->report, SENTINEL_KERNEL_LOST, lost);
}

/* The first thread reads process events for all. How long until the next time. */
static int64_t read_events(struct sentinel_thread *thread)
{
	return sentinel_pids_read(&thread->shared->young, EVENTS_MAX) > EVENTS_MANY ? EVENTS_SOON_NS
	                                                                            : EVENTS_NS;
}

static void sleep_until(int64_t time_ns)
{
	struct timespec time = { .tv_sec = time_ns / NS_PER_SECOND,
		                 .tv_nsec = time_ns % NS_PER_SECOND };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

static int64_t own_cpu_ns(void)
{
	struct timespec used;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
	return used.tv_sec * NS_PER_SECOND + used.tv_nsec;
}

/* What comes while it rests is late, and not looked at. */
static void rest_if_busy(struct sentinel_thread *thread, int64_t begin_ns)
{
	int64_t now_ns = clock_monotonic_ns();

	if (now_ns - thread->window_ns >= WINDOW_NS) {
		thread->window_ns = begin_ns;
		thread->window_cpu_ns = own_cpu_ns();
		thread->busy_ns = 0;
	}
	thread->busy_ns += now_ns - begin_ns;
	/* That is the clock on the wall; a hypervisor may have given the time to others. */
	if (thread->busy_ns < BUSY_MAX_NS || own_cpu_ns() - thread->window_cpu_ns < BUSY_MAX_NS)
		return;
	sentinel_report_count(&thread->report, SENTINEL_PAUSED);
	sleep_until(thread->window_ns + WINDOW_NS);
}

/*
 * The thread waits without end, for a timer as for all else: a time limit of epoll's own
 * would be set up and taken down around each packet.
 */
static void set_timer(struct sentinel_thread *thread, int64_t time_ns)
{
	struct itimerspec timer = {
		.it_value = { .tv_sec = time_ns / NS_PER_SECOND,
		              .tv_nsec = time_ns % NS_PER_SECOND },
	};

	if (time_ns == thread->timer_ns)
		return;
	thread->timer_ns = time_ns;
	timerfd_settime(thread->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* Set again it is not readable any more. */
static void on_timer(struct sentinel_thread *thread)
{
	thread->timer_ns = 0;
}

static void dispatch(struct sentinel_thread *thread, void *what)
{
	if (what == &thread->wakeup_fd)
		on_wakeup(thread);
	else if (what == &thread->timer_fd)
		on_timer(thread);
	else if (what == &thread->forks)
		sentinel_forks_read(&thread->forks);
	else
		on_packet(thread, what);
}

void sentinel_thread_watch(struct sentinel_thread *thread)
{
	int64_t events_ns = thread->cpu == 0 ? 0 : INT64_MAX, now_ns = clock_monotonic_ns();
	struct epoll_event events[BATCH];

	while (!atomic_load_explicit(&thread->shared->stop, memory_order_acquire)) {
		int64_t until_ns = thread->second_ns + NS_PER_SECOND, wait_ns;
		int count;

		wait_ns = sentinel_forks_work(&thread->forks);
		if (events_ns < until_ns)
			until_ns = events_ns;
		if (wait_ns >= 0 && wait_ns < until_ns - now_ns)
			until_ns = clock_monotonic_ns() + wait_ns;
		set_timer(thread, until_ns);
		count = epoll_wait(thread->epoll_fd, events, BATCH, -1);
		now_ns = clock_monotonic_ns();
		for (int i = 0; i < count; i++)
			dispatch(thread, events[i].data.ptr);
		if (now_ns >= events_ns)
			events_ns = now_ns + read_events(thread);
		if (now_ns >= thread->second_ns + NS_PER_SECOND)
			tick(thread, now_ns);
		rest_if_busy(thread, now_ns);
	}
}
