/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netlink sockets for questions, opened when the first one is asked. At most so many of a pool are
 * open at one time, however many namespaces there are: the one that was asked longest ago is
 * closed for another, and each some seconds after its last question.
 */
#ifndef SOCKLINE_SOCKETS_NETLINK_POOL_H
#define SOCKLINE_SOCKETS_NETLINK_POOL_H

#include <stdint.h>

#include "base/error.h"
#include "sockets/netlink.h"

struct netlink_pool;

/* A socket that may be open. Embedded; it stays where it is while it is in a pool. */
struct netlink_slot {
	struct netlink *netlink; /* NULL: not open */
	int protocol;
	struct netlink_pool *pool;          /* NULL: open all the time */
	int netns_fd;                       /* for netns_enter */
	struct netlink_slot *newer, *older; /* of those that are open */
	uint64_t asked;                     /* in this turn of the pool's clock */
};

struct netlink_pool *netlink_pool_new(int max);    /* NULL: no memory */
void netlink_pool_free(struct netlink_pool *pool); /* after all its slots; NULL is fine */
/* Called once a second. */
void netlink_pool_tick(struct netlink_pool *pool);
int netlink_pool_open_count(const struct netlink_pool *pool);

/*
 * protocol: NETLINK_*. netns_fd is borrowed. pool NULL: it is opened now, in the calling thread's
 * namespace, and stays open. 0 or -errno.
 */
int netlink_slot_open(struct netlink_slot *slot, struct netlink_pool *pool, int netns_fd,
                      int protocol, struct error *error);
void netlink_slot_close(struct netlink_slot *slot); /* one of zeros is fine */
/* *netlink is borrowed until the next call for another slot of the pool. 0 or -errno. */
int netlink_slot_get(struct netlink_slot *slot, struct netlink **netlink);

#endif
