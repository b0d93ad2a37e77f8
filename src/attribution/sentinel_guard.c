/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/sentinel_guard.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "attribution/sentinel_look.h"
#include "attribution/sentinel_schedule.h"
#include "base/clock.h"

#define STACK_SIZE (256 << 10)
#define BATCH      16 /* events taken from epoll at once */

/* A local UDP port may wake a CPU so often in a second, see port_budget.h. */
#define UDP_PORT_MAX 200

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

/* Threads that hear of forks: each of them costs each fork in the system a little. */
#define SHARES_MAX 16

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

static void leave_posts(struct sentinel_guard *guard)
{
	for (int i = 0; i < SENTINEL_SPACES_MAX; i++) {
		struct sentinel_post *post = &guard->posts[i];

		if (atomic_load_explicit(&post->state, memory_order_acquire) !=
		    SENTINEL_POST_LEAVING)
			continue;
		sentinel_post_close(post); /* leaves epoll, too */
		atomic_store_explicit(&post->state, SENTINEL_POST_FREE, memory_order_release);
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

/* What comes while it rests is late, and not looked at. */
static void rest_if_busy(struct sentinel_guard *guard, int64_t begin_ns)
{
	int64_t now_ns = clock_monotonic_ns();

	if (now_ns - guard->window_ns >= WINDOW_NS) {
		guard->window_ns = begin_ns;
		guard->busy_ns = 0;
	}
	guard->busy_ns += now_ns - begin_ns;
	if (guard->busy_ns < BUSY_MAX_NS)
		return;
	sentinel_report_count(&guard->report, SENTINEL_PAUSED);
	sleep_until(guard->window_ns + WINDOW_NS);
}

static int wait_for_events(struct sentinel_guard *guard, struct epoll_event *events,
                           int64_t wait_ns)
{
	struct timespec time = { .tv_sec = wait_ns / NS_PER_SECOND,
		                 .tv_nsec = wait_ns % NS_PER_SECOND };
	int count = epoll_pwait2(guard->epoll_fd, events, BATCH, &time, NULL);

	if (count < 0 && errno == ENOSYS) /* before Linux 5.11 */
		count = epoll_wait(guard->epoll_fd, events, BATCH,
		                   (int)((wait_ns + NS_PER_MS - 1) / NS_PER_MS));
	return count;
}

static void dispatch(struct sentinel_guard *guard, void *what)
{
	if (what == &guard->kick_fd)
		on_kick(guard);
	else if (what == &guard->forks)
		sentinel_forks_read(&guard->forks);
	else
		on_packet(guard, what);
}

static void watch(struct sentinel_guard *guard)
{
	int64_t events_ns = guard->cpu == 0 ? 0 : INT64_MAX, now_ns = clock_monotonic_ns();
	struct epoll_event events[BATCH];

	while (!atomic_load_explicit(&guard->shared->stop, memory_order_acquire)) {
		int64_t until_ns = guard->second_ns + NS_PER_SECOND, wait_ns;
		int count;

		wait_ns = sentinel_forks_work(&guard->forks);
		if (events_ns < until_ns)
			until_ns = events_ns;
		if (wait_ns < 0 || wait_ns > until_ns - now_ns)
			wait_ns = until_ns > now_ns ? until_ns - now_ns : 0;
		count = wait_for_events(guard, events, wait_ns);
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

static void *run(void *argument)
{
	struct sentinel_guard *guard = argument;

	guard->pinned = sentinel_schedule_pin(guard->cpu);
	guard->locked =
		sentinel_schedule_lock(guard, sizeof *guard) && sentinel_schedule_lock_stack();
	guard->mode = sentinel_schedule_urgent();
	sem_post(&guard->ready);
	watch(guard);
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

static int start_thread(struct sentinel_guard *guard)
{
	pthread_attr_t attributes;
	int result = pthread_attr_init(&attributes);

	if (result != 0)
		return -result;
	sem_init(&guard->ready, 0, 0);
	result = pthread_attr_setstacksize(&attributes, STACK_SIZE);
	if (result == 0)
		result = pthread_create(&guard->thread, &attributes, run, guard);
	pthread_attr_destroy(&attributes);
	if (result == 0)
		while (sem_wait(&guard->ready) != 0)
			;
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
	if (result == 0 && (guard->kick_fd < 0 || guard->epoll_fd < 0))
		result = -errno;
	if (result == 0)
		result = add_to_epoll(guard, guard->kick_fd, &guard->kick_fd);
	if (result == 0)
		result = add_to_epoll(guard, sentinel_forks_fd(&guard->forks), &guard->forks);
	return result;
}

static void close_all(struct sentinel_guard *guard)
{
	for (int i = 0; i < SENTINEL_SPACES_MAX; i++)
		if (atomic_load(&guard->posts[i].state) != SENTINEL_POST_FREE)
			sentinel_post_close(&guard->posts[i]);
	sentinel_forks_destroy(&guard->forks);
	sentinel_search_destroy(&guard->search);
	if (guard->kick_fd >= 0)
		close(guard->kick_fd);
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
	result = open_all(guard);
	if (result == 0)
		result = start_thread(guard);
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
