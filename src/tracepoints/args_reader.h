/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of every program that is executed on the host. Threads, one pinned to each CPU, of
 * real-time priority where that is granted: the kernel wakes the one of the CPU while exec is under
 * way, so that it runs before the new program does, and reads its memory where the new stack points.
 * That starts the program some 50 us later. A thread takes the secrets out before it hands over.
 *
 * What cannot be read, or is by now of another exec, is not reported, or is shorter than its count.
 */
#ifndef SOCKLINE_TRACEPOINTS_ARGS_READER_H
#define SOCKLINE_TRACEPOINTS_ARGS_READER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "processes/process_args.h"

struct args_reader;

/* Needs what tracepoints_open needs. 0 or -errno, with a text. */
int args_reader_open(struct args_reader **reader, struct error *error);
void args_reader_close(struct args_reader *reader); /* NULL is fine */

/* All threads have real-time priority and may read the memory of any process. */
bool args_reader_is_sure(const struct args_reader *reader);

/* The process ran exec at time_ns (monotonic), or a little before. Takes the reference. */
typedef void args_reader_callback(void *context, int pid, int64_t time_ns,
                                  struct process_args *args);
/* What was read so far: that is handed over by the next _drain. */
void args_reader_mark(struct args_reader *reader);
/* No system call. */
void args_reader_drain(struct args_reader *reader, args_reader_callback *callback, void *context);

#endif
