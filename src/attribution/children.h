/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes that were forked last, by parent: a child has what its parent had open. Pure and
 * small: a place is for all pids with the same low bits, and the latest has it.
 */
#ifndef SOCKLINE_ATTRIBUTION_CHILDREN_H
#define SOCKLINE_ATTRIBUTION_CHILDREN_H

#include <stdbool.h>
#include <stdint.h>

#define CHILDREN_MAX 1024 /* power of two */

/* Zeroed. */
struct children {
	struct child {
		int pid, parent_pid; /* 0 = none */
		int64_t forked_ns;   /* monotonic */
		int64_t ended_ns;    /* 0 = it has not, as far as is reported */
	} places[CHILDREN_MAX];
	/* What is known of children that lost their place, by the low bits of the parent's pid. */
	struct child_lost {
		int64_t forked_ns; /* the latest */
		int64_t ended_ns;  /* all had by then; INT64_MAX = not known */
	} lost[CHILDREN_MAX];
};

void children_put(struct children *children, int parent_pid, int pid, int64_t time_ns);
void children_ended(struct children *children, int pid, int64_t time_ns);
/* 0 = not known. */
int64_t children_forked_ns(const struct children *children, int pid);
/* The next child of that process after one of them; NULL: the first one, or no more. */
const struct child *children_next(const struct children *children, int parent_pid,
                                  const struct child *after);

/*
 * May a child of that process that was forked since then, and lived at seen_ns, have lost its place?
 * True as well for a child of another process whose pid has the same low bits.
 */
bool children_may_lack(const struct children *children, int parent_pid, int64_t since_ns,
                       int64_t seen_ns);

#endif
