/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process events connector reports beside tracepoints: changes of ids, and with which
 * status a thread ended. Both sources have their own queues and the same clock, so that a change
 * waits here until the events before it were taken in: a child has the user that its parent had
 * when it forked.
 *
 * The kernel queues such a message before the thread goes on. So whatever a thread did later, and
 * that is in a ring, is read after its message if the connector is read once the rings were
 * looked into: process_changes_until does that, once a drain.
 */
#ifndef SOCKLINE_ATTRIBUTION_PROCESS_CHANGES_H
#define SOCKLINE_ATTRIBUTION_PROCESS_CHANGES_H

#include <stdbool.h>
#include <stdint.h>

#include "processes/proc_events.h"
#include "processes/process_table.h"

struct process_changes;

struct process_changes_options {
	struct process_table *processes; /* borrowed */
	/* Reads what the connector has by now, and adds it. */
	void (*read)(void *context);
	void *context;
};

struct process_changes *process_changes_new(const struct process_changes_options *options);
void process_changes_free(struct process_changes *changes); /* NULL is fine, here alone */

/* Roughly in the order of time. Kinds other than PROC_EVENTS_IDS and _ENDS are ignored. */
void process_changes_add(struct process_changes *changes, const struct proc_event *event);
/* Some messages are missing. */
void process_changes_lost(struct process_changes *changes);

/* The rings of tracepoints are looked into. */
void process_changes_begin(struct process_changes *changes);
/* An event of a process, of that time, is taken in now: what came before it has its effect. */
void process_changes_until(struct process_changes *changes, int64_t time_ns);
/* All events up to that time were taken in. */
void process_changes_end(struct process_changes *changes, int64_t time_ns);

#endif
