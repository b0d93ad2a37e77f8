/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/traffic.h"

#include <stdlib.h>

/* Entry 0 is for what has no known owner. */
struct entry {
	struct process *process; /* counted reference */
	struct event_traffic sent, received;
	struct event_traffic reported_sent, reported_received;
	uint64_t connections; /* open ones, counted for the record */
};

struct traffic {
	struct entry *entries;
	uint32_t count, max;
	/* The records of the interval that ended last: entries from next to end are to be emitted. */
	uint32_t next, end; /* end 0: nothing is begun */
	int64_t time_ns, interval_ns;
};

struct traffic *traffic_new(uint32_t max_processes)
{
	struct traffic *traffic = calloc(1, sizeof *traffic);

	if (!traffic)
		return NULL;
	traffic->max = max_processes + 1;
	traffic->count = 1;
	traffic->entries = calloc(traffic->max, sizeof *traffic->entries); /* touched as used */
	if (!traffic->entries) {
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

void traffic_count(struct traffic *traffic, const struct connection *connection,
                   enum connection_end from, const struct packet *packet)
{
	enum connection_end to = !from;

	if (connection->local[from]) {
		struct entry *sender = entry_of(traffic, connection->owners[from].process);

		sender->sent.packets++;
		sender->sent.bytes += packet->ip_length;
	}
	if (connection->local[to]) {
		struct entry *receiver = entry_of(traffic, connection->owners[to].process);

		receiver->received.packets++;
		receiver->received.bytes += packet->ip_length;
	}
}

/* One whose ends are both of the same process is one. */
static void count_connection(void *context, const struct connection *connection)
{
	struct traffic *traffic = context;
	struct entry *counted = NULL;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct process *process = connection->owners[end].process;
		struct entry *entry = &traffic->entries[process ? process->traffic : 0];

		if (!connection->local[end] || entry == counted)
			continue;
		entry->connections++;
		counted = entry;
	}
}

static struct event_traffic since(struct event_traffic now, struct event_traffic before)
{
	return (struct event_traffic){
		.packets = now.packets - before.packets,
		.bytes = now.bytes - before.bytes,
	};
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
	if (event.process.interval_sent.packets + event.process.interval_received.packets == 0)
		return;
	emitter_emit(emitter, &event);
	entry->reported_sent = entry->sent;
	entry->reported_received = entry->received;
}

bool traffic_begin(struct traffic *traffic, const struct connection_table *connections,
                   int64_t time_ns, int64_t interval_ns)
{
	if (traffic->next < traffic->end)
		return false;
	for (uint32_t i = 0; i < traffic->count; i++)
		traffic->entries[i].connections = 0;
	connection_table_each(connections, count_connection, traffic);
	traffic->next = 0;
	traffic->end = traffic->count;
	traffic->time_ns = time_ns;
	traffic->interval_ns = interval_ns;
	return true;
}

static void forget_exited(struct traffic *traffic)
{
	for (uint32_t i = traffic->end - 1; i > 0; i--)
		if (traffic->entries[i].process->exited_ns != 0 &&
		    traffic->entries[i].connections == 0)
			forget(traffic, i);
	traffic->next = traffic->end = 0;
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
	forget_exited(traffic);
	return true;
}
