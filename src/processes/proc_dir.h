/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of a directory whose names are numbers: processes in /proc,
 * descriptors in /proc/PID/fd, threads in /proc/PID/task. By getdents64(2),
 * about 1400 names a call: readdir(3) takes 32 KiB as well but allocates.
 */
#ifndef SOCKLINE_PROCESSES_PROC_DIR_H
#define SOCKLINE_PROCESSES_PROC_DIR_H

#include <stddef.h>
#include <stdint.h>

struct proc_dir {
	int fd; /* -1 = closed */
	size_t length, used;
	const char *name; /* of the number that came last, until the next call */
	_Alignas(8) char buffer[32768];
};

/* 0 or -errno; *dir is closed then. */
int proc_dir_open(struct proc_dir *dir, int at, const char *path);
void proc_dir_close(struct proc_dir *dir); /* closed is fine */
/* 1 and the next number, 0 at the end, -errno (-ENOENT: the process has exited). */
int proc_dir_next(struct proc_dir *dir, int *number);
/*
 * How many there are below path; max + 1 when there are more than max; -errno. dir is
 * closed before and after. Costs a third of what reading the links of descriptors does.
 */
int proc_dir_count(struct proc_dir *dir, int at, const char *path, int max);

#endif
