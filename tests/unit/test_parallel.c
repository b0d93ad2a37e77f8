/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "check.h"

#define CALLS 200

static struct {
	pthread_barrier_t together;
	atomic_int calls[CALLS];
	atomic_int foreign, taking_signals;
	pthread_t self;
} seen;

static void count(void *context, int number)
{
	sigset_t blocked;

	seen.calls[number] += context == &seen;
	if (pthread_equal(pthread_self(), seen.self))
		return;
	seen.foreign++;
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	seen.taking_signals += !sigismember(&blocked, SIGTERM);
}

static void meet(void *context, int number)
{
	(void)context;
	(void)number;
	pthread_barrier_wait(&seen.together);
}

static void check_each(int count_of_calls, const char *title)
{
	bool once = true;

	for (int i = 0; i < CALLS; i++) {
		once &= seen.calls[i] == (i < count_of_calls);
		seen.calls[i] = 0;
	}
	CHECK(once, "%s: each is called once", title);
}

static void test_each_is_called(void)
{
	parallel_run(count, &seen, 0);
	check_each(0, "none");
	parallel_run(count, &seen, 1);
	check_each(1, "one");
	CHECK_EQUAL(seen.foreign, 0, "one needs no thread");
	parallel_run(count, &seen, CALLS);
	check_each(CALLS, "more than there are threads");
	CHECK_EQUAL(seen.taking_signals, 0, "threads take no signals");
}

static void test_together(void)
{
	pthread_barrier_init(&seen.together, NULL, 8);
	alarm(20);
	parallel_run(meet, NULL, 8);
	alarm(0);
	CHECK(true, "calls that wait for each other return");
	pthread_barrier_destroy(&seen.together);
}

int main(void)
{
	seen.self = pthread_self();
	test_each_is_called();
	test_together();
	return check_done();
}
