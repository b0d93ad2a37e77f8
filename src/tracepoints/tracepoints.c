/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/tracepoints.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/port_budget.h"
#include "tracepoints/perf_error.h"
#include "tracepoints/trace_filter.h"
#include "tracepoints/trace_group.h"
#include "tracepoints/trace_merge.h"
#include "tracepoints/trace_record.h"
#include "tracepoints/tracefs.h"

#define PAUSE_NS      NS_PER_SECOND
#define RING_SIZE_MIN ((size_t)64 * 1024)

/* Events a second that a local port may make; each costs about 1 us, here and there. */
#define ROUTES_PER_SECOND   5000
#define RECEIVES_PER_SECOND 10000
/* Sends of all TCP sockets together: above, they are not looked at for a second. */
#define SENDS_PER_SECOND 40000

struct tracepoints {
	struct helper *helper; /* opens the perf events; NULL: this process does */
	struct trace_record_layout layout;
	struct trace_group **groups; /* two for each CPU that is online, or three: */
	bool has_execs;              /* samples of exec go to a ring of their own */
	int group_count;
	int epoll;
	struct trace_merge merge;   /* of the groups that have records */
	int64_t clock_shift_ns;     /* our CLOCK_MONOTONIC - the kernel's: a time namespace */
	int64_t boottime_offset_ns; /* CLOCK_BOOTTIME - CLOCK_MONOTONIC */
	/* Events about UDP sockets that send and about TCP sockets that read. */
	struct adaptive {
		struct port_budget budget;
		int64_t resume_ns; /* the events are off until then; 0 = they are on */
	} routes, receives;
	struct {
		int64_t second_ns; /* when counting began */
		int64_t resume_ns; /* the event is off until then; 0 = it is on */
		uint32_t count;
	} sends;
	struct tracepoints_counters counters;
};

static int learn_event(struct tracepoints *tracepoints, int tracefs, enum trace_record_event event,
                       char *format, struct error *error)
{
	const char *name = trace_record_event_name(event);
	long length = tracefs_read_format(tracefs, name, format);

	/* Without IPv6 there is no such tracepoint, and no need of it; reads are a help. */
	if (length == -ENOENT && (event == TRACE_RECORD_ROUTE_V6 || event == TRACE_RECORD_RECEIVE ||
	                          event == TRACE_RECORD_SEND || event == TRACE_RECORD_EXEC))
		return 0;
	if (length == -ENOENT)
		return error_set(error, ENOENT, "the kernel has no tracepoint %s", name);
	if (length == -EACCES)
		return error_set(error, EACCES,
		                 "tracefs is for root: reading it needs CAP_DAC_READ_SEARCH");
	if (length < 0)
		return error_set(error, (int)-length, "tracepoint %s: %s", name,
		                 strerror((int)-length));
	if (trace_record_learn(&tracepoints->layout, event, format, (size_t)length) < 0)
		return error_set(error, EPROTO, "tracepoint %s has fields that are not understood",
		                 name);
	return 0;
}

static int learn_events(struct tracepoints *tracepoints, struct error *error)
{
	int tracefs = tracefs_open(error);
	char *format;
	int result = 0;

	if (tracefs < 0)
		return tracefs;
	format = malloc(TRACEFS_FORMAT_MAX);
	if (!format)
		result = error_set(error, ENOMEM, "out of memory");
	for (int event = 0; event < TRACE_RECORD_EVENTS && result == 0; event++)
		result = learn_event(tracepoints, tracefs, (enum trace_record_event)event, format,
		                     error);
	free(format);
	close(tracefs);
	return result;
}

/* The event goes to one ring of each CPU. */
static bool takes(const struct tracepoints *tracepoints, const struct trace_group *group,
                  enum trace_record_event event)
{
	if (event == TRACE_RECORD_EXEC)
		return group->kind ==
		       (tracepoints->has_execs ? TRACE_GROUP_EXECS : TRACE_GROUP_PROCESSES);
	return trace_group_kind_has(group->kind, event);
}

static int start_event(struct tracepoints *tracepoints, enum trace_record_event event)
{
	struct buf filter;
	int result = 0;

	if (!tracepoints->layout.events[event].known)
		return 0;
	result = buf_init(&filter, TRACE_FILTER_MAX);
	if (result < 0)
		return result;
	trace_filter_make(&filter, event, &tracepoints->routes.budget,
	                  &tracepoints->receives.budget);
	for (int i = 0; i < tracepoints->group_count && result == 0; i++)
		if (takes(tracepoints, tracepoints->groups[i], event))
			result = trace_group_start(tracepoints->groups[i], event,
			                           &tracepoints->layout,
			                           filter.length > 1 ? filter.data : NULL);
	buf_free(&filter);
	return result;
}

/* 0, also for a CPU that is offline; -errno. */
static int open_group(struct tracepoints *tracepoints, enum trace_group_kind kind, int cpu,
                      size_t ring_size, bool namespaces)
{
	struct trace_group *group = malloc(sizeof *group);
	struct epoll_event event = { .events = EPOLLIN };
	int result;

	if (!group)
		return -ENOMEM;
	trace_group_init(group, kind, cpu, tracepoints->helper);
	result = trace_group_open(group, ring_size, tracepoints->layout.has_cgroup, namespaces);
	if (result == -EINVAL && tracepoints->layout.has_cgroup && tracepoints->group_count == 0) {
		tracepoints->layout.has_cgroup = false;
		result = trace_group_open(group, ring_size, false, namespaces);
	}
	if (result == 0 && epoll_ctl(tracepoints->epoll, EPOLL_CTL_ADD, group->leader, &event) != 0)
		result = -errno;
	if (result < 0) {
		trace_group_close(group);
		free(group);
		return result == -ENODEV ? 0 : result;
	}
	tracepoints->groups[tracepoints->group_count++] = group;
	return 0;
}

static void close_groups(struct tracepoints *tracepoints)
{
	for (int i = 0; i < tracepoints->group_count; i++) {
		trace_group_close(tracepoints->groups[i]);
		free(tracepoints->groups[i]);
	}
	tracepoints->group_count = 0;
}

/* With rings of that size. 0 or -errno; some are open even then. */
static int try_groups(struct tracepoints *tracepoints, int cpus, size_t size, bool namespaces)
{
	int result = 0;

	for (int cpu = 0; cpu < cpus && result == 0; cpu++) {
		result = open_group(tracepoints, TRACE_GROUP_SOCKETS, cpu, size, namespaces);
		if (result == 0)
			result = open_group(tracepoints, TRACE_GROUP_PROCESSES, cpu, size / 2,
			                    namespaces);
		/* Where there is none, /proc has the ids of those that live long enough. */
		if (result == 0 && tracepoints->has_execs)
			tracepoints->has_execs = open_group(tracepoints, TRACE_GROUP_EXECS, cpu,
			                                    size / 4, namespaces) == 0;
	}
	return result;
}

static int open_groups(struct tracepoints *tracepoints, const struct tracepoints_options *options)
{
	size_t wanted =
		(size_t)(options->ring_kib > 0 ? options->ring_kib : TRACEPOINTS_RING_KIB) * 1024;
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	int result;

	while (size * 2 <= wanted)
		size *= 2;
	if (cpus < 1)
		return -EINVAL;
	tracepoints->groups = calloc((size_t)cpus * TRACE_GROUPS, sizeof(struct trace_group *));
	tracepoints->merge.entries =
		calloc((size_t)cpus * TRACE_GROUPS, sizeof *tracepoints->merge.entries);
	tracepoints->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!tracepoints->groups || !tracepoints->merge.entries)
		return -ENOMEM;
	if (tracepoints->epoll < 0)
		return -errno;
	for (;;) {
		tracepoints->has_execs = options->ids;
		result = try_groups(tracepoints, (int)cpus, size, options->namespaces);
		if (result != -ENOMEM || size <= RING_SIZE_MIN)
			break;
		/* Smaller for all, rather than nothing left for the last. */
		close_groups(tracepoints);
		size /= 2;
	}
	return result == 0 && tracepoints->group_count == 0 ? -ENODEV : result;
}

int tracepoints_open(struct tracepoints **tracepoints, const struct tracepoints_options *options,
                     struct error *error)
{
	struct tracepoints *opened = calloc(1, sizeof *opened);
	int result;

	if (!opened)
		return error_set(error, ENOMEM, "out of memory");
	opened->epoll = -1;
	opened->helper = options->helper;
	if (options->like)
		opened->layout = options->like->layout;
	opened->layout.has_cgroup = true;
	opened->routes.budget.per_second = ROUTES_PER_SECOND;
	opened->receives.budget.per_second = RECEIVES_PER_SECOND;
	opened->clock_shift_ns = tracepoints_clock_shift();
	opened->boottime_offset_ns = clock_boottime_ns() - clock_monotonic_ns();
	/* First what most lack. */
	result = open_groups(opened, options);
	if (result < 0)
		goto refused;
	result = options->like ? 0 : learn_events(opened, error);
	if (result < 0)
		goto fail;
	opened->counters.has_sends = opened->layout.events[TRACE_RECORD_SEND].known;
	for (int event = 0; event < TRACE_RECORD_EVENTS && result == 0; event++)
		result = start_event(opened, (enum trace_record_event)event);
	if (result < 0)
		goto refused;
	*tracepoints = opened;
	return 0;
refused:
	perf_error_explain(error, -result);
fail:
	tracepoints_close(opened);
	return result;
}

void tracepoints_close(struct tracepoints *tracepoints)
{
	if (!tracepoints)
		return;
	close_groups(tracepoints);
	if (tracepoints->epoll >= 0)
		close(tracepoints->epoll);
	free(tracepoints->groups);
	free(tracepoints->merge.entries);
	free(tracepoints);
}

int tracepoints_fd(const struct tracepoints *tracepoints)
{
	return tracepoints->epoll;
}

const struct tracepoints_counters *tracepoints_counters(const struct tracepoints *tracepoints)
{
	return &tracepoints->counters;
}

/*
 * The difference of the clocks only grows, by suspends. Losing the CPU between
 * the two reads makes it look smaller than it is, never larger.
 */
static void update_boottime(struct tracepoints *tracepoints)
{
	int64_t offset = clock_boottime_ns() - clock_monotonic_ns();

	if (offset > tracepoints->boottime_offset_ns)
		tracepoints->boottime_offset_ns = offset;
}

static void count_port(struct tracepoints *tracepoints, const struct trace_event *event)
{
	if (event->kind == TRACE_EVENT_ROUTE && event->tuple.protocol == IPPROTO_UDP)
		port_budget_count(&tracepoints->routes.budget, event->tuple.source_port);
	else if (event->kind == TRACE_EVENT_RECEIVE)
		port_budget_count(&tracepoints->receives.budget, event->tuple.source_port);
	else if (event->kind == TRACE_EVENT_SEND)
		tracepoints->sends.count++;
}

/* Decodes one record. True: it is an event. */
static bool read_record(struct tracepoints *tracepoints, const struct trace_group *group,
                        const struct perf_event_header *record, struct trace_event *event)
{
	struct tracepoints_counters *counters = &tracepoints->counters;
	enum trace_record_result decoded = trace_record_decode(&tracepoints->layout, record, event);

	counters->samples++;
	switch (decoded) {
	case TRACE_RECORD_IRQ:
	case TRACE_RECORD_IGNORED:
		counters->dropped_irq += decoded == TRACE_RECORD_IRQ;
		if (!group->ring.full)
			return false;
		event->kind = TRACE_EVENT_OTHER;
		break;
	case TRACE_RECORD_FOREIGN:
		counters->dropped_foreign++;
		return false;
	case TRACE_RECORD_MALFORMED:
		counters->malformed++;
		return false;
	case TRACE_RECORD_DECODED:
		break;
	}
	if (event->kind == TRACE_EVENT_LOST_SOCKETS && group->kind == TRACE_GROUP_EXECS) {
		counters->lost += event->lost; /* their ids are not known by events */
		return false;
	}
	counters->events++;
	event->ring_full = group->ring.full;
	if (event->kind == TRACE_EVENT_LOST_SOCKETS) {
		if (group->kind == TRACE_GROUP_PROCESSES)
			event->kind = TRACE_EVENT_LOST_PROCESSES;
		counters->lost += event->lost;
		event->since_ns = group->previous_ns + tracepoints->clock_shift_ns;
	}
	event->time_ns = group->seen_ns + tracepoints->clock_shift_ns;
	event->boottime_ns = event->time_ns + tracepoints->boottime_offset_ns;
	return true;
}

static const enum trace_record_event route_events[] = { TRACE_RECORD_ROUTE_V4,
	                                                TRACE_RECORD_ROUTE_V6,
	                                                TRACE_RECORD_EVENTS };
static const enum trace_record_event receive_events[] = { TRACE_RECORD_RECEIVE,
	                                                  TRACE_RECORD_EVENTS };
static const enum trace_record_event send_events[] = { TRACE_RECORD_SEND, TRACE_RECORD_EVENTS };

static void pause_events(struct tracepoints *tracepoints, const enum trace_record_event *events,
                         bool pause)
{
	for (; *events != TRACE_RECORD_EVENTS; events++)
		for (int i = 0; i < tracepoints->group_count; i++)
			trace_group_pause(tracepoints->groups[i], *events, pause);
	tracepoints->counters.pauses += pause;
	tracepoints->counters.switches++;
}

/* Leaves busy ports out, and takes others back. */
static void adapt(struct tracepoints *tracepoints, struct adaptive *adaptive,
                  const enum trace_record_event *events, int64_t now_ns)
{
	int result = 0;

	if (adaptive->resume_ns != 0 && now_ns >= adaptive->resume_ns) {
		pause_events(tracepoints, events, false);
		adaptive->resume_ns = 0;
	}
	if (!port_budget_update(&adaptive->budget, now_ns))
		return;
	for (int i = 0; events[i] != TRACE_RECORD_EVENTS && result == 0; i++)
		result = start_event(tracepoints, events[i]);
	if (result < 0) {
		/* Privileges or the helper are gone: look away for a moment instead. */
		port_budget_clear(&adaptive->budget);
		pause_events(tracepoints, events, true);
		adaptive->resume_ns = now_ns + PAUSE_NS;
	}
	result = port_budget_excluded(&tracepoints->routes.budget) +
	         port_budget_excluded(&tracepoints->receives.budget);
	tracepoints->counters.filtered_ports = (uint64_t)result;
}

/* A socket has no port that a filter could leave out. */
static void adapt_sends(struct tracepoints *tracepoints, int64_t now_ns)
{
	if (tracepoints->sends.resume_ns != 0 && now_ns >= tracepoints->sends.resume_ns) {
		pause_events(tracepoints, send_events, false);
		tracepoints->sends.resume_ns = 0;
	}
	if (tracepoints->sends.count > SENDS_PER_SECOND && tracepoints->sends.resume_ns == 0) {
		pause_events(tracepoints, send_events, true);
		tracepoints->sends.resume_ns = now_ns + PAUSE_NS;
	}
	if (now_ns - tracepoints->sends.second_ns >= NS_PER_SECOND) {
		tracepoints->sends.second_ns = now_ns;
		tracepoints->sends.count = 0;
	}
}

/*
 * Takes the oldest record of all, and those of its ring that follow it before any of another ring;
 * returns false when there is none up to now_ns.
 */
static bool take_oldest(struct tracepoints *tracepoints, int64_t now_ns,
                        tracepoints_callback *callback, void *context)
{
	struct trace_merge *merge = &tracepoints->merge;

	if (merge->count == 0 || merge->entries[0].time_ns > now_ns)
		return false;
	struct trace_group *group = merge->entries[0].source;
	const struct perf_event_header *record = trace_ring_peek(&group->ring);
	int64_t time_ns = merge->entries[0].time_ns, others_ns = trace_merge_others_ns(merge);
	struct trace_event event;

	do {
		group->previous_ns = group->seen_ns;
		group->seen_ns = time_ns;
		if (read_record(tracepoints, group, record, &event)) {
			count_port(tracepoints, &event);
			callback(context, &event);
		}
		trace_ring_take(&group->ring);
		record = trace_ring_peek(&group->ring);
		if (!record) {
			trace_merge_remove_first(merge);
			return true;
		}
		time_ns = trace_record_time(record);
	} while (time_ns <= others_ns && time_ns <= now_ns);
	trace_merge_advance(merge, time_ns);
	return true;
}

/*
 * The kernel reports that it had no room with the next record that it has room for, which may come
 * long after the ring was read. Until then nothing says how many are missing.
 */
static void report_full(const struct tracepoints *tracepoints, const struct trace_group *group,
                        int64_t now_ns, tracepoints_callback *callback, void *context)
{
	struct trace_event event = {
		.kind = group->kind == TRACE_GROUP_PROCESSES ? TRACE_EVENT_LOST_PROCESSES
		                                             : TRACE_EVENT_LOST_SOCKETS,
		.since_ns = group->seen_ns + tracepoints->clock_shift_ns,
		.time_ns = now_ns + tracepoints->clock_shift_ns,
	};

	event.boottime_ns = event.time_ns + tracepoints->boottime_offset_ns;
	callback(context, &event);
}

long tracepoints_drain(struct tracepoints *tracepoints, tracepoints_callback *callback,
                       void *context)
{
	/* No record of one CPU is later than this moment: what comes after it waits. */
	int64_t now_ns = clock_monotonic_ns() - tracepoints->clock_shift_ns;
	uint64_t before = tracepoints->counters.events;

	update_boottime(tracepoints);
	tracepoints->merge.count = 0;
	for (int i = 0; i < tracepoints->group_count; i++) {
		struct trace_group *group = tracepoints->groups[i];

		trace_ring_begin(&group->ring);
		const struct perf_event_header *record = trace_ring_peek(&group->ring);

		if (record)
			trace_merge_add(&tracepoints->merge, trace_record_time(record), group);
	}
	while (take_oldest(tracepoints, now_ns, callback, context))
		;
	for (int i = 0; i < tracepoints->group_count; i++) {
		struct trace_ring *ring = &tracepoints->groups[i]->ring;

		trace_ring_end(ring);
		if (ring->full && tracepoints->groups[i]->kind != TRACE_GROUP_EXECS)
			report_full(tracepoints, tracepoints->groups[i], now_ns, callback, context);
		tracepoints->counters.malformed += ring->broken;
		ring->broken = 0;
	}
	adapt(tracepoints, &tracepoints->routes, route_events, now_ns);
	adapt(tracepoints, &tracepoints->receives, receive_events, now_ns);
	adapt_sends(tracepoints, now_ns);
	return (long)(tracepoints->counters.events - before);
}
