/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_closer.h"

#include <stdlib.h>

#include "base/parallel.h"
#include "base/worker.h"
#include "security/privileges.h"

#define WAITING_MAX 32 /* each has a ring of some megabytes until it is closed */

struct job {
	struct worker_job job;
	struct capture *capture; /* NULL: closed */
};

struct capture_closer {
	struct worker *worker;
	struct job *left[WAITING_MAX]; /* never begun */
	int left_count;
};

static void run(struct worker_job *base, const atomic_bool *stop)
{
	struct job *job = (struct job *)base;

	(void)stop;
	capture_close(job->capture);
	job->capture = NULL;
}

static int drop_privileges(void)
{
	return privileges_limit_thread(0);
}

static void done(void *context, struct worker_job *base, bool ran)
{
	struct capture_closer *closer = context;
	struct job *job = (struct job *)base;

	if (ran)
		free(job);
	else
		closer->left[closer->left_count++] = job;
}

struct capture_closer *capture_closer_new(struct loop *loop)
{
	struct capture_closer *closer = calloc(1, sizeof *closer);
	struct worker_options options = {
		.name = "closer",
		.max_jobs = WAITING_MAX,
		.begin = drop_privileges,
		.run = run,
		.done = done,
		.context = closer,
	};

	if (closer)
		closer->worker = worker_new(loop, &options);
	if (closer && closer->worker)
		return closer;
	free(closer);
	return NULL;
}

static void close_left(void *context, int number)
{
	struct capture_closer *closer = context;

	capture_close(closer->left[number]->capture);
	free(closer->left[number]);
}

void capture_closer_free(struct capture_closer *closer)
{
	if (!closer)
		return;
	worker_free(closer->worker);
	parallel_run(close_left, closer, closer->left_count);
	free(closer);
}

void capture_closer_close(struct capture_closer *closer, struct capture *capture)
{
	struct job *job = closer ? malloc(sizeof *job) : NULL;

	if (job) {
		job->capture = capture;
		if (worker_submit(closer->worker, &job->job) == 0)
			return;
		free(job);
	}
	capture_close(capture);
}
