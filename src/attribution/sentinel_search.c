/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/sentinel_search.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/decimal.h"
#include "processes/process_read.h"

#define NEAR_TRIED      3  /* suspects whose neighbouring descriptors are tried */
#define YOUNG_TRIED     64 /* young processes where the likeliest descriptors are */
#define YOUNG_QUICK     4  /* and of those, for a quick search */
#define YOUNG_SCANNED   6  /* and where all are */
#define SUSPECT_SCANNED 2  /* suspects where all are */
#define SCAN_MAX        32 /* descriptors of one process, 2.5 us each */

int sentinel_search_init(struct sentinel_search *search, struct sentinel_young *young)
{
	search->count = 0;
	search->gave_up = false;
	search->young = young;
	search->scan.fd = -1;
	search->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return search->proc_fd < 0 ? -errno : 0;
}

void sentinel_search_destroy(struct sentinel_search *search)
{
	for (int i = 0; i < search->count; i++)
		close(search->suspects[i].dir);
	if (search->proc_fd >= 0)
		close(search->proc_fd);
}

/* Appends a number and a NUL. */
static char *put_number(char *end, int number)
{
	end += decimal_length_32((uint32_t)number);
	decimal_put_32(end, (uint32_t)number);
	*end = '\0';
	return end;
}

int64_t sentinel_search_inode(int dir, int fd)
{
	char path[16] = "fd/", link[64];
	uint64_t inode;
	ssize_t length;

	put_number(path + 3, fd);
	length = readlinkat(dir, path, link, sizeof link - 1);
	if (length < 0)
		return -errno;
	link[length] = '\0';
	return process_parse_link(link, "socket:[", &inode) ? (int64_t)inode : 0;
}

/* The same for /proc/PATH, which begins at path and ends with the number, to be put at `number`. */
static bool path_holds(const struct sentinel_search *search, const char *path, char *number, int fd,
                       uint64_t wanted)
{
	char link[64];
	uint64_t inode;
	ssize_t length;

	put_number(number, fd);
	length = readlinkat(search->proc_fd, path, link, sizeof link - 1);
	if (length < 0)
		return false;
	link[length] = '\0';
	return process_parse_link(link, "socket:[", &inode) && inode == wanted;
}

bool sentinel_search_holds(int dir, int fd, uint64_t inode)
{
	return sentinel_search_inode(dir, fd) == (int64_t)inode;
}

static bool out_of_time(struct sentinel_search *search, const struct sentinel_wanted *wanted)
{
	if (clock_monotonic_ns() < wanted->deadline_ns)
		return false;
	search->gave_up = true;
	return true;
}

static struct sentinel_suspect *to_front(struct sentinel_search *search, int at)
{
	struct sentinel_suspect suspect = search->suspects[at];

	memmove(search->suspects + 1, search->suspects, (size_t)at * sizeof suspect);
	search->suspects[0] = suspect;
	return search->suspects;
}

static void forget(struct sentinel_search *search, int at)
{
	close(search->suspects[at].dir);
	search->count--;
	memmove(search->suspects + at, search->suspects + at + 1,
	        (size_t)(search->count - at) * sizeof *search->suspects);
}

/* Without events a pid may be a thread's, which /proc has too. The process's, 0 when it is gone. */
static int leader_of(int dir)
{
	char text[512]; /* "Tgid:" and "Uid:" are among the first lines */
	int fd = openat(dir, "status", O_RDONLY | O_CLOEXEC), tgid = 0;
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text);
	uint32_t uid;

	if (fd >= 0)
		close(fd);
	return length > 0 && process_parse_status(text, (size_t)length, &tgid, &uid) ? tgid : 0;
}

/* NULL when the process has just gone, or it was not this one. */
static struct sentinel_suspect *remember(struct sentinel_search *search, int pid, int fd,
                                         const struct sentinel_wanted *wanted)
{
	int dir = process_read_open(search->proc_fd, pid);
	struct process_stat stat;

	if (dir < 0)
		return NULL;
	if (!search->young->events && leader_of(dir) != pid) {
		/* The leader has the same descriptors, and its turn comes: it is hinted at now. */
		sentinel_young_add(search->young, leader_of(dir), false);
		goto refuse;
	}
	/* All below one descriptor, so that it is one process. */
	if (process_read_stat(dir, &stat) < 0 || !sentinel_search_holds(dir, fd, wanted->inode))
		goto refuse;
	if (search->count == SENTINEL_SEARCH_SUSPECTS)
		forget(search, SENTINEL_SEARCH_SUSPECTS - 1);
	search->suspects[search->count] = (struct sentinel_suspect){
		.pid = pid, .dir = dir, .fd = fd, .uid = wanted->uid, .stat = stat
	};
	return to_front(search, search->count++);
refuse:
	close(dir);
	return NULL;
}

static int find_suspect(const struct sentinel_search *search, int pid)
{
	for (int i = 0; i < search->count; i++)
		if (search->suspects[i].pid == pid)
			return i;
	return -1;
}

/* Looks through all descriptors at dir/path: -1 when none is it. */
static int scan(struct sentinel_search *search, int dir, const char *path,
                const struct sentinel_wanted *wanted)
{
	int fd, found = -1;

	if (proc_dir_open(&search->scan, dir, path) < 0)
		return -1;
	for (int i = 0; found < 0 && i < SCAN_MAX; i++) {
		char name[16], link[64];
		uint64_t inode;
		ssize_t length;

		if (proc_dir_next(&search->scan, &fd) <= 0 || out_of_time(search, wanted))
			break;
		put_number(name, fd);
		length = readlinkat(search->scan.fd, name, link, sizeof link - 1);
		if (length < 0)
			continue;
		link[length] = '\0';
		if (process_parse_link(link, "socket:[", &inode) && inode == wanted->inode)
			found = fd;
	}
	proc_dir_close(&search->scan);
	return found;
}

static struct sentinel_suspect *find_last(struct sentinel_search *search,
                                          const struct sentinel_wanted *wanted)
{
	for (int i = 0; i < search->count; i++) {
		int64_t inode;

		if (search->suspects[i].uid != wanted->uid)
			continue;
		inode = sentinel_search_inode(search->suspects[i].dir, search->suspects[i].fd);
		if (inode == (int64_t)wanted->inode)
			return to_front(search, i);
		if (inode == -ESRCH)
			forget(search, i--);
	}
	return NULL;
}

static struct sentinel_suspect *found_at(struct sentinel_search *search, int at, int fd,
                                         const struct sentinel_wanted *wanted)
{
	search->suspects[at].fd = fd;
	search->suspects[at].uid = wanted->uid;
	return to_front(search, at);
}

static struct sentinel_suspect *find_near(struct sentinel_search *search,
                                          const struct sentinel_wanted *wanted)
{
	static const int steps[] = { 1, -1, 2 };

	for (int i = 0; i < search->count && i < NEAR_TRIED; i++) {
		struct sentinel_suspect *suspect = &search->suspects[i];

		for (size_t step = 0; step < sizeof steps / sizeof *steps; step++) {
			int fd = suspect->fd + steps[step];

			if (fd >= 0 && sentinel_search_holds(suspect->dir, fd, wanted->inode))
				return found_at(search, i, fd, wanted);
		}
		if (out_of_time(search, wanted))
			return NULL;
	}
	return NULL;
}

/*
 * The descriptors that are likely when the process has so many, -1 for none: a new one
 * has the lowest free number, most often the highest there is. 0: the kernel does not
 * say how many (before Linux 6.2); curl's is 5.
 */
static void guess(int64_t count, int likely[3])
{
	likely[0] = count > 0 && count < INT32_MAX ? (int)count - 1 : 3;
	likely[1] = count == 0 ? 5 : count > 4 ? 3 : -1;
	likely[2] = count == 0 ? 4 : -1;
}

/* One young process; its likeliest descriptors, or all. */
static struct sentinel_suspect *try_process(struct sentinel_search *search, int pid, bool all,
                                            const struct sentinel_wanted *wanted)
{
	char path[32], *end = put_number(path, pid);
	int known = find_suspect(search, pid), fd = -1, likely[3];
	struct stat status;

	memcpy(end, "/fd", 4);
	if (all) {
		fd = scan(search, search->proc_fd, path, wanted);
	} else {
		/* By path, as most of them are soon gone, or not it. */
		if (fstatat(search->proc_fd, path, &status, 0) != 0 ||
		    status.st_uid != wanted->uid)
			return NULL;
		guess(status.st_size, likely);
		end[3] = '/';
		for (int i = 0; fd < 0 && i < 3 && likely[i] >= 0; i++)
			if (path_holds(search, path, end + 4, likely[i], wanted->inode))
				fd = likely[i];
	}
	if (fd < 0)
		return NULL;
	if (known >= 0 && sentinel_search_holds(search->suspects[known].dir, fd, wanted->inode))
		return found_at(search, known, fd, wanted);
	if (known >= 0) /* who had the pid before */
		forget(search, known);
	return remember(search, pid, fd, wanted);
}

static struct sentinel_suspect *find_young(struct sentinel_search *search, bool all, int max,
                                           const struct sentinel_wanted *wanted)
{
	struct sentinel_young_cursor cursor = sentinel_young_first(search->young);
	int pid, last = 0;

	for (int i = 0; i < max && sentinel_young_next(&cursor, &pid); i++) {
		struct sentinel_suspect *found;

		if (pid == last) /* forked, then executed */
			continue;
		last = pid;
		if (out_of_time(search, wanted))
			return NULL;
		found = try_process(search, pid, all, wanted);
		if (found)
			return found;
	}
	return NULL;
}

static struct sentinel_suspect *find_anywhere(struct sentinel_search *search,
                                              const struct sentinel_wanted *wanted)
{
	for (int i = 0; i < search->count && i < SUSPECT_SCANNED; i++) {
		int fd = scan(search, search->suspects[i].dir, "fd", wanted);

		if (fd >= 0)
			return found_at(search, i, fd, wanted);
		if (out_of_time(search, wanted))
			return NULL;
	}
	return NULL;
}

struct sentinel_suspect *sentinel_search_find(struct sentinel_search *search,
                                              const struct sentinel_wanted *wanted)
{
	struct sentinel_suspect *found = find_last(search, wanted);

	search->gave_up = false;
	if (found)
		return found;
	sentinel_young_read(search->young, 2 * SENTINEL_YOUNG_BATCH);
	found = find_young(search, false, wanted->quick ? YOUNG_QUICK : YOUNG_TRIED, wanted);
	if (wanted->quick)
		return found;
	if (!found && !search->gave_up)
		found = find_near(search, wanted);
	if (!found && !search->gave_up)
		found = find_young(search, true, YOUNG_SCANNED, wanted);
	if (!found && !search->gave_up)
		found = find_anywhere(search, wanted);
	return found;
}
