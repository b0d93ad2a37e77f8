/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes by pid: read once from /proc, kept while they live and 30 s longer,
 * bounded. /proc/PID is opened once and read below that descriptor, so that a
 * reused pid answers ESRCH and never as the new process.
 *
 * Without word from the kernel (process_table_exec) an exec is noticed late:
 * a process is read anew when asked for and last read a second ago; in its
 * first second, when forks exec, each time its executable differs, and every
 * 10 ms. What it ran between then and its end is not known.
 */
#ifndef SOCKLINE_PROCESSES_PROCESS_TABLE_H
#define SOCKLINE_PROCESSES_PROCESS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/hash.h"
#include "processes/process.h"

struct process_table;
struct process_args;

struct process_counters {
	uint64_t read;              /* processes read from /proc */
	uint64_t vanished;          /* gone before they could be read */
	uint64_t permission_denied; /* some field was refused */
	uint64_t evicted;
};

/* proc_dir "/proc" is copied. max_processes bounds the table; 0 or -errno. */
int process_table_new(struct process_table **table, const char *proc_dir, uint32_t max_processes,
                      const struct hash_key *key, struct error *error);
void process_table_free(struct process_table *table);

/*
 * The live process with this pid, read from /proc when new or when the pid is
 * another's by now (the cached one is then marked exited). A borrowed reference,
 * valid until the table is next called: process_ref it to keep it. A zombie
 * comes with exited_ns set.
 * NULL: no such process, or not readable (*reason = -ENOENT, also for the id of
 * a thread; -EACCES; -EMFILE and such). reason may be NULL.
 */
struct process *process_table_get(struct process_table *table, int pid, int *reason);
/*
 * The cached one, no system call; with start_ticks 0 the live one, else the
 * last that exited. NULL = none.
 */
struct process *process_table_find(struct process_table *table, int pid, uint64_t start_ticks);

/* What the kernel's events reported of a process that /proc has no more. */
struct process_memory {
	int pid, parent_pid;
	uint64_t start_ticks;
	const char *name; /* NULL = not known, the others too */
	const char *executable;
	bool executable_deleted;
	const char *parent_name;
	uint32_t netns;    /* 0 = not known */
	int64_t read_ns;   /* monotonic: it had that name and executable then; 0 = at its end */
	int64_t exited_ns; /* monotonic, > 0 */
};
/*
 * The process that was, entered as exited when it is not there yet; one that is there has that
 * image where its own is not known. Borrowed as from process_table_get; NULL when memory is short.
 */
struct process *process_table_remember(struct process_table *table,
                                       const struct process_memory *memory);

/*
 * process_table_execs.c: kernel events (proc connector) and scans say what happened; times are
 * monotonic. An exec: until then the process was what was read before, and it is read anew, now.
 * Gone by now, it is another process since then, which is not known.
 */
void process_table_exec(struct process_table *table, int pid, int64_t time_ns);
void process_table_exited(struct process_table *table, int pid, int64_t now_ns);
/* From now on each exec is reported by process_table_exec, or not. _execs_lost: some were not. */
void process_table_follow_execs(struct process_table *table, bool reported);
void process_table_execs_lost(struct process_table *table);
/* Forgets processes that exited long ago; looks whether some of the others live. Call each second. */
void process_table_expire(struct process_table *table, int64_t now_ns);

/*
 * process_table_events.c: for a source of events that reports each fork, exec and exit with its
 * time, in that order. It then knows which process had a pid when, and which image it ran.
 */
struct process_fork {
	int pid, parent_pid;
	int64_t time_ns;
	int64_t boottime_ns; /* of the same moment; 0 = not known */
};
/*
 * The new process, as its parent is; one that was read from /proc meanwhile is the same. The
 * kernel takes the start time 2 us before it reports the fork (median; up to 115 us measured):
 * where that may be in the clock tick before, /proc is read, and the start of a process that is
 * gone is unsure. NULL: memory is short.
 */
struct process *process_table_fork(struct process_table *table, const struct process_fork *fork);
/* What a program finds in its auxiliary vector, getauxval(3). */
struct process_start_ids {
	uint32_t uid, effective_uid, gid;
};
/* The process that events of this pid concern now; NULL when there is none to be sure of. */
struct process *process_table_current(struct process_table *table, int pid);
/* The process that had this pid at that time; NULL when that is not sure. No system call. */
struct process *process_table_at(struct process_table *table, int pid, int64_t time_ns);
/* A process of the table was there before: from now on its events are followed. */
void process_table_seed(struct process_table *table, struct process *process, int64_t time_ns);
/* Events are missing from since_ns on: nothing is sure until a process is seeded anew. */
void process_table_lost(struct process_table *table, int64_t since_ns);
/* last_tid: of the thread that ended last. 0: this one may be outlived by others. */
void process_table_ended(struct process_table *table, struct process *process, int64_t time_ns,
                         int last_tid);
/* With this status, as of wait(2), one of its threads has ended. */
void process_table_thread_ended(struct process *process, int tid, uint32_t wait_status);
/* Reads which control groups there are, once events report those that are made. */
void process_table_walk_cgroups(struct process_table *table);
void process_table_cgroup_made(struct process_table *table, uint64_t id, const char *path,
                               size_t length);
/* It is in the cgroup of v2 with this number, at the latest since time_ns. 0: not known. */
void process_table_in_cgroup(struct process_table *table, struct process *process, uint64_t id,
                             int64_t time_ns);
/* It goes on: another thread than the first ran exec. */
void process_table_revived(struct process_table *table, struct process *process);
/* It ran exec at time_ns and has this name now; its executable is the next that is mapped. */
void process_table_executed(struct process_table *table, struct process *process, int64_t time_ns,
                            const char *name, size_t length);
/*
 * It began to run its present image, with these ids in terms of its own user namespace. NULL: they
 * are not reported so.
 */
void process_table_started_with(struct process_table *table, struct process *process,
                                int64_t time_ns, const struct process_start_ids *ids);
/*
 * From now on each change of ids is reported, or not: with exec and without. Where they are, a
 * process keeps its ids until then. _ids_lost: some reports are missing, no ids are known but
 * those that are read anew.
 */
void process_table_follow_ids(struct process_table *table, bool reported);
void process_table_ids_lost(struct process_table *table);
/*
 * It did something at time_ns, monotonic. Where changes are not reported and it may call setuid(2), its
 * ids are read again unless they were read since (WINDOW_IDS_NS); if it is gone, they are not known.
 */
void process_table_confirm_ids(struct process_table *table, struct process *process,
                               int64_t time_ns);
/* It changed its ids; in terms of the initial user namespace. */
void process_table_user_changed(struct process *process, int64_t time_ns, uint32_t uid,
                                uint32_t effective_uid);
void process_table_group_changed(struct process *process, int64_t time_ns, uint32_t gid);
void process_table_renamed(struct process *process, int64_t time_ns, const char *name,
                           size_t length);
#define PROCESS_PATH_MAX 1024 /* longer ones are not kept: unknown */
void process_table_mapped(struct process *process, const char *path, size_t length);

/*
 * process_table_args.c: from now on the arguments of processes are kept, without their secrets,
 * PROCESS_ARGS_TOTAL bytes at most. Before, or without, none are read. 0 or -ENOMEM.
 */
int process_table_want_args(struct process_table *table);
/*
 * With these, of which it takes the reference, the process ran exec; all events up to time_ns were
 * taken in. Returns it when they are those of its present program.
 */
struct process *process_table_executed_with(struct process_table *table, int pid, int64_t time_ns,
                                            struct process_args *args);

/* Opens /proc/PID as a directory fd: -errno. For openat below it. */
int process_table_open_dir(const struct process_table *table, int pid);
int process_table_proc_fd(const struct process_table *table); /* O_PATH of proc_dir, borrowed */
/*
 * An O_PATH descriptor of /proc/PID of just this process, kept open for some of
 * the table's processes; borrowed until the table is next called. -ESRCH when
 * it has exited; what is below the descriptor answers ESRCH from then on.
 */
int process_table_dir(struct process_table *table, const struct process *process);
/*
 * As process_table_get for a process that was seen to be alive just now, most
 * often without a system call. 0, or -ESRCH: it is not in the table as a live one.
 */
int process_table_refresh(struct process_table *table, const struct process *process);
/*
 * Every process of the machine is in /proc: it is mounted for the initial pid
 * namespace, and hides nothing (hidepid). False too when that is not known.
 */
bool process_table_sees_all(const struct process_table *table);

const struct process_counters *process_table_counters(struct process_table *table);
uint32_t process_table_count(const struct process_table *table);

#endif
