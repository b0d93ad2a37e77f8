/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process read from below a descriptor of its directory /proc/PID. Such a
 * descriptor belongs to the process and not to the number: when the pid is
 * another's, everything below it is gone (ESRCH or ENOENT).
 */
#ifndef SOCKLINE_PROCESSES_PROCESS_READ_H
#define SOCKLINE_PROCESSES_PROCESS_READ_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "processes/process.h"

/* What is the same for all processes of one boot. */
struct process_reader {
	int proc_fd; /* O_PATH of /proc, borrowed */
	int64_t tick_ns;
	int64_t ahead_ns; /* of CLOCK_BOOTTIME: what our time namespace adds to start times */
	char boot_id[37]; /* "" when not readable */
	uint64_t mount_namespace; /* our own; 0 = not readable */
};

/* What was read, on the caller's stack. */
struct process_facts {
	struct process_stat stat;
	int64_t read_ns; /* monotonic, before anything was read */
	int tgid;        /* not the pid: a thread; 0 = not known */
	uint32_t uid;
	bool has_uid;
	uint32_t real_uid, real_gid;
	bool has_real_ids;
	int container_pid; /* 0 = not known */
	bool refused;      /* some file was: EACCES, EPERM */
	bool executable_refused;
	bool executable_deleted;
	uint32_t netns;
	struct process_file file;
	size_t executable_length; /* 0 = not known */
	const char *cgroup;       /* into cgroup_text; NULL = not known */
	size_t cgroup_length;
	const char *container_id;
	size_t container_id_length;
	char executable[PATH_MAX + 16];
	char cgroup_text[8192];
};

/* What is kept of the process that forked another one. NULL and 0: not known. */
struct process_parent {
	uint64_t entity_id;
	const char *name, *executable;
	/* What they point to where it was read. */
	struct process_stat stat;
	char target[PATH_MAX + 16];
};

void process_read_init(struct process_reader *reader, int proc_fd);

/* O_PATH descriptor of the directory, or -errno. */
int process_read_open(int proc_fd, int pid);
/* 0 or -errno: -ESRCH it is gone, -EACCES. */
int process_read_stat(int dir, struct process_stat *stat);
int process_read_stat_of(int proc_fd, int pid, struct process_stat *stat); /* the same, by pid */
/* Length, 0 when there is none (kernel threads, zombies), or -errno: -EACCES, -ESRCH. */
ssize_t process_read_executable(int dir, char *target, size_t room, bool *deleted);
/* 0 or -errno; a refused or absent field is no failure, stat is needed. */
int process_read_facts(const struct process_reader *reader, int dir, struct process_facts *facts);
/* process_read_parent.c: 0 or -errno: it is gone, or its pid is by now of a younger process. */
int process_read_parent(const struct process_reader *reader, const struct process_stat *child,
                        struct process_parent *parent);
/* process_read_file.c: link is "ns/mnt" below the directory of a process. 0: not readable. */
uint64_t process_read_mount_namespace(int dir, const char *link);
void process_read_file(int dir, uint64_t our_namespace, struct process_file *file);
/* Is the executable still that file? */
bool process_read_file_same(int dir, const struct process_file *file);
/* Takes it over, as of now. */
void process_read_apply_file(struct process *process, const struct process_facts *facts);
/*
 * What the link of exe leads to is that executable. In a chroot(2) events report the path below the
 * root directory of the process, and the link shows the whole path.
 */
bool process_read_is_executable(int dir, const char *target, size_t length, const char *executable);
/* 1: the link of exe is what the process has; 0: another, or not readable; -errno: it is gone. */
int process_read_executable_same(int dir, const struct process *process);

/* A new process with one reference, of which no more is known; NULL when memory is short. */
struct process *process_read_new(const struct process_reader *reader, int pid,
                                 uint64_t start_ticks);
uint64_t process_read_entity_id(const struct process_reader *reader, int pid, uint32_t turn,
                                uint64_t start_ticks);
/* When it began is known now. */
void process_read_start(const struct process_reader *reader, struct process *process,
                        uint64_t start_ticks);
/* A new one as facts say. */
struct process *process_read_make(const struct process_reader *reader, int pid,
                                  const struct process_facts *facts,
                                  const struct process_parent *parent);
/* Start time and all strings are as in facts. */
bool process_read_matches(const struct process *process, const struct process_facts *facts);
/*
 * Takes the facts over, as of now; the generation grows when something differs. Where
 * events are followed, name and executable are theirs. 0 or -ENOMEM.
 */
int process_read_apply(struct process *process, const struct process_facts *facts);

#endif
