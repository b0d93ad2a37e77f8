/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's tracepoints as a source of events about who uses which socket:
 * perf_event_open(2), two or three rings a CPU, no BPF. The events come from all network
 * namespaces of the host. CPUs that go online later are not watched.
 *
 * The events have the name, executable, parent, start time and cgroup even of a process that
 * was dead long before they are read: process_history.h keeps these.
 */
#ifndef SOCKLINE_TRACEPOINTS_TRACEPOINTS_H
#define SOCKLINE_TRACEPOINTS_TRACEPOINTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "tracepoints/trace_event.h"

struct helper;
struct tracepoints;

#define TRACEPOINTS_RING_KIB 2048

struct tracepoints_options {
	/*
	 * For each CPU for events about sockets, and half of that for events about
	 * processes; halved until the kernel grants it. 0 = TRACEPOINTS_RING_KIB.
	 */
	int ring_kib;
	/*
	 * TRACE_EVENT_NETNS with each new process and thread, and when one changes its
	 * namespace. It makes each fork and each new thread 17 us slower, so it is
	 * for hosts that have more than one network namespace.
	 */
	bool namespaces;
	/*
	 * TRACE_EVENT_SETTLED has ids: the kernel copies 4 KiB of the stack of each program that
	 * begins into a third ring. It is for where nothing else reports changes of ids.
	 */
	bool ids;
	/*
	 * Others that are open: what they know of the kernel's formats is taken over, and tracefs is
	 * not read again, which a process that has dropped privileges may not be able to. NULL: none.
	 */
	const struct tracepoints *like;
	/* The helper process that opens the perf events; NULL: this process does. */
	struct helper *helper;
};

struct tracepoints_counters {
	uint64_t samples;         /* records read, all kinds */
	uint64_t events;          /* handed over */
	uint64_t lost;            /* by the kernel, for lack of room */
	uint64_t dropped_irq;     /* not done by the process that ran */
	uint64_t dropped_foreign; /* of a process that our pid namespace does not show */
	uint64_t malformed;
	uint64_t filtered_ports; /* local ports that are left out now because they are too busy */
	bool has_sends;          /* what TCP sockets send is reported at all: since Linux 6.3 */
	uint64_t switches;       /* times that an event was switched off for a while, or on again */
	uint64_t pauses; /* times an event was off for a second, for want of the right to filter */
};

/*
 * Needs CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8), of this process or the helper, and readable
 * or mountable tracefs. -errno, with a text that says what is missing. After this only a
 * change of filters, when a port is too busy, needs CAP_PERFMON; without it
 * the event that it is too busy with pauses instead.
 */
int tracepoints_open(struct tracepoints **tracepoints, const struct tracepoints_options *options,
                     struct error *error);
void tracepoints_close(struct tracepoints *tracepoints); /* NULL is fine */

/* Our CLOCK_MONOTONIC - that of perf events: another time namespace than the kernel's has it. */
int64_t tracepoints_clock_shift(void);

/* Becomes readable each time half a ring has been written. Draining on time is up to the caller. */
int tracepoints_fd(const struct tracepoints *tracepoints);

typedef void tracepoints_callback(void *context, const struct trace_event *event);
/*
 * Hands over what happened up to now, in the order of time over all CPUs, at
 * most microseconds out of order. Without system calls unless a filter must
 * change. Returns the number of events.
 */
long tracepoints_drain(struct tracepoints *tracepoints, tracepoints_callback *callback,
                       void *context);

const struct tracepoints_counters *tracepoints_counters(const struct tracepoints *tracepoints);

#endif
