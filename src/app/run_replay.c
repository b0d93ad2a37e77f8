/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Replay: the file that is read, and when it has no more for now. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "app/run_private.h"

#include "base/clock.h"

#define HELD_NS NS_PER_SECOND

/* While the file is opened. */
struct opening {
	struct run *run;
	int signals,
		over; /* descriptors: one is readable once there is a signal, once it is open */
	pthread_t thread;
};

/*
 * The signals are blocked, and the loop does not run as yet. No record has been made, so that the
 * program ends at once, and leaves no empty file behind.
 */
static void *end_by_signal(void *argument)
{
	const struct opening *opening = argument;
	struct pollfd fds[] = { { .fd = opening->signals, .events = POLLIN },
		                { .fd = opening->over, .events = POLLIN } };
	int ready;

	do
		ready = poll(fds, 2, -1);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0 || fds[1].revents)
		return NULL;
	outlet_discard(opening->run->outlet);
	outlet_discard(opening->run->packets_outlet);
	_exit(EXIT_SUCCESS);
}

static int start(struct opening *opening, struct error *error)
{
	sigset_t signals;
	int code;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	opening->signals = signalfd(-1, &signals, SFD_CLOEXEC);
	opening->over = eventfd(0, EFD_CLOEXEC);
	code = opening->signals < 0 || opening->over < 0
	               ? errno
	               : pthread_create(&opening->thread, NULL, end_by_signal, opening);
	return code == 0 ? 0 : error_set(error, code, "signals: %s", strerror(code));
}

static void stop(const struct opening *opening)
{
	const uint64_t one = 1;

	if (write(opening->over, &one, sizeof one) < 0) {
		/* An eventfd(2) that was not written to has room. */
	}
	pthread_join(opening->thread, NULL);
}

/* libpcap reads the file's header, and open(2) of a FIFO waits for a writer: both may last for ever. */
int run_open_file(struct run *run, struct error *error)
{
	struct opening opening = { .run = run, .signals = -1, .over = -1 };
	int result = start(&opening, error);

	if (result == 0) {
		result = capture_set_add_file(run->captures, run->options->read_file, error);
		stop(&opening);
	}
	if (opening.signals >= 0)
		close(opening.signals);
	if (opening.over >= 0)
		close(opening.over);
	if (result == 0)
		stream_set_origin(run->stream, capture_set_origin(run->captures));
	return result;
}

/*
 * A pipe that brings no more for a while does not say whether the times of the packets that the
 * stream holds back are wrong: they are believed.
 */
int run_captures_timeout(struct run *run)
{
	int timeout = capture_set_timeout_ms(run->captures);
	int64_t now = clock_monotonic_ns();

	if (timeout >= 0 || !stream_holds_packets(run->stream)) {
		run->held_ns = 0;
		return timeout;
	}
	if (run->held_ns == 0)
		run->held_ns = now;
	if (now - run->held_ns < HELD_NS)
		return (int)((HELD_NS - (now - run->held_ns)) / NS_PER_MS) + 1;
	stream_release_packets(run->stream);
	stream_pass_packets(run->stream);
	return 0;
}
