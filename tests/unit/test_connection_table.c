/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "connections/connection_table.h"

#include <netinet/in.h>
#include <sys/resource.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "check.h"
#include "config.h"
#include "hash_spread.h"
#include "random.h"

#define SECOND       NS_PER_SECOND
#define START        (INT64_C(1000) * SECOND)
#define REPORTED_MAX 512
#define MODEL_MAX    512
#define MODEL_PORTS  24

static struct hash_key key = { { 3, 4 } };

/* What was reported to the callback, since it was last forgotten. */
static struct reported {
	uint64_t id;
	enum connection_change change;
	enum connection_reason reason;
	enum connection_outcome outcome;
	uint16_t port;
} reported[REPORTED_MAX];
static int reported_count;
static uint64_t reported_total;
static int room = -1; /* callbacks that timers may make; -1: any number */

static void on_change(void *context, struct connection *connection, enum connection_change change)
{
	(void)context;
	reported_total++;
	if (reported_count < REPORTED_MAX)
		reported[reported_count++] =
			(struct reported){ .change = change,
			                   .id = connection->id,
			                   .port = connection->tuple.source_port,
			                   .reason = connection->reason,
			                   .outcome = connection->outcome };
}

static bool is_ready(void *context)
{
	(void)context;
	return room < 0 || room-- > 0;
}

static struct connection_table *begin(uint32_t max, int64_t update_interval_ns)
{
	struct connection_table_options options = {
		.max_connections = max,
		.update_interval_ns = update_interval_ns,
		.key = key,
		.id_key = { { 5, 6 } },
		.callback = on_change,
		.ready = is_ready,
	};
	struct connection_table *table = connection_table_new(&options);

	if (!table) {
		printf("Bail out! out of memory\n");
		exit(EXIT_FAILURE);
	}
	reported_count = 0;
	reported_total = 0;
	return table;
}

static struct tuple make_tuple(uint8_t protocol, uint32_t host, uint16_t port)
{
	struct tuple tuple = { .source_port = port, .destination_port = 443, .protocol = protocol };
	uint8_t source[4] = { 10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host };

	inet_from_v4(&tuple.source, source);
	inet_parse("192.0.2.1", &tuple.destination);
	return tuple;
}

static struct packet make_packet(uint8_t protocol, uint8_t flags, int64_t time_ns)
{
	return (struct packet){ .time_ns = time_ns,
		                .ip_length = 100,
		                .has_tcp = protocol == IPPROTO_TCP,
		                .tcp_flags = flags };
}

static struct connection *open_tuple(struct connection_table *table, uint32_t netns,
                                     const struct tuple *tuple, int64_t now)
{
	struct connection_key wanted = connection_table_key(table, netns, tuple);

	return connection_table_open(table, &wanted, now, now);
}

static struct connection *find_tuple(const struct connection_table *table, uint32_t netns,
                                     const struct tuple *tuple, enum connection_end *from)
{
	struct connection_key wanted = connection_table_key(table, netns, tuple);

	return connection_table_find(table, &wanted, from);
}

static struct connection *find_lane(const struct connection_table *table, const struct tuple *tuple,
                                    uint32_t lane, bool any)
{
	struct connection_key wanted = connection_table_key(table, 1, tuple);
	enum connection_end from;

	wanted.lane = lane;
	wanted.any_lane = any;
	return connection_table_find(table, &wanted, &from);
}

static struct connection *open_lane(struct connection_table *table, const struct tuple *tuple,
                                    uint32_t lane)
{
	struct connection_key wanted = connection_table_key(table, 1, tuple);

	wanted.lane = lane;
	return connection_table_open(table, &wanted, START, START);
}

static void test_lanes(void)
{
	enum { TEN = 10, TWENTY = 20, BOTH = 10 | 20 << 12 };
	struct connection_table *table = begin(16, 0);
	struct tuple tuple = make_tuple(IPPROTO_TCP, 1, 1000), back = tuple_reverse(&tuple);
	struct connection *ten = open_lane(table, &tuple, TEN);
	struct connection *both = open_lane(table, &tuple, BOTH);
	struct connection *mapped = open_lane(table, &tuple, CONNECTION_LANE_MAPPED);

	CHECK(find_lane(table, &tuple, TEN, false) == ten &&
	              find_lane(table, &back, BOTH, false) == both &&
	              find_lane(table, &tuple, CONNECTION_LANE_MAPPED, false) == mapped,
	      "one tuple in three lanes: three connections");
	CHECK(!find_lane(table, &tuple, TWENTY, false) && !find_lane(table, &tuple, 0, false),
	      "none in another lane");
	CHECK(find_lane(table, &tuple, TWENTY, true) != NULL &&
	              find_lane(table, &tuple, TWENTY, true) != mapped &&
	              find_lane(table, &tuple, CONNECTION_LANE_MAPPED, true) == mapped,
	      "any lane: those of the same kind of address");
	connection_table_add_lane(ten, 0);
	connection_table_add_lane(ten, 0);
	CHECK(find_lane(table, &tuple, 0, false) == ten && ten->life.lane_count == 1 &&
	              find_lane(table, &tuple, TEN, false) == ten,
	      "a lane more: found in both");
	connection_table_free(table);
}

/* A key of ICMP says which end its source is. */
static void test_ends(void)
{
	struct connection_table *table = begin(16, 0);
	struct tuple tuple = make_tuple(IPPROTO_ICMP, 1, 443), back = tuple_reverse(&tuple);
	struct connection_key there = connection_table_key(table, 1, &tuple), answer, asks;
	struct connection *first, *second;
	enum connection_end from = CONNECTION_SOURCE;

	there.from[CONNECTION_DESTINATION] = false;
	asks = answer = connection_table_key(table, 1, &back);
	asks.from[CONNECTION_DESTINATION] = false;
	answer.from[CONNECTION_SOURCE] = false;
	first = connection_table_open(table, &there, START, START);
	CHECK(!connection_table_find(table, &asks, &from),
	      "who asks back is of none that is there");
	second = connection_table_open(table, &asks, START, START);
	CHECK(connection_table_find(table, &there, &from) == first && from == CONNECTION_SOURCE &&
	              connection_table_find(table, &asks, &from) == second &&
	              from == CONNECTION_SOURCE,
	      "two that ask each other");
	CHECK(connection_table_find(table, &answer, &from) == first &&
	              from == CONNECTION_DESTINATION,
	      "an answer belongs to what was asked");
	connection_table_free(table);
}

static struct connection *open_at(struct connection_table *table, uint8_t protocol, uint16_t port,
                                  int64_t now)
{
	struct tuple tuple = make_tuple(protocol, 1, port);
	struct connection *connection = open_tuple(table, 1, &tuple, now);

	if (connection)
		connection->evidence = CONNECTION_FROM_PACKETS;
	return connection;
}

static bool feed(struct connection_table *table, struct connection *connection,
                 enum connection_end from, uint8_t flags, int64_t now)
{
	struct packet packet = make_packet(connection->tuple.protocol, flags, now);

	return connection_table_account(table, connection, from, &packet, now);
}

static void handshake(struct connection_table *table, struct connection *connection, int64_t now)
{
	feed(table, connection, CONNECTION_SOURCE, TCP_FLAG_SYN, now);
	feed(table, connection, CONNECTION_DESTINATION, TCP_FLAG_SYN | TCP_FLAG_ACK, now);
	feed(table, connection, CONNECTION_SOURCE, TCP_FLAG_ACK, now);
}

static struct connection *find(struct connection_table *table, uint8_t protocol, uint16_t port,
                               enum connection_end *from)
{
	struct tuple tuple = make_tuple(protocol, 1, port);

	return find_tuple(table, 1, &tuple, from);
}

static void test_find(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *tcp = open_at(table, IPPROTO_TCP, 5000, START);
	struct tuple reversed = tuple_reverse(&tcp->tuple), loop = tcp->tuple;
	enum connection_end from = CONNECTION_DESTINATION;

	CHECK(find(table, IPPROTO_TCP, 5000, &from) == tcp && from == CONNECTION_SOURCE,
	      "by the initiator's tuple");
	CHECK(find_tuple(table, 1, &reversed, &from) == tcp && from == CONNECTION_DESTINATION,
	      "by the responder's");
	CHECK(!find(table, IPPROTO_UDP, 5000, &from), "the protocol is part of the key");
	CHECK(!find(table, IPPROTO_TCP, 5001, &from), "so is the port");
	CHECK(!find_tuple(table, 2, &tcp->tuple, &from), "so is the namespace");
	loop.destination = loop.source; /* as on loopback: the ports alone distinguish the ends */
	tcp = open_tuple(table, 1, &loop, START);
	reversed = tuple_reverse(&loop);
	CHECK(find_tuple(table, 1, &loop, &from) == tcp && from == CONNECTION_SOURCE &&
	              find_tuple(table, 1, &reversed, &from) == tcp &&
	              from == CONNECTION_DESTINATION,
	      "equal addresses");
	loop.destination_port = loop.source_port; /* a socket that is connected to itself */
	tcp = open_tuple(table, 1, &loop, START);
	CHECK(find_tuple(table, 1, &loop, &from) == tcp, "equal addresses and ports");
	connection_table_free(table);
}

/* Alike in all but what i says: as peers make them, or whoever wants a slow table. */
static struct tuple family(int which, int i)
{
	struct tuple tuple = make_tuple(IPPROTO_TCP, 1, 40000);

	switch (which) {
	case 0: /* loopback, the ports' sum is the same */
		tuple.destination = tuple.source;
		tuple.source_port = (uint16_t)i;
		tuple.destination_port = (uint16_t)(UINT16_MAX - i);
		break;
	case 1:
		tuple.source_port = (uint16_t)i;
		break;
	case 2: /* a scan */
		tuple.destination.bytes[14] = (uint8_t)(i >> 8);
		tuple.destination.bytes[15] = (uint8_t)i;
		break;
	case 3: /* the port goes with the subnet */
		inet_parse("2001:db8::1", &tuple.source);
		tuple.source.bytes[6] = (uint8_t)(i >> 8);
		tuple.source.bytes[7] = (uint8_t)i;
		tuple.source_port = (uint16_t)i;
		break;
	}
	return tuple;
}

static void test_hash(void)
{
	static uint64_t hashes[HASH_SPREAD_COUNT];
	struct connection_table *table = begin(16, 0);

	for (int which = 0; which < 4; which++) {
		int unlike = 0;

		for (int i = 0; i < HASH_SPREAD_COUNT; i++) {
			struct tuple tuple = family(which, i), back = tuple_reverse(&tuple);

			hashes[i] = connection_table_key(table, 1, &tuple).hash;
			unlike += connection_table_key(table, 1, &back).hash != hashes[i];
		}
		CHECK_EQUAL(unlike, 0, "family %d: both directions hash alike", which);
		hash_spread_check(hashes, "family", which);
	}
	connection_table_free(table);
}

static void test_reference(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *first = open_at(table, IPPROTO_TCP, 5000, START);
	uint32_t number = connection_table_number(first);
	uint64_t id = first->id;

	CHECK(connection_table_at(table, number, id) == first, "a weak reference");
	CHECK(!connection_table_at(table, number, id + 1) && !connection_table_at(table, 99, id),
	      "number and id are both needed");
	connection_table_close(table, first, CONNECTION_RESET, CONNECTION_FAILURE, START);
	CHECK(connection_table_at(table, number, id) == first, "closed, it still lingers");
	connection_table_forget(table, first);
	CHECK(!connection_table_at(table, number, id), "forgotten");
	first = open_at(table, IPPROTO_TCP, 5000, START);
	CHECK(connection_table_number(first) == number && first->id != id,
	      "the number is used again, the id is not, though tuple and time are the same");
	connection_table_free(table);
}

/* What the end that connects ignores refuses nothing, RFC 9293 3.10.7.3. */
static void test_stray_reset(void)
{
	static const struct {
		const char *title;
		uint32_t acknowledged, data; /* of a SYN with the sequence number 100 */
		uint8_t flags;
		bool closes;
	} cases[] = {
		{ "it acknowledges the SYN", 101, 0, TCP_FLAG_RST | TCP_FLAG_ACK, true },
		{ "not yet", 100, 0, TCP_FLAG_RST | TCP_FLAG_ACK, false },
		{ "more than that", 102, 0, TCP_FLAG_RST | TCP_FLAG_ACK, false },
		{ "of another connection", 7000, 0, TCP_FLAG_RST | TCP_FLAG_ACK, false },
		{ "nothing", 0, 0, TCP_FLAG_RST, false },
		{ "the SYN and its data", 111, 10, TCP_FLAG_RST | TCP_FLAG_ACK, true },
		{ "the SYN without its data", 101, 10, TCP_FLAG_RST | TCP_FLAG_ACK, true },
		{ "the data of no SYN", 7000, 10, TCP_FLAG_RST | TCP_FLAG_ACK, false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct connection_table *table = begin(16, 0);
		struct connection *tcp = open_at(table, IPPROTO_TCP, 5000, START);
		struct packet syn = make_packet(IPPROTO_TCP, TCP_FLAG_SYN, START);
		struct packet reset = make_packet(IPPROTO_TCP, cases[i].flags, START + 1);
		bool closed;

		syn.tcp_sequence = 100;
		syn.payload = cases[i].data;
		reset.tcp_acknowledgement = cases[i].acknowledged;
		connection_table_account(table, tcp, CONNECTION_SOURCE, &syn, START);
		closed = connection_table_account(table, tcp, CONNECTION_DESTINATION, &reset,
		                                  START + 1);
		CHECK(closed == cases[i].closes &&
		              (closed ? tcp->reason == CONNECTION_REFUSED
		                      : tcp->state == SOCKET_SYN_SENT && !tcp->tcp.ending),
		      "a reset: %s", cases[i].title);
		connection_table_free(table);
	}
}

static void test_account(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *tcp = open_at(table, IPPROTO_TCP, 5000, START);
	const struct connection_counters *counters = connection_table_counters(table);

	CHECK(tcp->state == SOCKET_SYN_SENT && tcp->start_ns == START, "opened");
	handshake(table, tcp, START + 5);
	CHECK_EQUAL(tcp->state, SOCKET_ESTABLISHED, "established");
	feed(table, tcp, CONNECTION_DESTINATION, TCP_FLAG_ACK, START + 3);
	CHECK_EQUAL(tcp->last_ns, START + 5, "a packet from before: the last time stays");
	CHECK(tcp->counts[CONNECTION_SOURCE].packets == 2 &&
	              tcp->counts[CONNECTION_SOURCE].bytes == 200 &&
	              tcp->counts[CONNECTION_DESTINATION].packets == 2,
	      "counted by sender");
	CHECK(feed(table, tcp, CONNECTION_SOURCE, TCP_FLAG_RST, START + 6), "RST closes");
	CHECK(tcp->reason == CONNECTION_RESET && tcp->outcome == CONNECTION_SUCCESS &&
	              tcp->state == SOCKET_CLOSED && connection_table_is_closed(tcp),
	      "with reason and outcome");
	CHECK(!feed(table, tcp, CONNECTION_SOURCE, TCP_FLAG_RST, START + 7) &&
	              tcp->counts[CONNECTION_SOURCE].packets == 4 && tcp->last_ns == START + 7,
	      "what comes later is counted");
	CHECK(!connection_table_close(table, tcp, CONNECTION_FIN, CONNECTION_SUCCESS, START + 8) &&
	              tcp->reason == CONNECTION_RESET,
	      "it closes once");
	CHECK(counters->opened == 1 && counters->closed == 1 && connection_table_count(table) == 0,
	      "counters");
	CHECK_EQUAL(reported_total, 0, "the caller knows of all this, no callback");
	connection_table_free(table);
}

/* connect(2) of a socket to its own port, where no other socket listens: a simultaneous open with itself. */
static void test_to_itself(void)
{
	static const uint8_t flags[] = { TCP_FLAG_SYN, TCP_FLAG_SYN | TCP_FLAG_ACK, TCP_FLAG_ACK,
		                         TCP_FLAG_FIN | TCP_FLAG_ACK, TCP_FLAG_ACK };
	struct connection_table *table = begin(16, 0);
	struct tuple tuple = make_tuple(IPPROTO_TCP, 1, 5000);
	struct connection *connection;

	tuple.destination = tuple.source;
	tuple.destination_port = tuple.source_port;
	connection = open_tuple(table, 1, &tuple, START);
	for (int i = 0; i < 5; i++) {
		struct packet packet = make_packet(IPPROTO_TCP, flags[i], START + i);

		packet.tcp_sequence = i < 2 ? 100 : i < 4 ? 101 : 102;
		packet.tcp_acknowledgement = i < 4 ? 101 : 102;
		CHECK_EQUAL(connection_table_account(table, connection, CONNECTION_SOURCE, &packet,
		                                     START + i),
		            i == 4, "it closes once its FIN is confirmed: %d", i);
		if (i == 2)
			CHECK_EQUAL(connection->state, SOCKET_ESTABLISHED, "established");
	}
	CHECK(connection->reason == CONNECTION_FIN && connection->outcome == CONNECTION_SUCCESS,
	      "to itself: reason and outcome");
	CHECK_EQUAL(connection->counts[CONNECTION_SOURCE].packets, 5,
	            "each packet is counted once");
	connection_table_free(table);
}

static bool restarts(const struct connection *connection, uint8_t flags)
{
	struct packet packet = make_packet(connection->tuple.protocol, flags, START);

	return connection_table_restarts(connection, CONNECTION_SOURCE, &packet);
}

/* A segment with data of a connection that ended: of another whose SYN was not captured? */
static void test_ended(void)
{
	static const uint32_t own = 5000, others = 900000, window = 1u << 30;
	const struct {
		const char *title;
		uint32_t sequence, acknowledgement; /* beside the last of the connection */
		uint8_t flags;
		bool finished, another;
	} cases[] = {
		{ "the last ACK again", 0, 0, TCP_FLAG_ACK, true, false },
		{ "data again", (uint32_t)-100, (uint32_t)-1, TCP_FLAG_ACK, true, false },
		{ "a window before the end", -window, 0, TCP_FLAG_ACK, true, false },
		{ "more before the end", -window - 1, 0, TCP_FLAG_ACK, true, true },
		{ "data behind the FIN", 1, 0, TCP_FLAG_ACK, true, true },
		{ "confirms what was not sent", 0, 1, TCP_FLAG_ACK, true, true },
		{ "confirms of long ago", 0, -window - 1, TCP_FLAG_ACK, true, true },
		{ "a reset with any number", 1, 0, TCP_FLAG_ACK | TCP_FLAG_RST, true, false },
		{ "data under way", 1000, 1000, TCP_FLAG_ACK, false, false },
		{ "a window after the reset", window, window, TCP_FLAG_ACK, false, false },
		{ "more after the reset", window + 1, 0, TCP_FLAG_ACK, false, true },
		{ "confirms anything, by a program that resets", 0, window + 1, TCP_FLAG_ACK, false,
		  false },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct connection_table *table = begin(16, 0);
		struct connection *tcp = open_at(table, IPPROTO_TCP, 1, START);
		struct packet packet = make_packet(IPPROTO_TCP, cases[i].flags, START);

		handshake(table, tcp, START);
		tcp->flow.next[CONNECTION_SOURCE] = own;
		tcp->flow.next[CONNECTION_DESTINATION] = others;
		packet.tcp_sequence = own + cases[i].sequence;
		packet.tcp_acknowledgement = others + cases[i].acknowledgement;
		CHECK(!connection_table_restarts(tcp, CONNECTION_SOURCE, &packet), "open: %s",
		      cases[i].title);
		connection_table_close(table, tcp,
		                       cases[i].finished ? CONNECTION_FIN : CONNECTION_RESET,
		                       CONNECTION_SUCCESS, START);
		CHECK_EQUAL(connection_table_restarts(tcp, CONNECTION_SOURCE, &packet),
		            cases[i].another, "ended: %s", cases[i].title);
		tcp->flow.letters[CONNECTION_DESTINATION] = 0;
		CHECK(!connection_table_restarts(tcp, CONNECTION_SOURCE, &packet),
		      "its numbers are not known: %s", cases[i].title);
		connection_table_free(table);
	}
}

static void test_restarts(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *tcp = open_at(table, IPPROTO_TCP, 1, START);
	struct connection *udp = open_at(table, IPPROTO_UDP, 1, START);
	struct connection *refused = open_at(table, IPPROTO_TCP, 2, START);
	struct connection *idle = open_at(table, IPPROTO_TCP, 3, START);

	feed(table, tcp, CONNECTION_SOURCE, TCP_FLAG_SYN, START);
	CHECK(!restarts(tcp, TCP_FLAG_SYN), "TCP: a SYN that is sent again");
	handshake(table, tcp, START);
	CHECK(restarts(tcp, TCP_FLAG_SYN) && !restarts(tcp, TCP_FLAG_ACK), "TCP: a new SYN");
	feed(table, tcp, CONNECTION_SOURCE, TCP_FLAG_RST, START);
	CHECK(!restarts(tcp, TCP_FLAG_ACK), "TCP: a late packet of one that was reset");
	CHECK(!restarts(udp, 0), "UDP: the next packet");
	connection_table_close(table, udp, CONNECTION_IDLE, CONNECTION_UNKNOWN, START);
	CHECK(restarts(udp, 0), "UDP: any packet after the close");
	feed(table, refused, CONNECTION_SOURCE, TCP_FLAG_SYN, START);
	connection_table_close(table, refused, CONNECTION_REFUSED, CONNECTION_FAILURE, START);
	CHECK(restarts(refused, TCP_FLAG_SYN), "TCP: another attempt after an ICMP error");
	handshake(table, idle, START);
	connection_table_close(table, idle, CONNECTION_IDLE, CONNECTION_SUCCESS, START);
	CHECK(restarts(idle, TCP_FLAG_ACK), "TCP: silence that was taken for the end was none");
	idle->evidence = CONNECTION_FROM_TRACEPOINTS;
	CHECK(!restarts(idle, TCP_FLAG_SYN), "TCP: a packet of what was reported without packets");
	idle->last_ns = START - 1;
	CHECK(restarts(idle, TCP_FLAG_SYN), "TCP: what comes after its end is another's");
	CHECK(!restarts(idle, TCP_FLAG_RST) && !restarts(idle, TCP_FLAG_FIN | TCP_FLAG_ACK),
	      "TCP: but what only ends it begins nothing");
	connection_table_free(table);
}

enum script { SYN_ONLY, ESTABLISHED, MET_MIDWAY, ONE_FIN, BOTH_FINS, ONE_WAY, ANSWERED, CLOSED };

static struct connection *play(struct connection_table *table, enum script script, int64_t now)
{
	uint8_t protocol = script == ONE_WAY || script == ANSWERED ? IPPROTO_UDP : IPPROTO_TCP;
	struct connection *connection = open_at(table, protocol, 5000, now);

	if (script == SYN_ONLY) {
		feed(table, connection, CONNECTION_SOURCE, TCP_FLAG_SYN, now);
	} else if (script == MET_MIDWAY) {
		connection_table_met_midway(connection);
		feed(table, connection, CONNECTION_SOURCE, TCP_FLAG_ACK, now);
	} else if (protocol == IPPROTO_TCP) {
		handshake(table, connection, now);
	} else {
		feed(table, connection, CONNECTION_SOURCE, 0, now);
	}
	if (script == ONE_FIN || script == BOTH_FINS)
		feed(table, connection, CONNECTION_SOURCE, TCP_FLAG_FIN | TCP_FLAG_ACK, now);
	if (script == BOTH_FINS) /* never confirmed: the sequence numbers do not fit */
		feed(table, connection, CONNECTION_DESTINATION, TCP_FLAG_FIN, now);
	if (script == ANSWERED)
		feed(table, connection, CONNECTION_DESTINATION, 0, now);
	if (script == CLOSED)
		connection_table_close(table, connection, CONNECTION_FIN, CONNECTION_SUCCESS, now);
	return connection;
}

static const struct {
	const char *title;
	enum script script;
	int64_t after_ns;
	enum connection_reason reason;
	enum connection_outcome outcome;
} expiries[] = {
	{ "no answer to SYN", SYN_ONLY, CONNECTION_UNANSWERED_NS, CONNECTION_TIMEOUT,
	  CONNECTION_FAILURE },
	{ "established", ESTABLISHED, CONNECTION_TCP_IDLE_NS, CONNECTION_IDLE, CONNECTION_SUCCESS },
	{ "met midway", MET_MIDWAY, CONNECTION_TCP_IDLE_NS, CONNECTION_IDLE, CONNECTION_SUCCESS },
	{ "one FIN", ONE_FIN, CONNECTION_FIN_IDLE_NS, CONNECTION_IDLE, CONNECTION_SUCCESS },
	{ "two FINs", BOTH_FINS, CONNECTION_FIN_IDLE_NS, CONNECTION_FIN, CONNECTION_SUCCESS },
	{ "UDP without answer", ONE_WAY, CONNECTION_OTHER_IDLE_NS, CONNECTION_IDLE,
	  CONNECTION_UNKNOWN },
	{ "UDP with answer", ANSWERED, CONNECTION_OTHER_IDLE_NS, CONNECTION_IDLE,
	  CONNECTION_SUCCESS },
};

static void run_until(struct connection_table *table, int64_t *now, int64_t end)
{
	for (; *now <= end; *now += SECOND / 2)
		connection_table_expire(table, *now);
}

/* Never early, at most a second late, whenever it began and whatever ran before. */
static void test_expiry(void)
{
	for (size_t i = 0; i < sizeof expiries / sizeof expiries[0]; i++) {
		for (int64_t begun = 0; begun <= START; begun += START / 2 + SECOND / 3) {
			struct connection_table *table = begin(16, 0);
			int64_t now = begun, end = begun + expiries[i].after_ns;
			enum connection_end from;

			connection_table_expire(table, now);
			play(table, expiries[i].script, begun);
			run_until(table, &now, end - 1);
			CHECK(reported_total == 0 && connection_table_count(table) == 1,
			      "%s: open before its time, begun at %d s", expiries[i].title,
			      (int)(begun / SECOND));
			run_until(table, &now, end + SECOND);
			CHECK(reported_total == 1 &&
			              reported[0].change == CONNECTION_CHANGE_CLOSED &&
			              reported[0].reason == expiries[i].reason &&
			              reported[0].outcome == expiries[i].outcome,
			      "%s: then closed, reason %u, outcome %u", expiries[i].title,
			      reported[0].reason, reported[0].outcome);
			run_until(table, &now, end + SECOND + WINDOW_LINGER_NS + SECOND);
			CHECK(!find(table, IPPROTO_TCP, 5000, &from) &&
			              !find(table, IPPROTO_UDP, 5000, &from) && reported_total == 1,
			      "%s: then forgotten", expiries[i].title);
			connection_table_free(table);
		}
	}
}

/* The kernel reported the end of its socket, and no packet showed it. */
static void test_death(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *tcp = open_at(table, IPPROTO_TCP, 1, START);
	struct connection *udp = open_at(table, IPPROTO_UDP, 2, START);
	struct connection *late = open_at(table, IPPROTO_TCP, 3, START);
	int64_t now = START, end = START + CONNECTION_FIN_IDLE_NS;

	handshake(table, tcp, START);
	handshake(table, late, START);
	connection_table_died(table, tcp, START);
	connection_table_died(table, udp, START);
	run_until(table, &now, START + WINDOW_HELD_NS - 1);
	CHECK_EQUAL(reported_total, 0, "a dead socket: what was captured of it may still come");
	run_until(table, &now, end - 1);
	CHECK(reported_total == 1 && reported[0].reason == CONNECTION_SOCKET_CLOSED,
	      "a UDP socket that is gone has no FIN that may come");
	connection_table_died(table, late, now);
	run_until(table, &now, end + SECOND);
	CHECK(reported_total == 3 && reported[0].reason == CONNECTION_SOCKET_CLOSED &&
	              reported[1].reason == CONNECTION_SOCKET_CLOSED &&
	              reported[2].reason == CONNECTION_SOCKET_CLOSED,
	      "then each is closed, reported early or late");
	connection_table_free(table);

	table = begin(16, 0);
	tcp = open_at(table, IPPROTO_TCP, 1, START);
	connection_table_died(table, tcp, START);
	connection_table_shutdown(table, START);
	CHECK(reported_total == 1 && reported[0].reason == CONNECTION_SOCKET_CLOSED,
	      "not by the end of the run, if that comes first");
	connection_table_free(table);

	table = begin(16, 0);
	udp = open_at(table, IPPROTO_UDP, 2, START);
	now = START;
	run_until(table, &now, START + 3 * SECOND);
	connection_table_died(table, udp, now);
	run_until(table, &now, START + 3 * SECOND + WINDOW_HELD_NS - 1);
	CHECK_EQUAL(reported_total, 0, "what came right before the end may still be read");
	run_until(table, &now, START + 5 * SECOND);
	CHECK_EQUAL(reported_total, 1, "then it is closed");
	connection_table_free(table);
}

static struct connection *find_socket(const struct connection_table *table, uint32_t netns,
                                      const struct tuple *tuple, enum connection_end *end)
{
	struct connection_key wanted = connection_table_key(table, netns, tuple);

	return connection_table_find_socket(table, &wanted, end);
}

/* NAT gives the packets another tuple than the socket has. */
static void test_sockets(void)
{
	struct connection_table *table = begin(16, 0);
	struct tuple wire = make_tuple(IPPROTO_UDP, 1, 1), first = make_tuple(IPPROTO_UDP, 2, 2),
		     second = make_tuple(IPPROTO_UDP, 3, 3), reversed = tuple_reverse(&first);
	struct connection *old = open_tuple(table, 1, &wire, START), *new;
	enum connection_end end = CONNECTION_SOURCE;

	CHECK(!find_socket(table, 1, &wire, &end), "none is translated");
	connection_table_set_socket(table, old, CONNECTION_DESTINATION, 2, &first);
	CHECK(find_socket(table, 2, &first, &end) == old && end == CONNECTION_DESTINATION,
	      "by the tuple of a socket, which says the end");
	CHECK(!find_socket(table, 1, &first, &end) && !find_socket(table, 2, &reversed, &end) &&
	              !find_socket(table, 2, &wire, &end),
	      "in its namespace, as that end has it");
	connection_table_set_socket(table, old, CONNECTION_SOURCE, 2, &second);
	CHECK(find_socket(table, 2, &second, &end) == old && end == CONNECTION_SOURCE,
	      "both ends may be");
	connection_table_set_socket(table, old, CONNECTION_SOURCE, 1, &second);
	CHECK(!find_socket(table, 2, &second, &end) && find_socket(table, 1, &second, &end) == old,
	      "the last that was set counts");
	connection_table_close(table, old, CONNECTION_IDLE, CONNECTION_UNKNOWN, START);
	CHECK(find_socket(table, 2, &first, &end) == old, "it lingers");
	wire.source_port = 4;
	new = open_tuple(table, 1, &wire, START);
	connection_table_set_socket(table, new, CONNECTION_SOURCE, 2, &first);
	CHECK(find_socket(table, 2, &first, &end) == new &&end == CONNECTION_SOURCE,
	      "one that is open comes first");
	connection_table_forget(table, new);
	connection_table_forget(table, old);
	CHECK(!find_socket(table, 2, &first, &end) && !find_socket(table, 1, &second, &end),
	      "forgotten");
	connection_table_free(table);
}

/* Its application gave up before an answer came. */
static void test_given_up(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *tcp = open_at(table, IPPROTO_TCP, 1, START);
	struct connection *last = open_at(table, IPPROTO_TCP, 2, START);
	int64_t now = START;

	feed(table, tcp, CONNECTION_SOURCE, TCP_FLAG_SYN, START);
	connection_table_died(table, tcp, START);
	run_until(table, &now, START + WINDOW_HELD_NS + SECOND);
	CHECK(reported_total == 1 && reported[0].reason == CONNECTION_TIMEOUT &&
	              reported[0].outcome == CONNECTION_FAILURE,
	      "a SYN without answer, and its socket is gone: that is when it failed");
	feed(table, last, CONNECTION_SOURCE, TCP_FLAG_SYN, now);
	connection_table_died(table, last, now);
	connection_table_shutdown(table, now);
	CHECK(reported_total == 2 && reported[1].reason == CONNECTION_TIMEOUT &&
	              reported[1].outcome == CONNECTION_FAILURE,
	      "and at the end of the run");
	connection_table_free(table);
}

/* Reports of ends were lost: what has no socket in a listing has ended. */
static void test_unlisted(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *connections[6];
	int64_t now = START + SECOND;

	for (int i = 0; i < 6; i++) {
		connections[i] = open_at(table, i == 5 ? IPPROTO_UDP : IPPROTO_TCP, i + 1, START);
		connections[i]->local[CONNECTION_SOURCE] = i != 2;
		connections[i]->local[CONNECTION_DESTINATION] = i == 4;
	}
	connections[1]->listed = 1;
	connections[3]->active_ns = now; /* a packet came meanwhile */
	connections[4]->listed = 1;      /* but not the other end's */
	connection_table_unlisted(table, connections[0]->netns + 1, now, now);
	CHECK(!connections[0]->dead, "a listing of another namespace");
	connection_table_unlisted(table, connections[0]->netns, now, now);
	CHECK(connections[0]->dead && connections[4]->dead,
	      "no socket of a local end: it has ended");
	CHECK(!connections[1]->dead && !connections[2]->dead && !connections[3]->dead &&
	              !connections[5]->dead,
	      "listed, of other hosts, younger, not TCP: they go on");
	CHECK_EQUAL(connections[1]->listed, 0, "the next listing begins anew");
	connection_table_free(table);
}

static void test_linger(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *closed = play(table, CLOSED, START);
	enum connection_end from;
	int64_t now = START;

	run_until(table, &now, START + WINDOW_LINGER_NS - 1);
	CHECK(find(table, IPPROTO_TCP, 5000, &from) == closed, "closed, kept for late packets");
	run_until(table, &now, START + WINDOW_LINGER_NS + SECOND);
	CHECK(!find(table, IPPROTO_TCP, 5000, &from) && reported_total == 0, "and then forgotten");
	connection_table_free(table);
}

static void test_held(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *closed = play(table, CLOSED, START);
	uint64_t packets = closed->counts[CONNECTION_SOURCE].packets;
	int64_t now = START;

	connection_table_hold(table, closed);
	now = START + WINDOW_HELD_NS - 1;
	feed(table, closed, CONNECTION_SOURCE, TCP_FLAG_ACK, now);
	CHECK(!connection_table_settle_next(table, now) &&
	              connection_table_settle_wait_ns(table, now) == 1 && reported_total == 0 &&
	              closed->counts[CONNECTION_SOURCE].packets == packets + 1,
	      "held: what comes late is counted first");
	CHECK(connection_table_settle_next(table, now + 1) && reported_total == 1 &&
	              reported[0].change == CONNECTION_CHANGE_SETTLED &&
	              connection_table_settle_wait_ns(table, now) == -1,
	      "then its end is reported");
	run_until(table, &now, START + 5 * SECOND);
	feed(table, closed, CONNECTION_SOURCE, TCP_FLAG_ACK, now);
	run_until(table, &now, START + WINDOW_LINGER_NS + 2 * SECOND);
	CHECK(reported_total == 2 && reported[1].change == CONNECTION_CHANGE_UPDATED,
	      "what comes later still is reported when it is forgotten");
	connection_table_free(table);

	table = begin(16, 0);
	connection_table_hold(table, play(table, CLOSED, START));
	open_at(table, IPPROTO_UDP, 7, START);
	connection_table_shutdown(table, START);
	CHECK(reported_total == 2 && reported[0].change == CONNECTION_CHANGE_SETTLED &&
	              reported[1].change == CONNECTION_CHANGE_CLOSED,
	      "the end of the run reports what is held");
	connection_table_free(table);

	table = begin(1, 0);
	connection_table_hold(table, play(table, CLOSED, START));
	open_at(table, IPPROTO_UDP, 7, START);
	CHECK(reported_total == 1 && reported[0].change == CONNECTION_CHANGE_SETTLED,
	      "and so does who needs its place");
	connection_table_free(table);
}

static void test_activity(void)
{
	struct connection_table *table = begin(16, 0);
	struct connection *udp = play(table, ONE_WAY, START);
	int64_t now = START;

	for (int64_t at = START; at < START + 600 * SECOND; at += 50 * SECOND) {
		run_until(table, &now, at);
		feed(table, udp, CONNECTION_SOURCE, 0, at);
	}
	CHECK(reported_total == 0 && !connection_table_is_closed(udp), "packets keep it open");
	connection_table_free(table);
}

static void test_jumps(void)
{
	struct connection_table *table = begin(16, 60 * SECOND);

	connection_table_expire(table, START);
	CHECK_EQUAL(reported_total, 0, "nothing there, nothing reported");
	play(table, ESTABLISHED, START);
	connection_table_expire(table, START + 3000 * SECOND);
	CHECK(reported_total == 1 && reported[0].change == CONNECTION_CHANGE_UPDATED,
	      "an hour at once: one update, not fifty");
	connection_table_expire(table, START + 100000 * SECOND);
	CHECK(reported_total == 2 && reported[1].change == CONNECTION_CHANGE_CLOSED &&
	              reported[1].reason == CONNECTION_IDLE,
	      "a day at once: closed once");
	connection_table_free(table);
}

/* Ids and the order at the end are of the file that is replayed, not of the index's random key. */
static void test_random_index(void)
{
	enum { FLOWS = 300, RUNS = 2 };
	static uint64_t ids[RUNS][FLOWS];
	static uint16_t ports[RUNS][REPORTED_MAX];

	for (int run = 0; run < RUNS; run++) {
		struct connection_table *table;

		key.k[0] += 12345 * (uint64_t)run;
		table = begin(FLOWS, 0);
		for (int i = 0; i < FLOWS; i++)
			ids[run][i] = open_at(table, IPPROTO_UDP, (uint16_t)(1 + i), START)->id;
		connection_table_shutdown(table, START + SECOND);
		for (int i = 0; i < reported_count; i++)
			ports[run][i] = reported[i].port;
		connection_table_free(table);
	}
	key.k[0] -= 12345;
	CHECK(memcmp(ids[0], ids[1], sizeof ids[0]) == 0 &&
	              memcmp(ports[0], ports[1], sizeof ports[0]) == 0 && ids[0][0] != ids[0][1],
	      "another key of the index: the same ids, the same order at the end");
}

/* Ends that are due find room for some at a time: each comes once, the rest wait. */
static void test_room(void)
{
	enum { FLOWS = 2000, AT_ONCE = 37 };
	struct connection_table *table = begin(FLOWS, 0);
	int64_t now = START;
	int turns = 0;

	for (int i = 0; i < FLOWS; i++)
		open_at(table, IPPROTO_UDP, (uint16_t)(1 + i), START);
	do {
		now += SECOND / 100;
		room = AT_ONCE;
	} while (now < START + 61 * SECOND && connection_table_expire(table, now) &&
	         reported_total == 0);
	for (; reported_total < FLOWS && turns < FLOWS; turns++) {
		room = AT_ONCE;
		connection_table_expire(table, now);
	}
	room = -1;
	CHECK(reported_total == FLOWS && turns <= FLOWS / AT_ONCE + 1 &&
	              connection_table_count(table) == 0,
	      "%d ends in one second, %d a turn: each is reported once (%d turns)", FLOWS, AT_ONCE,
	      turns);
	CHECK(connection_table_expire(table, now), "then nothing is left to run");
	connection_table_expire(table, now + 600 * SECOND);
	CHECK(reported_total == FLOWS, "nor comes one again");
	connection_table_free(table);
}

/* An end in 512 seconds falls into the slot that is being run. */
static void test_same_slot(void)
{
	struct connection_table *table = begin(16, 512 * SECOND);

	play(table, ESTABLISHED, START);
	for (int64_t at = START; at <= START + 5 * 512 * SECOND; at += SECOND)
		connection_table_expire(table, at);
	CHECK(reported_total == 5 || reported_total == 4, "an update each turn of the wheel (%d)",
	      (int)reported_total);
	connection_table_free(table);
}

static void test_updates(void)
{
	struct connection_table *table = begin(16, 60 * SECOND);
	int64_t now = START;
	bool right = true;

	play(table, ESTABLISHED, START);
	for (int minute = 1; minute <= 30; minute++) {
		run_until(table, &now, START + minute * 60 * SECOND - SECOND / 2);
		right = right && reported_total == (uint64_t)minute - 1;
		run_until(table, &now, START + minute * 60 * SECOND + SECOND);
		right = right && reported_total == (uint64_t)minute;
	}
	for (int i = 0; i < reported_count; i++)
		right = right && reported[i].change == CONNECTION_CHANGE_UPDATED;
	CHECK(right, "an update each interval, no drift (%d)", (int)reported_total);
	connection_table_free(table);

	table = begin(16, 60 * SECOND);
	play(table, CLOSED, START);
	connection_table_expire(table, START + 61 * SECOND);
	CHECK_EQUAL(reported_total, 0, "none of a closed one");
	connection_table_free(table);
}

static void test_shutdown(void)
{
	struct connection_table *table = begin(64, 0);
	bool right = true;
	int count = 0;

	for (uint16_t port = 1; port <= 40; port++)
		open_at(table, port % 2 ? IPPROTO_TCP : IPPROTO_UDP, port, START);
	for (uint16_t port = 5; port <= 15; port += 5) { /* whose entries are used again */
		enum connection_end from;
		struct connection *one =
			find(table, port % 2 ? IPPROTO_TCP : IPPROTO_UDP, port, &from);

		connection_table_close(table, one, CONNECTION_FIN, CONNECTION_SUCCESS, START);
		connection_table_forget(table, one);
	}
	for (uint16_t port = 41; port <= 43; port++)
		open_at(table, IPPROTO_TCP, port, START - SECOND);
	connection_table_shutdown(table, START);
	for (uint16_t port = 1; port <= 43; port++) {
		if (port == 5 || port == 10 || port == 15)
			continue;
		right = right && count < reported_count && reported[count].port == port &&
		        reported[count].reason == CONNECTION_SHUTDOWN;
		count++;
	}
	CHECK(right && reported_total == 40, "all are closed, in the order of their opening");
	connection_table_shutdown(table, START);
	CHECK(reported_total == 40 && connection_table_count(table) == 0, "once");
	connection_table_free(table);
}

static void test_eviction(void)
{
	struct connection_table *table = begin(32, 0);
	const struct connection_counters *counters = connection_table_counters(table);
	enum connection_end from;

	for (uint16_t port = 1; port <= 32; port++)
		open_at(table, IPPROTO_UDP, port, START + port);
	open_at(table, IPPROTO_UDP, 33, START + SECOND);
	CHECK(reported_total == 1 && reported[0].reason == CONNECTION_EVICTED &&
	              counters->evicted == 1 && connection_table_count(table) == 32,
	      "a full table: one is evicted, and reported");
	CHECK(reported[0].port <= 2 && !find(table, IPPROTO_UDP, reported[0].port, &from),
	      "one of the longest silent, and it is gone (port %u)", reported[0].port);
	connection_table_close(table, find(table, IPPROTO_UDP, 20, &from), CONNECTION_FIN,
	                       CONNECTION_SUCCESS, START + 2 * SECOND);
	for (uint16_t port = 40; find(table, IPPROTO_UDP, 20, &from) && port < 72; port++)
		open_at(table, IPPROTO_UDP, port, START + 3 * SECOND);
	CHECK(reported_total <= 2 + 32 / 16,
	      "a closed one makes room before open ones (%d evicted)", (int)reported_total - 1);
	connection_table_free(table);
	table = begin(8, 0);
	for (uint16_t port = 1; port <= 8; port++)
		open_at(table, IPPROTO_UDP, port, START + port);
	for (uint16_t port = 1; port <= 8; port++)
		if (port != 5)
			feed(table, find(table, IPPROTO_UDP, port, &from), CONNECTION_SOURCE, 0,
			     START + 100);
	open_at(table, IPPROTO_UDP, 9, START + SECOND);
	CHECK_EQUAL(reported[0].port, 5,
	            "not the one that was opened first, but the longest silent");
	connection_table_free(table);
}

static void test_bound(void)
{
	enum { MAX = 20000, FLOWS = 1000000 };
	struct connection_table *table = begin(MAX, 60 * SECOND);
	const struct connection_counters *counters = connection_table_counters(table);
	size_t bytes = 0;
	bool right = true;

	for (uint32_t i = 0; i < FLOWS; i++) {
		struct tuple tuple =
			make_tuple(i % 3 ? IPPROTO_TCP : IPPROTO_UDP, i, (uint16_t)(i >> 8));

		right = right && open_tuple(table, 1, &tuple, START + i);
		right = right && connection_table_count(table) <= MAX;
		if (i == 2 * MAX)
			bytes = connection_table_bytes(table);
	}
	CHECK(right, "a million flows, never more than %d", MAX);
	CHECK(connection_table_bytes(table) == bytes &&
	              bytes < MAX * (sizeof(struct connection) + 64),
	      "in bounded memory: %zu bytes", bytes);
	CHECK(counters->opened == FLOWS && counters->evicted == FLOWS - MAX &&
	              counters->closed == counters->evicted && reported_total == counters->evicted,
	      "evicted = opened - live, and each was reported");
	connection_table_free(table);
}

/*
 * The same operations on a list of what should be there. Time only goes forward;
 * what may or may not have expired (within a second) follows the table.
 */
struct modelled {
	struct tuple tuple;
	uint32_t netns;
	bool fin, established, closed, held, late;
	uint64_t id;
	int64_t active_ns;
};

static struct modelled model[MODEL_MAX];
static int model_count;

static struct modelled *model_find(uint32_t netns, const struct tuple *tuple)
{
	struct tuple reversed = tuple_reverse(tuple);

	for (int i = 0; i < model_count; i++)
		if (model[i].netns == netns && (tuple_equal(&model[i].tuple, tuple) ||
		                                tuple_equal(&model[i].tuple, &reversed)))
			return &model[i];
	return NULL;
}

static struct modelled *model_by_id(uint64_t id)
{
	for (int i = 0; i < model_count; i++)
		if (model[i].id == id)
			return &model[i];
	return NULL;
}

static int64_t model_deadline(const struct modelled *one)
{
	if (one->closed)
		return one->active_ns + WINDOW_LINGER_NS;
	if (one->tuple.protocol != IPPROTO_TCP)
		return one->active_ns + CONNECTION_OTHER_IDLE_NS;
	if (one->fin)
		return one->active_ns + CONNECTION_FIN_IDLE_NS;
	return one->active_ns +
	       (one->established ? CONNECTION_TCP_IDLE_NS : CONNECTION_UNANSWERED_NS);
}

/* Once when it was held, and once more for what came after that. */
static bool model_settle(struct modelled *one, enum connection_change change, int64_t now)
{
	bool due = change == CONNECTION_CHANGE_SETTLED
	                   ? one->held && now >= one->active_ns + WINDOW_HELD_NS
	                   : one->late && !one->held;

	if (change == CONNECTION_CHANGE_SETTLED)
		one->held = one->late = false;
	else
		one->late = false;
	return one->closed && due;
}

static bool model_expire(struct connection_table *table, int64_t now)
{
	reported_count = 0;
	connection_table_expire(table, now);
	while (connection_table_settle_next(table, now))
		;
	for (int i = 0; i < reported_count; i++) {
		struct modelled *one = model_by_id(reported[i].id);

		if (!one)
			return false;
		if (reported[i].change != CONNECTION_CHANGE_CLOSED) {
			if (!model_settle(one, reported[i].change, now))
				return false;
			continue;
		}
		if (one->closed || now < model_deadline(one))
			return false;
		one->closed = true;
		one->active_ns = now;
	}
	for (int i = 0; i < model_count; i++) {
		enum connection_end from;
		bool there = find_tuple(table, model[i].netns, &model[i].tuple, &from);

		if (there ? now >= model_deadline(&model[i]) + SECOND
		          : !model[i].closed || now < model_deadline(&model[i]))
			return false;
		if (!there && (model[i].held || model[i].late))
			return false;
		if (!there)
			model[i--] = model[--model_count];
	}
	return true;
}

static bool model_packet(struct connection_table *table, struct random *random, int64_t now)
{
	static const uint8_t flags[] = { TCP_FLAG_SYN, TCP_FLAG_SYN | TCP_FLAG_ACK,
		                         TCP_FLAG_ACK, TCP_FLAG_ACK,
		                         TCP_FLAG_FIN, TCP_FLAG_RST };
	uint8_t protocol = random_below(random, 2) ? IPPROTO_TCP : IPPROTO_UDP;
	struct tuple tuple = make_tuple(protocol, 1, (uint16_t)random_below(random, MODEL_PORTS));
	uint32_t netns = random_below(random, 2), kind = random_below(random, 60);
	struct packet packet = make_packet(protocol, flags[kind < 6 ? kind : 2], now);
	enum connection_end from = CONNECTION_SOURCE;
	struct connection *connection;
	struct modelled *one;
	bool closed;

	if (random_below(random, 2))
		tuple = tuple_reverse(&tuple);
	one = model_find(netns, &tuple);
	connection = find_tuple(table, netns, &tuple, &from);
	if (!one != !connection || (one && one->id != connection->id))
		return false;
	if (!one) {
		if (model_count == MODEL_MAX)
			return true;
		connection = open_tuple(table, netns, &tuple, now);
		if (!connection || model_by_id(connection->id))
			return false;
		one = &model[model_count++];
		*one = (struct modelled){ .tuple = tuple, .netns = netns, .id = connection->id };
	} else if (tuple_equal(&one->tuple, &tuple) != (from == CONNECTION_SOURCE)) {
		return false;
	}
	closed = connection_table_account(table, connection, from, &packet, now);
	if (one->closed) {
		one->late = true;
		return !closed;
	}
	one->active_ns = now;
	one->closed = closed;
	one->held = closed && random_below(random, 2);
	if (one->held)
		connection_table_hold(table, connection);
	one->fin = one->fin || (packet.has_tcp && (packet.tcp_flags & TCP_FLAG_FIN));
	one->established = connection->tcp.established;
	return closed == connection_table_is_closed(connection);
}

static void test_model(struct random *random)
{
	struct connection_table *table = begin(MODEL_MAX, 0);
	const struct connection_counters *counters = connection_table_counters(table);
	int64_t now = random_below(random, 2) ? 0 : START;
	bool right = true;
	int steps;

	model_count = 0;
	for (steps = 0; steps < 60000 && right; steps++) {
		uint32_t open = 0;

		if (random_below(random, 8) == 0) {
			uint32_t far = random_below(random, 200);

			now += far == 0   ? random_below(random, 9000) * SECOND
			       : far < 20 ? random_below(random, 40) * SECOND
			                  : random_below(random, 1500) * NS_PER_MS;
			right = model_expire(table, now);
		} else {
			right = model_packet(table, random, now);
		}
		for (int i = 0; i < model_count; i++)
			open += !model[i].closed;
		right = right && connection_table_count(table) == open &&
		        counters->opened - counters->closed == open;
	}
	CHECK(right, "random packets and times: as a plain list has it, %d steps", steps);
	connection_table_free(table);
}

#ifndef INSTRUMENTED
/* As many bytes of address space as there are, and this much more. False: it has no effect here. */
static bool limit_memory(rlim_t more, struct rlimit *before)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;
	struct rlimit limit;
	void *much;

	if (getrlimit(RLIMIT_AS, before) != 0 || !file || fscanf(file, "%lu", &pages) != 1)
		exit(EXIT_FAILURE);
	fclose(file);
	limit = *before;
	limit.rlim_cur = pages * (rlim_t)sysconf(_SC_PAGESIZE) + more;
	setrlimit(RLIMIT_AS, &limit);
	much = malloc((size_t)256 << 20); /* an emulated program gets it */
	free(much);
	return !much;
}
#endif

/* The table stays as large as it is: no connection is left out in silence. */
static void test_no_memory(void)
{
#ifdef INSTRUMENTED
	CHECK(true, "# SKIP sanitizers need all the address space");
#else
	static const rlim_t more[] = { 0, 1 << 18, 4 << 20 };

	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		struct connection_table *table = begin(1 << 18, 0);
		const struct connection_counters *counters = connection_table_counters(table);
		uint32_t opened = 0, missed = 0;
		struct rlimit before;
		bool limited = limit_memory(more[i], &before);

		for (uint32_t host = 0; limited && host < 70000; host++) {
			struct tuple tuple = make_tuple(IPPROTO_TCP, host, 1000);
			bool is = open_tuple(table, 1, &tuple, START + host) != NULL;

			opened += is;
			missed += !is;
		}
		setrlimit(RLIMIT_AS, &before);
		if (!limited) {
			CHECK(true, "# SKIP memory has no limit here");
			connection_table_free(table);
			continue;
		}
		CHECK(opened == 70000 && missed == 0, "%lu bytes: each connection has a place",
		      (unsigned long)more[i]);
		CHECK(counters->evicted > 0 &&
		              counters->evicted + connection_table_count(table) == opened,
		      "as many as had to go are reported: %u are left",
		      connection_table_count(table));
		connection_table_free(table);
	}
#endif
}

int main(void)
{
	struct random random = random_begin();

	test_find();
	test_lanes();
	test_ends();
	test_hash();
	test_reference();
	test_stray_reset();
	test_account();
	test_to_itself();
	test_restarts();
	test_ended();
	test_expiry();
	test_death();
	test_sockets();
	test_given_up();
	test_unlisted();
	test_linger();
	test_held();
	test_activity();
	test_jumps();
	test_random_index();
	test_room();
	test_same_slot();
	test_updates();
	test_shutdown();
	test_eviction();
	test_bound();
	test_no_memory();
	test_model(&random);
	return check_done();
}
