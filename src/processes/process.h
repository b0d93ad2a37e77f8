/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process: identity is pid and start time, never the pid alone. Shared by
 * reference count; immutable but for the fields named below.
 */
#ifndef SOCKLINE_PROCESSES_PROCESS_H
#define SOCKLINE_PROCESSES_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct process_strings; /* private to process_table */

struct process {
	uint32_t references; /* process_ref, process_unref */
	int pid;             /* thread group id */
	int parent_pid;
	uint64_t start_ticks; /* field 22 of /proc/PID/stat: clock ticks since boot */
	int64_t start_ns;     /* the same since the epoch; 10 ms steps */
	uint64_t entity_id;   /* keyed hash of boot id, pid, start ticks: process.entity_id */
	uint32_t uid;         /* effective */
	bool has_uid;
	uint32_t netns;       /* inode of /proc/PID/ns/net; 0 = not readable */
	int64_t exited_ns;    /* monotonic; 0 = alive as far as known. Mutable. */
	uint32_t generation;  /* changes when exec changed a string. Mutable. */

	/* Any bytes; NULL = not known. Owned by the process. Mutable (exec). */
	char *name;       /* comm, at most 15 bytes (64 for kernel threads) */
	char *executable; /* target of /proc/PID/exe, without " (deleted)" */
	bool executable_deleted;
	char *parent_name;
	char *cgroup;       /* path in the v2 hierarchy, else the one of name=systemd or pids */
	char *container_id; /* from the cgroup path, see container.h */

	/* Encoded JSON of this owner, made once by the encoder; see events/fragment.h. Mutable. */
	struct fragment *fragment;
};

struct process *process_ref(struct process *process);
void process_unref(struct process *process); /* NULL is fine; frees at 0 */

#endif
