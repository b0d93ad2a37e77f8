/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/traced_sockets.h"

#include <stdlib.h>

#include "base/table.h"

#define TRACED_MAX 65536
#define SPARED_MAX 16 /* entries in use that a search for room passes over */

/*
 * The kernel uses the addresses of closed sockets again, so there are about as many as sockets
 * were open at once. Entries lie in the order in which addresses were first seen: few of them
 * are few cache lines, where a table of sets would scatter them over all its pages.
 */
struct traced_sockets {
	struct hash_key key;
	struct table *index;           /* by address */
	struct table *ends;            /* by the hash of the tuple */
	struct traced_socket *entries; /* address 0: not in the index, out of memory */
	uint32_t count;
	uint32_t hand; /* at the entry that makes room next, when all are taken */
};

struct traced_sockets *traced_sockets_new(const struct hash_key *key)
{
	struct traced_sockets *sockets = calloc(1, sizeof *sockets);

	if (!sockets)
		return NULL;
	sockets->key = *key;
	sockets->index = table_new(TRACED_MAX);
	sockets->ends = table_new(TRACED_MAX);
	/* Written before they are read; pages that are not touched cost nothing. */
	sockets->entries = malloc(TRACED_MAX * sizeof *sockets->entries);
	if (!sockets->index || !sockets->ends || !sockets->entries) {
		traced_sockets_free(sockets);
		return NULL;
	}
	return sockets;
}

void traced_sockets_free(struct traced_sockets *sockets)
{
	if (!sockets)
		return;
	table_free(sockets->index);
	table_free(sockets->ends);
	free(sockets->entries);
	free(sockets);
}

static uint64_t hash_of(const struct traced_sockets *sockets, uint64_t socket)
{
	return hash_number(&sockets->key, socket);
}

static struct traced_socket *find(const struct traced_sockets *sockets, uint64_t socket)
{
	struct table_cursor cursor = table_cursor(sockets->index, hash_of(sockets, socket));
	uint32_t number;

	while (table_next(&cursor, &number))
		if (sockets->entries[number].socket == socket)
			return &sockets->entries[number];
	return NULL;
}

/* The first from the hand on that was not found since the hand passed it last. */
static uint32_t make_room(struct traced_sockets *sockets)
{
	struct traced_socket *entry = &sockets->entries[sockets->hand];
	uint32_t number;

	for (int spared = 0; entry->found && spared < SPARED_MAX; spared++) {
		entry->found = false;
		sockets->hand = (sockets->hand + 1) % TRACED_MAX;
		entry = &sockets->entries[sockets->hand];
	}
	number = sockets->hand;
	sockets->hand = (sockets->hand + 1) % TRACED_MAX;
	if (entry->socket != 0) {
		table_remove(sockets->index, hash_of(sockets, entry->socket), number);
		table_remove(sockets->ends, entry->hash, number);
	}
	return number;
}

void traced_sockets_put(struct traced_sockets *sockets, const struct traced_socket *socket)
{
	struct traced_socket *entry = find(sockets, socket->socket);
	bool is_new = !entry;
	uint32_t number;

	if (is_new) {
		number = sockets->count < TRACED_MAX ? sockets->count++ : make_room(sockets);
		entry = &sockets->entries[number];
		if (table_insert(sockets->index, hash_of(sockets, socket->socket), number) != 0) {
			*entry = (struct traced_socket){ .socket = 0 };
			return;
		}
	} else {
		number = (uint32_t)(entry - sockets->entries);
	}
	if (!is_new && entry->hash != socket->hash)
		table_remove(sockets->ends, entry->hash, number);
	/* Out of memory: it is not found by its ends. */
	if (is_new || entry->hash != socket->hash)
		table_insert(sockets->ends, socket->hash, number);
	*entry = *socket;
	entry->found = false;
}

struct traced_socket *traced_sockets_find(struct traced_sockets *sockets, uint64_t socket)
{
	struct traced_socket *entry = socket != 0 ? find(sockets, socket) : NULL;

	if (entry)
		entry->found = true;
	return entry;
}

static bool has(const struct traced_socket *socket, const struct traced_socket_ends *ends)
{
	return socket->hash == ends->hash && socket->reversed == ends->reversed &&
	       socket->opened_ns >= ends->from_ns && socket->opened_ns <= ends->to_ns &&
	       inet_may_equal(&socket->source, &ends->source);
}

const struct traced_socket *traced_sockets_with_ends(const struct traced_sockets *sockets,
                                                     const struct traced_socket_ends *ends)
{
	struct table_cursor cursor = table_cursor(sockets->ends, ends->hash);
	const struct traced_socket *found = NULL;
	uint32_t number;

	while (table_next(&cursor, &number)) {
		if (!has(&sockets->entries[number], ends))
			continue;
		if (found)
			return NULL;
		found = &sockets->entries[number];
	}
	return found;
}

void traced_sockets_prefetch(const struct traced_sockets *sockets, uint64_t socket)
{
	table_prefetch(sockets->index, hash_of(sockets, socket));
}

void traced_sockets_clear(struct traced_sockets *sockets)
{
	table_clear(sockets->index);
	table_clear(sockets->ends);
	sockets->count = sockets->hand = 0;
}
