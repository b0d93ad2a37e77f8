/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/traced_sockets.h"

#include <string.h>

#include "base/pages.h"

#define SETS 16384 /* power of two */
#define WAYS 4

/* A cache line. */
struct entry {
	struct traced_socket socket;
} __attribute__((aligned(PAGES_LINE)));

/* A set is searched by its addresses alone: that touches one cache line, and the entry's. */
struct traced_sockets {
	struct hash_key key;
	bool used;                                                           /* any entry */
	uint64_t addresses[SETS][WAYS] __attribute__((aligned(PAGES_LINE))); /* 0 = free entry */
	struct entry entries[SETS][WAYS];
};

struct traced_sockets *traced_sockets_new(const struct hash_key *key)
{
	struct traced_sockets *sockets =
		pages_new_small(sizeof *sockets); /* untouched pages cost nothing */

	if (sockets)
		sockets->key = *key;
	return sockets;
}

void traced_sockets_free(struct traced_sockets *sockets)
{
	pages_free(sockets, sizeof *sockets);
}

static size_t set_of(const struct traced_sockets *sockets, uint64_t socket)
{
	return hash_number(&sockets->key, socket) % SETS;
}

/* The way of an address, or of a free entry (0); WAYS when there is none. */
static int way_of(const uint64_t *addresses, uint64_t socket)
{
	int way = 0;

	while (way < WAYS && addresses[way] != socket)
		way++;
	return way;
}

static int least_used(const struct entry *entries)
{
	int least = 0;

	for (int way = 1; way < WAYS; way++)
		if (entries[way].socket.used_ns < entries[least].socket.used_ns)
			least = way;
	return least;
}

void traced_sockets_put(struct traced_sockets *sockets, const struct traced_socket *socket)
{
	size_t set = set_of(sockets, socket->socket);
	int way = way_of(sockets->addresses[set], socket->socket);

	if (way == WAYS)
		way = way_of(sockets->addresses[set], 0);
	if (way == WAYS)
		way = least_used(sockets->entries[set]);
	sockets->used = true;
	sockets->addresses[set][way] = socket->socket;
	sockets->entries[set][way].socket = *socket;
}

struct traced_socket *traced_sockets_find(struct traced_sockets *sockets, uint64_t socket)
{
	size_t set = set_of(sockets, socket);
	int way = socket != 0 ? way_of(sockets->addresses[set], socket) : WAYS;

	return way < WAYS ? &sockets->entries[set][way].socket : NULL;
}

void traced_sockets_clear(struct traced_sockets *sockets)
{
	if (sockets->used)
		memset(sockets->addresses, 0, sizeof sockets->addresses);
	sockets->used = false;
}
