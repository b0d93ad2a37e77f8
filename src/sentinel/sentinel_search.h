/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds the process that has a socket open. By places that are likely, within a time: the last
 * descriptors that were right, young processes, then all descriptors of a few.
 * Never all of /proc. Each thread has one of its own.
 */
#ifndef SOCKLINE_SENTINEL_SENTINEL_SEARCH_H
#define SOCKLINE_SENTINEL_SENTINEL_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "processes/proc_dir.h"
#include "sentinel/sentinel_fds.h"
#include "sentinel/sentinel_holders.h"
#include "sentinel/sentinel_pids.h"

#define SENTINEL_SEARCH_MEMORY 512

struct sentinel_search {
	int proc_fd;
	struct sentinel_pids *young; /* borrowed */
	struct sentinel_holders holders;
	bool deep_first; /* alternates after searches in vain */
	/* When young processes were looked at last (monotonic), by the low bits of the pid. */
	struct {
		int pid;
		int64_t time_ns;
	} looked[SENTINEL_SEARCH_MEMORY];
	struct proc_dir scan;
};

int sentinel_search_init(struct sentinel_search *search, struct sentinel_pids *young);
void sentinel_search_destroy(struct sentinel_search *search);

/* The holder, its descriptor in ->fd; valid until the next call. NULL: not found. */
struct sentinel_holder *sentinel_search_find(struct sentinel_search *search,
                                             struct sentinel_wanted *wanted);
/* Its parent has the same descriptor: the socket came from there, and either of the two may use it. */
bool sentinel_search_is_inherited(const struct sentinel_search *search,
                                  const struct sentinel_holder *holder, uint64_t inode);

#endif
