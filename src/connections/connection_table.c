/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "connections/connection_table.h"

#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/pages.h"
#include "base/snippet.h"
#include "connections/connection_extra.h"
#include "inspect/names.h"
#include "connections/connection_table_private.h"

#define CHUNK_BYTES (CONNECTION_CHUNK * sizeof(struct connection))

#define EVICTION_CANDIDATES 16

static struct wheel_link *link_of(void *context, uint32_t number)
{
	const struct connection_table *table = context;

	return &connection_table_entry(table, number)->internal.timer;
}

struct connection_table *connection_table_new(const struct connection_table_options *options)
{
	struct connection_table *table = calloc(1, sizeof *table);

	if (!table)
		return NULL;
	table->options = *options;
	table->index = table_new(options->max_connections);
	table->chunk_count = (options->max_connections + CONNECTION_CHUNK - 1) / CONNECTION_CHUNK;
	table->chunks = calloc(table->chunk_count + 1, sizeof(struct connection *));
	/* Where there is memory for no connection at all, the run does not begin. */
	if (table->index && table->chunks && options->max_connections > 0)
		table->chunks[0] = pages_new_small(CHUNK_BYTES);
	if (!table->index || !table->chunks || !table->chunks[0]) {
		connection_table_free(table);
		return NULL;
	}
	table->free_list = table->held_first = table->held_last = CONNECTION_NONE;
	wheel_init(&table->wheel, link_of, table);
	return table;
}

static void release(struct connection *connection)
{
	owner_clear(&connection->owners[CONNECTION_SOURCE]);
	owner_clear(&connection->owners[CONNECTION_DESTINATION]);
	snippet_drop(&connection->snippet);
	names_free(connection->names);
	connection->names = NULL;
	connection_extra_free(connection->extra);
	connection->extra = NULL;
	free(connection->tunnel);
	connection->tunnel = NULL;
}

void connection_table_free(struct connection_table *table)
{
	if (!table)
		return;
	for (uint32_t number = 0; table->chunks && number < table->used; number++)
		if (connection_table_entry(table, number)->life.in_use)
			release(connection_table_entry(table, number));
	for (uint32_t i = 0; table->chunks && i < table->chunk_count; i++)
		pages_free(table->chunks[i], CHUNK_BYTES);
	free(table->chunks);
	table_free(table->index);
	table_free(table->sockets);
	free(table);
}

/* For each packet: the two directions of a connection hash alike, as factors do. */
static uint64_t hash_of(const struct hash_key *key, uint32_t netns, const struct tuple *tuple)
{
	const struct hash_key factors = hash_factors(key);
	uint64_t first = factors.k[0], second = factors.k[1];
	uint64_t rest = (uint64_t)netns << 8 | tuple->protocol;
	uint64_t ends[2], words[4];

	memcpy(words, &tuple->source, sizeof tuple->source);
	memcpy(words + 2, &tuple->destination, sizeof tuple->destination);
	ends[0] = hash_fold(words[0] ^ first, words[1] ^ second) + tuple->source_port;
	ends[1] = hash_fold(words[2] ^ first, words[3] ^ second) + tuple->destination_port;
	return hash_fold(hash_fold(ends[0], ends[1]) ^ first, rest ^ second);
}

struct connection_key connection_table_key(const struct connection_table *table, uint32_t netns,
                                           const struct tuple *tuple)
{
	return (struct connection_key){
		.tuple = *tuple,
		.netns = netns,
		.any_lane = true,
		.from = { true, true },
		.hash = hash_of(&table->options.key, netns, tuple),
	};
}

static bool has_lane(const struct connection *connection, uint32_t lane)
{
	for (int i = 0; i < connection->life.lane_count; i++)
		if (connection->lanes[i] == lane)
			return true;
	return false;
}

static bool is_in_lane(const struct connection *connection, const struct connection_key *key)
{
	if (connection->lane == key->lane)
		return true;
	if ((connection->lane ^ key->lane) & CONNECTION_LANE_MAPPED)
		return false;
	return key->any_lane || has_lane(connection, key->lane);
}

void connection_table_add_lane(struct connection *connection, uint32_t lane)
{
	if (connection->life.lane_count == CONNECTION_LANES_MAX || has_lane(connection, lane))
		return;
	connection->lanes[connection->life.lane_count++] = lane;
}

struct connection *connection_table_find(const struct connection_table *table,
                                         const struct connection_key *key,
                                         enum connection_end *from)
{
	struct table_cursor cursor = table_cursor(table->index, key->hash);
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct connection *connection = connection_table_entry(table, number);

		if (connection->netns != key->netns || !is_in_lane(connection, key))
			continue;
		if (key->from[CONNECTION_SOURCE] && tuple_equal(&connection->tuple, &key->tuple)) {
			*from = CONNECTION_SOURCE;
			return connection;
		}
		if (key->from[CONNECTION_DESTINATION] &&
		    tuple_is_reverse(&connection->tuple, &key->tuple)) {
			*from = CONNECTION_DESTINATION;
			return connection;
		}
	}
	return NULL;
}

void connection_table_prefetch(const struct connection_table *table,
                               const struct connection_key *key)
{
	table_prefetch(table->index, key->hash);
}

const struct connection *connection_table_prefetch_entry(const struct connection_table *table,
                                                         const struct connection_key *key)
{
	struct table_cursor cursor = table_cursor(table->index, key->hash);
	const struct connection *connection;
	uint32_t number;

	if (!table_next(&cursor, &number))
		return NULL;
	connection = connection_table_entry(table, number);
	__builtin_prefetch(connection);
	return connection;
}

static void give_back(struct connection_table *table, struct connection *connection)
{
	connection->life.in_use = false;
	connection->internal.next_free = table->free_list;
	table->free_list = connection->internal.number;
}

void connection_table_forget(struct connection_table *table, struct connection *connection)
{
	connection_table_settle(table, connection);
	wheel_remove(&table->wheel, connection->internal.number);
	table_remove(table->index, connection_table_hash(connection), connection->internal.number);
	connection_table_drop_sockets(table, connection);
	if (!connection->life.closed)
		table->open_count--;
	release(connection);
	give_back(table, connection);
}

/* Makes room: the longest silent of a few neighbours, so that no list is kept on the packet path. */
static void evict_one(struct connection_table *table, int64_t now_ns)
{
	struct connection *oldest = NULL;

	for (uint32_t looked = 0; looked < table->used; looked++) {
		struct connection *candidate = connection_table_entry(table, table->eviction_hand);

		table->eviction_hand = (table->eviction_hand + 1) % table->used;
		if (!candidate->life.in_use)
			continue;
		if (candidate->life.closed) {
			oldest = candidate;
			break;
		}
		if (!oldest || candidate->active_ns < oldest->active_ns)
			oldest = candidate;
		if (looked >= EVICTION_CANDIDATES)
			break;
	}
	if (!oldest)
		return;
	if (!oldest->life.closed) {
		table->counters.evicted++;
		connection_table_close_and_report(table, oldest, CONNECTION_EVICTED, now_ns);
	}
	connection_table_forget(table, oldest);
}

static uint32_t take_free(struct connection_table *table)
{
	uint32_t number = table->free_list;

	if (number != CONNECTION_NONE)
		table->free_list = connection_table_entry(table, number)->internal.next_free;
	return number;
}

/* An entry that was never in use. CONNECTION_NONE: there are no more, or there is no memory. */
static uint32_t take_new(struct connection_table *table)
{
	struct connection **chunk = &table->chunks[table->used / CONNECTION_CHUNK];

	if (table->used == table->options.max_connections)
		return CONNECTION_NONE;
	if (!*chunk)
		*chunk = pages_new(CHUNK_BYTES);
	return *chunk ? table->used++ : CONNECTION_NONE;
}

/* Without memory the table is as large as it can be: one goes for each that comes. */
static struct connection *allocate(struct connection_table *table, int64_t now_ns)
{
	uint32_t number = take_free(table);

	if (number == CONNECTION_NONE)
		number = take_new(table);
	if (number == CONNECTION_NONE) {
		evict_one(table, now_ns);
		number = take_free(table);
	}
	if (number == CONNECTION_NONE)
		return NULL;
	memset(connection_table_entry(table, number), 0, sizeof(struct connection));
	connection_table_entry(table, number)->internal.number = number;
	return connection_table_entry(table, number);
}

/* What nobody else has, here or in another run; the same in each replay. */
static uint64_t id_of(const struct hash_key *key, uint32_t netns, const struct tuple *tuple,
                      uint64_t order, int64_t start_ns)
{
	struct tuple ordered = tuple_is_before(tuple) ? *tuple : tuple_reverse(tuple);
	struct {
		uint64_t hash, order, start_ns;
	} identity = {
		.order = htole64(order),
		.start_ns = htole64((uint64_t)start_ns),
	};

	/* The same on machines of either byte order. */
	ordered.source_port = htole16(ordered.source_port);
	ordered.destination_port = htole16(ordered.destination_port);
	identity.hash = htole64(tuple_hash(key, htole32(netns), &ordered));
	return hash_bytes(key, &identity, sizeof identity);
}

uint64_t connection_table_existing_id(const struct connection_table *table, uint32_t netns,
                                      const struct tuple *tuple, int64_t start_ns)
{
	return id_of(&table->options.id_key, netns, tuple, 0, start_ns); /* others begin with 1 */
}

struct connection *connection_table_open(struct connection_table *table,
                                         const struct connection_key *key, int64_t time_ns,
                                         int64_t now_ns)
{
	struct connection *connection;

	if (table_reserve(table->index) == -ENOMEM)
		evict_one(table, now_ns);
	connection = allocate(table, now_ns);
	if (!connection)
		return NULL;
	connection->tuple = key->tuple;
	connection->netns = key->netns;
	connection->lane = key->lane;
	connection->start_ns = time_ns;
	connection->last_ns = time_ns;
	connection->reported_ns = time_ns;
	connection->state =
		key->tuple.protocol == IPPROTO_TCP ? SOCKET_SYN_SENT : SOCKET_STATE_NONE;
	connection->life.in_use = true;
	connection->internal.order = (uint32_t)++table->opened_order;
	connection->active_ns = now_ns;
	if (table->options.update_interval_ns > 0)
		connection->internal.update_ns = now_ns + table->options.update_interval_ns;
	connection->internal.tag = (uint32_t)(key->hash >> 32);
	connection->id = id_of(&table->options.id_key, key->netns, &key->tuple, table->opened_order,
	                       time_ns);
	if (table_insert(table->index, key->hash, connection->internal.number) != 0) {
		give_back(table, connection);
		return NULL;
	}
	connection_table_set_timer(table, connection, now_ns);
	table->open_count++;
	table->counters.opened++;
	return connection;
}

static int compare_order(const void *a, const void *b)
{
	const struct connection *first = *(struct connection *const *)a;
	const struct connection *second = *(struct connection *const *)b;

	int32_t later = (int32_t)(first->internal.order - second->internal.order);

	return (later > 0) - (later < 0);
}

static void shut_down(struct connection_table *table, struct connection *connection, int64_t now_ns)
{
	connection_table_settle(table, connection);
	connection_table_close_and_report(table, connection, CONNECTION_SHUTDOWN, now_ns);
}

void connection_table_shutdown(struct connection_table *table, int64_t now_ns)
{
	struct connection **open = calloc(table->used + 1, sizeof(struct connection *));
	uint32_t count = 0;

	for (uint32_t number = 0; number < table->used; number++) {
		struct connection *connection = connection_table_entry(table, number);

		if (!connection->life.in_use ||
		    (connection->life.closed && !connection->life.held && !connection->life.late))
			continue;
		if (open)
			open[count++] = connection;
		else /* out of memory: the order is lost, the records are not */
			shut_down(table, connection, now_ns);
	}
	if (open)
		qsort(open, count, sizeof(struct connection *), compare_order);
	for (uint32_t i = 0; i < count; i++)
		shut_down(table, open[i], now_ns);
	free(open);
}

uint32_t connection_table_number(const struct connection *connection)
{
	return connection->internal.number;
}

uint64_t connection_table_hash(const struct connection *connection)
{
	return (uint64_t)connection->internal.tag << 32;
}

struct connection *connection_table_at(const struct connection_table *table, uint32_t number,
                                       uint64_t id)
{
	struct connection *connection;

	if (number >= table->used)
		return NULL;
	connection = connection_table_entry(table, number);
	return connection->life.in_use && connection->id == id ? connection : NULL;
}

struct connection *connection_table_numbered(const struct connection_table *table, uint32_t number)
{
	struct connection *connection =
		number < table->used ? connection_table_entry(table, number) : NULL;

	return connection && connection->life.in_use && !connection->life.closed ? connection
	                                                                         : NULL;
}

void connection_table_each(const struct connection_table *table,
                           void (*callback)(void *context, const struct connection *connection),
                           void *context)
{
	for (uint32_t number = 0; number < table->used; number++) {
		const struct connection *connection = connection_table_entry(table, number);

		if (connection->life.in_use)
			callback(context, connection);
	}
}

uint32_t connection_table_count(const struct connection_table *table)
{
	return table->open_count;
}

size_t connection_table_bytes(const struct connection_table *table)
{
	return table_bytes(table->index) + (table->sockets ? table_bytes(table->sockets) : 0) +
	       table->used * sizeof(struct connection) +
	       table->chunk_count * sizeof(struct connection *);
}

const struct connection_counters *connection_table_counters(const struct connection_table *table)
{
	return &table->counters;
}
