/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/existing.h"

#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"

#define NETNS  7u
#define OTHER  8u
#define LISTED (INT64_C(1700000000) * NS_PER_SECOND)
#define CLIENT 40000
#define SERVER 443

static struct connection_table *table;

/* From one port to the other, both of one address; its state and role, and figures of its own. */
static struct socket socket_of(uint16_t from, uint16_t to, enum socket_role role)
{
	return (struct socket){
		.kind = SOCKET_TCP,
		.state = SOCKET_ESTABLISHED,
		.netns = NETNS,
		.tuple = { .source_port = from, .destination_port = to, .protocol = IPPROTO_TCP },
		.inode = from,
		.cookie = from + 1u,
		.has_tcp_info = true,
		.role = role,
		.totals = { .bytes_acked = from },
		.congestion_control = { from == CLIENT ? 'c' : 's' },
	};
}

static struct connection_key key_of(uint16_t from, uint16_t to)
{
	struct socket socket = socket_of(from, to, SOCKET_ROLE_UNKNOWN);

	return connection_table_key(table, NETNS, &socket.tuple);
}

static void add(struct existing *existing, const struct socket *socket)
{
	struct connection_key key = connection_table_key(table, socket->netns, &socket->tuple);

	existing_add(existing, &key, socket, LISTED);
}

static void test_states(void)
{
	static const struct {
		enum socket_state state;
		uint64_t inode;
		bool wanted;
	} cases[] = {
		{ SOCKET_ESTABLISHED, 1, true }, { SOCKET_ESTABLISHED, 0, true },
		{ SOCKET_SYN_SENT, 1, true },    { SOCKET_SYN_RECEIVED, 0, false },
		{ SOCKET_FIN_WAIT_1, 0, true },  { SOCKET_FIN_WAIT_2, 1, true },
		{ SOCKET_FIN_WAIT_2, 0, false }, { SOCKET_TIME_WAIT, 0, false },
		{ SOCKET_CLOSED, 1, false },     { SOCKET_CLOSE_WAIT, 1, true },
		{ SOCKET_LAST_ACK, 0, true },    { SOCKET_LISTEN, 1, false },
		{ SOCKET_CLOSING, 0, true },     { SOCKET_NEW_SYN_RECEIVED, 0, false },
		{ SOCKET_STATE_NONE, 1, false },
	};
	struct socket socket = socket_of(CLIENT, SERVER, SOCKET_ROLE_UNKNOWN);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		socket.state = cases[i].state;
		socket.inode = cases[i].inode;
		CHECK_EQUAL(existing_is_wanted(&socket), cases[i].wanted, "state %d, inode %d",
		            (int)cases[i].state, (int)cases[i].inode);
	}
	socket.state = SOCKET_ESTABLISHED;
	socket.tuple.destination_port = 0;
	CHECK(!existing_is_wanted(&socket), "without a peer");
	socket.tuple.destination_port = SERVER;
	socket.kind = SOCKET_UDP;
	CHECK(existing_is_wanted(&socket), "a UDP socket that is connected");
	socket.tuple.destination_port = 0;
	socket.state = SOCKET_CLOSED;
	CHECK(!existing_is_wanted(&socket), "one that is not");
}

/* One end or both, in either order, and what their sockets know. */
static void test_ends(void)
{
	static const struct {
		const char *title;
		enum socket_role client, server; /* of the sockets that are listed */
		bool has_client, has_server, server_first;
		uint16_t source; /* port */
		bool oriented;
		uint64_t totals; /* whose: the port of that end */
	} cases[] = {
		{ "client", SOCKET_INITIATOR, 0, true, false, false, CLIENT, true, CLIENT },
		{ "server", 0, SOCKET_RESPONDER, false, true, false, CLIENT, true, SERVER },
		{ "server that does not know", 0, 0, false, true, false, SERVER, false, SERVER },
		{ "both", SOCKET_INITIATOR, SOCKET_RESPONDER, true, true, false, CLIENT, true,
		  CLIENT },
		{ "both, server first", SOCKET_INITIATOR, SOCKET_RESPONDER, true, true, true,
		  CLIENT, true, CLIENT },
		{ "both, server first, client alone knows", SOCKET_INITIATOR, 0, true, true, true,
		  CLIENT, true, CLIENT },
		{ "both, server alone knows", 0, SOCKET_RESPONDER, true, true, false, CLIENT, true,
		  CLIENT },
		{ "both, server first and alone knows", 0, SOCKET_RESPONDER, true, true, true,
		  CLIENT, true, CLIENT },
	};
	struct connection_key forth = key_of(CLIENT, SERVER), back = key_of(SERVER, CLIENT);

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct existing *existing = existing_new(16);
		struct socket client = socket_of(CLIENT, SERVER, cases[i].client);
		struct socket server = socket_of(SERVER, CLIENT, cases[i].server);
		const struct existing_connection *found;

		if (cases[i].has_server && cases[i].server_first)
			add(existing, &server);
		if (cases[i].has_client)
			add(existing, &client);
		if (cases[i].has_server && !cases[i].server_first)
			add(existing, &server);
		found = existing_find(existing, &back);
		CHECK(found && found == existing_find(existing, &forth) &&
		              existing_count(existing) == 1,
		      "%s: one connection, from either end", cases[i].title);
		CHECK_EQUAL(found->tuple.source_port, cases[i].source, "%s: source",
		            cases[i].title);
		CHECK_EQUAL(found->oriented, cases[i].oriented, "%s: who began", cases[i].title);
		CHECK_EQUAL(found->past.totals.bytes_acked, cases[i].totals, "%s: totals",
		            cases[i].title);
		CHECK_EQUAL(found->past.congestion_control[0],
		            cases[i].totals == CLIENT ? 'c' : 's',
		            "%s: of the same socket, its congestion control", cases[i].title);
		CHECK(existing_has(found, found->tuple.source_port != CLIENT) ==
		                      cases[i].has_client &&
		              existing_has(found, found->tuple.source_port == CLIENT) ==
		                      cases[i].has_server,
		      "%s: ends that are listed", cases[i].title);
		CHECK(!existing_has(found, CONNECTION_SOURCE) ||
		              found->past.sockets[CONNECTION_SOURCE].inode ==
		                      found->tuple.source_port,
		      "%s: the source's socket", cases[i].title);
		existing_free(existing);
	}
}

static void test_roles(void)
{
	struct existing *existing = existing_new(16);
	struct connection_key key = key_of(CLIENT, SERVER);
	struct socket socket = socket_of(CLIENT, SERVER, SOCKET_INITIATOR);

	socket.send_queue = 1;
	add(existing, &socket);
	CHECK(!existing_find(existing, &key)->oriented, "numbers of two moments do not show it");
	existing_remove(existing, &key);
	CHECK(!existing_find(existing, &key) && existing_count(existing) == 0, "removed");
	socket.state = SOCKET_SYN_SENT;
	socket.role = SOCKET_ROLE_UNKNOWN;
	add(existing, &socket);
	CHECK(existing_find(existing, &key)->oriented && existing_find(existing, &key)->opening,
	      "what connects is the initiator");
	existing_free(existing);
}

static void test_fits(void)
{
	static const struct {
		uint8_t flags;
		bool opening;
		int64_t after_ns;
		enum existing_fit fit;
	} cases[] = {
		{ TCP_FLAG_ACK, false, 1, EXISTING_BEFORE },
		{ TCP_FLAG_ACK, false, -1, EXISTING_BEFORE },
		{ TCP_FLAG_RST, false, 1, EXISTING_BEFORE },
		{ TCP_FLAG_FIN | TCP_FLAG_ACK, false, 1, EXISTING_BEFORE },
		{ TCP_FLAG_SYN, false, 1, EXISTING_ANOTHER },
		{ TCP_FLAG_SYN | TCP_FLAG_ACK, false, 1, EXISTING_ANOTHER },
		{ TCP_FLAG_SYN, false, 0, EXISTING_BEGUN },
		{ TCP_FLAG_SYN, true, -1, EXISTING_BEGUN },
		{ TCP_FLAG_SYN, true, 1, EXISTING_BEFORE },
		{ TCP_FLAG_SYN | TCP_FLAG_ACK, true, 1, EXISTING_BEFORE },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct existing_connection existing = { .opening = cases[i].opening,
			                                .listed_ns = LISTED };
		struct packet packet = { .has_tcp = true,
			                 .tcp_flags = cases[i].flags,
			                 .time_ns = LISTED + cases[i].after_ns };

		CHECK_EQUAL(existing_fit_of(&existing, &packet, 0), cases[i].fit,
		            "flags %#x %+d ns from the listing%s", cases[i].flags,
		            (int)cases[i].after_ns, cases[i].opening ? ", opening" : "");
	}
}

static void test_datagrams(void)
{
	static const struct {
		int64_t after_ns, seen_ns, ended_ns;
		enum existing_fit fit;
		const char *title;
	} cases[] = {
		{ 1, 10, 0, EXISTING_BEFORE, "after the listing" },
		{ 0, 10, 0, EXISTING_BEGUN, "at the listing: it may be the first" },
		{ 1, 10, 10, EXISTING_BEFORE, "the last one, before the socket was destroyed" },
		{ 1, 11, 10, EXISTING_ANOTHER, "of a later socket" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct existing_connection existing = { .ended_ns = cases[i].ended_ns,
			                                .listed_ns = LISTED };
		struct packet packet = { .time_ns = LISTED + cases[i].after_ns };

		CHECK_EQUAL(existing_fit_of(&existing, &packet, cases[i].seen_ns), cases[i].fit,
		            "a datagram %s", cases[i].title);
	}
}

/* Which of two sockets with the same ends has a packet is not known, nor is what TCP's listing says. */
static void test_udp(void)
{
	struct existing *existing = existing_new(16);
	struct socket first = socket_of(CLIENT, SERVER, SOCKET_ROLE_UNKNOWN), second;
	struct existing_connection *found;
	struct connection_key key;

	first.kind = SOCKET_UDP;
	first.tuple.protocol = IPPROTO_UDP;
	first.has_tcp_info = false;
	second = first;
	key = connection_table_key(table, NETNS, &first.tuple);
	add(existing, &first);
	add(existing, &first);
	found = existing_find(existing, &key);
	CHECK_EQUAL(found->past.sockets[CONNECTION_SOURCE].inode, CLIENT, "one socket");
	second.inode = 77;
	second.cookie = 78;
	add(existing, &second);
	CHECK(found->past.sockets[CONNECTION_SOURCE].inode == 0 &&
	              existing_has(found, CONNECTION_SOURCE),
	      "one of two");
	existing_unlisted(existing, NETNS, 10);
	CHECK(existing_find(existing, &key)->ended_ns == 0, "TCP sockets alone are listed again");
	existing_free(existing);
}

static void test_ended(void)
{
	struct existing *existing = existing_new(16);
	struct existing_connection ended = { .netns = 0 };
	struct connection_key first = key_of(1, SERVER), second = key_of(2, SERVER),
			      third = key_of(3, SERVER);

	for (uint16_t port = 1; port <= 3; port++) {
		struct socket socket = socket_of(port, SERVER, SOCKET_INITIATOR);

		add(existing, &socket);
	}
	CHECK(!existing_take_ended(existing, INT64_MAX, &ended), "none has ended");
	existing_end(existing, &second, 10);
	existing_end(existing, &first, 20);
	existing_end(existing, &second, 30);
	existing_end(existing, &third, 40);
	CHECK(!existing_take_ended(existing, 10, &ended), "packets of before may come still");
	CHECK(existing_find(existing, &second), "and are found");
	existing_remove(existing, &first);
	CHECK(existing_take_ended(existing, 11, &ended) && ended.tuple.source_port == 2 &&
	              ended.ended_ns == 10,
	      "the first that ended, at its first report");
	CHECK(!existing_find(existing, &second), "it is taken");
	CHECK(existing_take_ended(existing, INT64_MAX, &ended) && ended.tuple.source_port == 3,
	      "one whose packet came has not ended without");
	CHECK(!existing_take_ended(existing, INT64_MAX, &ended) && existing_count(existing) == 0,
	      "no other");
	existing_free(existing);
}

static void test_lost_reports(void)
{
	struct existing *existing = existing_new(16);
	struct existing_connection ended = { .netns = 0 };
	struct socket there = socket_of(1, SERVER, SOCKET_INITIATOR),
		      gone = socket_of(2, SERVER, SOCKET_INITIATOR), elsewhere = gone;
	struct connection_key key = key_of(1, SERVER);

	elsewhere.netns = OTHER;
	add(existing, &there);
	add(existing, &gone);
	add(existing, &elsewhere);
	existing_listed(existing, &key);
	existing_unlisted(existing, NETNS, 50);
	CHECK(existing_take_ended(existing, INT64_MAX, &ended) && ended.tuple.source_port == 2 &&
	              ended.netns == NETNS && ended.ended_ns == 50 &&
	              !existing_take_ended(existing, INT64_MAX, &ended),
	      "what is not listed any more has ended");
	existing_unlisted(existing, NETNS, 60);
	CHECK(existing_take_ended(existing, INT64_MAX, &ended) && ended.tuple.source_port == 1,
	      "a listing counts once");
	existing_forget(existing, OTHER);
	CHECK(existing_count(existing) == 0 && !existing_take_ended(existing, INT64_MAX, &ended),
	      "a namespace that is gone is forgotten");
	existing_free(existing);
}

static void test_bounded(void)
{
	struct existing *existing = existing_new(1500);
	struct connection_key last = key_of(2000, SERVER), first = key_of(1, SERVER);

	for (uint16_t port = 1; port <= 2000; port++) {
		struct socket socket = socket_of(port, SERVER, SOCKET_INITIATOR);

		add(existing, &socket);
	}
	CHECK_EQUAL(existing_count(existing), 1500, "no more than there is room for");
	CHECK(existing_find(existing, &first) && !existing_find(existing, &last),
	      "the later ones are not known");
	for (uint16_t port = 1; port <= 1500; port++) {
		struct connection_key key = key_of(port, SERVER);
		struct socket socket = socket_of((uint16_t)(port + 2000), SERVER, SOCKET_INITIATOR);

		existing_remove(existing, &key);
		add(existing, &socket);
	}
	CHECK_EQUAL(existing_count(existing), 1500, "places are used again");
	existing_free(existing);
}

int main(void)
{
	struct connection_table_options options = { .max_connections = 16,
		                                    .key = { { 1, 2 } },
		                                    .id_key = { { 3, 4 } } };
	struct tuple forth, back;

	table = connection_table_new(&options);
	forth = key_of(CLIENT, SERVER).tuple;
	back = tuple_reverse(&forth);
	CHECK(connection_table_existing_id(table, NETNS, &forth, LISTED) ==
	              connection_table_existing_id(table, NETNS, &back, LISTED),
	      "one id for both ends");
	CHECK(connection_table_existing_id(table, NETNS, &forth, LISTED) !=
	                      connection_table_existing_id(table, OTHER, &forth, LISTED) &&
	              connection_table_existing_id(table, NETNS, &forth, LISTED) !=
	                      connection_table_existing_id(table, NETNS, &forth, LISTED + 1),
	      "of one namespace and listing");
	test_states();
	test_ends();
	test_roles();
	test_fits();
	test_datagrams();
	test_udp();
	test_ended();
	test_lost_reports();
	test_bounded();
	connection_table_free(table);
	return check_done();
}
