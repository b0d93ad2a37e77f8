/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Which file a process runs, and in which mount namespace. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/process_read.h"

uint64_t process_read_mount_namespace(int dir, const char *link)
{
	char target[64];
	ssize_t length = readlinkat(dir, link, target, sizeof target - 1);
	uint64_t inode;

	if (length < 0)
		return 0;
	target[length] = '\0';
	return process_parse_link(target, "mnt:[", &inode) ? inode : 0;
}

/* A user's own file system (FUSE) answers when it likes: what the kernel knows is enough. */
static bool read_executable(int dir, struct process_file *file)
{
	struct statx status;

	memset(&status, 0, sizeof status);
	if (statx(dir, "exe", AT_STATX_DONT_SYNC, STATX_INO, &status) != 0 ||
	    !(status.stx_mask & STATX_INO))
		return false;
	file->inode = status.stx_ino;
	file->major = status.stx_dev_major;
	file->minor = status.stx_dev_minor;
	return true;
}

void process_read_file(int dir, uint64_t our_namespace, struct process_file *file)
{
	uint64_t its_namespace = process_read_mount_namespace(dir, "ns/mnt");

	if (our_namespace == 0 || its_namespace == our_namespace)
		return;
	file->mount_namespace = its_namespace;
	if (its_namespace != 0)
		read_executable(dir, file);
}

static bool is_same(const struct process_file *a, const struct process_file *b)
{
	return a->mount_namespace == b->mount_namespace && a->inode == b->inode &&
	       a->major == b->major && a->minor == b->minor;
}

bool process_read_file_same(int dir, const struct process_file *file)
{
	struct process_file again = { .mount_namespace = file->mount_namespace };

	if (file->inode == 0)
		return true;
	return read_executable(dir, &again) && is_same(&again, file);
}

void process_read_apply_file(struct process *process, const struct process_facts *facts)
{
	struct process_file file = facts->file;
	const char *executable = process->executable;

	if (facts->stat.exiting)
		return;
	/* What was read is another image than the one that events report. */
	if (!executable || strlen(executable) != facts->executable_length ||
	    memcmp(executable, facts->executable, facts->executable_length) != 0)
		file.inode = file.major = file.minor = 0;
	file.read_ns = facts->read_ns;
	if (!is_same(&process->file, &file)) {
		if (process->file.read_ns != 0)
			process_change(process, clock_monotonic_ns());
		process->generation++;
	}
	process->file = file;
}
