/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of proc_fd: sockets (inodes) and the processes that hold them, to
 * be found from either side. Pure. Bounded: when full, some entry goes, in
 * turn, and is counted.
 */
#ifndef SOCKLINE_PROCESSES_FD_INDEX_H
#define SOCKLINE_PROCESSES_FD_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/table.h"

#define FD_INDEX_NONE UINT32_MAX

/* A process. */
struct fd_holder {
	int pid; /* 0: free */
	int tid; /* the thread whose descriptors were read; 0 = the first */
	uint64_t start_ticks;
	uint64_t directory;  /* inode number of its fd directory; 0 = not read */
	int64_t descriptors; /* how many it had when read; -1 = read again in any case */
	int64_t links;       /* how many were read then */
	uint32_t walk;       /* the last that saw it */
	uint32_t
		verified; /* number of the walk since whose begin an entry was verified; 0 = none */
	uint32_t first;   /* entry; free ones are linked by it too */
	uint32_t count;   /* of entries */
};

struct fd_entry {
	uint64_t inode;
	uint32_t holder; /* FD_INDEX_NONE: free */
	int fd;
	uint32_t stamp;          /* of the scan that saw it last */
	uint32_t turn;           /* in which it was verified last; 0 = not */
	uint32_t next, previous; /* of the holder; free ones are linked by next too */
};

struct fd_index {
	struct hash_key key;
	struct table *by_inode, *by_pid;
	struct fd_entry *entries;
	struct fd_holder *holders;
	uint32_t entry_capacity, entry_free, entry_count, entry_max;
	uint32_t holder_capacity, holder_free, holder_count, holder_max;
	uint32_t entry_hand, holder_hand; /* where to look next for something to evict */
	uint64_t evicted;
};

/* 0 or -ENOMEM. */
int fd_index_init(struct fd_index *index, uint32_t max_entries, uint32_t max_holders,
                  const struct hash_key *key);
void fd_index_free(struct fd_index *index); /* zeroed is fine */

uint32_t fd_index_holder(const struct fd_index *index, int pid); /* or NONE */
/* Its number; NONE when memory is short. There must be none with this pid. */
uint32_t fd_index_add_holder(struct fd_index *index, int pid, uint64_t start_ticks);
void fd_index_drop_holder(struct fd_index *index, uint32_t holder);

/* Adds or confirms. Its number; NONE when memory is short. */
uint32_t fd_index_put(struct fd_index *index, uint32_t holder, int fd, uint64_t inode,
                      uint32_t stamp);
void fd_index_remove(struct fd_index *index, uint32_t entry);
/* Removes what an older scan than stamp saw last. */
void fd_index_sweep(struct fd_index *index, uint32_t holder, uint32_t stamp);

/* The entries of an inode: candidates come from table_next and must be compared. */
struct table_cursor fd_index_cursor(const struct fd_index *index, uint64_t inode);

#endif
