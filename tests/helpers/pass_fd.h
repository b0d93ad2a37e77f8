/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Passing a descriptor over a unix socket: SCM_RIGHTS, unix(7). */
#ifndef SOCKLINE_TESTS_PASS_FD_H
#define SOCKLINE_TESTS_PASS_FD_H

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Sends fd (when not negative) or receives one, with a byte; returns the descriptor or -1. */
static inline int pass_fd(int channel, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	char byte = 0;
	struct iovec data = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	if ((fd < 0 ? recvmsg(channel, &message, 0) : sendmsg(channel, &message, 0)) != 1)
		return -1;
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}

#endif
