/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which connection a packet on loopback is an answer of, when NAT gives the answers another tuple.
 * Connection tracking and the binder are this test's own: they answer what each case has, and count.
 */
#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"
#include "stream/passage.h"

#define NOW     (1000 * NS_PER_SECOND)
#define NETNS   1
#define LO      1
#define CLIENT  "10.0.0.1"
#define SERVICE "10.0.0.9" /* the address that the client knows, in place of the server's */
#define SERVER  "10.0.0.2"
#define PORT    40000
#define NUMBER  101 /* behind the client's SYN */
#define SRC     CONNECTION_SOURCE
#define DST     CONNECTION_DESTINATION
#define SYN     TCP_FLAG_SYN
#define ACK     TCP_FLAG_ACK
#define RST     TCP_FLAG_RST
#define FIN     TCP_FLAG_FIN

static struct {
	bool locality; /* the packet's destination is local */
	bool tracked;
	struct tuple socket; /* what connection tracking says */
	int asked, looked, translated;
	enum connection_end end; /* that was translated */
	struct tuple translation;
} world;

void stream_look_around(struct stream *stream, struct passage *passage)
{
	(void)stream;
	world.looked++;
	passage->locality.destination = world.locality;
}

bool attribution_nat_socket(const struct attribution *attribution, uint32_t netns,
                            const struct tuple *wire, int64_t seen_ns, struct tuple *socket)
{
	(void)attribution;
	world.asked += netns == NETNS && wire->protocol == IPPROTO_UDP && seen_ns == NOW;
	*socket = world.socket;
	return world.tracked;
}

void binder_translated(struct binder *binder, struct connection *connection,
                       enum connection_end end, const struct tuple *socket)
{
	(void)binder;
	(void)connection;
	world.translated++;
	world.end = end;
	world.translation = *socket;
}

static void on_change(void *context, struct connection *connection, enum connection_change change)
{
	(void)context;
	(void)connection;
	(void)change;
}

static struct tuple tuple_of(uint8_t protocol, const char *source, uint16_t source_port,
                             const char *destination, uint16_t destination_port)
{
	struct tuple tuple = { .source_port = source_port,
		               .destination_port = destination_port,
		               .protocol = protocol };

	inet_parse(source, &tuple.source);
	inet_parse(destination, &tuple.destination);
	return tuple;
}

/* A client's connection with the service, of which its first packet alone was seen. */
struct fixture {
	struct stream stream;
	struct connection *connection;
	struct packet packet; /* the answer, from the server's own address */
	struct passage passage;
};

static void begin(struct fixture *fixture, uint8_t protocol)
{
	static const struct hash_key key = { { 1, 1 } };
	const struct connection_table_options options = { .max_connections = 2 * STREAM_UNTRACED,
		                                          .key = key,
		                                          .callback = on_change };
	struct tuple tuple = tuple_of(protocol, CLIENT, PORT, SERVICE, 80);
	struct connection_key wanted;

	memset(&world, 0, sizeof world);
	memset(fixture, 0, sizeof *fixture);
	world.locality = true;
	fixture->stream.options.attribution = (struct attribution *)fixture; /* never looked into */
	fixture->stream.connections = connection_table_new(&options);
	if (!fixture->stream.connections)
		exit(EXIT_FAILURE);
	wanted = connection_table_key(fixture->stream.connections, NETNS, &tuple);
	fixture->connection = connection_table_open(fixture->stream.connections, &wanted, NOW, NOW);
	fixture->connection->local[SRC] = fixture->connection->local[DST] = true;
	fixture->connection->ifindex = LO;
	fixture->connection->counts[SRC].packets = 1;
	fixture->connection->flow.next[SRC] = NUMBER;
	fixture->packet = (struct packet){
		.netns = NETNS,
		.ifindex = LO,
		.has_tcp = protocol == IPPROTO_TCP,
		.tcp_flags = protocol == IPPROTO_TCP ? SYN | ACK : 0,
		.tcp_acknowledgement = NUMBER,
		.tuple = tuple_of(protocol, SERVER, 8080, CLIENT, PORT),
	};
}

static void note_untraced(struct fixture *fixture)
{
	fixture->stream.untraced[fixture->stream.untraced_count++ % STREAM_UNTRACED] =
		(struct stream_untraced){ connection_table_number(fixture->connection),
		                          fixture->connection->id };
}

static bool find(struct fixture *fixture)
{
	fixture->passage = (struct passage){
		.packet = &fixture->packet,
		.key = connection_table_key(fixture->stream.connections, fixture->packet.netns,
		                            &fixture->packet.tuple),
		.seen_ns = NOW,
	};
	return stream_find_looped(&fixture->stream, &fixture->passage) == fixture->connection;
}

static void finish(struct fixture *fixture)
{
	connection_table_free(fixture->stream.connections);
}

/* The client's socket has the tuple of the answer from now on, and the binder knows. */
static void check_translated(struct fixture *fixture, const char *title)
{
	struct tuple socket = tuple_reverse(&fixture->packet.tuple);
	struct connection_key key =
		connection_table_key(fixture->stream.connections, NETNS, &socket);
	enum connection_end end = DST;

	CHECK(world.translated == 1 && world.end == SRC && tuple_equal(&world.translation, &socket),
	      "%s: the binder gets the tuple of the client's socket", title);
	CHECK(connection_table_find_socket(fixture->stream.connections, &key, &end) ==
	                      fixture->connection &&
	              end == SRC,
	      "%s: by which the connection is found", title);
}

/* What differs from the answer to the SYN; 0 and NULL: nothing. */
static const struct {
	const char *title;
	uint8_t flags;
	uint32_t number, netns, ifindex;
	const char *to;
	uint16_t port;
	bool not_whole, answered, far_source, far_destination, traced, icmp, replay;
	bool found;
} unanswered[] = {
	{ .title = "SYN+ACK", .flags = SYN | ACK, .found = true },
	{ .title = "RST+ACK, a refusal", .flags = RST | ACK, .found = true },
	{ .title = "a SYN", .flags = SYN },
	{ .title = "a RST without a number", .flags = RST },
	{ .title = "an ACK", .flags = ACK },
	{ .title = "FIN+ACK", .flags = FIN | ACK },
	{ .title = "the header of TCP is cut", .not_whole = true },
	{ .title = "another SYN's number", .number = NUMBER + 1 },
	{ .title = "to another port", .port = PORT + 1 },
	{ .title = "to another address", .to = SERVICE },
	{ .title = "in another namespace", .netns = NETNS + 1 },
	{ .title = "on another interface", .ifindex = LO + 1 },
	{ .title = "the connection has an answer", .answered = true },
	{ .title = "its client is not of this host", .far_source = true },
	{ .title = "its server is not of this host", .far_destination = true },
	{ .title = "a process was seen to open it", .traced = true },
	{ .title = "an ICMP identifier", .icmp = true },
	{ .title = "a replay", .replay = true },
};

static void change(struct fixture *fixture, size_t i)
{
	struct packet *packet = &fixture->packet;

	if (unanswered[i].flags)
		packet->tcp_flags = unanswered[i].flags;
	if (unanswered[i].number)
		packet->tcp_acknowledgement = unanswered[i].number;
	if (unanswered[i].netns)
		packet->netns = unanswered[i].netns;
	if (unanswered[i].ifindex)
		packet->ifindex = unanswered[i].ifindex;
	if (unanswered[i].to)
		inet_parse(unanswered[i].to, &packet->tuple.destination);
	if (unanswered[i].port)
		packet->tuple.destination_port = unanswered[i].port;
	packet->has_tcp = !unanswered[i].not_whole;
	packet->has_icmp_id = unanswered[i].icmp;
	fixture->connection->counts[DST].packets = unanswered[i].answered;
	fixture->connection->local[SRC] = !unanswered[i].far_source;
	fixture->connection->local[DST] = !unanswered[i].far_destination;
	if (unanswered[i].replay)
		fixture->stream.options.attribution = NULL;
}

/* Found as of the server, and the client's socket translated; or neither. */
static void check_found(struct fixture *fixture, bool found, const char *title)
{
	CHECK_EQUAL(find(fixture), found, "%s", title);
	CHECK_EQUAL(world.translated, found, "%s: whether a socket is translated", title);
	if (!found)
		return;
	CHECK_EQUAL(fixture->passage.from, DST, "%s: from the server", title);
	check_translated(fixture, title);
}

static void test_unanswered(void)
{
	for (size_t i = 0; i < sizeof unanswered / sizeof unanswered[0]; i++) {
		struct fixture fixture;

		begin(&fixture, IPPROTO_TCP);
		if (!unanswered[i].traced)
			note_untraced(&fixture);
		change(&fixture, i);
		check_found(&fixture, unanswered[i].found, unanswered[i].title);
		finish(&fixture);
	}
}

/* The entries go round: the first and the last of those that are kept are looked at. */
static void test_many_untraced(void)
{
	static const struct {
		const char *title;
		uint32_t before, after;
		bool found;
	} cases[] = {
		{ "the first of as many as are kept", 0, STREAM_UNTRACED - 1, true },
		{ "the last of them", STREAM_UNTRACED - 1, 0, true },
		{ "one after which as many came", 0, STREAM_UNTRACED, false },
		{ "one that took another's place", STREAM_UNTRACED, 1, true },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct stream_untraced gone = { 1, 1 }; /* none has that id */
		struct fixture fixture;
		struct stream *stream = &fixture.stream;

		begin(&fixture, IPPROTO_TCP);
		for (uint32_t n = 0; n < cases[i].before; n++)
			stream->untraced[stream->untraced_count++ % STREAM_UNTRACED] = gone;
		note_untraced(&fixture);
		for (uint32_t n = 0; n < cases[i].after; n++)
			stream->untraced[stream->untraced_count++ % STREAM_UNTRACED] = gone;
		CHECK_EQUAL(find(&fixture), cases[i].found, "%s", cases[i].title);
		finish(&fixture);
	}
}

/* An end's socket has a tuple that is known: the packet is for that socket. */
static void test_receiver(void)
{
	static const struct {
		const char *title;
		enum connection_end end; /* whose socket it is */
		uint8_t protocol;
		uint32_t netns, ifindex;
		bool far, found;
	} cases[] = {
		{ "to the client's socket", SRC, IPPROTO_TCP, NETNS, LO, false, true },
		{ "to the server's socket", DST, IPPROTO_TCP, NETNS, LO, false, true },
		{ "to the client's socket of UDP", SRC, IPPROTO_UDP, NETNS, LO, false, true },
		{ "in another namespace", SRC, IPPROTO_TCP, NETNS + 1, LO, false, false },
		{ "on another interface", SRC, IPPROTO_TCP, NETNS, LO + 1, false, false },
		{ "the other end is not of this host", SRC, IPPROTO_TCP, NETNS, LO, true, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fixture fixture;
		struct tuple socket;

		begin(&fixture, cases[i].protocol);
		fixture.packet.tcp_flags = ACK;
		fixture.packet.netns = cases[i].netns;
		fixture.packet.ifindex = cases[i].ifindex;
		fixture.connection->local[!cases[i].end] = !cases[i].far;
		socket = tuple_reverse(&fixture.packet.tuple);
		connection_table_set_socket(fixture.stream.connections, fixture.connection,
		                            cases[i].end, NETNS, &socket);
		CHECK_EQUAL(find(&fixture), cases[i].found, "%s", cases[i].title);
		if (cases[i].found)
			CHECK_EQUAL(fixture.passage.from, !cases[i].end, "%s: from the other end",
			            cases[i].title);
		CHECK_EQUAL(world.translated, 0, "%s: it is translated already", cases[i].title);
		finish(&fixture);
	}
}

/* The answer of UDP: connection tracking knows what the client sent to. */
static void test_tracked(void)
{
	static const struct {
		const char *title;
		uint8_t protocol;
		bool far, untracked, another, far_client;
		uint32_t ifindex;
		int asked;
		bool found;
	} cases[] = {
		{ .title = "UDP", .protocol = IPPROTO_UDP, .asked = 1, .found = true },
		{ .title = "TCP is not asked for", .protocol = IPPROTO_TCP },
		{ .title = "nor what goes to another host", .protocol = IPPROTO_UDP, .far = true },
		{ .title = "not tracked", .protocol = IPPROTO_UDP, .untracked = true, .asked = 1 },
		{ .title = "no connection has it",
		  .protocol = IPPROTO_UDP,
		  .another = true,
		  .asked = 1 },
		{ .title = "its client is not of this host",
		  .protocol = IPPROTO_UDP,
		  .far_client = true,
		  .asked = 1 },
		{ .title = "on another interface",
		  .protocol = IPPROTO_UDP,
		  .ifindex = LO + 1,
		  .asked = 1 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct fixture fixture;

		begin(&fixture, cases[i].protocol);
		world.locality = !cases[i].far;
		world.tracked = !cases[i].untracked;
		world.socket = tuple_of(cases[i].protocol, SERVICE, cases[i].another ? 81 : 80,
		                        CLIENT, PORT);
		fixture.connection->local[SRC] = !cases[i].far_client;
		if (cases[i].ifindex)
			fixture.packet.ifindex = cases[i].ifindex;
		check_found(&fixture, cases[i].found, cases[i].title);
		CHECK(world.looked == 1 && world.asked == cases[i].asked,
		      "%s: how often is asked (%d)", cases[i].title, world.asked);
		finish(&fixture);
	}
}

int main(void)
{
	test_unanswered();
	test_many_untraced();
	test_receiver();
	test_tracked();
	return check_done();
}
