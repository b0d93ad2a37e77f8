/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The arguments of a process as /proc/PID/cmdline has them, which is what the process shows. */
#ifndef SOCKLINE_PROCESSES_PROCESS_READ_ARGS_H
#define SOCKLINE_PROCESSES_PROCESS_READ_ARGS_H

#include "processes/process.h"
#include "processes/process_args.h"

/*
 * dir: as in process_read.h. Takes out secrets. A new reference; NULL: it has none (kernel threads,
 * what is exiting), it is gone, or it runs another program than `process` says.
 */
struct process_args *process_read_args(int dir, const struct process *process);

/*
 * Pure: the fields arg_start and arg_end of /proc/PID/stat, as a number of bytes. 0: they are
 * hidden from us, or it is no such text.
 */
size_t process_read_args_size(const char *stat, size_t length);

#endif
