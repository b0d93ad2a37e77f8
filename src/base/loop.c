/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"

#define EVENTS_PER_WAIT 64

enum source_kind { SOURCE_FD, SOURCE_TIMER, SOURCE_SIGNALS };

struct loop_source {
	struct loop *loop;
	struct loop_source *next, **link; /* in loop->sources, or loop->removed */
	enum source_kind kind;
	int fd;
	bool removed;
	union {
		loop_callback *callback;
		loop_signal_callback *signal_callback;
	};
	void *context;
};

struct loop {
	int epoll_fd;
	struct loop_source *sources;
	/* Freed after the batch: epoll_wait may have returned events that still point here. */
	struct loop_source *removed;
	loop_prepare *prepare;
	void *prepare_context;
	int64_t pace_ns, woken_ns;
	int urgent_fds[LOOP_URGENT_MAX], urgent_count;
	bool dispatching, stopped;
	int status;
};

static void link_source(struct loop_source **head, struct loop_source *source)
{
	source->next = *head;
	source->link = head;
	if (*head)
		(*head)->link = &source->next;
	*head = source;
}

static void unlink_source(struct loop_source *source)
{
	*source->link = source->next;
	if (source->next)
		source->next->link = source->link;
}

struct loop *loop_new(void)
{
	struct loop *loop = calloc(1, sizeof *loop);

	if (!loop)
		return NULL;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		free(loop);
		return NULL;
	}
	return loop;
}

static void free_removed(struct loop *loop)
{
	struct loop_source *source = loop->removed, *next;

	loop->removed = NULL;
	for (; source; source = next) {
		next = source->next;
		free(source);
	}
}

void loop_free(struct loop *loop)
{
	struct loop_source *source, *next;

	if (!loop)
		return;
	for (source = loop->sources; source; source = next) {
		next = source->next;
		loop_remove(source);
	}
	close(loop->epoll_fd);
	free(loop);
}

/* Takes fd when kind owns it: closes it on failure. */
static struct loop_source *add_source(struct loop *loop, enum source_kind kind, int fd,
                                      uint32_t events, void *context)
{
	struct loop_source *source = malloc(sizeof *source);
	struct epoll_event event = { .events = events, .data.ptr = source };
	int saved_errno = ENOMEM;

	if (!source)
		goto fail;
	*source = (struct loop_source){ .loop = loop, .kind = kind, .fd = fd, .context = context };
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
		saved_errno = errno;
		goto fail;
	}
	link_source(&loop->sources, source);
	return source;
fail:
	free(source);
	if (kind != SOURCE_FD)
		close(fd);
	errno = saved_errno;
	return NULL;
}

struct loop_source *loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_callback *callback,
                                void *context)
{
	struct loop_source *source = add_source(loop, SOURCE_FD, fd, events, context);

	if (source)
		source->callback = callback;
	return source;
}

int loop_modify(struct loop_source *source, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0)
		return -errno;
	return 0;
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){ .tv_sec = ns / NS_PER_SECOND, .tv_nsec = ns % NS_PER_SECOND };
}

int loop_set_timer(struct loop_source *source, int64_t first_ns, int64_t interval_ns)
{
	/* To timerfd_settime a first time of 0 means "disarm", whatever the interval. */
	struct itimerspec setting = {
		.it_value = timespec_of(first_ns == 0 && interval_ns > 0 ? 1 : first_ns),
		.it_interval = timespec_of(interval_ns),
	};

	if (timerfd_settime(source->fd, 0, &setting, NULL) < 0)
		return -errno;
	return 0;
}

struct loop_source *loop_add_timer(struct loop *loop, int64_t first_ns, int64_t interval_ns,
                                   loop_callback *callback, void *context)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	struct loop_source *source;
	int result;

	if (fd < 0)
		return NULL;
	source = add_source(loop, SOURCE_TIMER, fd, EPOLLIN, context);
	if (!source)
		return NULL;
	source->callback = callback;
	result = loop_set_timer(source, first_ns, interval_ns);
	if (result < 0) {
		loop_remove(source);
		errno = -result;
		return NULL;
	}
	return source;
}

struct loop_source *loop_add_signals(struct loop *loop, const int *signals,
                                     loop_signal_callback *callback, void *context)
{
	struct loop_source *source;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (; *signals; signals++)
		sigaddset(&set, *signals);
	fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (fd < 0)
		return NULL;
	source = add_source(loop, SOURCE_SIGNALS, fd, EPOLLIN, context);
	if (!source)
		return NULL;
	source->signal_callback = callback;
	/* Last, so that a failure leaves the signals deadly. It fails for a wrong `how` alone. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	return source;
}

void loop_remove(struct loop_source *source)
{
	if (!source || source->removed)
		return;
	epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	if (source->kind != SOURCE_FD)
		close(source->fd);
	source->removed = true;
	unlink_source(source);
	if (source->loop->dispatching)
		link_source(&source->loop->removed, source);
	else
		free(source);
}

void loop_set_prepare(struct loop *loop, loop_prepare *prepare, void *context)
{
	loop->prepare = prepare;
	loop->prepare_context = context;
}

void loop_set_pace(struct loop *loop, int64_t pace_ns, const int *urgent_fds, int urgent_count)
{
	loop->pace_ns = pace_ns;
	loop->urgent_count = urgent_count < LOOP_URGENT_MAX ? urgent_count : LOOP_URGENT_MAX;
	for (int i = 0; i < loop->urgent_count; i++)
		loop->urgent_fds[i] = urgent_fds[i];
}

/* A timer or signals that cannot be read would wake the loop for ever. 0 or -errno. */
static int failure_of_read(void)
{
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

static int dispatch_timer(struct loop_source *source)
{
	uint64_t expirations;

	/* EAGAIN: another callback of this batch set the timer anew. */
	if (read(source->fd, &expirations, sizeof expirations) != sizeof expirations)
		return failure_of_read();
	source->callback(source->context,
	                 expirations > UINT32_MAX ? UINT32_MAX : (uint32_t)expirations);
	return 0;
}

static int dispatch_signals(struct loop_source *source)
{
	struct signalfd_siginfo info;

	while (!source->removed && !source->loop->stopped) {
		if (read(source->fd, &info, sizeof info) != sizeof info)
			return failure_of_read();
		source->signal_callback(source->context, (int)info.ssi_signo);
	}
	return 0;
}

static int dispatch(struct loop_source *source, uint32_t events)
{
	switch (source->kind) {
	case SOURCE_FD:
		source->callback(source->context, events);
		break;
	case SOURCE_TIMER:
		return dispatch_timer(source);
	case SOURCE_SIGNALS:
		return dispatch_signals(source);
	}
	return 0;
}

static bool has_urgent(const struct loop *loop, const struct epoll_event *events, int count)
{
	for (int i = 0; i < count; i++) {
		const struct loop_source *source = events[i].data.ptr;

		for (int j = 0; j < loop->urgent_count; j++)
			if (source->fd == loop->urgent_fds[j])
				return true;
	}
	return false;
}

/*
 * Whether the wait was slept out. Signals wait, too, blocked as they are. Readiness
 * of perf events is reported once: by now it may stand in the events alone.
 */
static bool keep_pace(struct loop *loop, const struct epoll_event *events, int count)
{
	int64_t left = loop->woken_ns + loop->pace_ns - clock_monotonic_ns();
	struct pollfd urgent[LOOP_URGENT_MAX];
	struct timespec sleep = timespec_of(left);

	for (int i = 0; i < loop->urgent_count; i++)
		urgent[i] = (struct pollfd){ .fd = loop->urgent_fds[i], .events = POLLIN };
	if (has_urgent(loop, events, count))
		left = 0;
	if (left > 0)
		ppoll(urgent, (nfds_t)loop->urgent_count, &sleep, NULL);
	loop->woken_ns = clock_monotonic_ns();
	return left > 0;
}

/* One wait and its callbacks. 0 or -errno. */
static int turn(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS_PER_WAIT];
	int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, timeout_ms);
	int result = 0;

	/* Afterwards others are ready as well, and all of one moment is taken together. */
	if (count >= 0 && loop->pace_ns > 0 && timeout_ms != 0 && keep_pace(loop, events, count))
		count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAIT, 0);
	if (count < 0)
		return errno == EINTR ? 0 : -errno;
	loop->dispatching = true;
	for (int i = 0; i < count && !loop->stopped && result == 0; i++) {
		struct loop_source *source = events[i].data.ptr;

		if (!source->removed)
			result = dispatch(source, events[i].events);
	}
	loop->dispatching = false;
	free_removed(loop);
	return result;
}

int loop_run(struct loop *loop)
{
	int result = 0;

	while (!loop->stopped && result == 0) {
		int timeout_ms = loop->prepare ? loop->prepare(loop->prepare_context) : -1;

		if (!loop->stopped)
			result = turn(loop, timeout_ms);
	}
	if (result == 0)
		result = loop->status;
	loop->stopped = false;
	return result;
}

void loop_stop(struct loop *loop, int status)
{
	loop->stopped = true;
	loop->status = status;
}
