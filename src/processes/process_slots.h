/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where process_table keeps its processes: found by pid, the live ones in the
 * order of use, the exited ones in the order of exit, bounded. Some live ones
 * have the O_PATH descriptor of their /proc/PID kept open. No system calls but
 * close(2).
 */
#ifndef SOCKLINE_PROCESSES_PROCESS_SLOTS_H
#define SOCKLINE_PROCESSES_PROCESS_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/table.h"
#include "processes/process.h"

#define PROCESS_SLOTS_NONE     UINT32_MAX
#define PROCESS_SLOTS_DIRS_MAX 128

struct process_slot {
	struct process *process; /* NULL: free */
	/*
	 * Inode number of /proc/PID: procfs gives each struct pid a new one, and it
	 * stays while the directory is cached. The same number is the same process.
	 */
	uint64_t directory;
	int64_t read_ns;       /* monotonic: last read wholly */
	uint32_t newer, older; /* in one of the lists; older links free slots as well */
	int fd;                /* kept directory; -1 = none */
	int dir;               /* its place in `dirs` */
	uint64_t fd_used;      /* turn of the last use */
};

#define PROCESS_SLOTS_RECENT 64 /* a power of two */

struct process_slots_list {
	uint32_t newest, oldest;
};

struct process_slots {
	struct hash_key key;
	struct table *by_pid;
	struct process_slot *slots;
	uint32_t capacity, count, max;
	uint32_t free;
	struct process_slots_list live, exited;
	uint32_t dirs[PROCESS_SLOTS_DIRS_MAX]; /* slots with a kept directory, any order */
	int dir_count, dir_max;
	/* By pid: what process_slots_find_at found last. Events of a busy process follow each other. */
	uint32_t recent[PROCESS_SLOTS_RECENT];
	uint64_t turn;
	uint64_t evicted;
};

/* 0 or -ENOMEM. */
int process_slots_init(struct process_slots *slots, uint32_t max, int dir_max,
                       const struct hash_key *key);
void process_slots_free(struct process_slots *slots); /* zeroed is fine */

/*
 * Takes the process over; evicts the one that exited first, else the one not
 * used for longest, when full. Its slot, or -ENOMEM.
 */
int64_t process_slots_insert(struct process_slots *slots, struct process *process);
void process_slots_drop(struct process_slots *slots, uint32_t number);

/* Any start time with 0. The live one first, else the last that exited; or NONE. */
uint32_t process_slots_find(const struct process_slots *slots, int pid, uint64_t start_ticks);
uint32_t process_slots_find_live(const struct process_slots *slots, int pid);
/* All with this pid, in any order; none is entered or dropped meanwhile. */
struct table_cursor process_slots_cursor(const struct process_slots *slots, int pid);
bool process_slots_next(const struct process_slots *slots, struct table_cursor *cursor, int pid,
                        uint32_t *number);

/* The turn, see struct process, of a process that began at that tick after all others there. */
uint8_t process_slots_turn(const struct process_slots *slots, int pid, uint64_t start_ticks,
                           const struct process *process);

/* The one whose events are followed and that had the pid at a time (monotonic), when that is sure. */
uint32_t process_slots_find_at(struct process_slots *slots, int pid, int64_t time_ns);

void process_slots_used(struct process_slots *slots, uint32_t number);
void process_slots_retire(struct process_slots *slots, uint32_t number, int64_t now_ns);
void process_slots_revive(struct process_slots *slots, uint32_t number);

/* Takes fd over; closes the one not used for longest when there are too many. */
void process_slots_keep_dir(struct process_slots *slots, uint32_t number, int fd);
int process_slots_kept_dir(struct process_slots *slots, uint32_t number); /* -1 = none */
bool process_slots_close_dir(struct process_slots *slots); /* the oldest; false: none is open */

#endif
