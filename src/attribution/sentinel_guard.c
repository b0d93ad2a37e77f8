/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/sentinel_guard.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "attribution/sentinel_look.h"
#include "attribution/sentinel_schedule.h"
#include "base/clock.h"

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

void sentinel_guard_change_filter(struct sentinel_guard *guard)
{
	guard->filter_generation++;
}

static void refresh_filter(struct sentinel_guard *guard, struct sentinel_post *post)
{
	if (post->filter_generation == guard->filter_generation)
		return;
	post->filter_generation = guard->filter_generation;
	sentinel_post_set_filter(post, &guard->filter);
}

static bool is_watched(const struct sentinel_post *post)
{
	return atomic_load_explicit(&post->state, memory_order_acquire) == SENTINEL_POST_WATCHED;
}

/*
 * Closing a packet socket waits until all CPUs have passed a quiet moment (packet_release in
 * net/packet/af_packet.c), 10 ms and more: that is for somebody else to do.
 */
static void leave_posts(struct sentinel_guard *guard)
{
	for (int i = 0; i < SENTINEL_SPACES_MAX; i++) {
		struct sentinel_post *post = &guard->posts[i];

		if (atomic_load_explicit(&post->state, memory_order_acquire) !=
		    SENTINEL_POST_LEAVING)
			continue;
		epoll_ctl(guard->epoll_fd, EPOLL_CTL_DEL, post->fd, NULL);
		atomic_store_explicit(&post->state, SENTINEL_POST_LEFT, memory_order_release);
		sem_post(&guard->shared->left);
	}
}

static void take_ports(struct sentinel_guard *guard)
{
	struct sentinel_filter_ports *except = &guard->filter.udp_except;

	except->count = 0;
	for (int i = 0; i < PORT_BUDGET_EXCLUDED; i++)
		if (guard->budget.ports[i].excluded)
			except->ports[except->count++] = guard->budget.ports[i].port;
	sentinel_report_set(&guard->report, SENTINEL_EXCLUDED_PORTS, (uint64_t)except->count);
	sentinel_guard_change_filter(guard);
}

static void on_packet(struct sentinel_guard *guard, struct sentinel_post *post)
{
	struct sentinel_post_packet packet;

	if (!is_watched(post) || sentinel_post_read(post, &packet) <= 0)
		return;
	sentinel_look_at(guard, post, &packet);
	sentinel_suspects_tidy(&guard->search.suspects);
	if (port_budget_update(&guard->budget, clock_monotonic_ns()))
		take_ports(guard);
	refresh_filter(guard, post);
}

static void on_kick(struct sentinel_guard *guard)
{
	uint64_t ignored;

	if (read(guard->kick_fd, &ignored, sizeof ignored) < 0)
		return;
	leave_posts(guard);
	sentinel_forks_refresh(&guard->forks);
	for (int i = 0; i < SENTINEL_SPACES_MAX; i++)
		if (is_watched(&guard->posts[i]))
			refresh_filter(guard, &guard->posts[i]);
}

static void tick(struct sentinel_guard *guard, int64_t now_ns)
{
	struct sentinel_filter_options *filter = &guard->filter;
	uint64_t lost = atomic_load_explicit(&guard->report.counts[SENTINEL_KERNEL_LOST],
	                                     memory_order_relaxed);

	guard->second_ns = now_ns;
	guard->searched_in_vain = guard->udp_in_vain = 0;
	guard->connections_in = guard->echoes = 0;
	if (!filter->udp || !filter->tcp_in || !filter->icmp) {
		filter->udp = filter->tcp_in = filter->icmp = true;
		sentinel_guard_change_filter(guard);
	}
	if (port_budget_update(&guard->budget, now_ns))
		take_ports(guard);
	for (int i = 0; i < SENTINEL_SPACES_MAX; i++) {
		struct sentinel_post *post = &guard->posts[i];

		if (!is_watched(post))
			continue;
		lost += sentinel_post_lost(post);
		if (sentinel_post_expire_listeners(post, now_ns))
			post->filter_generation = guard->filter_generation - 1;
		refresh_filter(guard, post);
	}
	sentinel_report_set(&guard->report, SENTINEL_KERNEL_LOST, lost);
}

/* The first thread reads process events for all. How long until the next time. */
static int64_t read_events(struct sentinel_guard *guard)
{
	return sentinel_young_read(&guard->shared->young, EVENTS_MAX) > EVENTS_MANY ? EVENTS_SOON_NS
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
static void rest_if_busy(struct sentinel_guard *guard, int64_t begin_ns)
{
	int64_t now_ns = clock_monotonic_ns();

	if (now_ns - guard->window_ns >= WINDOW_NS) {
		guard->window_ns = begin_ns;
		guard->window_cpu_ns = own_cpu_ns();
		guard->busy_ns = 0;
	}
	guard->busy_ns += now_ns - begin_ns;
	/* That is the clock on the wall; a hypervisor may have given the time to others. */
	if (guard->busy_ns < BUSY_MAX_NS || own_cpu_ns() - guard->window_cpu_ns < BUSY_MAX_NS)
		return;
	sentinel_report_count(&guard->report, SENTINEL_PAUSED);
	sleep_until(guard->window_ns + WINDOW_NS);
}

/*
 * The thread waits without end, for a timer as for all else: a time limit of epoll's own
 * would be set up and taken down around each packet.
 */
static void set_timer(struct sentinel_guard *guard, int64_t time_ns)
{
	struct itimerspec timer = {
		.it_value = { .tv_sec = time_ns / NS_PER_SECOND,
		              .tv_nsec = time_ns % NS_PER_SECOND },
	};

	if (time_ns == guard->timer_ns)
		return;
	guard->timer_ns = time_ns;
	timerfd_settime(guard->timer_fd, TFD_TIMER_ABSTIME, &timer, NULL);
}

/* Set again it is not readable any more. */
static void on_timer(struct sentinel_guard *guard)
{
	guard->timer_ns = 0;
}

static void dispatch(struct sentinel_guard *guard, void *what)
{
	if (what == &guard->kick_fd)
		on_kick(guard);
	else if (what == &guard->timer_fd)
		on_timer(guard);
	else if (what == &guard->forks)
		sentinel_forks_read(&guard->forks);
	else
		on_packet(guard, what);
}

void sentinel_guard_watch(struct sentinel_guard *guard)
{
	int64_t events_ns = guard->cpu == 0 ? 0 : INT64_MAX, now_ns = clock_monotonic_ns();
	struct epoll_event events[BATCH];

	while (!atomic_load_explicit(&guard->shared->stop, memory_order_acquire)) {
		int64_t until_ns = guard->second_ns + NS_PER_SECOND, wait_ns;
		int count;

		wait_ns = sentinel_forks_work(&guard->forks);
		if (events_ns < until_ns)
			until_ns = events_ns;
		if (wait_ns >= 0 && wait_ns < until_ns - now_ns)
			until_ns = clock_monotonic_ns() + wait_ns;
		set_timer(guard, until_ns);
		count = epoll_wait(guard->epoll_fd, events, BATCH, -1);
		now_ns = clock_monotonic_ns();
		for (int i = 0; i < count; i++)
			dispatch(guard, events[i].data.ptr);
		if (now_ns >= events_ns)
			events_ns = now_ns + read_events(guard);
		if (now_ns >= guard->second_ns + NS_PER_SECOND)
			tick(guard, now_ns);
		rest_if_busy(guard, now_ns);
	}
}
