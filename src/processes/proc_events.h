/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork, exec, exit and changes of the ids of every process, from the kernel's process
 * events connector (drivers/connector/cn_proc.c, linux/cn_proc.h). Works in the
 * initial pid and user namespaces only, with CAP_NET_ADMIN (any user since Linux 6.6),
 * and with a socket of the initial network namespace: in another one CAP_SYS_ADMIN is
 * needed, and an ancestor in the initial one.
 */
#ifndef SOCKLINE_PROCESSES_PROC_EVENTS_H
#define SOCKLINE_PROCESSES_PROC_EVENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct proc_events;

enum proc_event_kind {
	PROC_EVENT_FORK,
	PROC_EVENT_EXEC,
	PROC_EVENT_EXIT, /* of the first thread, which others may outlive */
	PROC_EVENT_USER,
	PROC_EVENT_GROUP,
	PROC_EVENT_THREAD_EXIT, /* of another thread than the first */
};

/* Which kinds are delivered. Linux 6.6 and later filter in the kernel. */
#define PROC_EVENTS_LIVES (1u << PROC_EVENT_FORK | 1u << PROC_EVENT_EXEC | 1u << PROC_EVENT_EXIT)
#define PROC_EVENTS_IDS   (1u << PROC_EVENT_USER | 1u << PROC_EVENT_GROUP)
#define PROC_EVENTS_ENDS  (1u << PROC_EVENT_EXIT | 1u << PROC_EVENT_THREAD_EXIT)

struct proc_event {
	enum proc_event_kind kind;
	int pid;                   /* thread group id: the child of a fork */
	int tid;                   /* THREAD_EXIT: of the thread; else the pid */
	int parent_pid;            /* FORK: thread group id of the forking thread */
	uint32_t id, effective_id; /* USER, GROUP: after the change, of the first user namespace */
	uint32_t wait_status;      /* EXIT, THREAD_EXIT: as of wait(2) */
	int64_t time_ns;           /* CLOCK_MONOTONIC */
};
typedef void proc_events_callback(void *context, const struct proc_event *event);

struct proc_events_counters {
	uint64_t events;
	uint64_t overruns; /* times the kernel's queue was full: list /proc anew */
	uint64_t lost;     /* messages lost in all */
};

/*
 * Threads are filtered out, but for their exits. -errno, with text, where it is not to be had:
 * -ECONNREFUSED in another network namespace that cannot be left, -EPERM in another pid or user namespace or
 * without the capability, -EPROTONOSUPPORT without CONFIG_PROC_EVENTS.
 */
int proc_events_open(struct proc_events **events, unsigned kinds, struct error *error);
void proc_events_close(struct proc_events *events); /* NULL is fine */
int proc_events_fd(const struct proc_events *events);
/* From now on these kinds, some of those that it was opened with. */
void proc_events_narrow(struct proc_events *events, unsigned kinds);
/* Delivers what is queued. Number of events; -ENOBUFS after a loss, already counted. */
int proc_events_read(struct proc_events *events, proc_events_callback *callback, void *context);
const struct proc_events_counters *proc_events_counters(struct proc_events *events);

/* Pure: one message of the connector, struct cn_msg on. False: no event of these. */
bool proc_events_parse(const void *message, size_t length, struct proc_event *event);

#endif
