/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/existing.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define NONE  UINT32_MAX
#define FIRST 1024 /* entries that room is made for at first */

struct entry {
	struct existing_connection connection;
	uint64_t hash;
	uint32_t next; /* the one that ended after it, or the next that is free */
	bool in_use;   /* it is found by its tuple */
	bool listed;   /* by the listing that is under way */
};

struct existing {
	struct table *index;
	struct entry *entries;
	uint32_t max, capacity, used, free_list;
	uint32_t ended_first, ended_last; /* in the order of their ends */
};

struct existing *existing_new(uint32_t max)
{
	struct existing *existing = calloc(1, sizeof *existing);

	if (!existing)
		return NULL;
	existing->max = max;
	existing->free_list = existing->ended_first = existing->ended_last = NONE;
	existing->index = table_new(max);
	if (!existing->index) {
		free(existing);
		return NULL;
	}
	return existing;
}

void existing_free(struct existing *existing)
{
	if (!existing)
		return;
	table_free(existing->index);
	free(existing->entries);
	free(existing);
}

bool existing_is_wanted(const struct socket *socket)
{
	if (socket->tuple.destination_port == 0)
		return false;
	if (socket->kind == SOCKET_UDP)
		return socket->state == SOCKET_ESTABLISHED;
	if (socket->kind != SOCKET_TCP)
		return false;
	switch (socket->state) {
	case SOCKET_ESTABLISHED:
	case SOCKET_SYN_SENT:
	case SOCKET_FIN_WAIT_1:
	case SOCKET_CLOSE_WAIT:
	case SOCKET_LAST_ACK:
	case SOCKET_CLOSING:
		return true;
	case SOCKET_FIN_WAIT_2: /* without an inode it may be what is left of a socket */
		return socket->inode != 0;
	case SOCKET_STATE_NONE:
	case SOCKET_SYN_RECEIVED: /* a request: its end is not reported */
	case SOCKET_NEW_SYN_RECEIVED:
	case SOCKET_TIME_WAIT:
	case SOCKET_CLOSED:
	case SOCKET_LISTEN:
		break;
	}
	return false;
}

static uint32_t find(const struct existing *existing, const struct connection_key *key)
{
	struct table_cursor cursor = table_cursor(existing->index, key->hash);
	uint32_t number;

	while (table_next(&cursor, &number)) {
		const struct existing_connection *connection =
			&existing->entries[number].connection;

		if (connection->netns == key->netns &&
		    (tuple_equal(&connection->tuple, &key->tuple) ||
		     tuple_is_reverse(&connection->tuple, &key->tuple)))
			return number;
	}
	return NONE;
}

struct existing_connection *existing_find(const struct existing *existing,
                                          const struct connection_key *key)
{
	uint32_t number = find(existing, key);

	return number != NONE ? &existing->entries[number].connection : NULL;
}

static bool grow(struct existing *existing)
{
	uint32_t capacity = existing->capacity > 0 ? 2 * existing->capacity : FIRST;
	struct entry *entries;

	if (existing->capacity == existing->max)
		return false;
	if (capacity > existing->max)
		capacity = existing->max;
	entries = realloc(existing->entries, capacity * sizeof *entries);
	if (!entries)
		return false;
	existing->entries = entries;
	existing->capacity = capacity;
	return true;
}

static uint32_t allocate(struct existing *existing)
{
	uint32_t number = existing->free_list;

	if (number != NONE)
		existing->free_list = existing->entries[number].next;
	else if (existing->used < existing->capacity || grow(existing))
		number = existing->used++;
	return number;
}

static void give_back(struct existing *existing, uint32_t number)
{
	existing->entries[number].next = existing->free_list;
	existing->free_list = number;
}

static uint32_t add_entry(struct existing *existing, const struct connection_key *key,
                          int64_t listed_ns)
{
	uint32_t number = allocate(existing);

	if (number == NONE)
		return NONE;
	existing->entries[number] = (struct entry){
		.connection = { .tuple = key->tuple, .netns = key->netns, .listed_ns = listed_ns },
		.hash = key->hash,
		.next = NONE,
		.in_use = true,
	};
	if (table_insert(existing->index, key->hash, number) == 0)
		return number;
	existing->entries[number].in_use = false;
	give_back(existing, number);
	return NONE;
}

/* What the kernel says of a connection with data on its way is of two moments. */
static enum socket_role role_of(const struct socket *socket)
{
	if (socket->state == SOCKET_SYN_SENT)
		return SOCKET_INITIATOR;
	return socket->send_queue == 0 ? socket->role : SOCKET_ROLE_UNKNOWN;
}

static void reverse_ends(struct connection_past *past)
{
	struct connection_past before = *past;

	past->sockets[CONNECTION_SOURCE] = before.sockets[CONNECTION_DESTINATION];
	past->sockets[CONNECTION_DESTINATION] = before.sockets[CONNECTION_SOURCE];
}

static void orient(struct existing_connection *connection, const struct tuple *local,
                   enum socket_role role)
{
	bool is_source = tuple_equal(&connection->tuple, local);

	if (role == SOCKET_ROLE_UNKNOWN || connection->oriented)
		return;
	connection->oriented = true;
	if (is_source == (role == SOCKET_INITIATOR))
		return;
	connection->tuple = tuple_reverse(&connection->tuple);
	reverse_ends(&connection->past);
}

/* Several UDP sockets (SO_REUSEPORT) may have the same ends: which of them a packet is of is not known. */
static void set_socket(struct connection_past *past, enum connection_end end,
                       const struct socket *socket)
{
	bool another =
		past->sockets[end].cookie != 0 && past->sockets[end].cookie != socket->cookie;

	past->sockets[end].inode = another ? 0 : socket->inode;
	past->sockets[end].cookie = socket->cookie;
}

void existing_add(struct existing *existing, const struct connection_key *key,
                  const struct socket *socket, int64_t listed_ns)
{
	uint32_t number = find(existing, key);
	struct existing_connection *connection;
	enum connection_end end;

	if (number == NONE)
		number = add_entry(existing, key, listed_ns);
	if (number == NONE)
		return;
	connection = &existing->entries[number].connection;
	orient(connection, &key->tuple, role_of(socket));
	end = tuple_equal(&connection->tuple, &key->tuple) ? CONNECTION_SOURCE
	                                                   : CONNECTION_DESTINATION;
	connection->opening |= socket->state == SOCKET_SYN_SENT;
	if (socket->has_tcp_info && (end == CONNECTION_SOURCE || !connection->past.has_totals)) {
		connection->past.has_totals = true;
		connection->past.totals = socket->totals;
		memcpy(connection->past.congestion_control, socket->congestion_control,
		       sizeof connection->past.congestion_control);
	}
	set_socket(&connection->past, end, socket);
}

/* One that has ended keeps its place until its turn comes. */
static void remove_number(struct existing *existing, uint32_t number)
{
	struct entry *entry = &existing->entries[number];

	table_remove(existing->index, entry->hash, number);
	entry->in_use = false;
	if (entry->connection.ended_ns == 0)
		give_back(existing, number);
}

void existing_remove(struct existing *existing, const struct connection_key *key)
{
	uint32_t number = find(existing, key);

	if (number != NONE)
		remove_number(existing, number);
}

/* No packet shows that a UDP connection begins. */
static enum existing_fit fit_of_datagram(const struct existing_connection *existing,
                                         const struct packet *packet, int64_t seen_ns)
{
	if (existing->ended_ns != 0 && seen_ns > existing->ended_ns)
		return EXISTING_ANOTHER;
	return packet->time_ns <= existing->listed_ns ? EXISTING_BEGUN : EXISTING_BEFORE;
}

enum existing_fit existing_fit_of(const struct existing_connection *existing,
                                  const struct packet *packet, int64_t seen_ns)
{
	if (!packet->has_tcp)
		return fit_of_datagram(existing, packet, seen_ns);
	if (!(packet->tcp_flags & TCP_FLAG_SYN))
		return EXISTING_BEFORE;
	if (packet->time_ns <= existing->listed_ns)
		return EXISTING_BEGUN;
	return existing->opening ? EXISTING_BEFORE : EXISTING_ANOTHER;
}

static void end_number(struct existing *existing, uint32_t number, int64_t now_ns)
{
	struct entry *entry = &existing->entries[number];

	if (entry->connection.ended_ns != 0)
		return;
	entry->connection.ended_ns = now_ns;
	entry->next = NONE;
	if (existing->ended_last != NONE)
		existing->entries[existing->ended_last].next = number;
	else
		existing->ended_first = number;
	existing->ended_last = number;
}

void existing_end(struct existing *existing, const struct connection_key *key, int64_t now_ns)
{
	uint32_t number = find(existing, key);

	if (number != NONE)
		end_number(existing, number, now_ns);
}

bool existing_take_ended(struct existing *existing, int64_t before_ns,
                         struct existing_connection *connection)
{
	while (existing->ended_first != NONE) {
		uint32_t number = existing->ended_first;
		struct entry *entry = &existing->entries[number];
		bool in_use = entry->in_use;

		if (in_use && entry->connection.ended_ns >= before_ns)
			return false;
		existing->ended_first = entry->next;
		if (existing->ended_first == NONE)
			existing->ended_last = NONE;
		*connection = entry->connection;
		if (in_use)
			table_remove(existing->index, entry->hash, number);
		entry->in_use = false;
		give_back(existing, number);
		if (in_use)
			return true;
	}
	return false;
}

void existing_listed(struct existing *existing, const struct connection_key *key)
{
	uint32_t number = find(existing, key);

	if (number != NONE)
		existing->entries[number].listed = true;
}

void existing_unlisted(struct existing *existing, uint32_t netns, int64_t now_ns)
{
	for (uint32_t number = 0; number < existing->used; number++) {
		struct entry *entry = &existing->entries[number];

		if (!entry->in_use || entry->connection.netns != netns ||
		    entry->connection.tuple.protocol != IPPROTO_TCP)
			continue;
		if (!entry->listed)
			end_number(existing, number, now_ns);
		entry->listed = false;
	}
}

void existing_forget(struct existing *existing, uint32_t netns)
{
	for (uint32_t number = 0; number < existing->used; number++)
		if (existing->entries[number].in_use &&
		    existing->entries[number].connection.netns == netns)
			remove_number(existing, number);
}

uint32_t existing_count(const struct existing *existing)
{
	return table_count(existing->index);
}
