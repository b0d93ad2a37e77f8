/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_fds.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "processes/process.h"

#define SCAN_MAX    32 /* descriptors of one process, 2.5 us each */
#define RUN_TRIED   3
#define COUNTED_MAX 256 /* less than 1 us each */
#define STEPS_MIN   8   /* some 5 to 10 us each */

/*
 * The time is over. But time that the CPU was taken away (by a hypervisor, an interrupt)
 * is not our work: some steps are made in any case.
 */
bool sentinel_fds_out_of_time(struct sentinel_wanted *wanted)
{
	if (++wanted->steps <= STEPS_MIN || clock_monotonic_ns() < wanted->deadline_ns)
		return false;
	wanted->gave_up = true;
	return true;
}

int64_t sentinel_fds_inode(int dir, int fd)
{
	char path[16] = "fd/", link[64];
	uint64_t inode;
	ssize_t length;

	*decimal_put_32(path + 3, (uint32_t)fd) = '\0';
	length = readlinkat(dir, path, link, sizeof link - 1);
	if (length < 0)
		return -errno;
	link[length] = '\0';
	return process_parse_link(link, "socket:[", &inode) ? (int64_t)inode : 0;
}

bool sentinel_fds_holds(int dir, int fd, uint64_t inode)
{
	return sentinel_fds_inode(dir, fd) == (int64_t)inode;
}

/* One of the last of the run of descriptors that begins at 0: a new one filled the first hole. */
static int probe_run(int dir, const struct sentinel_wanted *wanted, struct proc_dir *scan)
{
	int end = 0, fd;

	if (proc_dir_open(scan, dir, "fd") < 0)
		return -1;
	while (proc_dir_next(scan, &fd) > 0 && fd == end)
		end++;
	proc_dir_close(scan);
	for (fd = end - 1; fd >= 0 && fd >= end - RUN_TRIED; fd--)
		if (sentinel_fds_holds(dir, fd, wanted->inode))
			return fd;
	return -1;
}

/* First where the kernel does not say how many there are (before Linux 6.2). curl's is 5. */
static int probe_lowest(int dir, const struct sentinel_wanted *wanted)
{
	static const int lowest[] = { 3, 5, 4 };

	for (size_t i = 0; i < sizeof lowest / sizeof *lowest; i++)
		if (sentinel_fds_holds(dir, lowest[i], wanted->inode))
			return lowest[i];
	return -1;
}

/*
 * A new descriptor has the lowest free number: the highest there is, if there are no holes.
 * If there are, since high ones (a shell's own, a lock) came from the parent, it is below them.
 */
int sentinel_fds_likely(int dir, const struct sentinel_wanted *wanted, struct proc_dir *scan)
{
	struct stat status;
	int64_t size, highest;
	int64_t inode;

	if (fstatat(dir, "fd", &status, 0) != 0 || status.st_uid != wanted->uid)
		return -1;
	size = wanted->unsized ? 0 : status.st_size;
	if (size == 0) {
		int lowest = probe_lowest(dir, wanted);

		if (lowest >= 0)
			return lowest;
		size = proc_dir_count(scan, dir, "fd", COUNTED_MAX);
	}
	highest = size - 1;
	if (highest < 3 || highest > INT32_MAX) /* standard input and output, most often */
		return -1;
	inode = sentinel_fds_inode(dir, (int)highest);
	if (inode == (int64_t)wanted->inode)
		return (int)highest;
	if (inode == -ENOENT && highest < SCAN_MAX)
		return probe_run(dir, wanted, scan);
	if (highest > 3 && sentinel_fds_holds(dir, 3, wanted->inode))
		return 3;
	if (highest > 4 && sentinel_fds_holds(dir, (int)highest - 1, wanted->inode))
		return (int)highest - 1;
	return -1;
}

/* The highest first. */
int sentinel_fds_all(int dir, struct sentinel_wanted *wanted, struct proc_dir *scan)
{
	int fds[SCAN_MAX], count = 0;

	if (proc_dir_open(scan, dir, "fd") < 0)
		return -1;
	while (count < SCAN_MAX && proc_dir_next(scan, &fds[count]) > 0)
		count++;
	proc_dir_close(scan);
	while (count-- > 0 && !sentinel_fds_out_of_time(wanted))
		if (sentinel_fds_holds(dir, fds[count], wanted->inode))
			return fds[count];
	return -1;
}

int sentinel_fds_leader(int dir)
{
	char text[512]; /* "Tgid:" and "Uid:" are among the first lines */
	int fd = openat(dir, "status", O_RDONLY | O_CLOEXEC), tgid = 0;
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
	uint32_t uid;

	if (fd >= 0)
		close(fd);
	return length > 0 && process_parse_status(text, (size_t)length, &tgid, &uid) ? tgid : 0;
}
