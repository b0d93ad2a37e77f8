/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of proc_fd share; nobody else includes it. */
#ifndef SOCKLINE_PROCESSES_PROC_FD_PRIVATE_H
#define SOCKLINE_PROCESSES_PROC_FD_PRIVATE_H

#include "processes/fd_index.h"
#include "processes/fd_scan.h"
#include "processes/proc_dir.h"
#include "processes/proc_fd.h"

#define PROC_FD_PROCESSES_MAX 65536
#define PROC_FD_MATCHES       4
#define PROC_FD_HINTS         64
#define PROC_FD_ASKED         4096 /* power of two */

/* Where a socket was found last. */
struct proc_fd_match {
	int pid; /* 0 = none */
	int fd;
};

/* When an inode was first asked for, in numbers of walks. One slot for several inodes. */
struct proc_fd_asked {
	uint64_t inode;
	uint32_t walk; /* the last that had begun by then */
};

struct proc_fd_walk {
	bool active;
	bool changed_only;
	bool complete;    /* so far: nothing refused, hidden or failed */
	uint32_t number;  /* counts walks that were begun */
	int64_t began_ns; /* monotonic */
	uint64_t evicted; /* counter when it began */
	uint32_t stamp;   /* of the last scan before it */
	int large_pid;    /* the large process that it reads; 0 = none */
	int64_t large_ns; /* what that took so far */
	bool large_waits; /* one that comes before the last one that was read */
};

/* Processes with very many descriptors: walks over changed ones read one of them at a time. */
struct proc_fd_large {
	int last_pid;    /* that was read; they take turns in this order */
	int64_t next_ns; /* monotonic: when the next one may be read */
	int64_t spent_ns;
};

struct proc_fd {
	struct process_table *table;
	struct fd_index index;
	uint32_t stamp;      /* of the last scan */
	int64_t trusted_ns;  /* what a walk has read that began later is not verified; 0 = all is */
	uint32_t turn;       /* 0: what was verified is verified again each time */
	struct fd_scan scan; /* proc_fd_scan_process */
	struct fd_scan walk_scan; /* the walk, in slices */
	struct proc_dir list;     /* of processes, the walk's */
	struct proc_fd_walk walk;
	struct proc_fd_large large;
	struct proc_fd_walk full; /* the last full one that is complete; number 0 = none */
	bool has_sizes;           /* st_size of a fd directory was seen to be more than 0 */
	bool unsized;             /* proc_fd_ignore_sizes */
	struct process *held[PROC_FD_HOLDERS_MAX]; /* references behind the holders given out */
	int held_count;
	struct proc_fd_match matches[PROC_FD_MATCHES]; /* newest first */
	int hints[PROC_FD_HINTS];                      /* pids, newest first; 0 = end */
	int loadavg;                                   /* descriptor of /proc/loadavg; -1 = none */
	int newest_pid;                                /* as it said last */
	struct proc_fd_asked asked[PROC_FD_ASKED];
	struct proc_fd_counters counters;
};

/*
 * The number of descriptors of the process in path/.. below `at`, at most max + 1: by the
 * size of the directory or, on older kernels, by listing it. -errno.
 */
int64_t proc_fd_count_descriptors(struct proc_fd *fds, int at, const char *path,
                                  const struct stat *status, int max);
/*
 * The process of an entry when it has this socket at that descriptor now;
 * borrowed from the table. NULL: it has not, the entry is gone, perhaps its
 * holder too.
 */
struct process *proc_fd_verify(struct proc_fd *fds, uint32_t entry);
/* Empties *holders and gives back the references behind the previous ones. */
void proc_fd_begin_holders(struct proc_fd *fds, struct proc_fd_holders *holders);
void proc_fd_add_holder(struct proc_fd *fds, struct proc_fd_holders *holders,
                        struct process *process);
/* The last step: sets *holders' complete. 0 or -ENOENT. */
int proc_fd_end_holders(struct proc_fd *fds, uint64_t inode, struct proc_fd_holders *holders);

#endif
