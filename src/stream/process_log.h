/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records of processes that begin, run another program and end: of those that a record names,
 * from the first one on, or of all. What the kernel reported is taken in before the packets that
 * it explains, so it waits here until all of one moment is there, an end also for its exit status.
 */
#ifndef SOCKLINE_STREAM_PROCESS_LOG_H
#define SOCKLINE_STREAM_PROCESS_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "processes/process.h"
#include "stream/emitter.h"

struct process_log;

/* emitter is borrowed. all: not only those that records name. NULL: no memory. */
struct process_log *process_log_new(struct emitter *emitter, bool all);
void process_log_free(struct process_log *log); /* NULL is fine */

/* The kernel reported it; monotonic times, roughly in their order. */
void process_log_started(struct process_log *log, struct process *process, int64_t time_ns);
void process_log_executed(struct process_log *log, struct process *process, int64_t time_ns);
/* The program of its last exec has its ids now. */
void process_log_settled(struct process_log *log, const struct process *process, int64_t time_ns);
void process_log_ended(struct process_log *log, struct process *process, int64_t time_ns);

/* A record is about to name it as it was then, since the epoch: its own record comes before. */
void process_log_named(struct process_log *log, struct process *process, int64_t wall_ns);

/* Writes what is complete by now (monotonic). The time until the next is; -1 = there is none. */
int64_t process_log_write(struct process_log *log, int64_t now_ns);
void process_log_finish(struct process_log *log); /* all */

#endif
