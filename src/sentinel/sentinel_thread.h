/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* One of the sentinel's threads: it looks after one CPU, in all namespaces that are watched. */
#ifndef SOCKLINE_SENTINEL_SENTINEL_THREAD_H
#define SOCKLINE_SENTINEL_SENTINEL_THREAD_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "sentinel/sentinel.h"
#include "sentinel/sentinel_forks.h"
#include "sentinel/sentinel_netns.h"
#include "sentinel/sentinel_pids.h"
#include "sentinel/sentinel_report.h"
#include "sentinel/sentinel_resolve.h"
#include "sentinel/sentinel_schedule.h"

struct sentinel_thread;

/* What all threads and the loop share; without a comment: set before the threads start. */
struct sentinel_shared {
	struct hash_key key;
	int thread_count;
	struct sentinel_thread *threads;
	struct sentinel_pids young;          /* for any thread */
	struct sentinel_listeners listeners; /* for any thread */
	atomic_bool stop;
	int wake_fd; /* eventfd: wakes the loop */
	atomic_bool woken;
	sem_t left; /* namespaces that are to be closed */
};

struct sentinel_thread {
	struct sentinel_shared *shared;
	int cpu;
	int wakeup_fd; /* eventfd: wakes the thread */
	int epoll_fd;
	int timer_fd;
	pthread_t pthread;
	/* How the thread could be set up: the loop's, once it is ready. */
	sem_t ready;
	enum sentinel_schedule_mode mode;
	bool pinned, locked;
	int limited; /* its capabilities: 0 or -errno */
	/* By the state of each, the loop's or the thread's. */
	struct sentinel_netns namespaces[SENTINEL_NETNS_MAX];
	struct sentinel_report report;

	/* The thread's alone from here on. */
	struct sentinel_resolver resolver;
	struct sentinel_forks forks;
	uint32_t filter_generation;
	int64_t second_ns;
	int64_t timer_ns;                          /* what the timer is set to */
	int64_t window_ns, window_cpu_ns, busy_ns; /* how much of the last moments was work */
};

/* Starts a thread with all signals blocked: they are the loop's. 0 or -errno. */
int sentinel_thread_create(pthread_t *thread, void *(*start)(void *argument), void *argument);

/* Opens what the thread needs and starts it. 0 or -errno. */
int sentinel_thread_start(struct sentinel_thread *thread, struct sentinel_shared *shared, int cpu,
                          struct error *error);
/* After shared->stop is set. */
void sentinel_thread_join(struct sentinel_thread *thread);
void sentinel_thread_wakeup(struct sentinel_thread *thread);
/* All of them but this one (NULL: none): the listeners have changed. */
void sentinel_thread_wakeup_others(struct sentinel_shared *shared,
                                   const struct sentinel_thread *but);

/* A free netns of this thread becomes its own, opened. 0 or -errno. */
int sentinel_thread_add_netns(struct sentinel_thread *thread, struct sentinel_netns *netns);

/* Closes the namespaces that the thread has left: it takes milliseconds, see sentinel_thread.c. */
void sentinel_thread_close_left(struct sentinel_thread *thread);

/* For the parts of the thread: */

/* What it does, until shared->stop. */
void sentinel_thread_watch(struct sentinel_thread *thread);

#endif
