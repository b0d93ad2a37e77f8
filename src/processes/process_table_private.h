/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What process_table*.c share; nothing else includes it. */
#ifndef SOCKLINE_PROCESSES_PROCESS_TABLE_PRIVATE_H
#define SOCKLINE_PROCESSES_PROCESS_TABLE_PRIVATE_H

#include <stdint.h>

#include "processes/cgroup_paths.h"
#include "processes/process_read.h"
#include "processes/process_slots.h"
#include "processes/process_table.h"

#define PROCESS_TABLE_EXECS 256 /* a power of two */

struct process_exec {
	int pid;
	int64_t time_ns;
};

struct process_table {
	struct process_reader reader;
	int cgroups; /* where cgroup v2 is mounted; -1 = not known */
	struct cgroup_paths *cgroup_paths;
	bool follows_ids;                 /* process_table_follow_ids */
	bool follows_execs;               /* process_table_follow_execs */
	bool foreign_cgroups;             /* the paths that events report are not those of /proc */
	struct process_args_budget *args; /* of all processes; NULL = they are not wanted */
	struct process_slots store;
	uint32_t sweep; /* next slot that process_table_expire looks at */
	/* The exec that was reported last, by pid: the process may be entered later. */
	struct process_exec execs[PROCESS_TABLE_EXECS];
	/* The exit that was reported last of a process that was not known, by pid: the same. */
	struct process_exec exits[PROCESS_TABLE_EXECS];
	int64_t execs_lost_ns; /* reports of execs before it are missing; 0 = none */
	struct process_counters counters;
	/* Scratch: 16 KiB, with little stack left to callers. */
	struct process_facts facts;
	struct process_parent parent;
};

/* process_table_args.c: reads them below dir where they are wanted and not known. */
void process_table_read_args(struct process_table *table, struct process *process, int dir);

/* Reads this one from /proc now, however new it is. 0; -errno, -ESRCH when it has exited. */
int process_table_read_again(struct process_table *table, const struct process *process);

/*
 * process_table_execs.c: it was noticed to be gone. Where execs are not reported, what it ran since
 * it was read is not known.
 */
void process_table_retire(struct process_table *table, uint32_t number, int64_t now_ns);
void process_table_revive(struct process_table *table, uint32_t number);
/* It was read now: of before reports of execs were lost, its image is not known. */
void process_table_doubt_lost(const struct process_table *table, struct process *process);

#define PROCESS_LONG_AGO_NS (INT64_MIN / 2) /* in differences to any time as well */

/* process_table_ids.c: a child begins with the ids of its parent, where it is sure of them. */
void process_table_inherit_ids(const struct process_table *table, struct process *child,
                               const struct process *parent);

/* As it was at that time, monotonic. */
static inline struct process *process_table_state(struct process *process, int64_t time_ns)
{
	while (process->former && time_ns < process->since_ns)
		process = process->former;
	return process;
}

static inline struct process_slot *process_table_slot(struct process_table *table, uint32_t number)
{
	return &table->store.slots[number];
}

/* When it began. A pid can be used again within one tick: then the id is another. */
static inline void process_table_set_start(struct process_table *table, struct process *process,
                                           uint64_t ticks)
{
	process->turn = process_slots_turn(&table->store, process->pid, ticks, process);
	process_read_start(&table->reader, process, ticks);
}

#endif
