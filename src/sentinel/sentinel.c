/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "security/privileges.h"
#include "sentinel/sentinel_schedule.h"
#include "sentinel/sentinel_thread.h"
#include "sockets/netns.h"

#define CPUS_MAX 256 /* members of a fanout group */

struct sentinel {
	struct sentinel_shared *shared;
	size_t size; /* of the mapping that shared begins: the threads follow */
	int started;
	bool has_young, has_janitor;
	pthread_t janitor;
	struct error events_error; /* "" = there are process events */
	char mode[384];
};

/* Zeroed, of whole pages, so that it can be locked; 0 or -errno. */
static int make_shared(struct sentinel *sentinel, struct error *error)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int count = cpus < 1 ? 1 : cpus > CPUS_MAX ? CPUS_MAX : (int)cpus;
	size_t head = (sizeof *sentinel->shared + 63) & ~(size_t)63;
	struct sentinel_shared *shared;

	sentinel->size = head + (size_t)count * sizeof *shared->threads;
	shared = mmap(NULL, sentinel->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	              0);
	if (shared == MAP_FAILED)
		return error_set(error, ENOMEM, "out of memory");
	sentinel->shared = shared;
	sem_init(&shared->left, 0, 0);
	shared->threads = (void *)((char *)shared + head);
	shared->thread_count = count;
	shared->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (shared->wake_fd < 0)
		return error_set(error, errno, "eventfd: %s", strerror(errno));
	return hash_key_random(&shared->key) < 0
	               ? error_set(error, EIO, "no random numbers for a key")
	               : 0;
}

/* Closes what the others have no time to close. */
static void *run_janitor(void *argument)
{
	struct sentinel_shared *shared = argument;

	privileges_limit_thread(0); /* it closes descriptors, and no more */
	while (!atomic_load(&shared->stop)) {
		while (sem_wait(&shared->left) != 0)
			; /* a signal */
		for (int i = 0; i < shared->thread_count; i++)
			sentinel_thread_close_left(&shared->threads[i]);
	}
	return NULL;
}

static int start_threads(struct sentinel *sentinel, struct error *error)
{
	struct sentinel_shared *shared = sentinel->shared;
	int result;

	for (; sentinel->started < shared->thread_count; sentinel->started++) {
		result = sentinel_thread_start(&shared->threads[sentinel->started], shared,
		                               sentinel->started, error);
		if (result < 0)
			return result;
	}
	result = sentinel_thread_create(&sentinel->janitor, run_janitor, shared);
	if (result < 0)
		return error_set(error, -result, "sentinel: %s", strerror(-result));
	sentinel->has_janitor = true;
	return 0;
}

int sentinel_open(struct sentinel **sentinel, struct error *error)
{
	struct sentinel *new = calloc(1, sizeof *new);
	int result;

	if (!new)
		return error_set(error, ENOMEM, "out of memory");
	result = make_shared(new, error);
	if (result < 0)
		goto fail;
	result = sentinel_pids_init(&new->shared->young, &new->events_error);
	if (result < 0) {
		*error = new->events_error;
		goto fail;
	}
	new->has_young = true;
	result = start_threads(new, error);
	if (result < 0)
		goto fail;
	*sentinel = new;
	return 0;
fail:
	sentinel_close(new);
	return result;
}

void sentinel_close(struct sentinel *sentinel)
{
	struct sentinel_shared *shared = sentinel ? sentinel->shared : NULL;

	if (shared) {
		atomic_store(&shared->stop, true);
		for (int i = 0; i < sentinel->started; i++)
			sentinel_thread_wakeup(&shared->threads[i]);
		for (int i = 0; i < sentinel->started; i++)
			sentinel_thread_join(&shared->threads[i]);
		if (sentinel->has_janitor) {
			sem_post(&shared->left);
			pthread_join(sentinel->janitor, NULL);
		}
		/* What the threads left after the janitor had looked for the last time. */
		for (int i = 0; i < sentinel->started; i++)
			sentinel_thread_close_left(&shared->threads[i]);
		if (sentinel->has_young)
			sentinel_pids_destroy(&shared->young);
		if (shared->wake_fd >= 0)
			close(shared->wake_fd);
		munmap(shared, sentinel->size);
	}
	free(sentinel);
}

/* The same place in all threads: the one where nothing is, or was until now. -1 = none. */
static int find_netns(const struct sentinel_shared *shared, uint32_t number)
{
	for (int at = 0; at < SENTINEL_NETNS_MAX; at++) {
		int fits = 0;

		for (int i = 0; i < shared->thread_count; i++) {
			const struct sentinel_netns *netns = &shared->threads[i].namespaces[at];
			int state = atomic_load_explicit(&netns->state, memory_order_acquire);

			fits += number == 0 ? state == SENTINEL_NETNS_FREE
			                    : state == SENTINEL_NETNS_WATCHED &&
			                              netns->number == number;
		}
		if (fits == shared->thread_count)
			return at;
	}
	return -1;
}

static int open_namespaces(struct sentinel_shared *shared, int at, uint32_t number,
                           struct error *error)
{
	uint16_t group = 0;
	int result = 0, opened;

	for (opened = 0; opened < shared->thread_count; opened++) {
		result = sentinel_netns_open(&shared->threads[opened].namespaces[at], number,
		                             &group, error);
		if (result < 0)
			break;
	}
	while (result < 0 && opened-- > 0)
		sentinel_netns_close(&shared->threads[opened].namespaces[at]);
	return result;
}

int sentinel_watch(struct sentinel *sentinel, int fd, uint32_t number, struct error *error)
{
	struct sentinel_shared *shared = sentinel->shared;
	int at, previous = -1, result;

	if (find_netns(shared, number) >= 0)
		return error_set(error, EEXIST, "network namespace %u is watched already", number);
	at = find_netns(shared, 0);
	if (at < 0)
		return error_set(error, ENOSPC, "more than %d network namespaces",
		                 SENTINEL_NETNS_MAX);
	if (fd >= 0) {
		previous = netns_enter(fd);
		if (previous < 0)
			return error_set(error, -previous, "network namespace %u: %s", number,
			                 strerror(-previous));
	}
	result = open_namespaces(shared, at, number, error);
	if (fd >= 0)
		netns_leave(previous);
	/* All before any: the threads' numbers in the kernel's group do not change any more. */
	for (int i = 0; result == 0 && i < shared->thread_count; i++)
		result = sentinel_thread_add_netns(&shared->threads[i],
		                                   &shared->threads[i].namespaces[at]);
	if (result == -ENOMEM || result == -ENOSPC)
		sentinel_unwatch(sentinel, number);
	return result;
}

void sentinel_unwatch(struct sentinel *sentinel, uint32_t number)
{
	struct sentinel_shared *shared = sentinel->shared;

	for (int i = 0; i < shared->thread_count; i++) {
		for (int at = 0; at < SENTINEL_NETNS_MAX; at++) {
			struct sentinel_netns *netns = &shared->threads[i].namespaces[at];

			if (atomic_load(&netns->state) == SENTINEL_NETNS_WATCHED &&
			    netns->number == number)
				atomic_store(&netns->state, SENTINEL_NETNS_LEAVING);
		}
		sentinel_thread_wakeup(&shared->threads[i]);
	}
}

int sentinel_fd(const struct sentinel *sentinel)
{
	return sentinel->shared->wake_fd;
}

static long drain(struct sentinel_report *report, const struct sentinel_callbacks *callbacks)
{
	size_t count = spsc_ring_waiting(&report->sightings), done;
	struct sentinel_sighting sighting;
	struct sentinel_process process;

	/* Counted first: the processes of these sightings are all there. */
	while (spsc_ring_take(&report->processes, &process))
		if (callbacks->process)
			callbacks->process(callbacks->context, &process);
	for (done = 0; done < count && spsc_ring_take(&report->sightings, &sighting); done++)
		callbacks->sighting(callbacks->context, &sighting);
	return (long)done;
}

long sentinel_drain(struct sentinel *sentinel, const struct sentinel_callbacks *callbacks)
{
	struct sentinel_shared *shared = sentinel->shared;
	uint64_t ignored;
	long count = 0;

	/* Before looking: who finds it unset after this wakes us again. */
	if (atomic_exchange(&shared->woken, false) &&
	    read(shared->wake_fd, &ignored, sizeof ignored) < 0) {
		/* Not written yet: that comes, and means nothing. */
	}
	for (int i = 0; i < shared->thread_count; i++)
		count += drain(&shared->threads[i].report, callbacks);
	return count;
}

void sentinel_hint(struct sentinel *sentinel, int pid)
{
	sentinel_pids_add_hint(&sentinel->shared->young, pid);
}

void sentinel_listener(struct sentinel *sentinel, int pid)
{
	sentinel_hint(sentinel, pid);
	if (sentinel_listeners_add(&sentinel->shared->listeners, pid))
		sentinel_thread_wakeup_others(sentinel->shared, NULL);
}

const char *sentinel_mode(struct sentinel *sentinel)
{
	const struct sentinel_shared *shared = sentinel->shared;
	enum sentinel_schedule_mode mode = SENTINEL_SCHEDULE_FIFO;
	int unpinned = 0, unlocked = 0;

	for (int i = 0; i < shared->thread_count; i++) {
		if (shared->threads[i].mode > mode)
			mode = shared->threads[i].mode;
		unpinned += !shared->threads[i].pinned;
		unlocked += !shared->threads[i].locked;
	}
	snprintf(sentinel->mode, sizeof sentinel->mode, "%s%s%s%s%s", sentinel_schedule_name(mode),
	         unpinned > 0 ? ", not on its CPU" : "", unlocked > 0 ? ", memory not locked" : "",
	         sentinel->events_error.text[0] ? ", no " : "", sentinel->events_error.text);
	return sentinel->mode;
}

bool sentinel_is_urgent(const struct sentinel *sentinel)
{
	for (int i = 0; i < sentinel->shared->thread_count; i++)
		if (sentinel->shared->threads[i].mode != SENTINEL_SCHEDULE_FIFO)
			return false;
	return true;
}

void sentinel_read_counters(const struct sentinel *sentinel, struct sentinel_counters *counters)
{
	uint64_t sums[SENTINEL_COUNTS] = { 0 };

	for (int i = 0; i < sentinel->shared->thread_count; i++)
		for (int what = 0; what < SENTINEL_COUNTS; what++)
			sums[what] += atomic_load_explicit(
				&sentinel->shared->threads[i].report.counts[what],
				memory_order_relaxed);
	*counters = (struct sentinel_counters){
		.packets = sums[SENTINEL_PACKETS],
		.resolved = sums[SENTINEL_RESOLVED],
		.unresolved = sums[SENTINEL_NOT_RESOLVED],
		.no_socket = sums[SENTINEL_NO_SOCKET],
		.repeated = sums[SENTINEL_REPEATED],
		.late = sums[SENTINEL_LATE],
		.over_budget = sums[SENTINEL_OVER_BUDGET],
		.paused = sums[SENTINEL_PAUSED],
		.excluded_ports = sums[SENTINEL_EXCLUDED_PORTS],
		.ring_lost = sums[SENTINEL_RING_LOST],
		.kernel_lost = sums[SENTINEL_KERNEL_LOST],
		.events_lost =
			sums[SENTINEL_EVENTS_LOST] +
			atomic_load_explicit(&sentinel->shared->young.lost, memory_order_relaxed),
		.children = sums[SENTINEL_CHILDREN],
	};
}
