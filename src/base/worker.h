/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A thread for work that may wait for a disk. The event loop hands jobs over and gets each
 * of them back, done, through a callback of its own. Jobs are done one after the other.
 */
#ifndef SOCKLINE_BASE_WORKER_H
#define SOCKLINE_BASE_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/loop.h"

struct worker;

/* The first member of the caller's own struct. */
struct worker_job {
	struct worker_job *next;
};

struct worker_options {
	const char *name;  /* of the thread, at most 15 bytes */
	int nice;          /* of the thread, where the system allows it */
	uint32_t max_jobs; /* that are with the worker at one time */
	/* In the thread, before any job: 0, or -errno, and then there is no worker. NULL is fine. */
	int (*begin)(void);
	/* In the thread. It touches nothing but the job, and ends early once *stop is set. */
	void (*run)(struct worker_job *job, const atomic_bool *stop);
	/* In the loop, or in worker_free. ran is false for a job that was never begun. */
	void (*done)(void *context, struct worker_job *job, bool ran);
	void *context;
};

/* Copies the options and starts the thread. NULL and errno. */
struct worker *worker_new(struct loop *loop, const struct worker_options *options);
/* 0: the worker has the job until `done`. -EAGAIN: it has max_jobs already. */
int worker_submit(struct worker *worker, struct worker_job *job);
/*
 * Gives all jobs back, then ends the thread. A thread that a disk does not let go within
 * a fifth of a second is left behind with its job: the program ends anyway. NULL is fine.
 */
void worker_free(struct worker *worker);

#endif
