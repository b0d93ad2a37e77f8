/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What network address translation did to a connection: the entry of the kernel's
 * connection tracking (nf_conntrack) for a tuple, by nfnetlink's ctnetlink.
 */
#ifndef SOCKLINE_SOCKETS_CONNTRACK_H
#define SOCKLINE_SOCKETS_CONNTRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/inet.h"

struct conntrack;

/*
 * For the calling thread's network namespace. nfnetlink wants CAP_NET_ADMIN: -EPERM;
 * -EPROTONOSUPPORT: the kernel has none. Its socket may be one of a pool, for the namespace of
 * netns_fd (netlink_slot_open): then it is not known yet whether the kernel answers.
 */
struct netlink_pool;
int conntrack_open(struct conntrack **conntrack, struct netlink_pool *pool, int netns_fd,
                   struct error *error);
void conntrack_close(struct conntrack *conntrack); /* NULL is fine */

/*
 * wire: a connection as its packets show it, the local end as source. *socket gets the
 * tuple that the socket of that end has: before the translation of what it sends, after
 * that of what it receives. seen_ns: when the packet was captured (monotonic). 0; -ENOENT: not
 * tracked, or not translated; -EAGAIN: asked too often for now. About 5 us; a repeated question within
 * a moment, and all but the first of a batch in a namespace that tracks nothing, cost no system call.
 */
int conntrack_find(struct conntrack *conntrack, const struct tuple *wire, int64_t seen_ns,
                   struct tuple *socket);

/* The pure part: what an answer (nfgenmsg and attributes) says of that question. 0 or -ENOENT. */
int conntrack_parse(const void *answer, size_t length, const struct tuple *wire,
                    struct tuple *socket);

#endif
