/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/children.h"

#include <stddef.h>

static size_t place_of(int pid)
{
	return (unsigned)pid % CHILDREN_MAX;
}

/* One whose pid is given out again had ended by then. */
static void lose(struct children *children, const struct child *child, int next_pid,
                 int64_t time_ns)
{
	struct child_lost *lost = &children->lost[place_of(child->parent_pid)];
	int64_t ended_ns = child->ended_ns;

	if (ended_ns == 0)
		ended_ns = child->pid == next_pid ? time_ns : INT64_MAX;
	if (child->forked_ns > lost->forked_ns)
		lost->forked_ns = child->forked_ns;
	if (ended_ns > lost->ended_ns)
		lost->ended_ns = ended_ns;
}

void children_put(struct children *children, int parent_pid, int pid, int64_t time_ns)
{
	struct child *place = &children->places[place_of(pid)];

	if (place->pid != 0)
		lose(children, place, pid, time_ns);
	*place = (struct child){
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

bool children_may_lack(const struct children *children, int parent_pid, int64_t since_ns,
                       int64_t seen_ns)
{
	const struct child_lost *lost = &children->lost[place_of(parent_pid)];

	return lost->forked_ns >= since_ns && lost->ended_ns >= seen_ns;
}
