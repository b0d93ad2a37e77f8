/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define END_NS (200 * NS_PER_MS)

struct queue {
	struct worker_job *first, **last;
};

struct worker {
	struct worker_options options;
	struct loop_source *source;
	int wakeup;    /* eventfd: there are finished jobs */
	uint32_t jobs; /* of the loop's side alone */
	pthread_t thread;
	atomic_bool stop;
	int begun; /* what `begin` returned; 1 = it has not yet */

	pthread_mutex_t mutex;
	pthread_cond_t changed; /* waiting, or stop */
	struct queue waiting, finished;
};

static void put(struct queue *queue, struct worker_job *job)
{
	job->next = NULL;
	*queue->last = job;
	queue->last = &job->next;
}

static struct worker_job *take(struct queue *queue)
{
	struct worker_job *job = queue->first;

	if (job)
		queue->first = job->next;
	if (!queue->first)
		queue->last = &queue->first;
	return job;
}

static struct worker_job *wait_for_job(struct worker *worker)
{
	struct worker_job *job = NULL;

	pthread_mutex_lock(&worker->mutex);
	while (!worker->stop && !(job = take(&worker->waiting)))
		pthread_cond_wait(&worker->changed, &worker->mutex);
	pthread_mutex_unlock(&worker->mutex);
	return job;
}

static int begin(struct worker *worker)
{
	int result = worker->options.begin ? worker->options.begin() : 0;

	pthread_mutex_lock(&worker->mutex);
	worker->begun = result;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->mutex);
	return result;
}

static void *work(void *context)
{
	static const uint64_t one = 1;
	struct worker *worker = context;
	struct worker_job *job;

	pthread_setname_np(pthread_self(), worker->options.name);
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), worker->options.nice);
	if (begin(worker) != 0)
		return NULL;
	while ((job = wait_for_job(worker))) {
		worker->options.run(job, &worker->stop);
		pthread_mutex_lock(&worker->mutex);
		put(&worker->finished, job);
		pthread_mutex_unlock(&worker->mutex);
		while (write(worker->wakeup, &one, sizeof one) < 0 && errno == EINTR)
			;
	}
	return NULL;
}

static struct worker_job *take_locked(struct worker *worker, struct queue *queue)
{
	struct worker_job *job;

	pthread_mutex_lock(&worker->mutex);
	job = take(queue);
	pthread_mutex_unlock(&worker->mutex);
	return job;
}

static void give_back(struct worker *worker, struct queue *queue, bool ran)
{
	struct worker_job *job;

	while ((job = take_locked(worker, queue))) {
		worker->jobs--;
		worker->options.done(worker->options.context, job, ran);
	}
}

static void on_wakeup(void *context, uint32_t events)
{
	struct worker *worker = context;
	uint64_t count;

	(void)events;
	while (read(worker->wakeup, &count, sizeof count) < 0 && errno == EINTR)
		;
	give_back(worker, &worker->finished, true);
}

/* 0 or an errno value: then the thread has ended. */
static int wait_for_begin(struct worker *worker)
{
	int begun;

	pthread_mutex_lock(&worker->mutex);
	while ((begun = worker->begun) > 0)
		pthread_cond_wait(&worker->changed, &worker->mutex);
	pthread_mutex_unlock(&worker->mutex);
	if (begun < 0)
		pthread_join(worker->thread, NULL);
	return -begun;
}

/* Signals are the loop's: the thread blocks them all. */
static int start(struct worker *worker)
{
	sigset_t all, before;
	int result;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&worker->thread, NULL, work, worker);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return result == 0 ? wait_for_begin(worker) : result;
}

struct worker *worker_new(struct loop *loop, const struct worker_options *options)
{
	struct worker *worker = calloc(1, sizeof *worker);
	int code;

	if (!worker)
		return NULL;
	worker->options = *options;
	worker->begun = 1;
	worker->waiting.last = &worker->waiting.first;
	worker->finished.last = &worker->finished.first;
	pthread_mutex_init(&worker->mutex, NULL);
	pthread_cond_init(&worker->changed, NULL);
	worker->wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	code = errno;
	if (worker->wakeup < 0)
		goto free_worker;
	worker->source = loop_add_fd(loop, worker->wakeup, EPOLLIN, on_wakeup, worker);
	code = errno;
	if (!worker->source)
		goto close_wakeup;
	code = start(worker);
	if (code != 0)
		goto remove_source;
	return worker;

remove_source:
	loop_remove(worker->source);
close_wakeup:
	close(worker->wakeup);
free_worker:
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->mutex);
	free(worker);
	errno = code;
	return NULL;
}

int worker_submit(struct worker *worker, struct worker_job *job)
{
	if (worker->jobs == worker->options.max_jobs)
		return -EAGAIN;
	worker->jobs++;
	pthread_mutex_lock(&worker->mutex);
	put(&worker->waiting, job);
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->mutex);
	return 0;
}

static bool join(struct worker *worker)
{
	int64_t end_ns = clock_realtime_ns() + END_NS; /* the clock of pthread_timedjoin_np(3) */
	struct timespec end = {
		.tv_sec = (time_t)(end_ns / NS_PER_SECOND),
		.tv_nsec = (long)(end_ns % NS_PER_SECOND),
	};

	pthread_mutex_lock(&worker->mutex);
	worker->stop = true;
	pthread_cond_signal(&worker->changed);
	pthread_mutex_unlock(&worker->mutex);
	return pthread_timedjoin_np(worker->thread, NULL, &end) == 0;
}

void worker_free(struct worker *worker)
{
	bool joined;

	if (!worker)
		return;
	loop_remove(worker->source);
	joined = join(worker);
	give_back(worker, &worker->finished, true);
	give_back(worker, &worker->waiting, false);
	if (!joined) {
		pthread_detach(worker->thread);
		return;
	}
	close(worker->wakeup);
	pthread_cond_destroy(&worker->changed);
	pthread_mutex_destroy(&worker->mutex);
	free(worker);
}
