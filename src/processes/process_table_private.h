/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What process_table.c and process_table_events.c share; nothing else includes it. */
#ifndef SOCKLINE_PROCESSES_PROCESS_TABLE_PRIVATE_H
#define SOCKLINE_PROCESSES_PROCESS_TABLE_PRIVATE_H

#include "processes/cgroup_paths.h"
#include "processes/process_read.h"
#include "processes/process_slots.h"
#include "processes/process_table.h"

struct process_table {
	struct process_reader reader;
	int cgroups; /* where cgroup v2 is mounted; -1 = not known */
	struct cgroup_paths *cgroup_paths;
	bool follows_ids;                 /* process_table_follow_ids */
	bool foreign_cgroups;             /* the paths that events report are not those of /proc */
	struct process_args_budget *args; /* of all processes; NULL = they are not wanted */
	struct process_slots store;
	uint32_t sweep; /* next slot that process_table_expire looks at */
	struct process_counters counters;
	struct process_facts facts; /* scratch: 12 KiB, with little stack left to callers */
};

/* process_table_args.c: reads them below dir where they are wanted and not known. */
void process_table_read_args(struct process_table *table, struct process *process, int dir);

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
