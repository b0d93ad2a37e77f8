/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/traffic.h"

#include <stdlib.h>
#include <string.h>

/* Entry 0 is for what has no known owner. */
struct entry {
	struct process *process; /* counted reference */
	struct event_traffic sent, received;
	struct event_traffic reported_sent, reported_received;
	struct event_traffic taken_sent, taken_received;
	uint64_t connections; /* open ones, counted for the record */
	bool lingers;         /* packets of closed ones may come late */
};

/* What is counted with the unknown of one connection, until its owner is known. */
struct unowned {
	struct event_traffic sent, received;
};

struct traffic {
	struct entry *entries;
	uint32_t count, max;
	bool takes; /* traffic_take was called */
	/* The records of the interval that ended last: entries from next to end are to be emitted. */
	uint32_t next, end; /* end 0: nothing is begun */
	int64_t time_ns, interval_ns;
	struct unowned (*unowned)[2]; /* by the number of the connection, [end] */
	uint32_t max_connections;
};

struct traffic *traffic_new(uint32_t max_processes, uint32_t max_connections)
{
	struct traffic *traffic = calloc(1, sizeof *traffic);

	if (!traffic)
		return NULL;
	traffic->max = max_processes + 1;
	traffic->count = 1;
	traffic->max_connections = max_connections;
	/* Both are touched as they are used. */
	traffic->entries = calloc(traffic->max, sizeof *traffic->entries);
	traffic->unowned = calloc(max_connections, sizeof *traffic->unowned);
	if (!traffic->entries || !traffic->unowned) {
		free(traffic->entries);
		free(traffic->unowned);
		free(traffic);
		return NULL;
	}
	return traffic;
}

static void forget(struct traffic *traffic, uint32_t number)
{
	struct entry *entry = &traffic->entries[number];
	struct entry *last = &traffic->entries[--traffic->count];

	entry->process->traffic = 0;
	process_unref(entry->process);
	if (last != entry) {
		*entry = *last;
		entry->process->traffic = number;
	}
	*last = (struct entry){ 0 };
}

void traffic_free(struct traffic *traffic)
{
	if (!traffic)
		return;
	while (traffic->count > 1)
		forget(traffic, traffic->count - 1);
	free(traffic->unowned);
	free(traffic->entries);
	free(traffic);
}

/* A process carries its entry's number, so that a packet needs no search. Full: with the unknown. */
static struct entry *entry_of(struct traffic *traffic, struct process *process)
{
	if (!process)
		return &traffic->entries[0];
	if (process->traffic == 0 && traffic->count < traffic->max) {
		process->traffic = traffic->count++;
		traffic->entries[process->traffic] =
			(struct entry){ .process = process_ref(process) };
	}
	return &traffic->entries[process->traffic];
}

static void add(struct event_traffic *sum, struct event_traffic more)
{
	sum->packets += more.packets;
	sum->bytes += more.bytes;
}

static void subtract(struct event_traffic *sum, struct event_traffic less)
{
	sum->packets -= less.packets;
	sum->bytes -= less.bytes;
}

/* What an interval showed with the unknown is not taken back: no interval is negative. */
static void move(struct traffic *traffic, struct unowned *unowned, struct entry *entry)
{
	struct entry *unknown = &traffic->entries[0];

	add(&entry->sent, unowned->sent);
	add(&entry->received, unowned->received);
	subtract(&unknown->sent, unowned->sent);
	subtract(&unknown->received, unowned->received);
	memset(unowned, 0, sizeof *unowned);
}

void traffic_opened(struct traffic *traffic, const struct connection *connection)
{
	memset(traffic->unowned[connection_table_number(connection)], 0, sizeof *traffic->unowned);
}

void traffic_attributed(struct traffic *traffic, const struct connection *connection)
{
	struct unowned *unowned = traffic->unowned[connection_table_number(connection)];

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		struct process *process = connection->owners[end].process;

		if (process && (unowned[end].sent.packets | unowned[end].received.packets) != 0)
			move(traffic, &unowned[end], entry_of(traffic, process));
	}
}

static void count(struct traffic *traffic, const struct connection *connection,
                  enum connection_end end, bool sent, bool gone, struct event_traffic packet)
{
	struct process *process = gone ? NULL : connection->owners[end].process;
	struct entry *entry;

	if (!connection->local[end])
		return;
	entry = entry_of(traffic, process);
	add(sent ? &entry->sent : &entry->received, packet);
	if (!process && !gone) {
		struct unowned *unowned =
			&traffic->unowned[connection_table_number(connection)][end];

		add(sent ? &unowned->sent : &unowned->received, packet);
	}
}

void traffic_found_local(struct traffic *traffic, const struct connection *connection)
{
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct connection_count *sent = &connection->counts[end];

		count(traffic, connection, end, true, false,
		      (struct event_traffic){ .packets = sent->packets, .bytes = sent->bytes });
		count(traffic, connection, !end, false, false,
		      (struct event_traffic){ .packets = sent->packets, .bytes = sent->bytes });
	}
}

void traffic_count(struct traffic *traffic, const struct connection *connection,
                   enum connection_end from, unsigned gone, const struct packet *packet)
{
	struct event_traffic one = { .packets = 1, .bytes = packet->ip_length };

	count(traffic, connection, from, true, gone & 1u << from, one);
	count(traffic, connection, !from, false, gone & 1u << !from, one);
}

void traffic_count_unconnected(struct traffic *traffic, bool sent, bool received,
                               const struct packet *packet)
{
	struct event_traffic one = { .packets = 1, .bytes = packet->ip_length };

	if (sent)
		add(&traffic->entries[0].sent, one);
	if (received)
		add(&traffic->entries[0].received, one);
}

/* One whose ends are both of the same process is one. */
static void count_connection(void *context, const struct connection *connection)
{
	struct traffic *traffic = context;
	struct entry *counted = NULL;

	traffic_attributed(traffic, connection);
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct process *process = connection->owners[end].process;
		struct entry *entry = &traffic->entries[process ? process->traffic : 0];

		if (!connection->local[end] || entry == counted)
			continue;
		if (connection_table_is_closed(connection))
			entry->lingers = true;
		else
			entry->connections++;
		counted = entry;
	}
}

static uint64_t rise(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* What went to an owner meanwhile may have been more than what came. */
static struct event_traffic since(struct event_traffic now, struct event_traffic before)
{
	return (struct event_traffic){
		.packets = rise(now.packets, before.packets),
		.bytes = rise(now.bytes, before.bytes),
	};
}

static bool is_same(struct event_traffic a, struct event_traffic b)
{
	return a.packets == b.packets && a.bytes == b.bytes;
}

static void emit(const struct traffic *traffic, struct entry *entry, struct emitter *emitter)
{
	struct event event = { .action = EVENT_PROCESS_TRAFFIC, .time_ns = traffic->time_ns };

	event.process.process = entry->process;
	event.process.sent = entry->sent;
	event.process.received = entry->received;
	event.process.interval_sent = since(entry->sent, entry->reported_sent);
	event.process.interval_received = since(entry->received, entry->reported_received);
	event.process.interval_ns = traffic->interval_ns;
	event.process.connections = entry->connections;
	if (is_same(entry->sent, entry->reported_sent) &&
	    is_same(entry->received, entry->reported_received))
		return;
	emitter_emit(emitter, &event);
	entry->reported_sent = entry->sent;
	entry->reported_received = entry->received;
}

static void count_connections(struct traffic *traffic, const struct connection_table *connections)
{
	for (uint32_t i = 0; i < traffic->count; i++) {
		traffic->entries[i].connections = 0;
		traffic->entries[i].lingers = false;
	}
	connection_table_each(connections, count_connection, traffic);
}

bool traffic_begin(struct traffic *traffic, const struct connection_table *connections,
                   int64_t time_ns, int64_t interval_ns)
{
	if (traffic->next < traffic->end)
		return false;
	count_connections(traffic, connections);
	traffic->next = 0;
	traffic->end = traffic->count;
	traffic->time_ns = time_ns;
	traffic->interval_ns = interval_ns;
	return true;
}

static bool is_taken(const struct traffic *traffic, const struct entry *entry)
{
	return !traffic->takes || (is_same(entry->sent, entry->taken_sent) &&
	                           is_same(entry->received, entry->taken_received));
}

/*
 * A process whose sums are forgotten would begin anew. As long as others refer to it, it can
 * still become the owner of what was sent before it exited; they are kept while there is room.
 */
static bool is_over(const struct traffic *traffic, const struct entry *entry)
{
	if (entry->process->exited_ns == 0 || !is_taken(traffic, entry))
		return false;
	return entry->process->references == 1 ||
	       (traffic->count > traffic->max / 2 && entry->connections == 0 && !entry->lingers);
}

static void forget_exited(struct traffic *traffic, uint32_t end)
{
	for (uint32_t i = end - 1; i > 0; i--)
		if (is_over(traffic, &traffic->entries[i]))
			forget(traffic, i);
}

bool traffic_emit(struct traffic *traffic, struct emitter *emitter, bool (*ready)(void *context),
                  void *context)
{
	if (traffic->end == 0)
		return true;
	while (traffic->next < traffic->end) {
		if (ready && !ready(context))
			return false;
		emit(traffic, &traffic->entries[traffic->next++], emitter);
	}
	forget_exited(traffic, traffic->end);
	traffic->next = traffic->end = 0;
	return true;
}

void traffic_finish(struct traffic *traffic, struct emitter *emitter)
{
	traffic->end = traffic->count;
	traffic_emit(traffic, emitter, NULL, NULL);
}

void traffic_take(struct traffic *traffic, const struct connection_table *connections,
                  traffic_taker *taker, void *context)
{
	traffic->takes = true;
	if (traffic->next == traffic->end) /* else records have these numbers */
		count_connections(traffic, connections);
	for (uint32_t i = 0; i < traffic->count; i++) {
		struct entry *entry = &traffic->entries[i];
		const struct traffic_share share = {
			.process = entry->process,
			.sent = since(entry->sent, entry->taken_sent),
			.received = since(entry->received, entry->taken_received),
			.connections = entry->connections,
		};

		entry->taken_sent = entry->sent;
		entry->taken_received = entry->received;
		taker(context, &share);
	}
}

void traffic_forget_exited(struct traffic *traffic)
{
	forget_exited(traffic, traffic->count);
}
