/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/cgroup_files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <string.h>
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

bool cgroup_files_are_ours(void)
{
	static const char initial[] =
		"cgroup:[4026531835]"; /* PROC_CGROUP_INIT_INO, linux/proc_ns.h */
	char link[64];
	ssize_t length = readlink("/proc/self/ns/cgroup", link, sizeof link);

	return length == (ssize_t)sizeof initial - 1 &&
	       memcmp(link, initial, sizeof initial - 1) == 0;
}

bool cgroup_files_all_v2(int cgroups)
{
	struct stat here, usual;

	return fstat(cgroups, &here) == 0 && stat("/sys/fs/cgroup", &usual) == 0 &&
	       here.st_dev == usual.st_dev && here.st_ino == usual.st_ino;
}
