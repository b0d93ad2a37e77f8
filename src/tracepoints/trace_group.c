/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/trace_group.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "security/helper.h"
#include "tracepoints/trace_open.h"

void trace_group_init(struct trace_group *group, enum trace_group_kind kind, int cpu,
                      struct helper *helper)
{
	group->kind = kind;
	group->cpu = cpu;
	group->helper = helper;
	group->leader = -1;
	for (int i = 0; i < TRACE_RECORD_EVENTS; i++)
		group->events[i] = -1;
	group->seen_ns = group->previous_ns = 0;
	group->ring.page = NULL;
	group->ring.broken = 0;
	group->ring.secret = false;
}

static int open_event(const struct trace_group *group, const struct trace_open *wanted, uint16_t id)
{
	return group->helper ? helper_open_trace(group->helper, wanted) : trace_open(wanted, id);
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
	const struct trace_open leader = {
		.group = group->kind,
		.event = TRACE_RECORD_EVENTS,
		.flags = (cgroups ? TRACE_OPEN_CGROUPS : 0) |
		         (namespaces ? TRACE_OPEN_NAMESPACES : 0),
		.watermark = group->kind == TRACE_GROUP_ARGS ? 1 : (uint32_t)(size / 2),
		.cpu = group->cpu,
	};
	int fd = open_event(group, &leader, 0), result;

	if (fd < 0)
		return fd;
	group->leader = fd;
	result = map_ring(group, size);
	group->ring.secret = group->kind == TRACE_GROUP_EXECS || group->kind == TRACE_GROUP_ARGS;
	if (result < 0) {
		close(group->leader);
		group->leader = -1;
	}
	return result;
}

bool trace_group_kind_has(enum trace_group_kind kind, enum trace_record_event event)
{
	switch (event) {
	case TRACE_RECORD_EXIT:
		return kind == TRACE_GROUP_PROCESSES;
	case TRACE_RECORD_EXEC:
		return kind != TRACE_GROUP_SOCKETS;
	default:
		return kind == TRACE_GROUP_SOCKETS;
	}
}

int trace_group_start(struct trace_group *group, enum trace_record_event event,
                      const struct trace_record_layout *layout, const char *filter)
{
	const struct trace_open tracepoint = {
		.group = group->kind,
		.event = event,
		.flags = layout->has_cgroup ? TRACE_OPEN_CGROUPS : 0,
		.cpu = group->cpu,
	};
	int fd = open_event(group, &tracepoint, layout->events[event].id);

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
