/* SPDX-License-Identifier: Apache-2.0 */
#include "connections/connection_table.h"

#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>

#include "base/clock.h"
#include "base/table.h"
#include "connections/tcp_state.h"
#include "events/fragment.h"

/*
 * Entries live in chunks that are allocated as they are first needed and never
 * move: pointers stay valid, and a table that is allowed a million connections
 * costs nothing until they come.
 */
#define CHUNK_ENTRIES       1024
#define NONE                UINT32_MAX
#define EVICTION_CANDIDATES 16

struct connection_table {
	struct connection_table_options options;
	struct table *index;
	struct connection **chunks;
	uint32_t chunk_count;
	uint32_t used;      /* entries ever handed out */
	uint32_t free_list; /* linked by internal.next_free */
	uint32_t open_count, eviction_hand;
	uint64_t opened_order;
	struct wheel wheel;
	struct connection_counters counters;
};

static struct connection *entry(const struct connection_table *table, uint32_t number)
{
	return &table->chunks[number / CHUNK_ENTRIES][number % CHUNK_ENTRIES];
}

static struct wheel_link *link_of(void *context, uint32_t number)
{
	const struct connection_table *table = context;

	return &entry(table, number)->internal.timer;
}

struct connection_table *connection_table_new(const struct connection_table_options *options)
{
	struct connection_table *table = calloc(1, sizeof *table);

	if (!table)
		return NULL;
	table->options = *options;
	table->index = table_new(options->max_connections);
	table->chunk_count = (options->max_connections + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES;
	table->chunks = calloc(table->chunk_count + 1, sizeof(struct connection *));
	if (!table->index || !table->chunks) {
		connection_table_free(table);
		return NULL;
	}
	table->free_list = NONE;
	wheel_init(&table->wheel, link_of, table);
	return table;
}

static void release(struct connection *connection)
{
	owner_clear(&connection->owners[CONNECTION_SOURCE]);
	owner_clear(&connection->owners[CONNECTION_DESTINATION]);
	fragment_free(connection->fragment);
	connection->fragment = NULL;
}

void connection_table_free(struct connection_table *table)
{
	if (!table)
		return;
	for (uint32_t number = 0; table->chunks && number < table->used; number++)
		if (entry(table, number)->internal.in_use)
			release(entry(table, number));
	for (uint32_t i = 0; table->chunks && i < table->chunk_count; i++)
		free(table->chunks[i]);
	free(table->chunks);
	table_free(table->index);
	free(table);
}

/* The two directions of a connection hash alike: the ends are put in order first. */
static uint64_t key_hash(const struct connection_table *table, uint32_t netns,
                         const struct tuple *tuple)
{
	struct {
		struct tuple tuple;
		uint32_t netns;
	} key;
	int order = memcmp(&tuple->source, &tuple->destination, sizeof tuple->source);

	if (order == 0)
		order = tuple->source_port - tuple->destination_port;
	key.tuple = order < 0 ? *tuple : tuple_reverse(tuple);
	key.netns = netns;
	return hash_bytes(&table->options.key, &key, sizeof key.tuple + sizeof key.netns);
}

struct connection *connection_table_find(const struct connection_table *table, uint32_t netns,
                                         const struct tuple *tuple, enum connection_end *from)
{
	struct table_cursor cursor = table_cursor(table->index, key_hash(table, netns, tuple));
	struct tuple reversed = tuple_reverse(tuple);
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct connection *connection = entry(table, number);

		if (connection->netns != netns)
			continue;
		if (tuple_equal(&connection->tuple, tuple)) {
			*from = CONNECTION_SOURCE;
			return connection;
		}
		if (tuple_equal(&connection->tuple, &reversed)) {
			*from = CONNECTION_DESTINATION;
			return connection;
		}
	}
	return NULL;
}

void connection_table_prefetch(const struct connection_table *table, uint32_t netns,
                               const struct tuple *tuple)
{
	table_prefetch(table->index, key_hash(table, netns, tuple));
}

static int64_t idle_limit(const struct connection *connection)
{
	const struct tcp_state *tcp = &connection->internal.tcp;

	if (connection->internal.closed)
		return CONNECTION_LINGER_NS;
	if (connection->tuple.protocol != IPPROTO_TCP)
		return CONNECTION_OTHER_IDLE_NS;
	if ((tcp->seen[CONNECTION_SOURCE] | tcp->seen[CONNECTION_DESTINATION]) & TCP_FLAG_FIN)
		return CONNECTION_FIN_IDLE_NS;
	return tcp->established ? CONNECTION_TCP_IDLE_NS : CONNECTION_UNANSWERED_NS;
}

static int64_t next_deadline(const struct connection *connection)
{
	int64_t idle = connection->internal.active_ns + idle_limit(connection);
	int64_t update = connection->internal.update_ns;

	return update != 0 && update < idle ? update : idle;
}

static void set_timer(struct connection_table *table, struct connection *connection, int64_t now_ns)
{
	wheel_add(&table->wheel, connection->internal.number, next_deadline(connection), now_ns);
}

static void give_back(struct connection_table *table, struct connection *connection)
{
	connection->internal.in_use = false;
	connection->internal.next_free = table->free_list;
	table->free_list = connection->internal.number;
}

void connection_table_forget(struct connection_table *table, struct connection *connection)
{
	wheel_remove(&table->wheel, connection->internal.number);
	table_remove(table->index, connection->internal.hash, connection->internal.number);
	if (!connection->internal.closed)
		table->open_count--;
	release(connection);
	give_back(table, connection);
}

bool connection_table_close(struct connection_table *table, struct connection *connection,
                            enum connection_reason reason, enum connection_outcome outcome,
                            int64_t now_ns)
{
	if (connection->internal.closed)
		return false;
	connection->internal.closed = true;
	connection->internal.active_ns = now_ns;
	connection->internal.update_ns = 0;
	connection->reason = reason;
	connection->outcome = outcome;
	if (connection->tuple.protocol == IPPROTO_TCP)
		connection->state = SOCKET_CLOSED;
	wheel_remove(&table->wheel, connection->internal.number);
	set_timer(table, connection, now_ns);
	table->open_count--;
	table->counters.closed++;
	return true;
}

/* Success is what was seen to succeed: an established stream, or an answer. */
static enum connection_outcome outcome_so_far(const struct connection *connection)
{
	if (connection->tuple.protocol == IPPROTO_TCP)
		return connection->internal.tcp.established ? CONNECTION_SUCCESS
		                                            : CONNECTION_UNKNOWN;
	return connection->counts[CONNECTION_DESTINATION].packets ? CONNECTION_SUCCESS
	                                                          : CONNECTION_UNKNOWN;
}

static void close_and_tell(struct connection_table *table, struct connection *connection,
                           enum connection_reason reason, enum connection_outcome outcome,
                           int64_t now_ns)
{
	if (connection_table_close(table, connection, reason, outcome, now_ns))
		table->options.callback(table->options.context, connection,
		                        CONNECTION_CHANGE_CLOSED);
}

static void close_idle(struct connection_table *table, struct connection *connection,
                       int64_t now_ns)
{
	const struct tcp_state *tcp = &connection->internal.tcp;
	bool fins = tcp->seen[0] & tcp->seen[1] & TCP_FLAG_FIN;

	if (connection->tuple.protocol != IPPROTO_TCP || tcp->established)
		close_and_tell(table, connection, fins ? CONNECTION_FIN : CONNECTION_IDLE,
		               outcome_so_far(connection), now_ns);
	else
		close_and_tell(table, connection, CONNECTION_TIMEOUT, CONNECTION_FAILURE, now_ns);
}

/* Makes room: the longest silent of a few neighbours, so that no list is kept on the packet path. */
static void evict_one(struct connection_table *table, int64_t now_ns)
{
	struct connection *oldest = NULL;

	for (uint32_t looked = 0; looked < table->used; looked++) {
		struct connection *candidate = entry(table, table->eviction_hand);

		table->eviction_hand = (table->eviction_hand + 1) % table->used;
		if (!candidate->internal.in_use)
			continue;
		if (candidate->internal.closed) {
			oldest = candidate;
			break;
		}
		if (!oldest || candidate->internal.active_ns < oldest->internal.active_ns)
			oldest = candidate;
		if (looked >= EVICTION_CANDIDATES)
			break;
	}
	if (!oldest)
		return;
	if (!oldest->internal.closed) {
		table->counters.evicted++;
		close_and_tell(table, oldest, CONNECTION_EVICTED, outcome_so_far(oldest), now_ns);
	}
	connection_table_forget(table, oldest);
}

static struct connection *allocate(struct connection_table *table, int64_t now_ns)
{
	uint32_t number = table->free_list;

	if (number == NONE && table->used == table->options.max_connections) {
		evict_one(table, now_ns);
		number = table->free_list;
	}
	if (number != NONE) {
		table->free_list = entry(table, number)->internal.next_free;
	} else {
		struct connection **chunk = &table->chunks[table->used / CHUNK_ENTRIES];

		if (table->used == table->options.max_connections)
			return NULL;
		if (!*chunk)
			*chunk = malloc(CHUNK_ENTRIES * sizeof **chunk);
		if (!*chunk)
			return NULL;
		number = table->used++;
	}
	memset(entry(table, number), 0, sizeof(struct connection));
	entry(table, number)->internal.number = number;
	return entry(table, number);
}

struct connection *connection_table_open(struct connection_table *table, uint32_t netns,
                                         const struct tuple *tuple, int64_t time_ns, int64_t now_ns)
{
	struct connection *connection = allocate(table, now_ns);
	struct {
		uint64_t hash, order;
		int64_t time_ns;
	} identity = { 0 };

	if (!connection)
		return NULL;
	connection->tuple = *tuple;
	connection->netns = netns;
	connection->start_ns = time_ns;
	connection->last_ns = time_ns;
	connection->reported_ns = time_ns;
	connection->state = tuple->protocol == IPPROTO_TCP ? SOCKET_SYN_SENT : SOCKET_STATE_NONE;
	connection->internal.in_use = true;
	connection->internal.order = ++table->opened_order;
	connection->internal.active_ns = now_ns;
	if (table->options.update_interval_ns > 0)
		connection->internal.update_ns = now_ns + table->options.update_interval_ns;
	connection->internal.hash = key_hash(table, netns, tuple);
	identity.hash = connection->internal.hash;
	identity.order = connection->internal.order;
	identity.time_ns = time_ns;
	connection->id = hash_bytes(&table->options.key, &identity, sizeof identity);
	if (table_insert(table->index, connection->internal.hash, connection->internal.number) !=
	    0) {
		give_back(table, connection);
		return NULL;
	}
	set_timer(table, connection, now_ns);
	table->open_count++;
	table->counters.opened++;
	return connection;
}

static struct tcp_segment segment_of(const struct packet *packet)
{
	return (struct tcp_segment){
		.flags = packet->tcp_flags,
		.sequence = packet->tcp_sequence,
		.acknowledgement = packet->tcp_acknowledgement,
		.payload = packet->payload,
	};
}

/* What was closed without RST or FINs, by an ICMP error or for its silence, need not be at its end. */
static bool goes_on(const struct connection *connection, uint8_t flags)
{
	if (connection->reason == CONNECTION_IDLE || connection->reason == CONNECTION_TIMEOUT)
		return !(flags & (TCP_FLAG_RST | TCP_FLAG_FIN));
	return (flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) == TCP_FLAG_SYN;
}

bool connection_table_restarts(const struct connection *connection, const struct packet *packet)
{
	struct tcp_segment segment = segment_of(packet);

	if (connection->tuple.protocol != IPPROTO_TCP)
		return connection->internal.closed;
	if (!packet->has_tcp)
		return false;
	return tcp_state_restarts(&connection->internal.tcp, &segment) ||
	       (connection->internal.closed && goes_on(connection, packet->tcp_flags));
}

void connection_table_met_midway(struct connection *connection)
{
	connection->internal.tcp.established = true;
	connection->state = SOCKET_ESTABLISHED;
}

bool connection_table_account(struct connection_table *table, struct connection *connection,
                              enum connection_end from, const struct packet *packet, int64_t now_ns)
{
	enum connection_outcome outcome;
	enum connection_reason reason;
	struct tcp_segment segment;
	int64_t limit;

	if (connection->internal.closed)
		return false;
	connection->counts[from].packets++;
	connection->counts[from].bytes += packet->ip_length;
	connection->internal.active_ns = now_ns;
	if (packet->time_ns > connection->last_ns)
		connection->last_ns = packet->time_ns;
	if (!packet->has_tcp)
		return false;
	segment = segment_of(packet);
	limit = idle_limit(connection);
	tcp_state_advance(&connection->internal.tcp, from, &segment);
	connection->state = tcp_state_name(&connection->internal.tcp);
	if (tcp_state_closed(&connection->internal.tcp, &reason, &outcome))
		return connection_table_close(table, connection, reason, outcome, now_ns);
	if (idle_limit(connection) < limit) { /* the timer would come too late */
		wheel_remove(&table->wheel, connection->internal.number);
		set_timer(table, connection, now_ns);
	}
	return false;
}

bool connection_table_is_closed(const struct connection *connection)
{
	return connection->internal.closed;
}

static void on_timer(void *context, uint32_t number, int64_t now_ns)
{
	struct connection_table *table = context;
	struct connection *connection = entry(table, number);

	if (now_ns >= connection->internal.active_ns + idle_limit(connection)) {
		if (!connection->internal.closed)
			close_idle(table, connection, now_ns); /* to linger until a later turn */
		else
			connection_table_forget(table, connection);
		return;
	}
	if (connection->internal.update_ns != 0 && now_ns >= connection->internal.update_ns) {
		connection->internal.update_ns += table->options.update_interval_ns;
		if (connection->internal.update_ns <= now_ns)
			connection->internal.update_ns = now_ns + table->options.update_interval_ns;
		table->options.callback(table->options.context, connection,
		                        CONNECTION_CHANGE_UPDATED);
	}
	wheel_remove(&table->wheel, number);
	set_timer(table, connection, now_ns);
}

void connection_table_expire(struct connection_table *table, int64_t now_ns)
{
	wheel_run(&table->wheel, now_ns, on_timer);
}

static int compare_order(const void *a, const void *b)
{
	const struct connection *first = *(struct connection *const *)a;
	const struct connection *second = *(struct connection *const *)b;

	return (first->internal.order > second->internal.order) -
	       (first->internal.order < second->internal.order);
}

void connection_table_shutdown(struct connection_table *table, int64_t now_ns)
{
	struct connection **open = calloc(table->open_count + 1, sizeof(struct connection *));
	uint32_t count = 0;

	for (uint32_t number = 0; number < table->used; number++) {
		struct connection *connection = entry(table, number);

		if (!connection->internal.in_use || connection->internal.closed)
			continue;
		if (open)
			open[count++] = connection;
		else /* out of memory: the order is lost, the records are not */
			close_and_tell(table, connection, CONNECTION_SHUTDOWN,
			               outcome_so_far(connection), now_ns);
	}
	if (open)
		qsort(open, count, sizeof(struct connection *), compare_order);
	for (uint32_t i = 0; i < count; i++)
		close_and_tell(table, open[i], CONNECTION_SHUTDOWN, outcome_so_far(open[i]),
		               now_ns);
	free(open);
}

uint32_t connection_table_number(const struct connection *connection)
{
	return connection->internal.number;
}

struct connection *connection_table_at(const struct connection_table *table, uint32_t number,
                                       uint64_t id)
{
	struct connection *connection;

	if (number >= table->used)
		return NULL;
	connection = entry(table, number);
	return connection->internal.in_use && connection->id == id ? connection : NULL;
}

void connection_table_each(const struct connection_table *table,
                           void (*callback)(void *context, const struct connection *connection),
                           void *context)
{
	for (uint32_t number = 0; number < table->used; number++) {
		const struct connection *connection = entry(table, number);

		if (connection->internal.in_use && !connection->internal.closed)
			callback(context, connection);
	}
}

uint32_t connection_table_count(const struct connection_table *table)
{
	return table->open_count;
}

size_t connection_table_bytes(const struct connection_table *table)
{
	size_t chunks = (table->used + CHUNK_ENTRIES - 1) / CHUNK_ENTRIES;

	return table_bytes(table->index) + chunks * CHUNK_ENTRIES * sizeof(struct connection) +
	       table->chunk_count * sizeof(struct connection *);
}

const struct connection_counters *connection_table_counters(const struct connection_table *table)
{
	return &table->counters;
}
