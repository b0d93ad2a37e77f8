/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/fd_scan.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/process_read.h"

#define SLICE 32 /* descriptors between two looks at the clock: 0.1 ms */

void fd_scan_init(struct fd_scan *scan)
{
	scan->pid = 0;
	scan->process_dir = -1;
	scan->dir.fd = -1;
}

void fd_scan_stop(struct fd_scan *scan)
{
	proc_dir_close(&scan->dir);
	if (scan->process_dir >= 0)
		close(scan->process_dir);
	fd_scan_init(scan);
}

int64_t fd_scan_size(const struct stat *status, bool unsized)
{
	return unsized ? 0 : status->st_size;
}

int fd_scan_read_link(int dir, const char *path, uint64_t *inode)
{
	char link[64];
	ssize_t length = readlinkat(dir, path, link, sizeof link - 1);

	if (length < 0)
		return -errno;
	link[length] = '\0';
	return process_parse_link(link, "socket:[", inode);
}

/* NONE when it is not in the index; another process with the same pid is not the holder. */
static uint32_t find_holder(const struct fd_scan *scan, const struct fd_index *index)
{
	uint32_t holder = fd_index_holder(index, scan->pid);

	if (holder == FD_INDEX_NONE || index->holders[holder].start_ticks != scan->start_ticks)
		return FD_INDEX_NONE;
	return holder;
}

static int make_holder(const struct fd_scan *scan, struct fd_index *index)
{
	uint32_t holder = fd_index_holder(index, scan->pid);

	if (holder != FD_INDEX_NONE && index->holders[holder].start_ticks == scan->start_ticks)
		return 0;
	if (holder != FD_INDEX_NONE)
		fd_index_drop_holder(index, holder);
	holder = fd_index_add_holder(index, scan->pid, scan->start_ticks);
	return holder == FD_INDEX_NONE ? -ENOMEM : 0;
}

/* Start time, without reading it when the directory is known to be this process's. */
static int read_start(struct fd_scan *scan, const struct fd_index *index)
{
	uint32_t holder = fd_index_holder(index, scan->pid);
	struct process_stat stat;
	int result;

	if (holder != FD_INDEX_NONE && index->holders[holder].directory == scan->directory) {
		scan->start_ticks = index->holders[holder].start_ticks;
		return 0;
	}
	result = process_read_stat(scan->process_dir, &stat);
	if (result == 0)
		scan->start_ticks = stat.start_ticks;
	return result;
}

static int open_fds(struct fd_scan *scan)
{
	struct stat status;
	int result = proc_dir_open(&scan->dir, scan->process_dir, "fd");

	if (result < 0)
		return result;
	if (fstat(scan->dir.fd, &status) < 0)
		return -errno;
	scan->directory = status.st_ino;
	scan->descriptors = fd_scan_size(&status, scan->unsized);
	return 0;
}

int fd_scan_start(struct fd_scan *scan, struct fd_index *index, int proc_fd, int pid,
                  uint32_t stamp, struct proc_fd_counters *counters)
{
	int result;

	fd_scan_stop(scan);
	scan->process_dir = process_read_open(proc_fd, pid);
	if (scan->process_dir < 0)
		return scan->process_dir == -ESRCH ? -ENOENT : scan->process_dir;
	scan->pid = pid;
	scan->tid = 0;
	scan->listed = 0;
	scan->stamp = stamp;
	result = open_fds(scan);
	if (result == 0)
		result = read_start(scan, index);
	if (result == 0)
		result = make_holder(scan, index);
	if (result < 0)
		fd_scan_stop(scan);
	counters->processes_scanned += result == 0;
	return result == -ESRCH ? -ENOENT : result == -EPERM ? -EACCES : result;
}

/*
 * The descriptors of a process whose first thread has ended are gone from
 * /proc/PID/fd; the other threads, which share them, go on. Opens those of one
 * of them. False: there is nothing of the kind.
 */
static bool open_other_thread(struct fd_scan *scan)
{
	struct process_stat stat;
	char path[48];
	int tid;

	if (scan->tid != 0 || process_read_stat(scan->process_dir, &stat) < 0 ||
	    stat.state != 'Z' || stat.threads < 2)
		return false;
	proc_dir_close(&scan->dir);
	if (proc_dir_open(&scan->dir, scan->process_dir, "task") < 0)
		return false;
	while (proc_dir_next(&scan->dir, &tid) == 1) {
		if (tid == scan->pid)
			continue;
		proc_dir_close(&scan->dir);
		snprintf(path, sizeof path, "task/%d/fd", tid);
		scan->tid = tid;
		return proc_dir_open(&scan->dir, scan->process_dir, path) == 0;
	}
	return false;
}

static int finish(struct fd_scan *scan, struct fd_index *index, struct fd_holder *holder)
{
	int64_t count = scan->descriptors > 0 ? scan->descriptors : scan->listed;

	fd_index_sweep(index, (uint32_t)(holder - index->holders), scan->stamp);
	holder->tid = scan->tid;
	holder->directory = scan->directory;
	holder->links = scan->listed;
	/* Our own are not to be compared: looking at them takes some, not always as many. */
	holder->descriptors = scan->tid == 0 && scan->pid != getpid() ? count : -1;
	fd_scan_stop(scan);
	return 0;
}

/* At most SLICE descriptors. As fd_scan_run. */
static int run_slice(struct fd_scan *scan, struct fd_index *index,
                     struct proc_fd_counters *counters)
{
	uint32_t number = find_holder(scan, index);
	struct fd_holder *holder;
	uint64_t inode = 0;
	int fd, result;

	if (number == FD_INDEX_NONE)
		return -EAGAIN;
	holder = &index->holders[number];
	for (int i = 0; i < SLICE; i++) {
		result = proc_dir_next(&scan->dir, &fd);
		if (result < 0)
			return result;
		if (result == 0) {
			/* One that had none before is most likely a kernel thread. */
			if (scan->listed == 0 && holder->descriptors != 0 &&
			    open_other_thread(scan))
				continue;
			return finish(scan, index, holder);
		}
		scan->listed++;
		counters->descriptors++;
		result = fd_scan_read_link(scan->dir.fd, scan->dir.name, &inode);
		if (result == -EACCES || result == -EPERM)
			return -EACCES; /* the next would be no better */
		if (result == 1 &&
		    fd_index_put(index, number, fd, inode, scan->stamp) == FD_INDEX_NONE)
			return -ENOMEM;
		/* Others were closed a moment ago, or are no sockets. */
	}
	return 1;
}

int fd_scan_run(struct fd_scan *scan, struct fd_index *index, int64_t deadline_ns,
                struct proc_fd_counters *counters)
{
	int result;

	do
		result = run_slice(scan, index, counters);
	while (result > 0 && clock_monotonic_ns() < deadline_ns);
	if (result < 0)
		fd_scan_stop(scan);
	return result == -ESRCH ? -ENOENT : result;
}
