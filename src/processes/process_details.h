/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of a process only after files were read that may be slow: the names of its
 * container (container_names.h) and the SHA-256 of its executable (executable_hash.h). Two
 * threads read them; no record waits. An answer is kept, so that it is there at once for
 * the next process of the same container or executable.
 */
#ifndef SOCKLINE_PROCESSES_PROCESS_DETAILS_H
#define SOCKLINE_PROCESSES_PROCESS_DETAILS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/loop.h"
#include "processes/process_table.h"

struct process_details;

struct process_details_options {
	struct loop *loop;               /* borrowed */
	struct process_table *processes; /* borrowed */
	const char *root;                /* below which runtimes have their files: "/". Borrowed. */
	struct hash_key key;
	bool hash;    /* executables, too */
	bool at_once; /* read here and now, without threads: nothing else is to be done */
};

struct process_details_counters {
	uint64_t containers; /* whose names were read */
	uint64_t hashed;     /* executables */
	uint64_t failed;     /* of either, that could not be */
};

/* Copies the options. 0 or -errno. Threads begin with the first file that is to be read. */
int process_details_new(struct process_details **details,
                        const struct process_details_options *options, struct error *error);
void process_details_free(struct process_details *details); /* NULL is fine */

/*
 * Adds to the process what is known, and has the rest read. Cheap when there is nothing
 * to do. To be called when it is seen to execute a program, and before a record names it.
 */
void process_details_want(struct process_details *details, struct process *process);

const struct process_details_counters *
process_details_counters(const struct process_details *details);

#endif
