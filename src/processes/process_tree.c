/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_tree.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "base/table.h"
#include "processes/process_read.h"

#define MEMBERS_MAX 65536 /* the oldest makes room for one more */
#define CHAIN_MAX   64    /* parents that are followed */

struct member {
	int pid;              /* 0 = free */
	int64_t forked_ns;    /* monotonic; 0 = not known, then: */
	uint64_t start_ticks; /* as /proc has them */
};

struct process_tree {
	struct hash_key key;
	struct process_table *processes;
	int64_t tick_ns;
	bool lost; /* a process that is no member may be one */
	struct table *index;
	uint32_t next; /* where the next member goes; 0 is the root's */
	struct member members[MEMBERS_MAX];
};

static struct member *find(struct process_tree *tree, int pid)
{
	struct table_cursor cursor =
		table_cursor(tree->index, hash_number(&tree->key, (uint64_t)pid));
	uint32_t number;

	while (table_next(&cursor, &number))
		if (tree->members[number].pid == pid)
			return &tree->members[number];
	return NULL;
}

static void remove_member(struct process_tree *tree, struct member *member)
{
	table_remove(tree->index, hash_number(&tree->key, (uint64_t)member->pid),
	             (uint32_t)(member - tree->members));
	member->pid = 0;
}

static void put(struct process_tree *tree, uint32_t number, const struct member *new)
{
	struct member *member = &tree->members[number];

	if (member->pid != 0)
		remove_member(tree, member);
	if (table_insert(tree->index, hash_number(&tree->key, (uint64_t) new->pid), number) == 0)
		*member = *new;
}

static void add(struct process_tree *tree, const struct member *new)
{
	struct member *before = find(tree, new->pid);

	if (before) /* an earlier process with this pid */
		remove_member(tree, before);
	put(tree, tree->next, new);
	tree->next = tree->next + 1 < MEMBERS_MAX ? tree->next + 1 : 1;
}

static bool read_start(int pid, uint64_t *start_ticks)
{
	int proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC), result;
	struct process_stat stat;

	if (proc < 0)
		return false;
	result = process_read_stat_of(proc, pid, &stat);
	close(proc);
	if (result == 0)
		*start_ticks = stat.start_ticks;
	return result == 0;
}

struct process_tree *process_tree_new(int pid, const struct hash_key *key)
{
	struct process_tree *tree = calloc(1, sizeof *tree); /* touched as used */
	long per_second = sysconf(_SC_CLK_TCK);

	if (!tree)
		return NULL;
	tree->key = *key;
	tree->tick_ns = NS_PER_SECOND / (per_second > 0 ? per_second : 100);
	tree->index = table_new(MEMBERS_MAX);
	if (!tree->index) {
		free(tree);
		return NULL;
	}
	tree->next = 1;
	tree->members[0].pid = pid;
	if (!read_start(pid, &tree->members[0].start_ticks) ||
	    table_insert(tree->index, hash_number(key, (uint64_t)pid), 0) != 0) {
		process_tree_free(tree);
		return NULL;
	}
	return tree;
}

void process_tree_free(struct process_tree *tree)
{
	if (!tree)
		return;
	table_free(tree->index);
	free(tree);
}

void process_tree_set_table(struct process_tree *tree, struct process_table *processes)
{
	tree->processes = processes;
}

void process_tree_forked(struct process_tree *tree, int parent_pid, int pid, int64_t time_ns)
{
	const struct member new = { .pid = pid, .forked_ns = time_ns };
	struct member *child;

	if (find(tree, parent_pid))
		add(tree, &new);
	else if ((child = find(tree, pid))) /* the pid is used again, by another process */
		remove_member(tree, child);
}

void process_tree_forks_lost(struct process_tree *tree)
{
	tree->lost = true;
}

static int64_t start_ns(const struct process_tree *tree, const struct process *process)
{
	int64_t suspended_ns = clock_boottime_ns() - clock_monotonic_ns(), ns;

	return __builtin_mul_overflow(process->start_ticks, tree->tick_ns, &ns) ? INT64_MAX
	                                                                        : ns - suspended_ns;
}

/*
 * It has the member's pid: is it the same process? The event of its fork has one time, whatever
 * the scheduler did meanwhile. That time is not known of a process that /proc was read of, or
 * that another source reported: it was there when the member was forked.
 */
static bool is_same(const struct process_tree *tree, const struct member *member,
                    const struct process *process)
{
	int64_t started_ns;

	if (member->forked_ns == 0)
		return process_started_at(process, member->start_ticks);
	if (process->forked_ns != 0)
		return process->forked_ns == member->forked_ns;
	if (process->exited_ns != 0 && process->exited_ns < member->forked_ns)
		return false;
	started_ns = start_ns(tree, process);
	return started_ns >= member->forked_ns - WINDOW_TREE_EARLIER_NS &&
	       started_ns <= member->forked_ns + WINDOW_TREE_LATER_NS;
}

static bool is_member(struct process_tree *tree, const struct process *process)
{
	const struct member *member = find(tree, process->pid);

	return member && is_same(tree, member, process);
}

/* A parent that has started after its child is another process with the pid of the parent. */
static bool descends(struct process_tree *tree, const struct process *process)
{
	uint64_t child_ticks = process->start_ticks;
	int parent_pid = process->parent_pid;

	for (int i = 0; i < CHAIN_MAX && parent_pid > 1; i++) {
		const struct process *parent = process_table_get(tree->processes, parent_pid, NULL);

		if (!parent || parent->start_ticks > child_ticks)
			return false;
		if (is_member(tree, parent))
			return true;
		child_ticks = parent->start_ticks;
		parent_pid = parent->parent_pid;
	}
	return false;
}

bool process_tree_has(struct process_tree *tree, const struct process *process)
{
	if (is_member(tree, process))
		return true;
	if (!tree->lost || !tree->processes || !descends(tree, process))
		return false;
	add(tree, &(struct member){ .pid = process->pid,
	                            .forked_ns = process->forked_ns,
	                            .start_ticks = process->start_ticks });
	return true;
}

bool process_tree_has_pid(struct process_tree *tree, int pid)
{
	const struct process *process =
		tree->processes ? process_table_find(tree->processes, pid, 0) : NULL;

	return process && process_tree_has(tree, process);
}
