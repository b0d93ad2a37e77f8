/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process's descriptors, below an O_PATH descriptor of its directory /proc/PID:
 * whatever is found there is this process's, and nothing is when it has gone.
 */
#ifndef SOCKLINE_SENTINEL_SENTINEL_FDS_H
#define SOCKLINE_SENTINEL_SENTINEL_FDS_H

#include <stdbool.h>
#include <stdint.h>

#include "processes/proc_dir.h"

/* What is sought, and how far the search has come. */
struct sentinel_wanted {
	uint64_t inode;
	uint64_t remote;     /* hash of who it speaks to; 0 = nobody */
	uint32_t uid;        /* processes of others are looked at last, or not at all */
	bool quick;          /* the likeliest places alone */
	bool listener;       /* not the last that was opened, and whoever had it first */
	bool unsized;        /* as on Linux before 6.2, where /proc/PID/fd has no size */
	int64_t deadline_ns; /* monotonic */
	/* The search's own: */
	int64_t begin_ns;
	int steps;
	bool gave_up; /* for want of time */
};

/* Once a step. */
bool sentinel_fds_out_of_time(struct sentinel_wanted *wanted);

/* The inode of the socket that a descriptor leads to; 0 = something else, -errno. */
int64_t sentinel_fds_inode(int dir, int fd);
/* Does it lead to this socket now? One readlink. */
bool sentinel_fds_holds(int dir, int fd, uint64_t inode);

/* The descriptor that is the socket, -1 = none of those that are likely; of all. */
int sentinel_fds_likely(int dir, const struct sentinel_wanted *wanted, struct proc_dir *scan);
int sentinel_fds_all(int dir, struct sentinel_wanted *wanted, struct proc_dir *scan);

/* /proc has threads, too, but does not list them. The process's pid; 0 when it is gone. */
int sentinel_fds_leader(int dir);

#endif
