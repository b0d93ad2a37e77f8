/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What is found in packets waits for them to pass, in whatever order they do. */
#include "stream/naming.h"

#include <netinet/in.h>

#include "check.h"
#include "inspect/names.h"

#define PACKETS 64 /* more than what is found can wait for */

static const uint8_t question[] = { 0, 1, 1,   0,   0,   1, 0, 0, 0, 0, 0,
	                            0, 3, 'w', 'w', 'w', 0, 0, 1, 0, 1 };

struct fixture {
	struct encoder *encoder;
	struct emitter *emitter;
	struct connection_table *connections;
	struct naming *naming;
	struct packet packets[PACKETS];
};

static void begin(struct fixture *fixture)
{
	const struct hash_key key = { { 1, 2 } };
	const struct connection_table_options table = { .max_connections = 2 * PACKETS };
	const struct encoder_options encoder = { .host_name = "h" };
	struct emitter_options options = { .events = 0 };

	fixture->encoder = options.encoder = encoder_new(&encoder);
	fixture->emitter = emitter_new(&options);
	fixture->connections = connection_table_new(&table);
	fixture->naming = naming_new(&key, fixture->connections, fixture->emitter);
	for (uint16_t i = 0; i < PACKETS; i++)
		fixture->packets[i] = (struct packet){
			.number = i + UINT64_C(1),
			.has_ports = true,
			.captured = sizeof question,
			.payload = sizeof question,
			.tuple = { .protocol = IPPROTO_UDP,
			           .source_port = (uint16_t)(40000 + i),
			           .destination_port = 53 },
		};
}

static void finish(struct fixture *fixture)
{
	naming_free(fixture->naming);
	connection_table_free(fixture->connections);
	emitter_free(fixture->emitter);
	encoder_free(fixture->encoder);
}

/* Packets are looked at until there is no room; how many. */
static int look(struct fixture *fixture)
{
	int count = 0;

	while (count < PACKETS && !naming_is_full(fixture->naming))
		naming_look(fixture->naming, &fixture->packets[count++], question);
	return count;
}

/* True: what was found in this packet, and that alone, is in its connection. */
static bool passes(struct fixture *fixture, int number)
{
	const struct packet *packet = &fixture->packets[number];
	struct connection_key key = connection_table_key(fixture->connections, 0, &packet->tuple);
	struct connection *connection = connection_table_open(fixture->connections, &key, 0, 0);
	struct packet other = *packet;
	enum names_protocol before;

	other.number = 1000;
	naming_found(fixture->naming, &other, connection, CONNECTION_SOURCE);
	before = connection->protocol;
	naming_found(fixture->naming, packet, connection, CONNECTION_SOURCE);
	return before == NAMES_PROTOCOL_NONE && connection->protocol == NAMES_DNS;
}

static void test_order(void)
{
	struct fixture fixture;
	bool right = true;
	int count;

	begin(&fixture);
	count = look(&fixture);
	CHECK(count > 16 && count < PACKETS, "there is room for some: %d", count);
	for (int i = 0; i < count; i++)
		right &= passes(&fixture, i);
	CHECK(right && !naming_is_full(fixture.naming), "they pass in order");
	finish(&fixture);
	begin(&fixture);
	count = look(&fixture);
	right = true;
	for (int i = 1; i < count; i += 2)
		right &= passes(&fixture, i);
	CHECK(right && naming_is_full(fixture.naming), "every other one, and gaps are no room");
	for (int i = (count - 1) / 2 * 2; i >= 0; i -= 2)
		right &= passes(&fixture, i);
	CHECK(right && !naming_is_full(fixture.naming), "then the others, the last one first");
	CHECK_EQUAL(look(&fixture), count, "and there is as much room as before");
	finish(&fixture);
}

static void test_full(void)
{
	struct fixture fixture;
	int room = 0;

	begin(&fixture);
	for (int i = 0; i < PACKETS; i++)
		naming_look(fixture.naming, &fixture.packets[i], question);
	while (room < PACKETS && passes(&fixture, room))
		room++;
	CHECK(room > 16 && room < PACKETS, "what has no room does not take that of others: %d",
	      room);
	for (int i = room; i < PACKETS; i++)
		CHECK(!passes(&fixture, i), "%d was not kept", i);
	finish(&fixture);
}

int main(void)
{
	test_order();
	test_full();
	return check_done();
}
