/* SPDX-License-Identifier: Apache-2.0 */
/* One of the sentinel's threads: it looks after one CPU, in all namespaces that are watched. */
#ifndef SOCKLINE_ATTRIBUTION_SENTINEL_GUARD_H
#define SOCKLINE_ATTRIBUTION_SENTINEL_GUARD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "attribution/sentinel.h"
#include "attribution/sentinel_forks.h"
#include "attribution/sentinel_post.h"
#include "attribution/sentinel_report.h"
#include "attribution/sentinel_schedule.h"
#include "attribution/sentinel_search.h"
#include "attribution/sentinel_young.h"
#include "base/hash.h"
#include "base/port_budget.h"

struct sentinel_guard;

/* What all threads and the loop share; without a comment: set before the threads start. */
struct sentinel_shared {
	struct hash_key key;
	int guard_count;
	struct sentinel_guard *guards;
	struct sentinel_young young;         /* for any thread */
	struct sentinel_listeners listeners; /* for any thread */
	atomic_bool stop;
	int wake_fd; /* eventfd: wakes the loop */
	atomic_bool woken;
	sem_t left; /* posts that are to be closed */
};

struct sentinel_guard {
	struct sentinel_shared *shared;
	int cpu;
	int kick_fd; /* eventfd: wakes the thread */
	int epoll_fd;
	int timer_fd;
	pthread_t thread;
	/* How the thread could be set up: the loop's, once it is ready. */
	sem_t ready;
	enum sentinel_schedule_mode mode;
	bool pinned, locked;
	/* By the state of each, the loop's or the thread's. */
	struct sentinel_post posts[SENTINEL_SPACES_MAX];
	struct sentinel_report report;

	/* The thread's alone from here on. */
	struct sentinel_search search;
	struct sentinel_forks forks;
	struct port_budget budget; /* of local UDP ports, of all namespaces together */
	struct sentinel_filter_options filter;
	uint32_t filter_generation;
	int searched_in_vain, udp_in_vain, connections_in, echoes; /* in this second */
	int64_t second_ns;
	int64_t timer_ns;                          /* what the timer is set to */
	int64_t window_ns, window_cpu_ns, busy_ns; /* how much of the last moments was work */
};

/* Starts a thread with all signals blocked: they are the loop's. 0 or -errno. */
int sentinel_guard_thread(pthread_t *thread, void *(*start)(void *argument), void *argument);

/* Opens what the thread needs and starts it. 0 or -errno. */
int sentinel_guard_start(struct sentinel_guard *guard, struct sentinel_shared *shared, int cpu,
                         struct error *error);
/* After shared->stop is set. */
void sentinel_guard_join(struct sentinel_guard *guard);
void sentinel_guard_kick(struct sentinel_guard *guard);
/* All of them but this one (NULL: none): the listeners have changed. */
void sentinel_guard_kick_others(struct sentinel_shared *shared, const struct sentinel_guard *but);

/* A free post of this guard becomes its own, opened. 0 or -errno. */
int sentinel_guard_add_post(struct sentinel_guard *guard, struct sentinel_post *post);

/* Closes the posts that the thread has left: it takes milliseconds, see sentinel_guard.c. */
void sentinel_guard_close_left(struct sentinel_guard *guard);

/* For the parts of the thread: */

/* What it does, until shared->stop. */
void sentinel_guard_watch(struct sentinel_guard *guard);

/* All posts are to have the filter as it says now; each does so when it is next seen. */
void sentinel_guard_change_filter(struct sentinel_guard *guard);

#endif
