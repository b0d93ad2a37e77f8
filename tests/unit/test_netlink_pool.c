/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/netlink_pool.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "netns.h"
#include "sockets/netns.h"

#define MOST  2
#define SLOTS 3
#define TURNS 12 /* of the clock: more than a socket stays after its last question */

static struct netlink_slot slots[SLOTS];

static int take(void *context, const struct netlink_message *message)
{
	struct netlink *other;

	(void)message;
	/* The one that is being read stays, although it was asked longest ago. */
	for (int i = 1; i < SLOTS; i++)
		CHECK_EQUAL(netlink_slot_get(&slots[i], &other), 0, "in a callback: %d", i);
	++*(int *)context;
	return 1;
}

static int ask(struct netlink_slot *slot, int *answers)
{
	const struct ifinfomsg request = { .ifi_family = AF_UNSPEC };
	struct netlink *netlink;
	int result = netlink_slot_get(slot, &netlink);

	return result == 0 ? netlink_dump(netlink, RTM_GETLINK, &request, sizeof request, take,
	                                  NULL, answers)
	                   : result;
}

static void test_oldest_gives_way(struct netlink_pool *pool)
{
	struct netlink *first, *again;

	CHECK_EQUAL(netlink_pool_open_count(pool), 0, "none is open before the first question");
	for (int i = 0; i < SLOTS; i++)
		CHECK_EQUAL(netlink_slot_get(&slots[i], &first), 0, "opens: %d", i);
	CHECK(netlink_pool_open_count(pool) == MOST && !slots[0].netlink,
	      "at most %d are open, without the one that was asked longest ago", MOST);
	netlink_slot_get(&slots[1], &first);
	netlink_slot_get(&slots[0], &again);
	CHECK(slots[1].netlink == first && !slots[2].netlink, "one that is asked again stays");
}

static void test_in_use(struct netlink_pool *pool)
{
	int answers = 0;

	CHECK(ask(&slots[0], &answers) == 1 && answers == 1, "answers");
	CHECK(slots[0].netlink && netlink_pool_open_count(pool) == MOST,
	      "one that is in use is not closed");
}

static void test_rest(struct netlink_pool *pool)
{
	struct netlink *netlink;

	for (int i = 0; i < TURNS; i++) {
		netlink_slot_get(&slots[1], &netlink);
		netlink_pool_tick(pool);
	}
	CHECK(netlink_pool_open_count(pool) == 1 && slots[1].netlink,
	      "one that is asked stays, others are closed");
	for (int i = 0; i < TURNS; i++)
		netlink_pool_tick(pool);
	CHECK_EQUAL(netlink_pool_open_count(pool), 0, "and none stays for ever");
}

static void test_without_pool(void)
{
	struct netlink_slot slot = { 0 };
	struct netlink *netlink;
	struct error error;

	netlink_slot_close(&slot);
	CHECK(netlink_slot_open(&slot, NULL, -1, NETLINK_ROUTE, &error) == 0 && slot.netlink,
	      "without a pool: open at once");
	CHECK(netlink_slot_get(&slot, &netlink) == 0 && netlink == slot.netlink, "and used");
	netlink_slot_close(&slot);
	CHECK(netlink_slot_open(&slot, NULL, -1, 31, &error) == -EPROTONOSUPPORT,
	      "or refused at once");
}

int main(void)
{
	struct netlink_pool *pool = netlink_pool_new(MOST);
	struct error error;
	int socket_here;

	if (!test_netns_enter())
		return EXIT_SUCCESS;
	socket_here = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	for (int i = 0; i < SLOTS; i++)
		netlink_slot_open(&slots[i], pool, socket_here, NETLINK_ROUTE, &error);
	test_oldest_gives_way(pool);
	test_in_use(pool);
	test_rest(pool);
	for (int i = 0; i < SLOTS; i++)
		netlink_slot_close(&slots[i]);
	netlink_pool_free(pool);
	test_without_pool();
	close(socket_here);
	return check_done();
}
