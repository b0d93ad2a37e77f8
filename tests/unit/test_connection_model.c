/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection counts and when it is reported; a plain list has all of it, too. */
#include "connection_table_fixture.h"
#include "attribution/windows.h"
#include "random.h"

#define MODEL_MAX   512
#define MODEL_PORTS 24

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

int main(void)
{
	struct random random = random_begin();

	test_account();
	test_activity();
	test_jumps();
	test_updates();
	test_shutdown();
	test_model(&random);
	return check_done();
}
