/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of the past: as the kernel's events told of them, so that one that
 * lived half a millisecond and is long gone still has a name, an executable, a
 * parent and a start time. Pure, bounded. What /proc says of a process that is
 * still there comes first; this is for those it has nothing of any more.
 */
#ifndef SOCKLINE_ATTRIBUTION_PROCESS_HISTORY_H
#define SOCKLINE_ATTRIBUTION_PROCESS_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "processes/process.h"
#include "tracepoints/trace_event.h"

struct process_history;

#define PROCESS_HISTORY_KEEP_NS  (INT64_C(30) * 1000000000) /* after its exit */
#define PROCESS_HISTORY_NAME_MAX 16                         /* with its NUL: TASK_COMM_LEN */
#define PROCESS_HISTORY_PATH_MAX 1024                       /* longer ones are not kept: unknown */

struct process_history_process {
	int pid;
	int parent_pid;     /* of the process that forked it; 0 = not known */
	int64_t forked_ns;  /* monotonic; 0 = it was there before we looked */
	int64_t started_ns; /* CLOCK_BOOTTIME of the fork; 0 = not known */
	int64_t exited_ns;  /* monotonic; 0 = not that we know */
	int64_t alone_ns;   /* monotonic: descriptors older than that it may share by a fork */
	uint32_t netns;     /* 0 = not known; see process_history_new */
	uint64_t cgroup_id; /* when it exited; 0 = not known */
	char name[PROCESS_HISTORY_NAME_MAX];        /* "" = not known */
	char parent_name[PROCESS_HISTORY_NAME_MAX]; /* when it was forked */
	const char *executable; /* as /proc/PID/exe would show it; NULL = not known */
	bool executable_deleted;
};

struct process_history_counters {
	uint64_t forks, exits;
	uint64_t orphans; /* forks whose parent was not known: nothing to inherit */
	uint64_t evicted; /* before their time */
};

/*
 * max: processes. With follows_namespaces every change of the network namespace
 * comes as a event. Without, netns is what the process inherited: true unless one
 * in its line called setns(2) or unshare(2) since it was seeded. NULL: no memory.
 */
struct process_history *process_history_new(uint32_t max, const struct hash_key *key,
                                            bool follows_namespaces);
void process_history_free(struct process_history *history);

/*
 * What /proc said of a process at time_ns: for those that were there before, and
 * again for all after TRACE_EVENT_LOST_PROCESSES. Seeded before events of it came, or anew.
 */
void process_history_seed(struct process_history *history, const struct process *process,
                          int64_t time_ns);
/* Facts in the order of time; kinds that do not concern processes are ignored. */
void process_history_add(struct process_history *history, const struct trace_event *event);
/*
 * The process that had this pid at that time; NULL when that is not sure: not
 * seen, or events were lost since. Valid until the next change.
 */
const struct process_history_process *process_history_find(struct process_history *history, int pid,
                                                           int64_t time_ns);
void process_history_expire(struct process_history *history, int64_t now_ns);

/*
 * The start time as /proc/PID/stat would have shown it, in ticks of tick_ns. The
 * kernel takes the start time 2 us before it tells of the fork (median; up to
 * 115 us measured): false when that much may lie in the tick before, or when the
 * start is not known. *ticks is the likelier one then.
 */
bool process_history_start_ticks(const struct process_history_process *process, int64_t tick_ns,
                                 uint64_t *ticks);

const struct process_history_counters *
process_history_counters(const struct process_history *history);
uint32_t process_history_count(const struct process_history *history);

#endif
