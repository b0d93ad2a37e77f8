/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/children.h"

#include <stddef.h>

static size_t place_of(int pid)
{
	return (unsigned)pid % CHILDREN_MAX;
}

void children_put(struct children *children, int parent_pid, int pid, int64_t time_ns)
{
	children->places[place_of(pid)] = (struct child){
		.pid = pid,
		.parent_pid = parent_pid,
		.forked_ns = time_ns,
	};
}

void children_ended(struct children *children, int pid, int64_t time_ns)
{
	struct child *child = &children->places[place_of(pid)];

	if (child->pid == pid && child->forked_ns <= time_ns)
		child->ended_ns = time_ns;
}

int64_t children_forked_ns(const struct children *children, int pid)
{
	const struct child *child = &children->places[place_of(pid)];

	return child->pid == pid ? child->forked_ns : 0;
}

const struct child *children_next(const struct children *children, int parent_pid,
                                  const struct child *after)
{
	size_t at = after ? (size_t)(after - children->places) + 1 : 0;

	for (; at < CHILDREN_MAX; at++)
		if (children->places[at].parent_pid == parent_pid)
			return &children->places[at];
	return NULL;
}
