/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a sample of sched:sched_process_exec has beside the rest: the new stack. Pure. */
#ifndef SOCKLINE_TRACEPOINTS_EXEC_SAMPLE_H
#define SOCKLINE_TRACEPOINTS_EXEC_SAMPLE_H

#include <linux/perf_event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exec_sample {
	int pid;
	int64_t time_ns;
	uint64_t pointer;     /* the address of the first of the bytes; 0 = not known */
	const uint8_t *bytes; /* into the record; they hold the environment */
	size_t length;        /* as far as there are pages */
	size_t word;          /* bytes of a pointer of the program */
};

enum exec_sample_result { EXEC_SAMPLE_FOUND, EXEC_SAMPLE_NONE, EXEC_SAMPLE_MALFORMED };

/* body: what follows the raw part, with PERF_SAMPLE_REGS_USER (one) and PERF_SAMPLE_STACK_USER. */
enum exec_sample_result exec_sample_find_stack(const uint8_t *body, size_t length,
                                               struct exec_sample *sample);
/* A whole record with TRACE_RECORD_EXEC_SAMPLE_TYPE, the cgroup behind it or not. */
enum exec_sample_result exec_sample_decode(const struct perf_event_header *record,
                                           struct exec_sample *sample);

#endif
