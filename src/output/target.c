/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/target.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER_WRITE_MAX (256 * 1024) /* no atomicity to be had: few large writes */
#define PIPE_SIZE       (1024 * 1024)

static enum target_kind kind_of(const struct stat *status, int fd)
{
	if (S_ISFIFO(status->st_mode))
		return TARGET_PIPE;
	if (S_ISSOCK(status->st_mode))
		return TARGET_SOCKET;
	if (S_ISREG(status->st_mode))
		return TARGET_FILE;
	return isatty(fd) ? TARGET_TERMINAL : TARGET_DEVICE;
}

/* The kernel alone knows what can be polled: EPERM says that there is nothing to wait for. */
static int can_watch(int fd, bool *watched)
{
	struct epoll_event event = { .events = EPOLLOUT };
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), result = 0;

	if (epoll_fd < 0)
		return -errno;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
		*watched = true;
	else if (errno == EPERM)
		*watched = false;
	else
		result = -errno;
	close(epoll_fd);
	return result;
}

/*
 * O_NONBLOCK belongs to the open file description, which the shell and other
 * programs of the pipeline share; opening the link in /proc makes one of our
 * own. It fails without /proc, without the right to open it, and with ENXIO
 * when the reader of a named pipe is gone already.
 */
static void open_private(struct target *target)
{
	char path[64];
	int fd;

	snprintf(path, sizeof path, "/proc/self/fd/%d", target->fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		target->poll_first = true;
		return;
	}
	target->fd = fd;
	target->owned = true;
}

static size_t pages_of(int fd, size_t page)
{
	int bytes = fcntl(fd, F_GETPIPE_SZ);

	return bytes > 0 ? (size_t)bytes / page : 0;
}

static size_t unread_of(int fd)
{
	int bytes;

	return ioctl(fd, FIONREAD, &bytes) == 0 ? (size_t)bytes : SIZE_MAX;
}

/*
 * The reader of a small pipe is woken, and we wait, for every 64 KiB. Without
 * privileges the size is limited by fs.pipe-max-size, 1 MiB, and by pipe-user-pages-soft.
 */
static void enlarge(struct target *target)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (fcntl(target->fd, F_GETPIPE_SZ) < PIPE_SIZE)
		fcntl(target->fd, F_SETPIPE_SZ, PIPE_SIZE);
	pipe_room_begin(&target->room, page, pages_of(target->fd, page), unread_of(target->fd));
}

int target_open(struct target *target, int fd, struct error *error)
{
	struct target fresh = { .fd = fd };
	struct stat status;
	int result;

	if (fstat(fd, &status) < 0)
		return error_set(error, errno, "cannot use output: %s", strerror(errno));
	fresh.kind = kind_of(&status, fd);
	result = can_watch(fd, &fresh.watched);
	if (result < 0)
		return error_set(error, -result, "cannot watch output: %s", strerror(-result));
	if (fresh.kind == TARGET_PIPE || fresh.kind == TARGET_TERMINAL)
		open_private(&fresh);
	if (fresh.kind == TARGET_PIPE)
		enlarge(&fresh);
	*target = fresh;
	return 0;
}

struct target target_absent(void)
{
	return (struct target){ .kind = TARGET_ABSENT, .fd = -1 };
}

void target_close(const struct target *target)
{
	if (target->owned)
		close(target->fd);
}

static ssize_t write_once(const struct target *target, const char *bytes, size_t length)
{
	ssize_t written;

	do
		written = target->kind == TARGET_SOCKET
		                  ? send(target->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL)
		                  : write(target->fd, bytes, length);
	while (written < 0 && errno == EINTR);
	/* No descriptor that we know does this, but it would be tried for ever. */
	if (written == 0)
		return -EIO;
	return written < 0 ? -errno : written;
}

int target_cut(struct target *target)
{
	int result = file_cut(target->fd, &target->file);

	if (result == 0)
		target->file.size = target->file.whole;
	return result;
}

ssize_t target_write(struct target *target, const char *bytes, size_t length)
{
	struct pollfd ready = { .fd = target->fd, .events = POLLOUT };
	ssize_t written;
	int result;

	if (target->kind == TARGET_ABSENT)
		return -EAGAIN;
	result = target_cut(target);
	if (result < 0)
		return result;
	if (target->poll_first) {
		if (poll(&ready, 1, 0) <= 0)
			return -EAGAIN;
		/* POLLOUT of a pipe promises room for this much and no more. */
		length = length > PIPE_BUF ? PIPE_BUF : length;
	}
	written = write_once(target, bytes, length);
	if (target->kind == TARGET_PIPE) {
		if (written > 0)
			pipe_room_written(&target->room, (size_t)written);
		if (written == -EAGAIN || (written > 0 && (size_t)written < length))
			pipe_room_full(&target->room, unread_of(target->fd));
	}
	return written;
}

size_t target_whole_max(struct target *target)
{
	size_t room;

	if (target->kind != TARGET_PIPE)
		return OTHER_WRITE_MAX;
	if (target->poll_first)
		return PIPE_BUF;
	pipe_room_resize(&target->room, pages_of(target->fd, target->room.page));
	room = pipe_room_bytes(&target->room, unread_of(target->fd));
	return room > PIPE_BUF ? room : PIPE_BUF;
}

bool target_hung_up(const struct target *target, bool half)
{
	struct pollfd ready = { .fd = target->fd, .events = half ? POLLRDHUP : 0 };

	return target->watched && poll(&ready, 1, 0) > 0 &&
	       ready.revents & (POLLERR | POLLHUP | POLLRDHUP);
}

bool target_take_back(const struct target *target, size_t length)
{
	off_t at = lseek(target->fd, 0, SEEK_CUR), before = at - (off_t)length;
	struct stat status;

	if (before < 0 || fstat(target->fd, &status) < 0 || status.st_size != at ||
	    ftruncate(target->fd, before) < 0)
		return false;
	/* Without O_APPEND the next write would leave a hole. */
	lseek(target->fd, before, SEEK_SET);
	return true;
}
