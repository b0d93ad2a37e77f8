/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the descriptors of one process into the index, in slices: openat,
 * getdents64 and a readlinkat each, about 4 us a descriptor.
 */
#ifndef SOCKLINE_PROCESSES_FD_SCAN_H
#define SOCKLINE_PROCESSES_FD_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "processes/fd_index.h"
#include "processes/proc_dir.h"
#include "processes/proc_fd.h"

struct fd_scan {
	int pid; /* 0 = none under way */
	int tid; /* the thread whose descriptors are read; 0 = the first */
	uint64_t start_ticks;
	uint64_t directory;
	int64_t descriptors; /* as fd_scan_size said at the beginning */
	int64_t listed;      /* so far */
	bool unsized;        /* kept: see fd_scan_size */
	uint32_t stamp;
	int process_dir; /* O_PATH of /proc/PID */
	struct proc_dir dir;
};

void fd_scan_init(struct fd_scan *scan);
void fd_scan_stop(struct fd_scan *scan); /* none under way is fine */

/*
 * Opens /proc/PID/fd below proc_fd and makes the holder. 0; -EACCES it is not
 * to be read; -ENOENT no such process; other -errno.
 */
int fd_scan_start(struct fd_scan *scan, struct fd_index *index, int proc_fd, int pid,
                  uint32_t stamp, struct proc_fd_counters *counters);
/*
 * Goes on until deadline_ns (monotonic), but for some descriptors at least. 1:
 * there is more; 0: done, what the process holds no longer is out of the index;
 * -errno as above; -EAGAIN: its holder was taken out of the index meanwhile.
 */
int fd_scan_run(struct fd_scan *scan, struct fd_index *index, int64_t deadline_ns,
                struct proc_fd_counters *counters);

/*
 * The number of descriptors by st_size of /proc/PID/fd, Linux 6.2. 0: there is none, or
 * the kernel does not say; also when it is to be ignored (unsized), as if by an older kernel.
 */
int64_t fd_scan_size(const struct stat *status, bool unsized);
/* Reads the link of one descriptor. 1 a socket, 0 something else, -errno. */
int fd_scan_read_link(int dir, const char *path, uint64_t *inode);

#endif
