/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some perf events of one CPU that share a ring: a leader, which owns the ring
 * and is polled, and tracepoints that are redirected into it. Each CPU has two or three,
 * so that a storm of connections costs no knowledge of processes, nor a storm
 * of processes that of connections.
 */
#ifndef SOCKLINE_TRACEPOINTS_TRACE_GROUP_H
#define SOCKLINE_TRACEPOINTS_TRACE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tracepoints/trace_record.h"
#include "tracepoints/trace_ring.h"

struct helper;

enum trace_group_kind {
	TRACE_GROUP_SOCKETS,
	TRACE_GROUP_PROCESSES, /* its leader reports fork, exec, names and mappings */
	TRACE_GROUP_EXECS,     /* samples of exec with a stack: long, and they hold secrets */
	TRACE_GROUPS,          /* so many are read by the loop */
	TRACE_GROUP_ARGS = TRACE_GROUPS, /* longer ones, each of which wakes args_reader.c */
};

struct trace_group {
	enum trace_group_kind kind;
	int cpu;
	struct helper *helper; /* opens the events; NULL: this process does */
	int leader;            /* -1 = not open */
	int events[TRACE_RECORD_EVENTS];
	int64_t seen_ns, previous_ns; /* times of the latest record taken and the one before */
	struct trace_ring ring;
};

/* Before trace_group_close may be called. helper: one that opens perf events, or NULL. */
void trace_group_init(struct trace_group *group, enum trace_group_kind kind, int cpu,
                      struct helper *helper);
/*
 * Opens the leader and maps the ring of size bytes (power of two). 0 or -errno:
 * -ENODEV no such CPU or offline; -ENOMEM also when so much may not be locked;
 * -EINVAL with cgroups: the kernel has no PERF_SAMPLE_CGROUP (before 5.7).
 */
int trace_group_open(struct trace_group *group, size_t size, bool cgroups, bool namespaces);
/* The tracepoint writes to the rings of such groups. */
bool trace_group_kind_has(enum trace_group_kind kind, enum trace_record_event event);
/*
 * Starts the tracepoint with this filter (NULL: all). The filter of an event
 * cannot be changed (a second one is -EEXIST), so a new event takes the place
 * of the old, which runs until then: some records may come twice, none is
 * missed. 0 or -errno, the old one then goes on.
 */
int trace_group_start(struct trace_group *group, enum trace_record_event event,
                      const struct trace_record_layout *layout, const char *filter);
/* Stops or resumes a tracepoint; needs no privileges. */
void trace_group_pause(struct trace_group *group, enum trace_record_event event, bool pause);
void trace_group_close(struct trace_group *group);

#endif
