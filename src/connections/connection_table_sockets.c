/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Connections by the tuples of their sockets, where NAT gives their packets others. */
#include <stdlib.h>

#include "connections/connection_extra.h"
#include "connections/connection_table_private.h"

static void drop(struct connection_table *table, const struct connection *connection,
                 struct connection_socket *socket)
{
	if (socket->netns != 0)
		table_remove(table->sockets, socket->hash, connection->internal.number);
	socket->netns = 0;
}

void connection_table_drop_sockets(struct connection_table *table, struct connection *connection)
{
	if (!connection->translated)
		return;
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++)
		drop(table, connection, &connection->extra->sockets[end]);
}

/* NULL when memory is short. */
static struct connection_socket *sockets_of(struct connection *connection)
{
	struct connection_extra *extra = connection_extra(connection);

	if (extra && !extra->sockets)
		extra->sockets = calloc(2, sizeof *extra->sockets);
	return extra ? extra->sockets : NULL;
}

void connection_table_set_socket(struct connection_table *table, struct connection *connection,
                                 enum connection_end end, uint32_t netns, const struct tuple *tuple)
{
	struct connection_socket *socket = sockets_of(connection);
	uint64_t hash = connection_table_key(table, netns, tuple).hash;

	if (!table->sockets)
		table->sockets = table_new(2 * table->options.max_connections);
	if (!socket || !table->sockets)
		return;
	connection->translated = true;
	socket += end;
	if (socket->netns == netns && tuple_equal(&socket->tuple, tuple))
		return;
	drop(table, connection, socket);
	if (table_insert(table->sockets, hash, connection->internal.number) == 0)
		*socket = (struct connection_socket){ *tuple, netns, hash };
}

struct connection *connection_table_find_socket(const struct connection_table *table,
                                                const struct connection_key *key,
                                                enum connection_end *end)
{
	struct connection *closed = NULL;
	struct table_cursor cursor;
	uint32_t number;

	if (!table->sockets)
		return NULL;
	cursor = table_cursor(table->sockets, key->hash);
	while (table_next(&cursor, &number)) {
		struct connection *connection = connection_table_entry(table, number);
		const struct connection_socket *sockets = connection->extra->sockets;

		for (int i = CONNECTION_SOURCE; i <= CONNECTION_DESTINATION; i++) {
			if (sockets[i].netns != key->netns ||
			    !tuple_equal(&sockets[i].tuple, &key->tuple))
				continue;
			*end = (enum connection_end)i;
			if (!connection->life.closed)
				return connection;
			closed = connection;
		}
	}
	return closed;
}
