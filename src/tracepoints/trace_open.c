/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_open.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tracepoints/trace_group.h"

/* The bit of the stack pointer in the registers of a sample, asm/perf_regs.h. */
#if defined(__x86_64__) || defined(__i386__)
#define STACK_POINTER (UINT64_C(1) << 7)
#elif defined(__aarch64__)
#define STACK_POINTER (UINT64_C(1) << 31)
#elif defined(__arm__)
#define STACK_POINTER (UINT64_C(1) << 13)
#elif defined(__s390__)
#define STACK_POINTER (UINT64_C(1) << 15)
#elif defined(__powerpc__)
#define STACK_POINTER (UINT64_C(1) << 1)
#elif defined(__riscv)
#define STACK_POINTER (UINT64_C(1) << 2)
#else
#define STACK_POINTER 0 /* then the kernel refuses, and the ids come from /proc */
#endif

/* All events of a ring have one sample type and one clock: the decoder cannot distinguish them. */
static struct perf_event_attr common_attributes(const struct trace_open *wanted)
{
	bool args = wanted->group == TRACE_GROUP_ARGS;
	bool execs = args || wanted->group == TRACE_GROUP_EXECS;
	uint64_t type = execs ? TRACE_RECORD_EXEC_SAMPLE_TYPE : TRACE_RECORD_SAMPLE_TYPE;

	return (struct perf_event_attr){
		.size = sizeof(struct perf_event_attr),
		.sample_period = 1,
		.sample_type = type | (wanted->flags & TRACE_OPEN_CGROUPS ? PERF_SAMPLE_CGROUP : 0),
		.sample_regs_user = execs ? STACK_POINTER : 0,
		.sample_stack_user = args    ? TRACE_RECORD_ARGS_STACK_BYTES
		                     : execs ? TRACE_RECORD_STACK_BYTES
		                             : 0,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
}

static void make_leader(struct perf_event_attr *attributes, const struct trace_open *wanted)
{
	attributes->type = PERF_TYPE_SOFTWARE;
	attributes->config = PERF_COUNT_SW_DUMMY;
	attributes->watermark = 1;
	attributes->wakeup_watermark = wanted->watermark;
	if (wanted->group != TRACE_GROUP_PROCESSES)
		return;
	attributes->task = 1;
	attributes->comm = 1;
	attributes->comm_exec = 1;
	/* Executable mappings: the path of the executable as the kernel resolved it. */
	attributes->mmap = 1;
	attributes->namespaces = (wanted->flags & TRACE_OPEN_NAMESPACES) != 0;
	attributes->cgroup = (wanted->flags & TRACE_OPEN_CGROUPS) != 0;
}

static bool is_known(const struct trace_open *wanted)
{
	return wanted->group <= TRACE_GROUP_ARGS &&
	       (wanted->event == TRACE_RECORD_EVENTS ||
	        (wanted->event < TRACE_RECORD_EVENTS &&
	         trace_group_kind_has((enum trace_group_kind)wanted->group,
	                              (enum trace_record_event)wanted->event))) &&
	       (wanted->flags & ~(TRACE_OPEN_CGROUPS | TRACE_OPEN_NAMESPACES)) == 0 &&
	       wanted->cpu >= 0; /* -1 is every CPU, of one process */
}

int trace_open(const struct trace_open *wanted, uint16_t id)
{
	struct perf_event_attr attributes = common_attributes(wanted);
	long fd;

	if (!is_known(wanted))
		return -EINVAL;
	if (wanted->event == TRACE_RECORD_EVENTS) {
		make_leader(&attributes, wanted);
	} else {
		attributes.type = PERF_TYPE_TRACEPOINT;
		attributes.config = id;
		attributes.disabled = 1;
	}
	fd = syscall(SYS_perf_event_open, &attributes, -1, wanted->cpu, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : (int)fd;
}
