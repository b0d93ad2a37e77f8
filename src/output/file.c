/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "output/frame.h"

#define BLOCK    4096
#define TAIL_MAX (1024 * 1024) /* far more than a line; zero bytes come in extents */

/* A write of lines takes less than this, and goes on in that time. */
#define QUIET_NS  20000000
#define LOOKS_MAX 10 /* of a file to which others write all the time */

#define LOCK_TRIES 20 /* a millisecond each */
#define LOCK_NS    1000000

static int check(int fd, const char *path, struct stat *status, struct error *error)
{
	if (fstat(fd, status) < 0)
		return error_set(error, errno, "cannot examine %s: %s", path, strerror(errno));
	if (!S_ISREG(status->st_mode))
		return error_set(error, EINVAL, "%s is not a regular file", path);
	if (status->st_nlink != 1)
		return error_set(error, EMLINK, "%s has %lu hard links instead of one", path,
		                 (unsigned long)status->st_nlink);
	if (status->st_uid != geteuid())
		return error_set(error, EPERM, "%s belongs to user %u", path,
		                 (unsigned)status->st_uid);
	return 0;
}

/*
 * Where the last line without LF begins: size when there is none. Sets *first
 * to its first byte. -EBADMSG when it is longer than any line, or -errno.
 */
static off_t find_tail(int fd, off_t size, char *first)
{
	char block[BLOCK];
	off_t at = size;

	while (at > 0 && size - at < TAIL_MAX) {
		size_t length = at < BLOCK ? (size_t)at : BLOCK;
		ssize_t got = pread(fd, block, length, at - (off_t)length);
		const char *newline;

		if (got < 0 && errno == EINTR)
			continue;
		if (got != (ssize_t)length)
			return got < 0 ? -errno : -EIO;
		newline = memrchr(block, '\n', length);
		if (newline && newline + 1 < block + length)
			*first = newline[1];
		if (newline)
			return at - (off_t)length + (newline + 1 - block);
		*first = block[0];
		at -= (off_t)length;
	}
	return at == 0 ? 0 : -EBADMSG;
}

/* Where the last whole line ends. -EBADMSG when what follows is not of us, or -errno. */
static off_t find_whole(int fd, off_t size)
{
	char first = '{';
	off_t whole = find_tail(fd, size, &first);

	return whole >= 0 && first != '{' && first != '\0' ? -EBADMSG : whole;
}

/* Where what is to be kept ends, or -errno with the reason. */
static off_t find_end(int fd, off_t size, const char *path, struct error *error)
{
	bool compressed = file_is_compressed(path);
	off_t whole = compressed ? frame_find_end(fd) : find_whole(fd, size);

	if (whole == -EBADMSG)
		return error_set(error, EBADMSG, "%s ends in %s", path,
		                 compressed ? "what is no Zstandard frame of records"
		                            : "a text that is not a record");
	if (whole < 0)
		return error_set(error, (int)-whole, "cannot read %s: %s", path,
		                 strerror((int)-whole));
	return whole;
}

/* A file that can only be appended to (chattr +a) says so now, not when records are to be written. */
static int check_shortens(int fd, const char *path, struct error *error)
{
	struct statx status;

	memset(&status, 0, sizeof status);
	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &status) == 0 &&
	    status.stx_attributes & STATX_ATTR_APPEND)
		return error_set(error, EPERM, "cannot repair %s: %s", path, strerror(EPERM));
	return 0;
}

static int read_state(int fd, const char *path, struct file_state *state, struct error *error)
{
	struct stat status;

	if (fstat(fd, &status) != 0)
		return error_set(error, errno, "cannot examine %s: %s", path, strerror(errno));
	state->size = status.st_size;
	state->modified = status.st_mtim;
	state->whole = find_end(fd, status.st_size, path, error);
	return state->whole < 0 ? (int)state->whole : 0;
}

/*
 * While another process writes its lines, the file may be seen to end within one. What is broken
 * for good stays as it is.
 */
static int find_tail_of(int fd, const char *path, struct file_state *state, struct error *error)
{
	static const struct timespec quiet = { .tv_nsec = QUIET_NS };
	off_t size = -1;
	int result = read_state(fd, path, state, error);

	for (int look = 0; result == 0 && file_is_broken(state) && state->size != size; look++) {
		if (look == LOOKS_MAX) {
			state->whole = state->size;
			return 0;
		}
		size = state->size;
		nanosleep(&quiet, NULL);
		result = read_state(fd, path, state, error);
	}
	return result == 0 && file_is_broken(state) ? check_shortens(fd, path, error) : result;
}

/* The whole file, of this open file description. 0 or -errno. */
static int set_lock(int fd, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

/*
 * False while another process cuts the file, which takes it microseconds, and for longer only where
 * it was stopped. A file system that has no locks is no reason to leave the file broken.
 */
static bool lock_to_cut(int fd)
{
	static const struct timespec moment = { .tv_nsec = LOCK_NS };
	int result = set_lock(fd, F_WRLCK);

	for (int i = 0; i < LOCK_TRIES && (result == -EAGAIN || result == -EACCES); i++) {
		nanosleep(&moment, NULL);
		result = set_lock(fd, F_WRLCK);
	}
	return result != -EAGAIN && result != -EACCES;
}

static int cut_unchanged(int fd, const struct file_state *state)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	/* What another process has cut or written since is not ours. */
	if (status.st_size == state->size && status.st_mtim.tv_sec == state->modified.tv_sec &&
	    status.st_mtim.tv_nsec == state->modified.tv_nsec && ftruncate(fd, state->whole) < 0)
		return -errno;
	return 0;
}

int file_cut(int fd, const struct file_state *state)
{
	int result;

	if (!file_is_broken(state) || !lock_to_cut(fd))
		return 0;
	result = cut_unchanged(fd, state);
	set_lock(fd, F_UNLCK);
	return result;
}

bool file_is_compressed(const char *path)
{
	size_t length = strlen(path), suffix = strlen(FILE_COMPRESSED);

	return length > suffix && strcmp(path + length - suffix, FILE_COMPRESSED) == 0;
}

/*
 * O_NONBLOCK: what is not a file must not make us wait (a FIFO would for
 * O_WRONLY, a modem for its carrier). O_NOCTTY: nor a terminal take us over.
 */
static int open_with(const char *path, int create)
{
	return open(path,
	            O_RDWR | O_APPEND | create | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	            0640);
}

/* *created: it was not there before. */
static int open_or_create(const char *path, bool *created)
{
	int fd = open_with(path, 0);

	*created = false;
	if (fd >= 0 || errno != ENOENT)
		return fd;
	fd = open_with(path, O_CREAT | O_EXCL);
	*created = fd >= 0;
	if (fd < 0 && errno == EEXIST) /* another process was quicker */
		fd = open_with(path, 0);
	return fd;
}

void file_discard(const char *path, int fd)
{
	struct stat named, opened;

	if (lstat(path, &named) == 0 && fstat(fd, &opened) == 0 && opened.st_size == 0 &&
	    named.st_dev == opened.st_dev && named.st_ino == opened.st_ino)
		unlink(path);
}

/* The descriptor of a file that passes the checks, or -errno. */
static int open_checked(const char *path, bool *created, struct stat *status, struct error *error)
{
	int fd = created ? open_or_create(path, created) : open_with(path, 0);
	int result;

	if (fd < 0 && errno == ELOOP)
		return error_set(error, ELOOP, "%s is a symbolic link, or there are too many",
		                 path);
	if (fd < 0)
		return error_set(error, errno, "cannot open %s: %s", path, strerror(errno));
	result = check(fd, path, status, error);
	if (result == 0)
		return fd;
	if (created && *created) /* on a network it may belong to another user */
		file_discard(path, fd);
	close(fd);
	return result;
}

int file_open_unread(const char *path, bool *created, struct error *error)
{
	struct stat status;

	return open_checked(path, created, &status, error);
}

int file_take(int fd, const char *path, struct file_state *state, struct error *error)
{
	int result = find_tail_of(fd, path, state, error);

	if (result == 0)
		return fd;
	close(fd);
	return result;
}

int file_open(const char *path, struct file_state *state, struct error *error)
{
	int fd = file_open_unread(path, &state->created, error);

	return fd < 0 ? fd : file_take(fd, path, state, error);
}

static int check_capture(int fd, off_t size, const char *path, struct error *error)
{
	static const uint8_t section[] = { 0x0a, 0x0d, 0x0d, 0x0a };
	uint8_t head[sizeof section];

	if (size > 0 && (pread(fd, head, sizeof head, 0) != (ssize_t)sizeof head ||
	                 memcmp(head, section, sizeof section) != 0))
		return error_set(error, EBADMSG, "%s is there, and is not a pcapng file", path);
	return 0;
}

int file_open_capture(const char *path, bool *created, struct error *error)
{
	struct stat status = { 0 };
	int fd = open_checked(path, created, &status, error), result;

	if (fd < 0)
		return fd;
	result = check_capture(fd, status.st_size, path, error);
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

/* Could a file be made in the folder of the path? */
static int check_folder(const char *path, struct error *error)
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == path ? 1 : slash ? (size_t)(slash - path) : 0;
	char *folder = length > 0 ? strndup(path, length) : strdup(".");
	int result = 0;

	if (!folder)
		return error_set(error, ENOMEM, "out of memory");
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) != 0)
		result = error_set(error, errno, "cannot make %s: %s", path, strerror(errno));
	free(folder);
	return result;
}

int file_check(const char *path, bool capture, struct error *error)
{
	struct stat status = { 0 };
	struct error failure;
	int fd = open_checked(path, NULL, &status, &failure), result;
	off_t end;

	if (fd == -ENOENT)
		return check_folder(path, error);
	if (fd < 0)
		return error_set(error, -fd, "%s", failure.text);
	if (capture) {
		result = check_capture(fd, status.st_size, path, error);
	} else {
		end = find_end(fd, status.st_size, path, error);
		result = end < 0 ? (int)end : 0;
	}
	close(fd);
	return result;
}
