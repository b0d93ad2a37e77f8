/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* How connections end, by their packets, their sockets and time. */
#include "connection_table_fixture.h"
#include "attribution/windows.h"

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

int main(void)
{
	test_stray_reset();
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
	return check_done();
}
