/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Later fragments find the connection of their first one, and no other. */
#include "stream/fragments.h"

#include <netinet/in.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "check.h"

#define NOW (1000 * NS_PER_SECOND)

static const struct hash_key key = { { 1, 2 } };
static struct connection_table *connections;
static struct connection *connection;

static void on_change(void *context, struct connection *changed, enum connection_change change)
{
	(void)context;
	(void)changed;
	(void)change;
}

static struct packet fragment(uint32_t id)
{
	struct packet packet = { .time_ns = NOW,
		                 .netns = 5,
		                 .is_fragment = true,
		                 .fragment_id = id,
		                 .tuple = { .protocol = IPPROTO_UDP } };

	inet_parse("192.0.2.1", &packet.tuple.source);
	inet_parse("192.0.2.2", &packet.tuple.destination);
	return packet;
}

static const struct connection *find(const struct fragments *fragments, struct packet packet)
{
	enum connection_end from = CONNECTION_SOURCE;
	const struct connection *found = fragments_find(fragments, &packet, connections, &from);

	return found && from == CONNECTION_DESTINATION ? found : NULL;
}

static void test_one(void)
{
	struct fragments *fragments = fragments_new(&key);
	struct packet packet = fragment(7);

	CHECK(!find(fragments, packet), "its first one was not seen");
	fragments_put(fragments, &packet, connection, CONNECTION_DESTINATION);
	packet.is_later_fragment = true;
	CHECK(find(fragments, packet) == connection, "connection and end of the first one");
	packet.time_ns += WINDOW_FRAGMENTS_NS;
	CHECK(find(fragments, packet) == connection, "as long as the kernel waits for it");
	packet.time_ns++;
	CHECK(!find(fragments, packet), "and no longer");
	packet = fragment(8);
	CHECK(!find(fragments, packet), "another datagram");
	packet = fragment(7);
	packet.netns = 6;
	CHECK(!find(fragments, packet), "another network namespace");
	packet = fragment(7);
	packet.tuple.protocol = IPPROTO_TCP;
	CHECK(!find(fragments, packet), "another protocol");
	packet = fragment(7);
	inet_parse("192.0.2.3", &packet.tuple.destination);
	CHECK(!find(fragments, packet), "another host");
	fragments_free(fragments);
}

/* The places are few: a newer datagram takes an older one's, which then is not found. */
static void test_many(void)
{
	struct fragments *fragments = fragments_new(&key);
	int found = 0, wrong = 0;

	for (uint32_t id = 0; id < 20000; id++) {
		struct packet packet = fragment(id);

		fragments_put(fragments, &packet, connection, CONNECTION_DESTINATION);
		found += find(fragments, packet) == connection;
	}
	for (uint32_t id = 20000; id < 40000; id++)
		wrong += find(fragments, fragment(id)) != NULL;
	CHECK_EQUAL(found, 20000, "each datagram is found at once");
	CHECK_EQUAL(wrong, 0, "none is found whose first fragment was not there");
	fragments_free(fragments);
}

int main(void)
{
	const struct connection_table_options options = {
		.max_connections = 10, .key = key, .id_key = key, .callback = on_change
	};
	struct connection_key place = { .netns = 5, .tuple = fragment(0).tuple };

	connections = connection_table_new(&options);
	connection = connections ? connection_table_open(connections, &place, NOW, NOW) : NULL;
	if (!connection) {
		printf("Bail out! no connection\n");
		return EXIT_FAILURE;
	}
	test_one();
	test_many();
	connection_table_free(connections);
	return check_done();
}
