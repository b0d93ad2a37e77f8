/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "check.h"

/* What one callback does and has seen. */
struct probe {
	struct loop *loop;
	struct loop_source *source, *victim;
	int fd;
	int calls, stop_after;
	uint32_t events; /* or expirations: the sum of all calls */
	uint32_t interest;
};

static void on_event(void *context, uint32_t events)
{
	struct probe *probe = context;
	char byte;

	probe->events += events;
	if (probe->fd >= 0 && read(probe->fd, &byte, 1) < 0)
		probe->events = 0;
	if (probe->interest)
		loop_modify(probe->source, probe->interest);
	if (probe->victim) {
		loop_remove(probe->victim);
		probe->victim = NULL;
	}
	if (++probe->calls == probe->stop_after)
		loop_stop(probe->loop, 7);
}

/* A loop that does not end by itself would hang the test: bounded by a timer of its own. */
static void on_deadline(void *context, uint32_t expirations)
{
	(void)expirations;
	loop_stop(context, -ETIMEDOUT);
}

static struct loop *bounded_loop(void)
{
	struct loop *loop = loop_new();

	if (!loop || !loop_add_timer(loop, 5 * NS_PER_SECOND, 0, on_deadline, loop)) {
		perror("loop_new");
		exit(EXIT_FAILURE);
	}
	return loop;
}

static void open_pipe(int pipe_fds[2])
{
	if (pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) != 0) {
		perror("pipe2");
		exit(EXIT_FAILURE);
	}
}

static void test_fd(void)
{
	struct loop *loop = bounded_loop();
	struct probe probe = { .loop = loop, .stop_after = 3 };
	int fds[2], null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	open_pipe(fds);
	probe.fd = fds[0];
	probe.source = loop_add_fd(loop, fds[0], EPOLLIN, on_event, &probe);
	CHECK(probe.source, "a pipe is watched");
	CHECK(write(fds[1], "abc", 3) == 3 && loop_run(loop) == 7 && probe.calls == 3 &&
	              probe.events == 3 * EPOLLIN,
	      "called until all is read, the status is that of loop_stop");
	errno = 0;
	CHECK(!loop_add_fd(loop, fds[0], EPOLLIN, on_event, &probe) && errno == EEXIST,
	      "not watched twice");
	CHECK(!loop_add_fd(loop, null_fd, EPOLLOUT, on_event, &probe) && errno == EPERM,
	      "/dev/null is always ready: EPERM");
	CHECK_EQUAL(loop_modify(probe.source, 0), 0, "interest withdrawn");

	probe = (struct probe){ .loop = loop, .source = probe.source, .fd = -1, .stop_after = 1 };
	close(fds[1]);
	CHECK(loop_run(loop) == 7 && probe.events == EPOLLHUP, "a hangup comes unasked");
	loop_remove(probe.source);
	loop_remove(NULL);
	loop_stop(loop, 3);
	CHECK_EQUAL(loop_run(loop), 3, "stopped before it runs: it does not wait");
	close(fds[0]);
	close(null_fd);
	loop_free(loop);
	loop_free(NULL);
}

static void test_timers(void)
{
	struct loop *loop = bounded_loop();
	struct probe once = { .loop = loop, .fd = -1, .stop_after = 1 };
	struct probe often = { .loop = loop, .fd = -1, .stop_after = 5 };
	struct probe never = { .loop = loop, .fd = -1, .stop_after = 1 };
	int64_t begin = clock_monotonic_ns(), passed;

	once.source = loop_add_timer(loop, 20 * NS_PER_MS, 0, on_event, &once);
	never.source = loop_add_timer(loop, 0, 0, on_event, &never);
	CHECK(once.source && never.source, "timers");
	CHECK(loop_run(loop) == 7 && once.calls == 1 && once.events == 1, "it fires");
	passed = clock_monotonic_ns() - begin;
	CHECK(passed >= 20 * NS_PER_MS, "not before its time");
	begin = clock_monotonic_ns();
	often.source = loop_add_timer(loop, 0, 5 * NS_PER_MS, on_event, &often);
	CHECK(loop_run(loop) == 7 && often.calls == 5,
	      "a timer with an interval fires again and again, first at once");
	passed = clock_monotonic_ns() - begin;
	/* The first of the expirations is immediate. */
	CHECK(often.events >= 5 && passed >= (often.events - 1) * 5 * NS_PER_MS,
	      "%u expirations are no more than the time allows", often.events);
	CHECK(once.calls == 1 && never.calls == 0, "one without does not, and 0 is disarmed");

	loop_remove(often.source);
	once.stop_after = 2;
	CHECK(loop_set_timer(never.source, 0, 0) == 0 && loop_set_timer(once.source, 1, 0) == 0 &&
	              loop_run(loop) == 7 && once.calls == 2,
	      "set anew it fires again");
	CHECK_EQUAL(loop_set_timer(once.source, -1, 0), -EINVAL, "a negative time is refused");
	errno = 0;
	CHECK(!loop_add_timer(loop, -1, 0, on_event, &once) && errno == EINVAL, "also when adding");
	usleep(1000);
	loop_free(loop);
}

struct signal_probe {
	struct loop *loop;
	struct loop_source *source;
	int counts[65], last, stop_at;
	bool remove;
};

static void on_signal(void *context, int signal_number)
{
	struct signal_probe *probe = context;

	probe->counts[signal_number]++;
	probe->last = signal_number;
	if (probe->remove)
		loop_remove(probe->source);
	if (signal_number == probe->stop_at)
		loop_stop(probe->loop, 9);
}

static void test_signals(void)
{
	static const int signals[] = { SIGUSR1, SIGTERM, 0 };
	struct loop *loop = bounded_loop();
	struct signal_probe probe = { .loop = loop, .stop_at = SIGTERM };
	sigset_t pending;

	probe.source = loop_add_signals(loop, signals, on_signal, &probe);
	CHECK(probe.source, "signals are watched");
	raise(SIGUSR1);
	raise(SIGTERM);
	CHECK(loop_run(loop) == 9 && probe.counts[SIGUSR1] == 1 && probe.counts[SIGTERM] == 1,
	      "both arrive, and nobody dies");
	probe.remove = true;
	probe.stop_at = SIGUSR1;
	raise(SIGUSR1);
	raise(SIGTERM);
	CHECK(loop_run(loop) == 9 && probe.counts[SIGUSR1] == 2 && probe.counts[SIGTERM] == 1,
	      "removed in its callback it delivers no further signal");
	sigpending(&pending);
	CHECK_EQUAL(sigismember(&pending, SIGTERM), 1, "which stays blocked and pending");
	probe = (struct signal_probe){ .loop = loop, .stop_at = SIGTERM };
	probe.source = loop_add_signals(loop, signals, on_signal, &probe);
	CHECK(probe.source && loop_run(loop) == 9 && probe.counts[SIGTERM] == 1,
	      "until somebody asks again");
	loop_free(loop);
}

/*
 * Two sources ready in the same batch, each removes the other: whichever comes
 * first, the second must not be called, and its memory must not be touched.
 */
static void test_remove_inside(void)
{
	struct loop *loop = bounded_loop();
	struct probe probes[2] = { { .loop = loop }, { .loop = loop } };
	int fds[2][2];

	for (int i = 0; i < 2; i++) {
		open_pipe(fds[i]);
		probes[i].fd = fds[i][0];
		probes[i].stop_after = -1;
		probes[i].source = loop_add_fd(loop, fds[i][0], EPOLLIN, on_event, &probes[i]);
		CHECK(probes[i].source && write(fds[i][1], "x", 1) == 1, "source %d is ready", i);
	}
	probes[0].victim = probes[1].source;
	probes[1].victim = probes[0].source;
	loop_add_timer(loop, 20 * NS_PER_MS, 0, on_deadline, loop);
	CHECK(loop_run(loop) == -ETIMEDOUT && probes[0].calls + probes[1].calls == 1,
	      "one was called, the other removed unseen");
	loop_free(loop);

	loop = bounded_loop();
	probes[0] = (struct probe){ .loop = loop, .fd = -1, .stop_after = -1 };
	probes[0].source = loop_add_fd(loop, fds[0][1], EPOLLOUT, on_event, &probes[0]);
	probes[0].victim = probes[0].source;
	loop_add_timer(loop, 20 * NS_PER_MS, 0, on_deadline, loop);
	CHECK(loop_run(loop) == -ETIMEDOUT && probes[0].calls == 1, "a source removes itself");
	loop_free(loop);
	for (int i = 0; i < 2; i++) {
		close(fds[i][0]);
		close(fds[i][1]);
	}
}

/* A timer that another callback of the same batch moved into the future must not fire now. */
static void on_event_postpone(void *context, uint32_t events)
{
	struct probe *probe = context;

	(void)events;
	probe->calls++;
	loop_set_timer(probe->victim, 60 * NS_PER_SECOND, 0);
	loop_remove(probe->source);
}

static void test_postponed_timer(void)
{
	struct loop *loop = bounded_loop();
	struct probe timer = { .loop = loop, .fd = -1, .stop_after = -1 };
	struct probe first = { .loop = loop, .fd = -1 };
	int fds[2];

	/* Ready first, so first in the kernel's list too. */
	open_pipe(fds);
	first.source = loop_add_fd(loop, fds[1], EPOLLOUT, on_event_postpone, &first);
	timer.source = loop_add_timer(loop, 1, 0, on_event, &timer);
	first.victim = timer.source;
	usleep(2000);
	loop_add_timer(loop, 20 * NS_PER_MS, 0, on_deadline, loop);
	CHECK(loop_run(loop) == -ETIMEDOUT && first.calls == 1 && timer.calls == 0,
	      "a timer postponed in the same batch does not fire");
	loop_free(loop);
	close(fds[0]);
	close(fds[1]);
}

static int on_prepare(void *context)
{
	struct probe *probe = context;

	if (++probe->calls == probe->stop_after)
		loop_stop(probe->loop, 5);
	return 1;
}

static void test_prepare(void)
{
	struct loop *loop = bounded_loop();
	struct probe probe = { .loop = loop, .fd = -1, .stop_after = 4 };
	int64_t begin = clock_monotonic_ns();

	loop_set_prepare(loop, on_prepare, &probe);
	CHECK(loop_run(loop) == 5 && probe.calls == 4,
	      "called before each wait, and may stop the loop");
	CHECK(clock_monotonic_ns() - begin >= 3 * NS_PER_MS, "each wait lasts what it asks for");
	loop_set_prepare(loop, NULL, NULL);
	loop_add_timer(loop, 1, 0, on_deadline, loop);
	CHECK(loop_run(loop) == -ETIMEDOUT && probe.calls == 4, "and not when it is taken away");
	loop_free(loop);
}

/* Two ready at once: after loop_stop the second waits for the next run. */
static void test_stop_in_batch(void)
{
	static const int signals[] = { SIGUSR1, SIGUSR2, 0 };
	struct loop *loop = bounded_loop();
	struct probe probes[2];
	struct signal_probe signal_probe = { .loop = loop, .stop_at = SIGUSR1 };
	int fds[2][2];

	for (int i = 0; i < 2; i++) {
		open_pipe(fds[i]);
		probes[i] = (struct probe){ .loop = loop, .fd = -1, .stop_after = 1 };
		probes[i].source = loop_add_fd(loop, fds[i][1], EPOLLOUT, on_event, &probes[i]);
	}
	CHECK(loop_run(loop) == 7 && probes[0].calls + probes[1].calls == 1,
	      "nothing is called after loop_stop");
	for (int i = 0; i < 2; i++) {
		loop_remove(probes[i].source);
		close(fds[i][0]);
		close(fds[i][1]);
	}
	loop_add_signals(loop, signals, on_signal, &signal_probe);
	raise(SIGUSR1);
	raise(SIGUSR2);
	CHECK(loop_run(loop) == 9 && signal_probe.counts[SIGUSR2] == 0, "no further signal either");
	signal_probe.stop_at = SIGUSR2;
	CHECK(loop_run(loop) == 9 && signal_probe.counts[SIGUSR2] == 1,
	      "it comes when the loop runs again");
	loop_free(loop);
}

/* What comes each millisecond is taken ten at a time; what comes alone, at once. */
static void test_pace(void)
{
	struct loop *loop = bounded_loop();
	struct probe often = { .loop = loop, .fd = -1, .stop_after = 5 };
	int64_t begin;
	int fds[2];

	loop_set_pace(loop, 10 * NS_PER_MS, NULL, 0);
	loop_add_timer(loop, NS_PER_MS, NS_PER_MS, on_event, &often);
	begin = clock_monotonic_ns();
	CHECK_EQUAL(loop_run(loop), 7, "a loop with a pace runs");
	CHECK(often.events >= 30 && clock_monotonic_ns() - begin >= 40 * NS_PER_MS,
	      "five turns took their time: %u expirations", often.events);
	loop_free(loop);

	loop = bounded_loop();
	often = (struct probe){ .loop = loop, .fd = -1, .stop_after = 1 };
	loop_set_pace(loop, NS_PER_SECOND, NULL, 0);
	loop_add_timer(loop, 1, 0, on_event, &often);
	begin = clock_monotonic_ns();
	CHECK(loop_run(loop) == 7 && clock_monotonic_ns() - begin < NS_PER_SECOND / 2,
	      "the first is taken at once");
	loop_free(loop);

	loop = bounded_loop();
	often = (struct probe){ .loop = loop, .fd = -1, .stop_after = 20 };
	open_pipe(fds);
	CHECK(write(fds[1], "", 1) == 1, "something urgent is there");
	loop_set_pace(loop, NS_PER_SECOND, fds, 1);
	loop_add_timer(loop, NS_PER_MS, NS_PER_MS, on_event, &often);
	begin = clock_monotonic_ns();
	CHECK(loop_run(loop) == 7 && clock_monotonic_ns() - begin < NS_PER_SECOND,
	      "nothing waits with it");
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Every descriptor that the loop made is closed again. */
static void test_descriptors(void)
{
	static const int signals[] = { SIGUSR2, 0 };
	int before = count_descriptors();

	for (int i = 0; i < 3; i++) {
		struct loop *loop = bounded_loop();
		struct signal_probe probe = { .loop = loop };

		loop_add_timer(loop, 0, 0, on_deadline, loop);
		loop_add_timer(loop, -1, 0, on_deadline, loop);
		loop_add_signals(loop, signals, on_signal, &probe);
		loop_free(loop);
	}
	CHECK_EQUAL(count_descriptors(), before, "no descriptor is left open");
}

int main(void)
{
	test_fd();
	test_timers();
	test_signals();
	test_remove_inside();
	test_postponed_timer();
	test_prepare();
	test_stop_in_batch();
	test_pace();
	test_descriptors();
	return check_done();
}
