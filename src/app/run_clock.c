/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Reports that the wall clock was set: timestamps before and after do not fit together. */
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "app/run_private.h"

/* A time in the year 2242, which the timer never reaches, or the last that time_t can hold. */
#define FAR_AWAY_S ((time_t)(sizeof(time_t) == 4 ? INT32_MAX : INT64_C(1) << 33))

/* The kernel makes such a timer readable when the clock is set, timerfd_create(2). */
static void arm(int fd)
{
	struct itimerspec when = { .it_value.tv_sec = FAR_AWAY_S };

	timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &when, NULL);
}

static void on_set(void *context, uint32_t ready)
{
	struct run *run = context;
	uint64_t expirations;

	(void)ready;
	if (read(run->clock_fd, &expirations, sizeof expirations) < 0) /* ECANCELED: it was set */
		run_check_clock(run);
	arm(run->clock_fd);
}

void run_open_clock(struct run *run)
{
	clock_step_init(&run->clock);
	run->clock_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (run->clock_fd < 0) /* run_on_second looks at the clock, too */
		return;
	arm(run->clock_fd);
	run->clock_source = loop_add_fd(run->loop, run->clock_fd, EPOLLIN, on_set, run);
}

void run_close_clock(struct run *run)
{
	loop_remove(run->clock_source);
	if (run->clock_fd >= 0)
		close(run->clock_fd);
}

void run_check_clock(struct run *run)
{
	struct event_log content = { .level = "warning" };

	content.step_ns = clock_step_check(&run->clock);
	if (content.step_ns == 0 || !run->started)
		return;
	content.message = content.step_ns < 0 ? "the wall clock was set back"
	                                      : "the wall clock was set forward";
	if (run->stream)
		stream_pass_packets(run->stream);
	run_emit_log(run, EVENT_CLOCK_STEP, &content);
	log_warning(run->log, "%s by %.3f seconds", content.message,
	            (double)(content.step_ns < 0 ? -content.step_ns : content.step_ns) / 1e9);
}
