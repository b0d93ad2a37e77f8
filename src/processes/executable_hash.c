/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/executable_hash.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/process.h"
#include "processes/process_read.h"

#define BLOCK 65536

_Static_assert(EXECUTABLE_HASH_SIZE == SHA256_DIGEST_SIZE, "of SHA-256");

static int64_t time_of(const struct statx_timestamp *time)
{
	return time->tv_sec * NS_PER_SECOND + time->tv_nsec;
}

/* AT_STATX_DONT_SYNC: what the kernel knows, without asking the server of a network file system. */
static int identify(int fd, unsigned sync, struct executable_identity *identity)
{
	struct statx status;

	if (statx(fd, "", (int)(AT_EMPTY_PATH | sync), STATX_BASIC_STATS, &status) != 0)
		return -errno;
	if (!S_ISREG(status.stx_mode))
		return -EINVAL;
	memset(identity, 0, sizeof *identity);
	identity->device = makedev(status.stx_dev_major, status.stx_dev_minor);
	identity->inode = status.stx_ino;
	identity->size = status.stx_size;
	identity->modified_ns = time_of(&status.stx_mtime);
	identity->changed_ns = time_of(&status.stx_ctime);
	return identity->size <= (uint64_t)EXECUTABLE_HASH_MAX ? 0 : -EFBIG;
}

/* Asks the descriptor itself: the process may execute another program at any time. */
static bool is_executable(int proc_pid, int fd, const char *executable)
{
	char name[32], target[PATH_MAX + 16]; /* it may end with " (deleted)" */
	size_t length;
	ssize_t got;

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	got = readlink(name, target, sizeof target);
	if (got <= 0)
		return false;
	length = (size_t)got;
	return process_read_is_executable(proc_pid, target, length, executable) ||
	       (process_strip_deleted(target, &length) &&
	        process_read_is_executable(proc_pid, target, length, executable));
}

int executable_hash_open(int proc_pid, const char *executable, struct executable_identity *identity)
{
	int fd = openat(proc_pid, "exe", O_PATH | O_CLOEXEC);
	int result;

	if (fd < 0)
		return -errno;
	result = is_executable(proc_pid, fd, executable)
	                 ? identify(fd, AT_STATX_DONT_SYNC, identity)
	                 : -ESTALE;
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

static int read_all(int fd, uint64_t size, const atomic_bool *stop, struct sha256_ctx *context)
{
	uint8_t block[BLOCK];
	uint64_t done = 0;
	ssize_t got;

	while ((got = read(fd, block, sizeof block)) != 0) {
		if (*stop)
			return -ECANCELED;
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		done += (uint64_t)got;
		if (done > size)
			return -ESTALE;
		sha256_update(context, (size_t)got, block);
	}
	return done == size ? 0 : -ESTALE;
}

static int is_unchanged(int fd, const struct executable_identity *identity)
{
	struct executable_identity now;
	int result = identify(fd, AT_STATX_SYNC_AS_STAT, &now);

	if (result != 0)
		return result;
	return memcmp(&now, identity, sizeof now) == 0 ? 0 : -ESTALE;
}

int executable_hash_read(int fd, const struct executable_identity *identity,
                         const atomic_bool *stop, uint8_t sha256[EXECUTABLE_HASH_SIZE])
{
	struct sha256_ctx context;
	char name[32];
	int result, file;

	/* The link of the descriptor leads to just that file, wherever its path leads now. */
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	file = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file < 0)
		return -errno;
	sha256_init(&context);
	result = is_unchanged(file, identity);
	if (result == 0)
		result = read_all(file, identity->size, stop, &context);
	if (result == 0)
		result = is_unchanged(file, identity);
	close(file);
	if (result == 0)
		sha256_digest(&context, EXECUTABLE_HASH_SIZE, sha256);
	return result;
}
