/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/sentinel_probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "processes/process.h"

#define SCAN_MAX  32 /* descriptors of one process, 2.5 us each */
#define STEPS_MIN 8  /* some 5 to 10 us each */

/*
 * The time is over. But time that the CPU was taken away (by a hypervisor, an interrupt)
 * is not our work: some steps are made in any case.
 */
bool sentinel_probe_out_of_time(struct sentinel_wanted *wanted)
{
	if (++wanted->steps <= STEPS_MIN || clock_monotonic_ns() < wanted->deadline_ns)
		return false;
	wanted->gave_up = true;
	return true;
}

int64_t sentinel_probe_inode(int dir, int fd)
{
	char path[16] = "fd/", link[64];
	size_t digits = decimal_length_32((uint32_t)fd);
	uint64_t inode;
	ssize_t length;

	decimal_put_32(path + 3 + digits, (uint32_t)fd);
	path[3 + digits] = '\0';
	length = readlinkat(dir, path, link, sizeof link - 1);
	if (length < 0)
		return -errno;
	link[length] = '\0';
	return process_parse_link(link, "socket:[", &inode) ? (int64_t)inode : 0;
}

bool sentinel_probe_holds(int dir, int fd, uint64_t inode)
{
	return sentinel_probe_inode(dir, fd) == (int64_t)inode;
}

/*
 * The descriptors that are likely when the process has so many: a new one has the lowest
 * free number, most often the highest there is, or the second when a high one (a lock of a
 * shell script) came from the parent. count 0: the kernel does not say how many there are
 * (before Linux 6.2); curl's is 5.
 */
static int guess(int64_t count, int likely[3])
{
	if (count == 0) {
		likely[0] = 3;
		likely[1] = 5;
		likely[2] = 4;
		return 3;
	}
	if (count <= 3 || count > INT32_MAX) /* standard input and output, most often */
		return 0;
	likely[0] = (int)count - 1;
	likely[1] = 3;
	likely[2] = (int)count - 2;
	return count == 4 ? 1 : count == 5 ? 2 : 3;
}

int sentinel_probe_likely(int dir, const struct sentinel_wanted *wanted)
{
	struct stat status;
	int likely[3], count;

	if (fstatat(dir, "fd", &status, 0) != 0 || status.st_uid != wanted->uid)
		return -1;
	count = guess(status.st_size, likely);
	for (int i = 0; i < count; i++)
		if (sentinel_probe_holds(dir, likely[i], wanted->inode))
			return likely[i];
	return -1;
}

/* The highest first. */
int sentinel_probe_all(int dir, struct sentinel_wanted *wanted, struct proc_dir *scan)
{
	int fds[SCAN_MAX], count = 0;

	if (proc_dir_open(scan, dir, "fd") < 0)
		return -1;
	while (count < SCAN_MAX && proc_dir_next(scan, &fds[count]) > 0)
		count++;
	proc_dir_close(scan);
	while (count-- > 0 && !sentinel_probe_out_of_time(wanted))
		if (sentinel_probe_holds(dir, fds[count], wanted->inode))
			return fds[count];
	return -1;
}

int sentinel_probe_leader(int dir)
{
	char text[512]; /* "Tgid:" and "Uid:" are among the first lines */
	int fd = openat(dir, "status", O_RDONLY | O_CLOEXEC), tgid = 0;
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
	uint32_t uid;

	if (fd >= 0)
		close(fd);
	return length > 0 && process_parse_status(text, (size_t)length, &tgid, &uid) ? tgid : 0;
}
