/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: epoll(7), timerfd_create(2), signalfd(2). One thread.
 * Callbacks run to completion; none may block.
 */
#ifndef SOCKLINE_BASE_LOOP_H
#define SOCKLINE_BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_source; /* a registered fd, timer, or the signals */

typedef void loop_callback(void *context, uint32_t events); /* EPOLL* bits; timers: expirations */
typedef void loop_signal_callback(void *context, int signal_number);

struct loop *loop_new(void);       /* NULL and errno */
void loop_free(struct loop *loop); /* closes timers and the signalfd, not the added fds */

/*
 * Watches fd (borrowed; remove it before closing it). NULL and errno: EPERM
 * means a regular file or /dev/null, which is always ready and needs no watch.
 */
struct loop_source *loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_callback *callback,
                                void *context);
int loop_modify(struct loop_source *source, uint32_t events); /* 0 or -errno */

/* Monotonic timer: first after first_ns, then each interval_ns (0: once). NULL and errno. */
struct loop_source *loop_add_timer(struct loop *loop, int64_t first_ns, int64_t interval_ns,
                                   loop_callback *callback, void *context);
/* The same for a timer that exists; 0, 0 disarms it. 0 or -errno. */
int loop_set_timer(struct loop_source *source, int64_t first_ns, int64_t interval_ns);

/*
 * Blocks the signals (a list ended by 0) for the process and delivers them
 * through the loop. They stay blocked when the source is removed. NULL and errno.
 */
struct loop_source *loop_add_signals(struct loop *loop, const int *signals,
                                     loop_signal_callback *callback, void *context);

/* Safe inside any callback, also for the source that is being called; NULL is fine. */
void loop_remove(struct loop_source *source);

/*
 * Called before each wait; returns the milliseconds that it may last at most
 * (-1: for ever). For work that polls, such as a capture that must be read
 * without waiting, and for what is due once per turn.
 */
typedef int loop_prepare(void *context);
void loop_set_prepare(struct loop *loop, loop_prepare *prepare, void *context);

/*
 * From the next wait on: one that ends sooner than this after the one before is
 * slept out, so that what comes singly and often is taken in batches. A wait for
 * nothing (0 milliseconds) is not. 0, as at first: never. When one of urgent_fds, at
 * most LOOP_URGENT_MAX, is readable, the wait ends at once.
 */
#define LOOP_URGENT_MAX 4
void loop_set_pace(struct loop *loop, int64_t pace_ns, const int *urgent_fds, int urgent_count);

/* Runs until loop_stop; returns the status given there, or -errno of the system. */
int loop_run(struct loop *loop);
void loop_stop(struct loop *loop, int status);

#endif
