/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/netlink_pool.h"

#include <stdlib.h>

#include "sockets/netns.h"

#define KEPT 10 /* turns of the clock after the last question */

struct netlink_pool {
	int max, count;
	uint64_t turn;
	struct netlink_slot *newest, *oldest;
};

struct netlink_pool *netlink_pool_new(int max)
{
	struct netlink_pool *pool = calloc(1, sizeof *pool);

	if (pool)
		pool->max = max;
	return pool;
}

void netlink_pool_free(struct netlink_pool *pool)
{
	free(pool);
}

static void unlink_slot(struct netlink_slot *slot)
{
	struct netlink_pool *pool = slot->pool;

	*(slot->newer ? &slot->newer->older : &pool->newest) = slot->older;
	*(slot->older ? &slot->older->newer : &pool->oldest) = slot->newer;
	slot->newer = slot->older = NULL;
}

static void link_newest(struct netlink_slot *slot)
{
	struct netlink_pool *pool = slot->pool;

	slot->older = pool->newest;
	*(pool->newest ? &pool->newest->newer : &pool->oldest) = slot;
	pool->newest = slot;
	slot->asked = pool->turn;
}

static void drop(struct netlink_slot *slot)
{
	unlink_slot(slot);
	slot->pool->count--;
	netlink_close(slot->netlink);
	slot->netlink = NULL;
}

/* One that is in a callback of its own stays: then there is one more for a moment. */
static void make_room(struct netlink_pool *pool)
{
	for (struct netlink_slot *slot = pool->oldest, *next; slot && pool->count >= pool->max;
	     slot = next) {
		next = slot->newer;
		if (!netlink_is_busy(slot->netlink))
			drop(slot);
	}
}

void netlink_pool_tick(struct netlink_pool *pool)
{
	pool->turn++;
	for (struct netlink_slot *slot = pool->oldest, *next;
	     slot && pool->turn - slot->asked > KEPT; slot = next) {
		next = slot->newer;
		if (!netlink_is_busy(slot->netlink))
			drop(slot);
	}
}

int netlink_pool_open_count(const struct netlink_pool *pool)
{
	return pool->count;
}

int netlink_slot_open(struct netlink_slot *slot, struct netlink_pool *pool, int netns_fd,
                      int protocol, struct error *error)
{
	struct netlink *netlink = NULL;
	int result = pool ? 0 : netlink_open(&netlink, protocol, error);

	if (result != 0)
		return result;
	*slot = (struct netlink_slot){
		.netlink = netlink,
		.protocol = protocol,
		.pool = pool,
		.netns_fd = netns_fd,
	};
	return 0;
}

void netlink_slot_close(struct netlink_slot *slot)
{
	if (slot->pool && slot->netlink)
		drop(slot);
	netlink_close(slot->netlink);
	slot->netlink = NULL;
}

static int open_now(struct netlink_slot *slot)
{
	struct error error;
	int previous, result;

	make_room(slot->pool);
	previous = netns_enter(slot->netns_fd);
	if (previous < 0)
		return previous;
	result = netlink_open(&slot->netlink, slot->protocol, &error);
	netns_leave(previous);
	if (result == 0)
		slot->pool->count++;
	return result;
}

int netlink_slot_get(struct netlink_slot *slot, struct netlink **netlink)
{
	if (slot->pool && slot->netlink) {
		unlink_slot(slot);
		link_newest(slot);
	} else if (slot->pool) {
		int result = open_now(slot);

		if (result != 0)
			return result;
		link_newest(slot);
	}
	*netlink = slot->netlink;
	return 0;
}
