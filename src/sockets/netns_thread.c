/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a thread opens sockets. Without a helper the thread itself moves into the namespace. With
 * one it stays where it is, and may not move: a note of the thread says where its sockets are to
 * be made, and the definition of socket(2) below asks the helper for them.
 *
 * That definition serves libpcap and libnl, too. They call socket(2) through the table of their
 * dynamic symbols, and the dynamic loader looks into the executable before it looks into libc.
 * Linked statically, the linker takes the first definition. What libc opens for itself, as
 * if_nametoindex(3) does, does not come here, and is not used inside a namespace.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/sockios.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "security/helper.h"
#include "sockets/netns.h"

#define OUTSIDE (-1)

/* socket(2) has no argument that could carry them. */
static struct helper *helper;              /* set before there are threads; NULL: none */
static _Thread_local int inside = OUTSIDE; /* an own descriptor of a namespace or a socket */

void netns_use_helper(struct helper *used)
{
	helper = used;
}

bool netns_can_enter(void)
{
	return !helper || !helper_has_ended(helper);
}

/* 0 or errno; EINVAL: it is no socket. */
static int enter_by_socket(int socket)
{
	int fd = netns_of_socket(socket);
	int code;

	if (fd < 0)
		return fd == -EPERM ? EPERM : EINVAL;
	code = setns(fd, CLONE_NEWNET) == 0 ? 0 : errno;
	close(fd);
	return code;
}

static int move_into(int fd)
{
	int previous = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	int code;

	if (previous < 0)
		return -errno;
	code = setns(fd, CLONE_NEWNET) == 0 ? 0 : errno;
	if (code == EINVAL)
		code = enter_by_socket(fd);
	if (code == 0)
		return previous;
	close(previous);
	return -code;
}

/* The descriptor may be closed, and its number used again, while the thread is inside. */
static int note(int fd)
{
	int previous = inside, copy;

	if (!netns_can_enter())
		return -EPIPE;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0)
		return -errno;
	inside = copy;
	return previous + 1;
}

int netns_enter(int fd)
{
	return helper ? note(fd) : move_into(fd);
}

void netns_leave(int previous)
{
	if (helper) {
		close(inside);
		inside = previous - 1;
		return;
	}
	if (setns(previous, CLONE_NEWNET) != 0) {
		dprintf(STDERR_FILENO, "sockline: cannot leave a network namespace: setns: %s\n",
		        strerror(errno));
		_exit(EXIT_FAILURE);
	}
	close(previous);
}

/* The definition that is called in place of that of libc. */
int socket(int domain, int type, int protocol)
{
	int fd;

	if (inside == OUTSIDE)
		return (int)syscall(SYS_socket, domain, type, protocol);
	fd = helper_socket(helper, inside, domain, type, protocol);
	if (fd >= 0)
		return fd;
	errno = -fd;
	return -1;
}

static uint64_t inode_of(int fd)
{
	struct stat status;

	return fd >= 0 && fstat(fd, &status) == 0 ? status.st_ino : 0;
}

/* The inode of a namespace by its descriptor or by that of a socket; 0: not known. */
static uint64_t namespace_of(int fd, bool is_socket)
{
	int namespace = is_socket ? ioctl(fd, SIOCGSKNS) : -1;
	uint64_t inode = inode_of(is_socket ? namespace : fd);

	if (namespace >= 0)
		close(namespace);
	return inode;
}

static bool is_socket(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode);
}

int netns_check_socket(int fd)
{
	uint64_t here, there;

	if (inside == OUTSIDE)
		return 0;
	here = namespace_of(inside, is_socket(inside));
	there = namespace_of(fd, true);
	return here != 0 && there != 0 && here != there ? -EXDEV : 0;
}

int netns_open_net(const char *net_dir, const char *name)
{
	char path[PATH_MAX];
	int fd;

	if (inside != OUTSIDE)
		return helper_open_net(helper, inside, name);
	if (snprintf(path, sizeof path, "%s/%s", net_dir, name) >= (int)sizeof path)
		return -ENAMETOOLONG;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}
