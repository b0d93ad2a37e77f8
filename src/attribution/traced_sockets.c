/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/traced_sockets.h"

#include <stdlib.h>
#include <string.h>

#define SETS 16384 /* power of two */
#define WAYS 4

struct traced_sockets {
	struct hash_key key;
	bool used; /* any entry */
	struct traced_socket sets[SETS][WAYS];
};

struct traced_sockets *traced_sockets_new(const struct hash_key *key)
{
	struct traced_sockets *sockets =
		calloc(1, sizeof *sockets); /* untouched pages cost nothing */

	if (sockets)
		sockets->key = *key;
	return sockets;
}

void traced_sockets_free(struct traced_sockets *sockets)
{
	free(sockets);
}

static struct traced_socket *set_of(struct traced_sockets *sockets, uint64_t socket)
{
	return sockets->sets[hash_number(&sockets->key, socket) % SETS];
}

void traced_sockets_put(struct traced_sockets *sockets, const struct traced_socket *socket)
{
	struct traced_socket *set = set_of(sockets, socket->socket);
	struct traced_socket *place = &set[0];

	sockets->used = true;
	for (int way = 0; way < WAYS; way++) {
		if (set[way].socket == socket->socket) {
			place = &set[way];
			break;
		}
		if (set[way].used_ns < place->used_ns)
			place = &set[way];
	}
	*place = *socket;
}

struct traced_socket *traced_sockets_find(struct traced_sockets *sockets, uint64_t socket)
{
	struct traced_socket *set = set_of(sockets, socket);

	for (int way = 0; way < WAYS; way++)
		if (set[way].socket == socket)
			return &set[way];
	return NULL;
}

void traced_sockets_clear(struct traced_sockets *sockets)
{
	if (sockets->used)
		memset(sockets->sets, 0, sizeof sockets->sets);
	sockets->used = false;
}
