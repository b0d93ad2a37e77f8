/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which process holds which socket: /proc/PID/fd links "socket:[inode]" (proc(5)), as an
 * index inode -> every (process, fd) known to hold it. Full scans are made once
 * at the start; afterwards only processes whose number of open descriptors
 * changed are read again (st_size of /proc/PID/fd, Linux >= 6.2; elsewhere the
 * names in it are counted), and predictions are verified by one readlink.
 * Nothing from the index is an answer until it is verified at that moment, or in
 * the same turn of the caller's.
 *
 * Not seen: descriptors on their way in a message (unix(7), SCM_RIGHTS), files
 * registered with io_uring(7) and closed, and those of threads that do not
 * share the table of their process (clone(2) without CLONE_FILES).
 */
#ifndef SOCKLINE_PROCESSES_PROC_FD_H
#define SOCKLINE_PROCESSES_PROC_FD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "processes/process_table.h"

struct proc_fd;

#define PROC_FD_HOLDERS_MAX 16

/* The verified holders of one socket: lowest pid first, one entry a process. */
struct proc_fd_holders {
	struct process *processes[PROC_FD_HOLDERS_MAX]; /* borrowed until proc_fd is next called */
	int count;
	bool more; /* there are more than fit */
	/*
	 * A full walk that began after this inode was first asked for looked at
	 * every process of the machine: at that time there was no other holder.
	 * One forked, or passed the descriptor, since then can be missing.
	 */
	bool complete;
};

static inline bool proc_fd_holders_have(const struct proc_fd_holders *holders, int pid)
{
	for (int i = 0; i < holders->count; i++)
		if (holders->processes[i]->pid == pid)
			return true;
	return false;
}

struct proc_fd_counters {
	uint64_t scans;             /* full walks completed */
	uint64_t processes_scanned; /* fd directories read */
	uint64_t descriptors;       /* links read */
	uint64_t predicted;         /* sockets found by a predicted (pid, fd) */
	uint64_t permission_denied; /* fd directories that could not be read */
	uint64_t vanished;
	uint64_t evicted;
};

/* table is borrowed and must outlive it. max_sockets bounds the index. */
int proc_fd_new(struct proc_fd **fds, struct process_table *table, uint32_t max_sockets,
                const struct hash_key *key, struct error *error);
void proc_fd_free(struct proc_fd *fds);

/* From now on as on Linux before 6.2, whose /proc/PID/fd has no size. For tests. */
void proc_fd_ignore_sizes(struct proc_fd *fds);

/*
 * Holders of a socket inode from the index alone, each verified by readlink
 * (2-3 us each) once a turn; entries that fail are dropped from the index. 0 or -ENOENT.
 */
int proc_fd_find(struct proc_fd *fds, uint64_t inode, struct proc_fd_holders *holders);
/*
 * A turn begins: what is verified in it holds until the next. For a loop that reads a
 * bounded batch of packets in each: for a listener's many connections one readlink will do.
 */
void proc_fd_next_turn(struct proc_fd *fds);
/*
 * Until it is called with 0: what a walk has read that began after this time (monotonic) need not
 * be read again. For questions about that time, of all that there is.
 */
void proc_fd_trust(struct proc_fd *fds, int64_t since_ns);
/*
 * Tries the places where a new socket is likely: the last (pid, fd) that
 * matched and its neighbours, then the processes named by proc_fd_hint, newest
 * first. At most `budget` system calls, and some more for the one that is
 * found. One holder, with its ancestors that have it, too, and 0; or -ENOENT.
 */
int proc_fd_predict(struct proc_fd *fds, uint64_t inode, int budget,
                    struct proc_fd_holders *holders);
/*
 * Has that child of a process the socket, at the descriptor that the index has of its parent? 1, and
 * it is in the index from now on; 0; -ESRCH: it has exited.
 */
int proc_fd_inherited(struct proc_fd *fds, uint64_t inode, int parent_pid, int pid);
/* This process is young or has just been seen at work: look there first. */
void proc_fd_hint(struct proc_fd *fds, int pid);
void proc_fd_exited(struct proc_fd *fds, int pid);
/* Reads this process's descriptors now; number of sockets or -errno. */
int proc_fd_scan_process(struct proc_fd *fds, int pid);
/* The same for one that has at most so many descriptors; -E2BIG. */
int proc_fd_scan_small(struct proc_fd *fds, int pid, int most);

/*
 * A walk over all processes, in slices: each call works for at most budget_ns
 * and returns true when the walk is complete. changed_only skips processes
 * whose descriptor count and identity are as they were: it misses a descriptor
 * that replaced another. It reads one process with very many descriptors at a
 * time, each in its turn, and that takes a twentieth of the time at most: they
 * keep no other waiting. Processes not seen by a walk have exited, which is entered
 * in the table. A start while one is under way lets that one go on, unless it
 * turns a walk over changed ones into a full one, which begins anew.
 */
void proc_fd_walk_start(struct proc_fd *fds, bool changed_only);
bool proc_fd_walk_active(const struct proc_fd *fds);
bool proc_fd_walk(struct proc_fd *fds, int64_t budget_ns);
/* What walks over changed ones have spent on those with very many, since it was last asked. */
int64_t proc_fd_take_large_ns(struct proc_fd *fds);
/*
 * True: a full walk that began at since_ns (monotonic) or later is complete. A
 * socket that existed then, and that proc_fd_find does not know, has no holder
 * among the processes that could be read; and none at all when *complete: no fd
 * directory was refused, no process was hidden (process_table_sees_all), no
 * entry evicted. See the top for what remains.
 */
bool proc_fd_walked_since(const struct proc_fd *fds, int64_t since_ns, bool *complete);

const struct proc_fd_counters *proc_fd_counters(struct proc_fd *fds);
uint32_t proc_fd_count(const struct proc_fd *fds); /* (inode, process, fd) entries */

#endif
