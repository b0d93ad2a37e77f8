/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets over libnl core (netlink(7), libnl >= 3.4). The only module
 * that includes <netlink/...>. Facts that cost others dearly are handled here,
 * once: NLM_F_DUMP_INTR is retried (bounded), the errno inside NLMSG_DONE is
 * read, ENOBUFS is an overrun and never fatal, answers are known by sequence
 * and port (a stale one is never taken for ours).
 *
 * A socket serves either dumps and requests or, after netlink_join, multicast:
 * whatever is not the awaited answer is thrown away.
 */
#ifndef SOCKLINE_SOCKETS_NETLINK_H
#define SOCKLINE_SOCKETS_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct netlink;

/* One message's payload (after struct nlmsghdr), type nlmsg_type. */
struct netlink_message {
	uint16_t type;
	const void *payload;
	size_t length;
};
/* A return value != 0 ends the walk and is returned. */
typedef int netlink_callback(void *context, const struct netlink_message *message);

/* protocol: NETLINK_*. Opened in the calling thread's network namespace. */
int netlink_open(struct netlink **netlink, int protocol, struct error *error);
void netlink_close(struct netlink *netlink);         /* NULL is fine */
bool netlink_is_busy(const struct netlink *netlink); /* inside a callback of it */
int netlink_fd(const struct netlink *netlink);
/* Receive buffer in bytes, SO_RCVBUFFORCE where allowed; 0 or -errno. */
int netlink_set_receive_buffer(struct netlink *netlink, int bytes);
int netlink_join(struct netlink *netlink, int group); /* 0 or -errno */
/* No datagram of the joined groups is longer than this: many are read at once. 0 or -ENOMEM. */
int netlink_expect_small(struct netlink *netlink, size_t datagram_max);
/*
 * Only what passes this classic BPF program is queued, and nothing else counts
 * as lost; it sees whole datagrams, struct nlmsghdr first. 0 or -errno.
 */
struct sock_filter;
int netlink_set_filter(struct netlink *netlink, const struct sock_filter *code, size_t count);

/*
 * Sends one dump request and calls back for each message until NLMSG_DONE.
 * 0; -errno of the kernel, that inside NLMSG_DONE too (-ENOENT and -EOPNOTSUPP:
 * no such handler); -EAGAIN after retries that were all interrupted: the
 * callback may then have seen entries twice or missed some; -EBUSY inside the
 * callback of another dump or receive on this socket. reset, when not NULL, is
 * called before each retry; it is wanted wherever seeing an entry twice matters.
 */
int netlink_dump(struct netlink *netlink, uint16_t type, const void *request, size_t length,
                 netlink_callback *callback, void (*reset)(void *context), void *context);
/*
 * Sends one request and reads its one answer, about 4 us. *answer_length in:
 * room, out: bytes. 0, or -errno of the kernel's NLMSG_ERROR (-ENOENT a miss);
 * -EMSGSIZE: no room; -ENOBUFS: the answer was lost; -EBUSY as netlink_dump.
 */
int netlink_request(struct netlink *netlink, uint16_t type, const void *request, size_t length,
                    void *answer, size_t *answer_length);
/*
 * Sends without waiting for an answer, for connector messages; type NLMSG_DONE
 * is allowed. 0 or -errno; -EBUSY as netlink_dump.
 */
int netlink_send(struct netlink *netlink, uint16_t type, const void *payload, size_t length);
/*
 * Reads what multicast has queued, without waiting, at most some thousand
 * datagrams a call. Number of messages; -ENOBUFS: some were lost, resynchronise
 * (the queue was read to its end all the same); other -errno.
 */
int netlink_receive(struct netlink *netlink, netlink_callback *callback, void *context);
/*
 * Messages the kernel could not deliver to this socket: the Drops column of
 * /proc/net/netlink, by SO_MEMINFO (Linux >= 4.12; else 0) and without its wrap.
 */
uint64_t netlink_drops(struct netlink *netlink);

/* Walks attributes (struct nlattr); NULL when type is not there. *size = payload bytes. */
const void *netlink_attribute(const void *attributes, size_t length, uint16_t type, size_t *size);

const char *netlink_library_version(void);

#endif
