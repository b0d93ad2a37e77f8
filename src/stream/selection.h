/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which records are written: --pid, --process, --user, --container, --cgroup, --port, and the
 * processes of a command. Values of one kind are alternatives, and each kind that is given
 * must fit. What is about an owner must fit one and the same owner of the record: an owner
 * that is not known, or not known yet, fits nothing.
 *
 * Records about the run, the capture and losses are always written.
 */
#ifndef SOCKLINE_STREAM_SELECTION_H
#define SOCKLINE_STREAM_SELECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "events/event.h"
#include "processes/process_tree.h"

#define SELECTION_MAX 64 /* values of a kind */

enum selection_kind {
	SELECTION_PID,
	SELECTION_PROCESS,   /* its name, that of its executable's file, or with a '/' the path */
	SELECTION_USER,      /* effective; of the socket, where that of the process is not known */
	SELECTION_CONTAINER, /* its name, or its id or the beginning of that (12 digits or more) */
	SELECTION_CGROUP,    /* the path, or one above it */
	SELECTION_PORT,      /* of either end */
	SELECTION_KINDS
};

struct selection_list {
	const char *texts[SELECTION_MAX]; /* as they were given; borrowed */
	uint32_t numbers[SELECTION_MAX];  /* PID, USER, PORT */
	int count;
};

struct selection {
	struct selection_list lists[SELECTION_KINDS];
	struct process_tree *tree; /* whose processes fit; NULL = all. Borrowed. */
};

bool selection_is_empty(const struct selection *selection);
/* Some kind that is about owners is given. */
bool selection_needs_owner(const struct selection *selection);
bool selection_matches(const struct selection *selection, const struct event *event);

#endif
