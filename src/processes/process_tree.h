/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process and all that descend from it, also when a parent in between has ended. Forks say
 * who belongs to it, so a process is known before it can send a packet. Where forks are not
 * heard of, or some were lost, the chain of parents decides, as far as it can be followed.
 */
#ifndef SOCKLINE_PROCESSES_PROCESS_TREE_H
#define SOCKLINE_PROCESSES_PROCESS_TREE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "processes/process_table.h"

struct process_tree;

/* pid is a child that is not waited for yet, so that it is no other's. NULL: no memory, no /proc. */
struct process_tree *process_tree_new(int pid, const struct hash_key *key);
void process_tree_free(struct process_tree *tree); /* NULL is fine */

/* Where parents are looked up; borrowed. Until then no chain is followed. */
void process_tree_set_table(struct process_tree *tree, struct process_table *processes);
/* time_ns is monotonic. Forks come in their order. */
void process_tree_forked(struct process_tree *tree, int parent_pid, int pid, int64_t time_ns);
/* Some forks, or all, are not heard of. */
void process_tree_forks_lost(struct process_tree *tree);

bool process_tree_has(struct process_tree *tree, const struct process *process);
/* The live process with this pid, else the last that had it, as far as the table has one. */
bool process_tree_has_pid(struct process_tree *tree, int pid);

#endif
