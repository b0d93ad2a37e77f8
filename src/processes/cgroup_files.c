/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/cgroup_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

int cgroup_files_open(void)
{
	/* On its own, or beside cgroup v1. */
	static const char *const paths[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
	struct statfs about;

	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		int fd = open(paths[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0 && fstatfs(fd, &about) == 0 && about.f_type == CGROUP2_SUPER_MAGIC)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

bool cgroup_files_is(int cgroups, const char *path, uint64_t id)
{
	struct stat status;

	/* A cgroup's number is that of its folder. */
	return fstatat(cgroups, path + (path[0] == '/'), &status, AT_EMPTY_PATH) == 0 &&
	       status.st_ino == id;
}
