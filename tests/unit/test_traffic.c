/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic by process: which end counts for which process, intervals, and owners that are found
 * later.
 */
#include "stream/traffic.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "base/clock.h"
#include "check.h"

static const struct hash_key key = { { 1, 2 } };
static struct connection_table *connections;
static struct traffic *traffic;
static struct process one = { .pid = 10, .references = 1000 },
		      two = { .pid = 20, .references = 1000 };
static struct event_process records[8];
static int record_count;

/* In place of the emitter. */
void emitter_emit(struct emitter *emitter, struct event *event)
{
	(void)emitter;
	if (event->action == EVENT_PROCESS_TRAFFIC && record_count < 8)
		records[record_count++] = event->process;
}

static void on_change(void *context, struct connection *changed, enum connection_change change)
{
	(void)context;
	(void)changed;
	(void)change;
}

static void begin(void)
{
	const struct connection_table_options options = {
		.max_connections = 10, .key = key, .id_key = key, .callback = on_change
	};

	one.traffic = two.traffic = 0;
	one.exited_ns = two.exited_ns = 0;
	connections = connection_table_new(&options);
	traffic = traffic_new(10, 10);
	if (!connections || !traffic) {
		printf("Bail out! out of memory\n");
		exit(EXIT_FAILURE);
	}
}

static void end(void)
{
	traffic_free(traffic);
	connection_table_free(connections);
}

static struct connection *open_connection(uint16_t port, struct process *source,
                                          struct process *destination, bool remote)
{
	struct connection_key place = {
		.tuple = { .protocol = IPPROTO_UDP, .source_port = port, .destination_port = 53 }
	};
	struct connection *made;

	inet_parse("192.0.2.1", &place.tuple.source);
	inet_parse("192.0.2.2", &place.tuple.destination);
	place = connection_table_key(connections, 0, &place.tuple);
	made = connection_table_open(connections, &place, NS_PER_SECOND, NS_PER_SECOND);
	made->local[CONNECTION_SOURCE] = true;
	made->local[CONNECTION_DESTINATION] = !remote;
	made->owners[CONNECTION_SOURCE].process = source;
	made->owners[CONNECTION_DESTINATION].process = destination;
	traffic_opened(traffic, made);
	return made;
}

static void forget_owners(struct connection *connection)
{
	connection->owners[0].process = connection->owners[1].process = NULL;
}

static void send_bytes(const struct connection *connection, enum connection_end from,
                       uint32_t bytes)
{
	const struct packet packet = { .ip_length = bytes };

	traffic_count(traffic, connection, from, 0, &packet);
}

/* "sent/received bytes, of the interval, connections" of a process; "" without a record. */
static const char *record_of(const struct process *process)
{
	static char text[4][100];
	static int next;
	char *line = text[next++ % 4];

	line[0] = '\0';
	for (int i = 0; i < record_count; i++)
		if (records[i].process == process)
			snprintf(line, sizeof text[0], "%d/%d, %d/%d, %d",
			         (int)records[i].sent.bytes, (int)records[i].received.bytes,
			         (int)records[i].interval_sent.bytes,
			         (int)records[i].interval_received.bytes,
			         (int)records[i].connections);
	return line;
}

static void report(void)
{
	record_count = 0;
	traffic_begin(traffic, connections, 0, NS_PER_SECOND);
	traffic_emit(traffic, NULL, NULL, NULL);
}

static void test_ends(void)
{
	const struct packet error = { .ip_length = 7 };
	struct connection *connection;

	begin();
	connection = open_connection(1000, &one, NULL, true);
	send_bytes(connection, CONNECTION_SOURCE, 100);
	send_bytes(connection, CONNECTION_DESTINATION, 50);
	report();
	CHECK_TEXT(record_of(&one), "100/50, 100/50, 1", "the end of this host");
	CHECK_TEXT(record_of(NULL), "", "the other one counts nowhere");
	traffic_count_unconnected(traffic, true, false, &error);
	report();
	CHECK_TEXT(record_of(NULL), "7/0, 7/0, 0", "a packet of no connection");
	CHECK_TEXT(record_of(&one), "", "no record without traffic");
	send_bytes(connection, CONNECTION_SOURCE, 1);
	report();
	CHECK_TEXT(record_of(&one), "101/50, 1/0, 1", "sums, and the last interval");
	traffic_count(traffic, connection, CONNECTION_DESTINATION, 1u << CONNECTION_SOURCE, &error);
	traffic_attributed(traffic, connection);
	report();
	CHECK_TEXT(record_of(&one), "", "its socket was closed before,");
	CHECK_TEXT(record_of(NULL), "7/7, 0/7, 0", "and the packet is no process's for good");
	forget_owners(connection);
	end();
}

static void test_same_host(void)
{
	struct connection *own, *both;

	begin();
	own = open_connection(1000, &one, &one, false);
	both = open_connection(1001, &one, &two, false);
	send_bytes(own, CONNECTION_SOURCE, 10);
	send_bytes(both, CONNECTION_SOURCE, 100);
	report();
	CHECK_TEXT(record_of(&one), "110/10, 110/10, 2",
	           "a process that speaks with itself sends and receives, on one connection");
	CHECK_TEXT(record_of(&two), "0/100, 0/100, 1", "the other one receives");
	forget_owners(own);
	forget_owners(both);
	end();
}

static void test_found_later(void)
{
	struct connection *connection;

	begin();
	connection = open_connection(1000, NULL, NULL, true);
	send_bytes(connection, CONNECTION_SOURCE, 100);
	report();
	CHECK_TEXT(record_of(NULL), "100/0, 100/0, 1", "no owner is known");
	connection->owners[CONNECTION_SOURCE].process = &one;
	traffic_attributed(traffic, connection);
	send_bytes(connection, CONNECTION_SOURCE, 10);
	report();
	CHECK_TEXT(record_of(&one), "110/0, 110/0, 1", "what was sent before moves to the owner");
	CHECK_TEXT(record_of(NULL), "0/0, 0/0, 0", "and no interval is negative");
	forget_owners(connection);
	end();
}

/* A transparent proxy's end has the address of another host. */
static void test_found_local(void)
{
	struct connection *connection;

	begin();
	connection = open_connection(1000, NULL, NULL, true);
	connection->local[CONNECTION_SOURCE] = false;
	connection->counts[CONNECTION_SOURCE] = (struct connection_count){ 1, 100 };
	connection->counts[CONNECTION_DESTINATION] = (struct connection_count){ 1, 40 };
	send_bytes(connection, CONNECTION_SOURCE, 100);
	send_bytes(connection, CONNECTION_DESTINATION, 40);
	report();
	CHECK_TEXT(record_of(NULL), "", "what is forwarded counts nowhere");
	connection->local[CONNECTION_DESTINATION] = true;
	traffic_found_local(traffic, connection);
	report();
	CHECK_TEXT(record_of(NULL), "40/100, 40/100, 1", "what an end of this host sent does,");
	connection->owners[CONNECTION_DESTINATION].process = &one;
	traffic_attributed(traffic, connection);
	report();
	CHECK_TEXT(record_of(&one), "40/100, 40/100, 1", "and is its owner's");
	forget_owners(connection);
	end();
}

/* The last records of a run come when all owners are known. */
static void test_finish(void)
{
	struct connection *connection;

	begin();
	connection = open_connection(1000, NULL, NULL, true);
	send_bytes(connection, CONNECTION_SOURCE, 100);
	record_count = 0;
	traffic_begin(traffic, connections, 0, NS_PER_SECOND);
	connection->owners[CONNECTION_SOURCE].process = &one;
	traffic_attributed(traffic, connection);
	traffic_finish(traffic, NULL);
	CHECK_TEXT(record_of(&one), "100/0, 100/0, 0", "an owner that is found at the end");
	CHECK_TEXT(record_of(NULL), "", "has all of it");
	forget_owners(connection);
	end();
}

/* What it sent in its last moment may be known to be its own later. */
static void test_exited(void)
{
	struct process others[8];
	struct connection *first, *late;

	begin();
	first = open_connection(1000, &one, NULL, true);
	late = open_connection(1001, NULL, NULL, true);
	send_bytes(first, CONNECTION_SOURCE, 100);
	send_bytes(late, CONNECTION_SOURCE, 10);
	forget_owners(first);
	connection_table_forget(connections, first);
	one.exited_ns = 1;
	report();
	late->owners[CONNECTION_SOURCE].process = &one;
	traffic_attributed(traffic, late);
	report();
	CHECK_TEXT(record_of(&one), "110/0, 10/0, 1", "sums of a process that has exited go on");
	forget_owners(late);
	connection_table_forget(connections, late);
	for (int i = 0; i < 8; i++) {
		others[i] = (struct process){ .references = 1000, .exited_ns = 1 };
		first = open_connection((uint16_t)(1002 + i), &others[i], NULL, true);
		send_bytes(first, CONNECTION_SOURCE, 1);
		forget_owners(first);
		connection_table_forget(connections, first);
	}
	report();
	CHECK(others[7].traffic == 0 && others[0].traffic != 0,
	      "where there are many, those that have exited make room");
	end();
}

/* "sent/received, connections" of what was taken last; counted: how many were. */
static char taken_text[64];
static int taken_count;

static void on_taken(void *context, const struct traffic_share *share)
{
	taken_count++;
	if (share->process == context)
		snprintf(taken_text, sizeof taken_text, "%d/%d, %d", (int)share->sent.bytes,
		         (int)share->received.bytes, (int)share->connections);
}

static const char *take(struct process *process)
{
	taken_count = 0;
	taken_text[0] = '\0';
	traffic_take(traffic, connections, on_taken, process);
	return taken_text;
}

/* Records and the one who takes it have intervals of their own. */
static void test_taken(void)
{
	struct process *gone = calloc(1, sizeof *gone); /* nothing refers to it but traffic */
	struct connection *connection;

	if (!gone)
		return;
	begin();
	connection = open_connection(1000, gone, NULL, true);
	send_bytes(connection, CONNECTION_SOURCE, 100);
	CHECK_TEXT(take(gone), "100/0, 1", "what it sent, and its connections");
	send_bytes(connection, CONNECTION_DESTINATION, 10);
	report();
	CHECK_TEXT(record_of(gone), "100/10, 100/10, 1", "a record has all of it");
	CHECK_TEXT(take(gone), "0/10, 1", "taken again: what came since");
	CHECK_TEXT(take(gone), "0/0, 1", "nothing came since");
	connection_table_close(connections, connection, CONNECTION_FIN, CONNECTION_SUCCESS,
	                       2 * NS_PER_SECOND);
	send_bytes(connection, CONNECTION_SOURCE, 1);
	gone->exited_ns = 1;
	forget_owners(connection);
	report();
	CHECK_TEXT(take(gone), "1/0, 0", "a process that has exited is there until it was taken");
	traffic_forget_exited(traffic);
	take(gone);
	CHECK(taken_text[0] == '\0' && taken_count == 1, "and is forgotten then");
	end();
}

int main(void)
{
	test_ends();
	test_same_host();
	test_found_later();
	test_found_local();
	test_finish();
	test_exited();
	test_taken();
	return check_done();
}
