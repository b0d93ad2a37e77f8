/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Many small datagrams of the kernel by one system call, recvmmsg(2): multicast under load. */
#ifndef SOCKLINE_SOCKETS_NETLINK_BATCH_H
#define SOCKLINE_SOCKETS_NETLINK_BATCH_H

#include <stddef.h>

struct netlink_batch;

#define NETLINK_BATCH_MAX 64 /* datagrams; more of them at once save nothing more */

/* For datagrams of at most `size` bytes. NULL: no memory. */
struct netlink_batch *netlink_batch_new(size_t size);
void netlink_batch_free(struct netlink_batch *batch); /* NULL is fine */

/* Takes what is queued on fd, without waiting. Number of datagrams, or -errno. */
int netlink_batch_read(struct netlink_batch *batch, int fd);
/*
 * One of them, aligned for struct nlmsghdr, valid until the next read. Its
 * length; -EMSGSIZE: it was longer than `size`; -EPERM: not from the kernel.
 */
int netlink_batch_get(const struct netlink_batch *batch, int number, void **datagram);

#endif
