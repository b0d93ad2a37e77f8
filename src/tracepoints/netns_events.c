/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/netns_events.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tracepoints/trace_ring.h"
#include "tracepoints/tracefs.h"

#define EVENT "percpu/percpu_alloc_percpu"
/*
 * Bytes a CPU: struct ipstats_mib has 304, linux_mib 1088 on Linux 6.18. What each fork
 * and exec allocates has 16.
 */
#define FILTER "size >= 256"

struct cpu {
	int fd;
	struct trace_ring ring;
};

struct netns_events {
	struct cpu *cpus;
	int count, epoll;
};

static int learn_id(uint16_t *id, struct error *error)
{
	char *format = malloc(TRACEFS_FORMAT_MAX);
	int tracefs = tracefs_open(error);
	long length = tracefs;

	if (tracefs >= 0 && format)
		length = tracefs_read_format(tracefs, EVENT, format);
	if (tracefs >= 0)
		close(tracefs);
	if (tracefs >= 0 && (length <= 0 || !tracefs_parse_id(format, (size_t)length, id)))
		length = error_set(error, ENOENT, "the kernel has no tracepoint %s", EVENT);
	free(format);
	return length < 0 ? (int)length : 0;
}

/* 0, also for a CPU that is offline; -errno. */
static int open_cpu(struct netns_events *events, uint16_t id, int number)
{
	struct perf_event_attr attributes = {
		.size = sizeof attributes,
		.type = PERF_TYPE_TRACEPOINT,
		.config = id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.wakeup_events = 1,
		.disabled = 1,
	};
	struct cpu *cpu = &events->cpus[events->count];
	struct epoll_event readable = { .events = EPOLLIN };
	int result;

	cpu->ring.page = NULL;
	cpu->ring.broken = 0;
	cpu->fd = (int)syscall(SYS_perf_event_open, &attributes, -1, number, -1,
	                       PERF_FLAG_FD_CLOEXEC);
	if (cpu->fd < 0)
		return errno == ENODEV ? 0 : -errno;
	events->count++;
	result = trace_ring_map(&cpu->ring, cpu->fd, (size_t)sysconf(_SC_PAGESIZE));
	if (result != 0)
		return result;
	if (ioctl(cpu->fd, PERF_EVENT_IOC_SET_FILTER, FILTER) != 0 ||
	    epoll_ctl(events->epoll, EPOLL_CTL_ADD, cpu->fd, &readable) != 0 ||
	    ioctl(cpu->fd, PERF_EVENT_IOC_ENABLE, 0) != 0)
		return -errno;
	return 0;
}

int netns_events_open(struct netns_events **events, struct error *error)
{
	struct netns_events *opened = calloc(1, sizeof *opened);
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	uint16_t id = 0;
	int result;

	if (!opened)
		return error_set(error, ENOMEM, "out of memory");
	opened->epoll = epoll_create1(EPOLL_CLOEXEC);
	opened->cpus = calloc(cpus > 0 ? (size_t)cpus : 1, sizeof *opened->cpus);
	if (opened->epoll < 0 || !opened->cpus) {
		netns_events_close(opened);
		return error_set(error, ENOMEM, "out of memory");
	}
	result = learn_id(&id, error);
	for (int cpu = 0; cpu < cpus && result == 0; cpu++) {
		result = open_cpu(opened, id, cpu);
		if (result != 0)
			error_set(error, -result, "perf_event_open: %s", strerror(-result));
	}
	if (result != 0) {
		netns_events_close(opened);
		return result;
	}
	*events = opened;
	return 0;
}

void netns_events_close(struct netns_events *events)
{
	if (!events)
		return;
	for (int i = 0; i < events->count; i++) {
		trace_ring_unmap(&events->cpus[i].ring);
		close(events->cpus[i].fd);
	}
	if (events->epoll >= 0)
		close(events->epoll);
	free(events->cpus);
	free(events);
}

int netns_events_fd(const struct netns_events *events)
{
	return events->epoll;
}

static void take(const struct perf_event_header *record, netns_events_callback *callback,
                 void *context)
{
	struct {
		struct perf_event_header header;
		uint32_t pid, tid;
		uint64_t time;
	} sample;

	if (record->type != PERF_RECORD_SAMPLE || record->size < sizeof sample)
		return;
	memcpy(&sample, record, sizeof sample);
	/* 0 and -1: of a pid namespace that ours does not show. */
	if ((int)sample.pid > 0 && (int)sample.tid > 0)
		callback(context, (int)sample.pid, (int)sample.tid, (int64_t)sample.time);
}

void netns_events_drain(struct netns_events *events, netns_events_callback *callback, void *context)
{
	for (int i = 0; i < events->count; i++) {
		struct trace_ring *ring = &events->cpus[i].ring;
		const struct perf_event_header *record;

		trace_ring_begin(ring);
		while ((record = trace_ring_peek(ring))) {
			take(record, callback, context);
			trace_ring_take(ring);
		}
		trace_ring_end(ring);
	}
}
