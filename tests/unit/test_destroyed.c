/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/destroyed.h"

#include <netinet/in.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "check.h"

#define NOW   (1000 * NS_PER_SECOND)
#define NETNS 7u
#define OTHER 8u

static const struct hash_key key = { { 1, 2 } };

static struct tuple end(uint16_t remote)
{
	return (struct tuple){ .source_port = 5000,
		               .destination_port = remote,
		               .protocol = IPPROTO_UDP };
}

static struct destroyed_times times(const struct destroyed *destroyed, uint32_t netns,
                                    int64_t seen_ns)
{
	struct tuple tuple = end(53);

	return destroyed_last(destroyed, netns, &tuple, seen_ns);
}

static int64_t last(const struct destroyed *destroyed, uint32_t netns, int64_t seen_ns)
{
	return times(destroyed, netns, seen_ns).last_ns;
}

static void test_ports(void)
{
	struct destroyed *destroyed = destroyed_new(&key);
	struct tuple open = end(0), connected = end(54), same = end(53);

	CHECK(destroyed_count(destroyed, 5000) == 0 && last(destroyed, NETNS, NOW) == 0,
	      "no socket is reported at first");
	destroyed_add(destroyed, NETNS, &connected, NOW);
	CHECK(last(destroyed, NETNS, NOW) == 0, "one that was connected elsewhere does not count");
	destroyed_add(destroyed, NETNS, &open, NOW + 1);
	destroyed_add(destroyed, OTHER, &open, NOW + 2);
	CHECK(last(destroyed, NETNS, NOW) == NOW + 1 && last(destroyed, OTHER, NOW) == NOW + 2,
	      "sockets on a port are distinguished by namespace");
	CHECK(destroyed_any_since(destroyed, NOW + 2) && !destroyed_any_since(destroyed, NOW + 3),
	      "the latest report of all is known");
	CHECK(destroyed_count(destroyed, 5000) == 3 && destroyed_count(destroyed, 5001) == 0 &&
	              destroyed_port_since(destroyed, 5000, NOW + 1) &&
	              !destroyed_port_since(destroyed, 5000, NOW + 2),
	      "sockets of a port are counted in all namespaces together");
	CHECK(times(destroyed, NETNS, NOW).previous_ns == 0, "the first has no previous one");
	destroyed_add(destroyed, NETNS, &same, NOW + 5);
	CHECK(times(destroyed, NETNS, NOW).last_ns == NOW + 5 &&
	              times(destroyed, NETNS, NOW).previous_ns == NOW + 1,
	      "one that was connected to this end follows one that was not");
	destroyed_add(destroyed, NETNS, &open, NOW + 7);
	CHECK(times(destroyed, NETNS, NOW).last_ns == NOW + 7 &&
	              times(destroyed, NETNS, NOW).previous_ns == NOW + 5,
	      "and the other way round");
	destroyed_free(destroyed);
}

static void test_lost(void)
{
	struct destroyed *destroyed = destroyed_new(&key);
	int64_t end_ns = NOW + 10 * NS_PER_SECOND;

	destroyed_lost(destroyed, NOW, end_ns);
	CHECK(destroyed_count(destroyed, 1) == 1 &&
	              destroyed_port_since(destroyed, 65535, end_ns - 1),
	      "lost reports may be of any port");
	CHECK(destroyed_any_since(destroyed, end_ns) && !destroyed_any_since(destroyed, end_ns + 1),
	      "until the loss was noticed");
	CHECK(last(destroyed, NETNS, NOW) == NOW &&
	              last(destroyed, NETNS, end_ns - 1) == end_ns - 1,
	      "a socket may have been destroyed just when a packet was seen");
	CHECK(times(destroyed, NETNS, NOW).previous_ns == NOW, "and so may two");
	CHECK(last(destroyed, NETNS, end_ns + 1) == end_ns &&
	              last(destroyed, NETNS, NOW - 1) == end_ns,
	      "not before, nor after");
	destroyed_lost(destroyed, end_ns, end_ns + 5);
	CHECK(last(destroyed, NETNS, NOW) == NOW, "two losses in a row are one");
	destroyed_lost(destroyed, 2 * end_ns, 2 * end_ns + 5);
	CHECK(last(destroyed, NETNS, NOW) == 2 * end_ns + 5, "a loss long after is another one");
	destroyed_free(destroyed);
}

/* The upper half of a hash is what is compared. */
#define HASH(number) ((uint64_t)(number) << 32)

static void test_info(void)
{
	struct destroyed *destroyed = destroyed_new(&key);
	struct connection_key wanted = {
		.tuple = { .source_port = 80, .destination_port = 1000, .protocol = IPPROTO_TCP },
		.hash = HASH(1),
	};
	struct tuple reversed = tuple_reverse(&wanted.tuple);
	struct socket_tcp_info info = { .bytes_acked = 7 };

	CHECK(!destroyed_info(destroyed, HASH(1), &wanted.tuple, NOW, &info) &&
	              !destroyed_since(destroyed, HASH(1), &wanted.tuple, 0),
	      "no numbers are known at first");
	destroyed_add_info(destroyed, &wanted, &info, NOW);
	info.bytes_acked = 0;
	CHECK(destroyed_info(destroyed, HASH(1), &wanted.tuple, NOW, &info) &&
	              info.bytes_acked == 7,
	      "a socket's last numbers are known");
	CHECK(!destroyed_info(destroyed, HASH(2), &wanted.tuple, NOW, &info) &&
	              !destroyed_info(destroyed, HASH(1), &reversed, NOW, &info),
	      "they are not those of another socket");
	CHECK(!destroyed_info(destroyed, HASH(1), &wanted.tuple, NOW + WINDOW_DESTROYED_INFO_NS + 1,
	                      &info),
	      "they are known for a while");
	CHECK(destroyed_since(destroyed, HASH(1), &wanted.tuple, NOW - 1) &&
	              !destroyed_since(destroyed, HASH(1), &wanted.tuple, NOW),
	      "a connection that began later has another socket");
	CHECK(!destroyed_since(destroyed, HASH(1), &reversed, NOW - 1),
	      "the other end is not destroyed");
	destroyed_free(destroyed);
}

/* What little happens does not touch all of the room in the end. */
static void test_stays_small(void)
{
	enum { AT_ONCE = 50, ROUNDS = 400 };
	struct destroyed *destroyed = destroyed_new(&key);
	const struct socket_tcp_info info = { .bytes_acked = 7 };
	struct socket_tcp_info found = { 0 };
	struct connection_key wanted = { .tuple = { .protocol = IPPROTO_TCP } };
	uint64_t number = 0;
	long before = check_pages_touched();
	int known = 0;

	for (int64_t round = 0; round < ROUNDS; round++) {
		int64_t now_ns = NOW + round * 2 * WINDOW_DESTROYED_INFO_NS;
		uint64_t first = number;

		for (int i = 0; i < AT_ONCE; i++) {
			wanted.hash = HASH(++number);
			destroyed_add_info(destroyed, &wanted, &info, now_ns);
		}
		for (uint64_t known_number = first + 1; known_number <= number; known_number++)
			known += destroyed_info(destroyed, HASH(known_number), &wanted.tuple,
			                        now_ns, &found);
	}
	CHECK(check_pages_touched() - before < 64, "%d times %d sockets: %ld pages", ROUNDS,
	      AT_ONCE, check_pages_touched() - before);
	CHECK_EQUAL(known, ROUNDS * AT_ONCE, "each of them is known");
	destroyed_free(destroyed);
}

/* The numbers of a burst are known, but for those that make room. */
static void test_burst(void)
{
	enum { SOCKETS = 20000, KEPT = 8192 };
	struct destroyed *destroyed = destroyed_new(&key);
	struct connection_key wanted = { .tuple = { .protocol = IPPROTO_TCP } };
	struct socket_tcp_info info = { 0 };
	int known = 0;

	for (uint64_t number = 1; number <= SOCKETS; number++) {
		wanted.hash = HASH(number);
		info.bytes_acked = number;
		destroyed_add_info(destroyed, &wanted, &info, NOW);
	}
	for (uint64_t number = 1; number <= SOCKETS; number++)
		known += destroyed_info(destroyed, HASH(number), &wanted.tuple, NOW, &info) &&
		         info.bytes_acked == number && number > SOCKETS - KEPT;
	CHECK_EQUAL(known, KEPT, "the latest %d of %d sockets are known", KEPT, SOCKETS);
	destroyed_free(destroyed);
}

static void test_waiting(void)
{
	struct destroyed *destroyed = destroyed_new(&key);
	struct destroyed_socket socket = { .reported_ns = 0 };
	int taken = 0;

	CHECK(!destroyed_take(destroyed, &socket), "none waits at first");
	for (int i = 0; i < DESTROYED_WAITING_MAX; i++) {
		socket.reported_ns = NOW + i;
		if (!destroyed_wait(destroyed, &socket))
			break;
	}
	CHECK(!destroyed_wait(destroyed, &socket), "there is room for some");
	while (destroyed_take(destroyed, &socket) && socket.reported_ns == NOW + taken)
		taken++;
	CHECK(taken == DESTROYED_WAITING_MAX, "they come in the order of their reports");
	destroyed_free(destroyed);
}

int main(void)
{
	test_stays_small();
	test_burst();
	test_ports();
	test_lost();
	test_info();
	test_waiting();
	destroyed_free(NULL);
	return check_done();
}
