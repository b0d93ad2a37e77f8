/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_group.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

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

void trace_group_init(struct trace_group *group, enum trace_group_kind kind, int cpu)
{
	group->kind = kind;
	group->cpu = cpu;
	group->leader = -1;
	for (int i = 0; i < TRACE_RECORD_EVENTS; i++)
		group->events[i] = -1;
	group->seen_ns = group->previous_ns = 0;
	group->ring.page = NULL;
	group->ring.broken = 0;
	group->ring.secret = false;
}

/* All events of a ring have one sample type and one clock: the decoder cannot distinguish them. */
static struct perf_event_attr common_attributes(enum trace_group_kind kind, bool cgroups)
{
	bool args = kind == TRACE_GROUP_ARGS, execs = args || kind == TRACE_GROUP_EXECS;
	uint64_t type = execs ? TRACE_RECORD_EXEC_SAMPLE_TYPE : TRACE_RECORD_SAMPLE_TYPE;

	return (struct perf_event_attr){
		.size = sizeof(struct perf_event_attr),
		.sample_period = 1,
		.sample_type = type | (cgroups ? PERF_SAMPLE_CGROUP : 0),
		.sample_regs_user = execs ? STACK_POINTER : 0,
		.sample_stack_user = args    ? TRACE_RECORD_ARGS_STACK_BYTES
		                     : execs ? TRACE_RECORD_STACK_BYTES
		                             : 0,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};
}

static int open_event(const struct perf_event_attr *attributes, int cpu)
{
	long fd = syscall(SYS_perf_event_open, attributes, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : (int)fd;
}

/*
 * What may be locked is limited (perf_event_mlock_kb, RLIMIT_MEMLOCK) for those
 * without CAP_IPC_LOCK, and the kernel says so with EPERM.
 */
static int map_ring(struct trace_group *group, size_t size)
{
	int result = trace_ring_map(&group->ring, group->leader, size);

	return result == -EPERM ? -ENOMEM : result;
}

int trace_group_open(struct trace_group *group, size_t size, bool cgroups, bool namespaces)
{
	struct perf_event_attr attributes = common_attributes(group->kind, cgroups);

	attributes.type = PERF_TYPE_SOFTWARE;
	attributes.config = PERF_COUNT_SW_DUMMY;
	attributes.watermark = 1;
	attributes.wakeup_watermark = group->kind == TRACE_GROUP_ARGS ? 1 : (uint32_t)(size / 2);
	if (group->kind == TRACE_GROUP_PROCESSES) {
		attributes.task = 1;
		attributes.comm = 1;
		attributes.comm_exec = 1;
		/* Executable mappings: the path of the executable as the kernel resolved it. */
		attributes.mmap = 1;
		attributes.namespaces = namespaces;
		attributes.cgroup = cgroups;
	}

	int fd = open_event(&attributes, group->cpu);

	if (fd < 0)
		return fd;
	group->leader = fd;
	int result = map_ring(group, size);

	group->ring.secret = group->kind == TRACE_GROUP_EXECS || group->kind == TRACE_GROUP_ARGS;

	if (result < 0) {
		close(group->leader);
		group->leader = -1;
	}
	return result;
}

bool trace_group_has(const struct trace_group *group, enum trace_record_event event)
{
	switch (event) {
	case TRACE_RECORD_EXIT:
		return group->kind == TRACE_GROUP_PROCESSES;
	case TRACE_RECORD_EXEC:
		return group->kind == TRACE_GROUP_EXECS || group->kind == TRACE_GROUP_ARGS;
	default:
		return group->kind == TRACE_GROUP_SOCKETS;
	}
}

int trace_group_start(struct trace_group *group, enum trace_record_event event,
                      const struct trace_record_layout *layout, const char *filter)
{
	struct perf_event_attr attributes = common_attributes(group->kind, layout->has_cgroup);

	attributes.type = PERF_TYPE_TRACEPOINT;
	attributes.config = layout->events[event].id;
	attributes.disabled = 1;

	int fd = open_event(&attributes, group->cpu);

	if (fd < 0)
		return fd;
	if ((filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter) != 0) ||
	    ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, group->leader) != 0 ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) != 0) {
		int result = -errno;

		close(fd);
		return result;
	}
	if (group->events[event] >= 0)
		close(group->events[event]);
	group->events[event] = fd;
	return 0;
}

void trace_group_pause(struct trace_group *group, enum trace_record_event event, bool pause)
{
	if (group->events[event] >= 0)
		ioctl(group->events[event], pause ? PERF_EVENT_IOC_DISABLE : PERF_EVENT_IOC_ENABLE,
		      0);
}

void trace_group_close(struct trace_group *group)
{
	for (int i = 0; i < TRACE_RECORD_EVENTS; i++) {
		if (group->events[i] >= 0)
			close(group->events[i]);
		group->events[i] = -1;
	}
	trace_ring_unmap(&group->ring);
	if (group->leader >= 0)
		close(group->leader);
	group->leader = -1;
}
