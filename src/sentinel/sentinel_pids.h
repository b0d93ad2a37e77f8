/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which processes are young: those with new sockets, most likely. Which were hinted at,
 * and which were found to have some. From process events, which wake nobody: they are
 * read when somebody asks. Where there are none, the last pid that the kernel gave out
 * leads to the young. For any number of threads at once, without locks that wait.
 */
#ifndef SOCKLINE_SENTINEL_SENTINEL_PIDS_H
#define SOCKLINE_SENTINEL_SENTINEL_PIDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct proc_events;

#define SENTINEL_PIDS_MAX   512
#define SENTINEL_PIDS_BATCH 64
#define SENTINEL_PIDS_FINDS 16
#define SENTINEL_PIDS_HINTS 4

struct sentinel_pids {
	_Atomic uint32_t next;
	_Atomic uint64_t entries[SENTINEL_PIDS_MAX]; /* pid * 4 + GONE or EXECUTED; 0 = none */
	_Atomic uint32_t next_hint;
	_Atomic int hints[SENTINEL_PIDS_HINTS]; /* 0 = none */
	_Atomic uint32_t next_find;
	_Atomic uint64_t finds[SENTINEL_PIDS_FINDS]; /* pid << 32 | descriptor; 0 = none */
	_Atomic uint64_t lost;                       /* times events were lost */
	atomic_flag reading;                         /* held by who reads events */
	struct proc_events *events;                  /* NULL: there are none */
	int load_fd;                                 /* /proc/loadavg then */
	/* For the thread that holds the flag: */
	struct sentinel_pids_buffers *buffers;
};

/* *error says why there are no process events; that is no failure. 0 or -errno. */
int sentinel_pids_init(struct sentinel_pids *young, struct error *error);
void sentinel_pids_destroy(struct sentinel_pids *young);

void sentinel_pids_add(struct sentinel_pids *young, int pid, bool executed);
/* The last ones are remembered, however many are born meanwhile. */
void sentinel_pids_add_hint(struct sentinel_pids *young, int pid);
/* number: 0 to SENTINEL_PIDS_HINTS - 1. 0 = none. */
int sentinel_pids_get_hint(const struct sentinel_pids *young, int number);
/* It is gone. */
void sentinel_pids_remove(struct sentinel_pids *young, int pid);
/*
 * Reads events, at most about max of them, 0.3 us each; how many were read. Nothing
 * when another thread does it just now and is not done in some microseconds.
 */
int sentinel_pids_read(struct sentinel_pids *young, int max);

/* Youngest first. A pid may come twice, and may be gone already. */
struct sentinel_pids_cursor {
	struct sentinel_pids *young;
	uint32_t at;
	int left;
	int last_pid, last_left; /* counting down from the last pid given out */
};
struct sentinel_pids_cursor sentinel_pids_first(struct sentinel_pids *young);
bool sentinel_pids_next(struct sentinel_pids_cursor *cursor, int *pid);

/*
 * What one thread found more than once is shared with the others, as processes move from
 * CPU to CPU. number: 0 to SENTINEL_PIDS_FINDS - 1. False: there is none.
 */
void sentinel_pids_add_find(struct sentinel_pids *young, int pid, int fd);
bool sentinel_pids_get_find(const struct sentinel_pids *young, int number, int *pid, int *fd);
void sentinel_pids_remove_find(struct sentinel_pids *young, int pid);

/* Did this pid run exec, as far as is remembered? */
bool sentinel_pids_executed(const struct sentinel_pids *young, int pid);

#endif
