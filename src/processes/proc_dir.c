/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/proc_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct linux_dirent64, getdents(2). */
struct entry {
	uint64_t inode;
	int64_t offset;
	unsigned short length;
	unsigned char type;
	char name[];
};

int proc_dir_open(struct proc_dir *dir, int at, const char *path)
{
	dir->length = dir->used = 0;
	dir->fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir->fd < 0 ? -errno : 0;
}

void proc_dir_close(struct proc_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	dir->fd = -1;
}

static bool parse_name(const char *name, int *number)
{
	int value = 0;

	if (*name == '\0')
		return false;
	for (; *name; name++) {
		if (*name < '0' || *name > '9' || value > (INT_MAX - 9) / 10)
			return false;
		value = value * 10 + (*name - '0');
	}
	*number = value;
	return true;
}

int proc_dir_next(struct proc_dir *dir, int *number)
{
	for (;;) {
		const struct entry *entry;

		if (dir->used == dir->length) {
			long got =
				syscall(SYS_getdents64, dir->fd, dir->buffer, sizeof dir->buffer);

			if (got <= 0)
				return got < 0 ? -errno : 0;
			dir->length = (size_t)got;
			dir->used = 0;
		}
		entry = (const void *)(dir->buffer + dir->used);
		dir->used += entry->length;
		if (parse_name(entry->name, number)) {
			dir->name = entry->name;
			return 1;
		}
	}
}

int proc_dir_count(struct proc_dir *dir, int at, const char *path, int max)
{
	int result = proc_dir_open(dir, at, path), count = 0, number;

	if (result < 0)
		return result;
	while (count <= max && (result = proc_dir_next(dir, &number)) == 1)
		count++;
	proc_dir_close(dir);
	return result < 0 ? result : count;
}
