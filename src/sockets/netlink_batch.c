/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/netlink_batch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct netlink_batch {
	struct mmsghdr messages[NETLINK_BATCH_MAX];
	struct iovec rooms[NETLINK_BATCH_MAX];
	struct sockaddr_nl from[NETLINK_BATCH_MAX];
	char *bytes;
};

struct netlink_batch *netlink_batch_new(size_t size)
{
	struct netlink_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	size = NLMSG_ALIGN(size);
	batch->bytes = malloc(NETLINK_BATCH_MAX * size);
	if (!batch->bytes) {
		free(batch);
		return NULL;
	}
	for (int i = 0; i < NETLINK_BATCH_MAX; i++) {
		struct msghdr *message = &batch->messages[i].msg_hdr;

		batch->rooms[i] = (struct iovec){ .iov_base = batch->bytes + (size_t)i * size,
			                          .iov_len = size };
		message->msg_iov = &batch->rooms[i];
		message->msg_iovlen = 1;
		message->msg_name = &batch->from[i];
	}
	return batch;
}

void netlink_batch_free(struct netlink_batch *batch)
{
	if (!batch)
		return;
	free(batch->bytes);
	free(batch);
}

int netlink_batch_read(struct netlink_batch *batch, int fd)
{
	int count;

	/* The kernel writes there what it used of them. */
	for (int i = 0; i < NETLINK_BATCH_MAX; i++)
		batch->messages[i].msg_hdr.msg_namelen = sizeof(batch->from[i]);
	count = recvmmsg(fd, batch->messages, NETLINK_BATCH_MAX, MSG_DONTWAIT, NULL);
	return count < 0 ? -errno : count;
}

int netlink_batch_get(const struct netlink_batch *batch, int number, void **datagram)
{
	const struct msghdr *message = &batch->messages[number].msg_hdr;

	/* Other processes may write to our port; only the kernel's is 0. */
	if (message->msg_namelen < sizeof(struct sockaddr_nl) || batch->from[number].nl_pid != 0)
		return -EPERM;
	if (message->msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	*datagram = batch->rooms[number].iov_base;
	return (int)batch->messages[number].msg_len;
}
