/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/worker.h"

#include <errno.h>
#include <pthread.h>

#include "base/clock.h"
#include "check.h"

#define JOBS 1000

struct work {
	struct worker_job base;
	int number;
	pthread_t thread; /* that did it */
	bool waits;
};

static struct {
	struct loop *loop;
	int done, ran, in_order, in_loop, stop_after;
	pthread_t self;
} seen;

static void run(struct worker_job *job, const atomic_bool *stop)
{
	struct work *work = (struct work *)job;

	work->thread = pthread_self();
	while (work->waits && !*stop)
		usleep(1000);
}

static void done(void *context, struct worker_job *job, bool ran)
{
	struct work *work = (struct work *)job;

	(void)context;
	seen.in_order += work->number == seen.done;
	seen.in_loop += pthread_equal(pthread_self(), seen.self) != 0;
	seen.ran += ran && !pthread_equal(work->thread, seen.self);
	if (++seen.done == seen.stop_after)
		loop_stop(seen.loop, 0);
}

static void on_late(void *context, uint32_t expirations)
{
	(void)expirations;
	loop_stop(context, 1);
}

static struct work works[JOBS];

static struct worker *begin(uint32_t max_jobs)
{
	const struct worker_options options = {
		.name = "test", .nice = 5, .max_jobs = max_jobs, .run = run, .done = done
	};
	struct worker *worker;

	memset(&seen, 0, sizeof seen);
	memset(works, 0, sizeof works);
	seen.self = pthread_self();
	seen.loop = loop_new();
	worker = worker_new(seen.loop, &options);
	if (!worker || !loop_add_timer(seen.loop, 20 * NS_PER_SECOND, 0, on_late, seen.loop)) {
		printf("Bail out! no worker\n");
		exit(EXIT_FAILURE);
	}
	return worker;
}

static void check_jobs(void)
{
	struct worker *worker = begin(JOBS);
	int taken = 0;

	seen.stop_after = JOBS;
	for (int i = 0; i < JOBS; i++) {
		works[i].number = i;
		taken += worker_submit(worker, &works[i].base) == 0;
	}
	CHECK(taken == JOBS, "it takes as many jobs as it may");
	CHECK(loop_run(seen.loop) == 0, "all jobs come back");
	CHECK(seen.ran == JOBS, "each was run in the thread");
	CHECK(seen.in_loop == JOBS, "each comes back in the loop");
	CHECK(seen.in_order == JOBS, "they come in their order");
	worker_free(worker);
	loop_free(seen.loop);
}

static void check_bound(void)
{
	struct worker *worker = begin(2);
	int64_t start_ns;

	works[0].waits = true;
	for (int i = 0; i < 3; i++)
		works[i].number = i;
	CHECK(worker_submit(worker, &works[0].base) == 0 &&
	              worker_submit(worker, &works[1].base) == 0,
	      "two jobs fit");
	CHECK(worker_submit(worker, &works[2].base) == -EAGAIN, "a third does not");
	usleep(20000);
	start_ns = clock_monotonic_ns();
	worker_free(worker);
	CHECK(clock_monotonic_ns() - start_ns < NS_PER_SECOND, "a job that waits is ended");
	CHECK(seen.done == 2, "both jobs come back at the end");
	CHECK(seen.ran == 1, "the second was never begun");
	loop_free(seen.loop);
	worker_free(NULL);
}

static int refuse(void)
{
	return -EPERM;
}

static void check_refused(void)
{
	const struct worker_options options = {
		.name = "test", .max_jobs = 1, .begin = refuse, .run = run, .done = done
	};
	struct loop *loop = loop_new();

	errno = 0;
	CHECK(!worker_new(loop, &options) && errno == EPERM,
	      "there is no worker where its thread cannot begin");
	loop_free(loop);
}

int main(void)
{
	check_jobs();
	check_bound();
	check_refused();
	return check_done();
}
