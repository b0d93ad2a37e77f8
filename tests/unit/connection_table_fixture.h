/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the connection table share: tables, their packets, and what they report. */
#ifndef SOCKLINE_TESTS_CONNECTION_TABLE_FIXTURE_H
#define SOCKLINE_TESTS_CONNECTION_TABLE_FIXTURE_H

#include <netinet/in.h>

#include "base/clock.h"
#include "check.h"
#include "connections/connection_table.h"

#define SECOND       NS_PER_SECOND
#define START        (INT64_C(1000) * SECOND)
#define REPORTED_MAX 512

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

static inline void on_change(void *context, struct connection *connection,
                             enum connection_change change)
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

static inline bool is_ready(void *context)
{
	(void)context;
	return room < 0 || room-- > 0;
}

static inline struct connection_table *begin(uint32_t max, int64_t update_interval_ns)
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

static inline struct tuple make_tuple(uint8_t protocol, uint32_t host, uint16_t port)
{
	struct tuple tuple = { .source_port = port, .destination_port = 443, .protocol = protocol };
	uint8_t source[4] = { 10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host };

	inet_from_v4(&tuple.source, source);
	inet_parse("192.0.2.1", &tuple.destination);
	return tuple;
}

static inline struct packet make_packet(uint8_t protocol, uint8_t flags, int64_t time_ns)
{
	return (struct packet){ .time_ns = time_ns,
		                .ip_length = 100,
		                .has_tcp = protocol == IPPROTO_TCP,
		                .tcp_flags = flags };
}

static inline struct connection *open_tuple(struct connection_table *table, uint32_t netns,
                                            const struct tuple *tuple, int64_t now)
{
	struct connection_key wanted = connection_table_key(table, netns, tuple);

	return connection_table_open(table, &wanted, now, now);
}

static inline struct connection *find_tuple(const struct connection_table *table, uint32_t netns,
                                            const struct tuple *tuple, enum connection_end *from)
{
	struct connection_key wanted = connection_table_key(table, netns, tuple);

	return connection_table_find(table, &wanted, from);
}

static inline struct connection *open_at(struct connection_table *table, uint8_t protocol,
                                         uint16_t port, int64_t now)
{
	struct tuple tuple = make_tuple(protocol, 1, port);
	struct connection *connection = open_tuple(table, 1, &tuple, now);

	if (connection)
		connection->evidence = CONNECTION_FROM_PACKETS;
	return connection;
}

static inline bool feed(struct connection_table *table, struct connection *connection,
                        enum connection_end from, uint8_t flags, int64_t now)
{
	struct packet packet = make_packet(connection->tuple.protocol, flags, now);

	return connection_table_account(table, connection, from, &packet, now);
}

static inline void handshake(struct connection_table *table, struct connection *connection,
                             int64_t now)
{
	feed(table, connection, CONNECTION_SOURCE, TCP_FLAG_SYN, now);
	feed(table, connection, CONNECTION_DESTINATION, TCP_FLAG_SYN | TCP_FLAG_ACK, now);
	feed(table, connection, CONNECTION_SOURCE, TCP_FLAG_ACK, now);
}

static inline struct connection *find(struct connection_table *table, uint8_t protocol,
                                      uint16_t port, enum connection_end *from)
{
	struct tuple tuple = make_tuple(protocol, 1, port);

	return find_tuple(table, 1, &tuple, from);
}

enum script { SYN_ONLY, ESTABLISHED, MET_MIDWAY, ONE_FIN, BOTH_FINS, ONE_WAY, ANSWERED, CLOSED };

static inline struct connection *play(struct connection_table *table, enum script script,
                                      int64_t now)
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

static inline void run_until(struct connection_table *table, int64_t *now, int64_t end)
{
	for (; *now <= end; *now += SECOND / 2)
		connection_table_expire(table, *now);
}

#endif
