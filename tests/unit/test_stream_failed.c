/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connection a connect(2) that failed is. What tracepoints report of it is this test's own, and
 * records are counted.
 */
#include <errno.h>
#include <netinet/in.h>

#include "attribution/failed_connects.h"
#include "base/clock.h"
#include "check.h"
#include "stream/stream_private.h"

#define NOW    (1000 * NS_PER_SECOND)
#define NETNS  1
#define CLIENT "10.0.0.1"
#define PORT   40000
#define SRC    CONNECTION_SOURCE
#define DST    CONNECTION_DESTINATION

static struct process process = { .references = 1000, .pid = 20 };

static struct {
	bool failed; /* one waits to be taken */
	struct failed_connect connect;
	int opened, closed, reported;
	enum connection_reason reason; /* of the last that was closed */
	struct attribution_namespace namespace;
} world;

bool attribution_take_failed_connect(struct attribution *attribution, int64_t before_ns,
                                     struct failed_connect *connect, struct owner *owner)
{
	(void)attribution;
	if (!world.failed || world.connect.ended_ns >= before_ns)
		return false;
	world.failed = false;
	*connect = world.connect;
	*owner = (struct owner){ .method = ATTRIBUTION_TRACEPOINT,
		                 .process = process_ref(&process) };
	return true;
}

const struct attribution_namespace *
attribution_find_namespace(const struct attribution *attribution, uint32_t netns)
{
	(void)attribution;
	return netns == NETNS ? &world.namespace : NULL;
}

void stream_emit_connection(struct stream *stream, enum event_action action, int64_t time_ns,
                            struct connection *connection)
{
	(void)stream;
	(void)time_ns;
	(void)connection;
	world.opened += action == EVENT_CONNECTION_OPENED;
}

void stream_emit_closed(struct stream *stream, struct connection *connection, int64_t time_ns)
{
	(void)stream;
	(void)time_ns;
	world.closed++;
	world.reason = connection->reason;
}

bool stream_has_room(void *context)
{
	(void)context;
	return true;
}

void binder_report(struct binder *binder, struct connection *connection)
{
	(void)binder;
	(void)connection;
	world.reported++;
}

static void on_change(void *context, struct connection *connection, enum connection_change change)
{
	(void)context;
	(void)connection;
	(void)change;
}

static struct tuple to(const char *address, uint16_t port)
{
	struct tuple tuple = { .source_port = PORT,
		               .destination_port = port,
		               .protocol = IPPROTO_TCP };

	inet_parse(CLIENT, &tuple.source);
	inet_parse(address, &tuple.destination);
	return tuple;
}

static struct stream stream;

/* A connect(2) of a millisecond around NOW. */
static void begin(const char *address, uint16_t port)
{
	static const struct hash_key key = { { 1, 1 } };
	const struct connection_table_options options = { .max_connections = 2 * STREAM_UNTRACED,
		                                          .key = key,
		                                          .callback = on_change };

	memset(&world, 0, sizeof world);
	memset(&stream, 0, sizeof stream);
	stream.options.attribution = (struct attribution *)&world; /* never looked into */
	stream.connections = connection_table_new(&options);
	stream.errors = unclaimed_errors_new(&key);
	if (!stream.connections || !stream.errors)
		exit(EXIT_FAILURE);
	world.failed = true;
	world.connect = (struct failed_connect){ .tuple = to(address, port),
		                                 .netns = NETNS,
		                                 .pid = process.pid,
		                                 .began_ns = NOW - NS_PER_MS / 2,
		                                 .ended_ns = NOW + NS_PER_MS / 2 };
}

static void finish(void)
{
	connection_table_free(stream.connections);
	unclaimed_errors_free(stream.errors);
}

/* A SYN of the client was seen at that time, and no process with it. */
static struct connection *add(const char *address, uint16_t port, int64_t seen_ns)
{
	const struct tuple tuple = to(address, port);
	const struct connection_key key = connection_table_key(stream.connections, NETNS, &tuple);
	struct connection *connection = connection_table_open(stream.connections, &key, NOW, NOW);

	connection->local[SRC] = true;
	connection->seen_ns = seen_ns;
	connection->counts[SRC].packets = 1;
	connection->owners[SRC].reason = ATTRIBUTION_PENDING;
	stream_note_untraced(&stream, connection);
	return connection;
}

static void take(void)
{
	CHECK(stream_take_failed_connects(&stream, INT64_MAX) && !world.failed, "it is taken");
}

static void test_alone(void)
{
	begin("10.0.0.2", 80);
	take();
	CHECK(world.opened == 1 && world.closed == 1 && world.reason == CONNECTION_SOCKET_CLOSED,
	      "without a packet it is a connection of its own");
	finish();
	begin("10.0.0.2", 80);
	world.connect.error = -EACCES;
	take();
	CHECK(world.closed == 1 && world.reason == CONNECTION_BLOCKED, "a route forbids it");
	finish();
	begin("10.0.0.2", 80);
	stream.captured_ns = NOW;
	take();
	CHECK_EQUAL(world.opened, 0, "its packets may have gone by before the capture");
	finish();
	begin("10.0.0.2", 80);
	CHECK(stream_take_failed_connects(&stream, NOW) && world.failed, "it has not ended yet");
	finish();
}

static void test_its_packets(void)
{
	struct connection *connection;

	begin("10.0.0.2", 80);
	connection = add("10.0.0.2", 80, NOW);
	take();
	CHECK(connection->owners[SRC].process == &process && world.reported == 1,
	      "the process is named that was not found");
	CHECK(world.opened == 0 && world.closed == 1 && world.reason == CONNECTION_TIMEOUT,
	      "its SYN had no answer");
	finish();
	begin("10.0.0.2", 80);
	connection = add("10.0.0.2", 80, NOW);
	connection->counts[DST].packets = 1;
	take();
	CHECK_EQUAL(world.closed, 0, "an answer ends it");
	finish();
	begin("10.0.0.2", 80);
	add("10.0.0.2", 80, NOW + NS_PER_SECOND);
	take();
	CHECK(world.opened == 0 && world.closed == 0, "the next one with these ends is not meant");
	finish();
	begin("10.0.0.2", 80);
	add("10.0.0.2", 80, NOW - NS_PER_SECOND);
	take();
	CHECK(world.opened == 1 && world.closed == 2, "one of before with these ends is over");
	finish();
}

/* One local port may have several destinations. */
static void test_of_one_port(void)
{
	struct connection *connection;

	begin("10.0.0.9", 80);
	connection = add("10.0.0.2", 8080, NOW);
	take();
	CHECK(world.opened == 0 && world.reported == 1 && connection->owners[SRC].process &&
	              owner_translated(&connection->owners[SRC]) &&
	              tuple_equal(owner_translated(&connection->owners[SRC]), &world.connect.tuple),
	      "NAT replaced the address: the process knows the other one");
	CHECK(world.closed == 1 && world.reason == CONNECTION_TIMEOUT, "and its SYN had no answer");
	finish();
	begin("10.0.0.9", 80);
	connection = add("10.0.0.2", 8080, NOW);
	connection->owners[SRC].inode = 1000;
	take();
	CHECK(world.reported == 0 && !connection->owners[SRC].process &&
	              connection->reason == CONNECTION_REASON_NONE,
	      "a connection with a socket of its own is no translation, though its holder is not "
	      "known");
	CHECK(world.opened == 1 && world.closed == 1,
	      "so the one that failed has records of its own");
	finish();
	begin("10.0.0.9", 80);
	connection = add("10.0.0.2", 8080, NOW);
	connection->owners[SRC].process = process_ref(&process);
	take();
	CHECK(world.opened == 1 && connection->reason == CONNECTION_REASON_NONE,
	      "nor is one that has an owner");
	finish();
	begin("10.0.0.9", 80);
	add("10.0.0.2", 8080, NOW);
	add("10.0.0.3", 8080, NOW);
	take();
	CHECK(world.opened == 1 && world.reported == 0, "of two that may be, none is");
	finish();
	begin("10.0.0.9", 80);
	add("10.0.0.2", 8080, NOW - NS_PER_MS);
	add("10.0.0.3", 8080, NOW + NS_PER_MS);
	take();
	CHECK(world.opened == 1 && world.reported == 0, "nor one of before it, or of after it");
	finish();
	begin("10.0.0.9", 80);
	world.connect.netns = NETNS + 1;
	add("10.0.0.2", 8080, NOW);
	take();
	CHECK(world.opened == 1 && world.reported == 0, "nor one of another network namespace");
	finish();
	begin("10.0.0.9", 80);
	world.connect.tuple.source_port++;
	add("10.0.0.2", 8080, NOW);
	take();
	CHECK(world.opened == 1 && world.reported == 0, "nor one from another port");
	finish();
}

int main(void)
{
	test_alone();
	test_its_packets();
	test_of_one_port();
	return check_done();
}
