/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/rotation.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#include "base/clock.h"
#include "output/file.h"

bool rotation_is_wanted(const struct rotation *rotation)
{
	return rotation->size > 0 || rotation->interval_ns > 0;
}

int64_t rotation_period(const struct rotation *rotation, const struct stat *file, int64_t now_ns)
{
	if (rotation->interval_ns == 0)
		return 0;
	if (file->st_size > 0)
		now_ns = file->st_mtim.tv_sec * NS_PER_SECOND + file->st_mtim.tv_nsec;
	return now_ns / rotation->interval_ns;
}

bool rotation_is_due(const struct rotation *rotation, const struct stat *file, int64_t period,
                     size_t length, int64_t now_ns)
{
	if (file->st_size == 0)
		return false;
	if (rotation->size > 0 && (uint64_t)file->st_size + length > rotation->size)
		return true;
	/* A clock that was set back begins no interval anew. */
	return rotation->interval_ns > 0 && now_ns / rotation->interval_ns > period;
}

/* The name of the file of `number` rotations ago. -ENAMETOOLONG when there is no room. */
static int name_of(char name[PATH_MAX], const char *path, int number)
{
	size_t length = strlen(path);
	const char *suffix = "";
	int printed;

	if (number > 0 && file_is_compressed(path)) {
		suffix = FILE_COMPRESSED;
		length -= strlen(suffix);
	}
	printed = number > 0
	                  ? snprintf(name, PATH_MAX, "%.*s.%d%s", (int)length, path, number, suffix)
	                  : snprintf(name, PATH_MAX, "%s", path);
	return printed < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* 0, also when there is no such file. */
static int move(const char *path, int number, struct error *error)
{
	char from[PATH_MAX], to[PATH_MAX];

	if (name_of(from, path, number) != 0 || name_of(to, path, number + 1) != 0)
		return error_set(error, ENAMETOOLONG, "%s cannot be rotated: %s", path,
		                 strerror(ENAMETOOLONG));
	if (rename(from, to) == 0 || errno == ENOENT)
		return 0;
	return error_set(error, errno, "cannot rename %s to %s: %s", from, to, strerror(errno));
}

static bool is_at(const char *path, int fd)
{
	struct stat named, opened;

	return lstat(path, &named) == 0 && fstat(fd, &opened) == 0 &&
	       named.st_ino == opened.st_ino && named.st_dev == opened.st_dev;
}

int rotation_move(const struct rotation *rotation, const char *path, int fd, struct error *error)
{
	int result = 0;

	/*
	 * The file at path is the last to move, and the lock is on that file: a process that
	 * opens the next one begins when this is over.
	 */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0)
		return errno == EWOULDBLOCK ? -EAGAIN
		                            : error_set(error, errno, "cannot lock %s: %s", path,
		                                        strerror(errno));
	for (int i = rotation->keep - 1; i >= 0 && result == 0 && is_at(path, fd); i--)
		result = move(path, i, error);
	flock(fd, LOCK_UN);
	return result;
}

void rotation_undo(const char *path)
{
	char former[PATH_MAX];

	/* Only where the name is free. */
	if (name_of(former, path, 1) == 0)
		renameat2(AT_FDCWD, former, AT_FDCWD, path, RENAME_NOREPLACE);
}
