/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has this socket open? By places that are likely, within a time: the last
 * descriptors that were right, young processes, then all descriptors of a few.
 * Never all of /proc. Each thread has one of its own.
 */
#ifndef SOCKLINE_ATTRIBUTION_SENTINEL_SEARCH_H
#define SOCKLINE_ATTRIBUTION_SENTINEL_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/sentinel_young.h"
#include "processes/proc_dir.h"
#include "processes/process.h"

#define SENTINEL_SEARCH_SUSPECTS 16

/* A process that had what was sought. */
struct sentinel_suspect {
	int pid;
	int dir;      /* O_PATH of /proc/PID: identity, all below it is gone when the process is */
	int fd;       /* the last that was right */
	uint32_t uid; /* of that socket */
	bool told;    /* the caller's: somebody knows this process */
	struct process_stat stat;
};

struct sentinel_search {
	int proc_fd;
	struct sentinel_young *young; /* borrowed */
	int count;
	struct sentinel_suspect suspects[SENTINEL_SEARCH_SUSPECTS]; /* the last right one first */
	bool gave_up; /* the last search, for time */
	struct proc_dir scan;
};

struct sentinel_wanted {
	uint64_t inode;
	uint32_t uid;        /* processes of others are looked at last, or not at all */
	bool quick;          /* the likeliest places alone */
	int64_t deadline_ns; /* monotonic */
};

int sentinel_search_init(struct sentinel_search *search, struct sentinel_young *young);
void sentinel_search_destroy(struct sentinel_search *search);

/* The holder, its descriptor in ->fd; valid until the next call. NULL: not found. */
struct sentinel_suspect *sentinel_search_find(struct sentinel_search *search,
                                              const struct sentinel_wanted *wanted);

/* Does this descriptor below a process's directory lead to this socket now? One readlink. */
bool sentinel_search_holds(int dir, int fd, uint64_t inode);
/* The inode of the socket that it leads to; 0 when it is something else, -errno. */
int64_t sentinel_search_inode(int dir, int fd);

#endif
