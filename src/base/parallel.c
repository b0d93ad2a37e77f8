/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parallel.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>

#define THREADS_MAX 31 /* beside the caller */

struct share {
	void (*work)(void *context, int number);
	void *context;
	int count;
	atomic_int next;
};

static void *take(void *context)
{
	struct share *share = context;
	int number;

	while ((number = atomic_fetch_add(&share->next, 1)) < share->count)
		share->work(share->context, number);
	return NULL;
}

void parallel_run(void (*work)(void *context, int number), void *context, int count)
{
	struct share share = { .work = work, .context = context, .count = count };
	pthread_t threads[THREADS_MAX];
	sigset_t all, before;
	int started = 0;

	sigfillset(&all); /* signals are the caller's */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (started < THREADS_MAX && started < count - 1 &&
	       pthread_create(&threads[started], NULL, take, &share) == 0)
		started++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	take(&share);
	while (started > 0)
		pthread_join(threads[--started], NULL);
}
