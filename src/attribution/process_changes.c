/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/process_changes.h"

#include <stdlib.h>

#define QUEUE_MAX 16384 /* more than the connector's socket holds; a power of two */

struct process_changes {
	struct process_changes_options options;
	bool was_read; /* in this drain */
	uint32_t first, count;
	/* A ring, in the order of time. It begins anew when it is empty: few pages are touched. */
	struct proc_event queue[QUEUE_MAX];
};

struct process_changes *process_changes_new(const struct process_changes_options *options)
{
	struct process_changes *changes = calloc(1, sizeof *changes);

	if (changes)
		changes->options = *options;
	return changes;
}

void process_changes_free(struct process_changes *changes)
{
	free(changes);
}

static struct proc_event *place(struct process_changes *changes, uint32_t number)
{
	return &changes->queue[(changes->first + number) % QUEUE_MAX];
}

void process_changes_add(struct process_changes *changes, const struct proc_event *event)
{
	uint32_t at = changes->count;

	if (!((PROC_EVENTS_IDS | PROC_EVENTS_ENDS) & 1u << event->kind))
		return;
	if (changes->count == QUEUE_MAX) {
		process_changes_lost(changes);
		return;
	}
	changes->count++;
	/* CPUs take the time and then queue: neighbours may be the wrong way round. */
	for (; at > 0 && place(changes, at - 1)->time_ns > event->time_ns; at--)
		*place(changes, at) = *place(changes, at - 1);
	*place(changes, at) = *event;
}

void process_changes_lost(struct process_changes *changes)
{
	changes->count = 0;
	process_table_ids_lost(changes->options.processes);
}

static void apply(struct process_changes *changes, const struct proc_event *event)
{
	struct process *process =
		process_table_at(changes->options.processes, event->pid, event->time_ns);

	if (!process)
		return;
	switch (event->kind) {
	case PROC_EVENT_USER:
		process_table_user_changed(process, event->time_ns, event->id, event->effective_id);
		break;
	case PROC_EVENT_GROUP:
		process_table_group_changed(process, event->time_ns, event->id);
		break;
	case PROC_EVENT_EXIT:
	case PROC_EVENT_THREAD_EXIT:
		process_table_thread_ended(process, event->tid, event->wait_status);
		break;
	case PROC_EVENT_FORK:
	case PROC_EVENT_EXEC:
		break;
	}
}

void process_changes_begin(struct process_changes *changes)
{
	changes->was_read = false;
}

void process_changes_until(struct process_changes *changes, int64_t time_ns)
{
	if (!changes->was_read) {
		changes->was_read = true;
		changes->options.read(changes->options.context);
	}
	process_changes_end(changes, time_ns);
}

void process_changes_end(struct process_changes *changes, int64_t time_ns)
{
	while (changes->count > 0 && place(changes, 0)->time_ns <= time_ns) {
		apply(changes, place(changes, 0));
		changes->first = (changes->first + 1) % QUEUE_MAX;
		changes->count--;
	}
	if (changes->count == 0)
		changes->first = 0;
}
