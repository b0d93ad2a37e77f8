/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "security/helper_message.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

const char *const helper_net_files[] = { "tcp",     "tcp6",      "udp",  "udp6",
	                                 "udplite", "udplite6",  "raw",  "raw6",
	                                 "icmp",    "icmp6",     "unix", "packet",
	                                 "netlink", "protocols", "dev",  NULL };

/* CMSG_SPACE has room for a second descriptor where alignment is eight bytes. */
#define FDS_MAX 4

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

long helper_message_send(int to, const void *message, size_t size, int fd)
{
	union control control = { .bytes = { 0 } };
	struct iovec data = { .iov_len = size };
	struct msghdr header = { .msg_iov = &data, .msg_iovlen = 1 };
	ssize_t sent;

	memcpy(&data.iov_base, &message, sizeof message); /* it is not written to */
	if (fd >= 0) {
		struct cmsghdr *rights;

		header.msg_control = control.bytes;
		header.msg_controllen = CMSG_SPACE(sizeof fd);
		rights = CMSG_FIRSTHDR(&header);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(rights), &fd, sizeof fd);
	}
	do
		sent = sendmsg(to, &header, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

/* One descriptor is kept; where several came, none is. */
static bool take_descriptors(struct msghdr *header, int *fd)
{
	int fds[FDS_MAX], count = 0;

	for (struct cmsghdr *rights = CMSG_FIRSTHDR(header); rights;
	     rights = CMSG_NXTHDR(header, rights)) {
		size_t size = rights->cmsg_len - CMSG_LEN(0);

		if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; at + sizeof(int) <= size && count < FDS_MAX; at += sizeof(int))
			memcpy(&fds[count++], CMSG_DATA(rights) + at, sizeof(int));
	}
	if (count == 1 && !(header->msg_flags & MSG_CTRUNC)) {
		*fd = fds[0];
		return true;
	}
	for (int i = 0; i < count; i++)
		close(fds[i]);
	return count == 0 && !(header->msg_flags & MSG_CTRUNC);
}

long helper_message_receive(int from, void *message, size_t size, int *fd)
{
	union control control;
	struct iovec data = { .iov_base = message, .iov_len = size };
	struct msghdr header = { .msg_iov = &data,
		                 .msg_iovlen = 1,
		                 .msg_control = control.bytes,
		                 .msg_controllen = sizeof control };
	ssize_t got;

	*fd = -1;
	do
		got = recvmsg(from, &header, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if (take_descriptors(&header, fd) && !(header.msg_flags & MSG_TRUNC))
		return got;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return got > 0 ? -EBADMSG : 0;
}
