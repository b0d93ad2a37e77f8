/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that were destroyed, and the connections that they were ends of. */
#include <netinet/in.h>

#include "base/clock.h"
#include "connections/connection_extra.h"
#include "stream/stream_private.h"

struct stream_socket stream_socket_of(const struct connection *connection, enum connection_end end)
{
	const struct connection_socket *socket = connection_extra_socket(connection, end);

	if (socket)
		return (struct stream_socket){ socket->netns, socket->tuple, socket->hash };
	return (struct stream_socket){ connection->netns, connection_tuple_of(connection, end),
		                       connection_table_hash(connection) };
}

/* By its own tuple, or the one that NAT gave its packets. */
static struct connection *find_connection(const struct stream *stream,
                                          const struct connection_key *key,
                                          enum connection_end *end)
{
	struct connection *connection = connection_table_find(stream->connections, key, end);
	struct connection *translated;
	enum connection_end translated_end;

	if (connection && !connection_table_is_closed(connection) &&
	    !connection_extra_socket(connection, *end))
		return connection;
	translated = connection_table_find_socket(stream->connections, key, &translated_end);
	if (translated)
		*end = translated_end;
	return translated ? translated : connection;
}

static void apply_destroyed(struct stream *stream, const struct destroyed_socket *socket)
{
	bool is_udp = socket->key.tuple.protocol == IPPROTO_UDP;
	enum connection_end end;
	struct connection *connection = find_connection(stream, &socket->key, &end);

	/* The packets of a UDP socket that has followed may not be read yet. */
	if (is_udp || (!connection && socket->has_tcp_info))
		destroyed_add_info(stream->destroyed, &socket->key, &socket->tcp_info,
		                   socket->reported_ns);
	if (!connection && stream->existing)
		existing_end(stream->existing, &socket->key, socket->reported_ns);
	else if (stream->existing) /* NAT gave its packets another tuple */
		existing_remove(stream->existing, &socket->key);
	if (!connection || (connection_table_is_closed(connection) && !connection->life.held))
		return;
	if (!connection_table_is_closed(connection))
		connection_table_died(stream->connections, connection, socket->reported_ns);
	if (socket->key.tuple.protocol != IPPROTO_TCP)
		return;
	connection->evidence |= CONNECTION_FROM_SOCK_DIAG;
	connection->gone |= end == CONNECTION_DESTINATION;
	if (!socket->has_tcp_info ||
	    (end == CONNECTION_DESTINATION && connection->local[CONNECTION_SOURCE]))
		return; /* on loopback the initiator's numbers stand */
	connection_extra_set_tcp_info(connection, &socket->tcp_info);
}

void stream_take_destroyed(struct stream *stream)
{
	struct destroyed_socket socket;

	while (destroyed_take(stream->destroyed, &socket))
		apply_destroyed(stream, &socket);
}

static void await_connection(struct stream *stream, const struct socket *socket, int64_t now_ns)
{
	struct destroyed_socket waiting = {
		.key = connection_table_key(stream->connections, socket->netns, &socket->tuple),
		.reported_ns = now_ns,
		.has_tcp_info = socket->has_tcp_info,
		.tcp_info = socket->tcp_info,
	};
	struct destroyed_socket first;

	connection_table_prefetch(stream->connections, &waiting.key);
	if (destroyed_wait(stream->destroyed, &waiting))
		return;
	if (destroyed_take(stream->destroyed, &first))
		apply_destroyed(stream, &first);
	destroyed_wait(stream->destroyed, &waiting);
}

void stream_socket_destroyed(struct stream *stream, const struct socket *socket)
{
	int64_t now_ns = clock_monotonic_ns();

	/* A TCP socket without a remote port was a listener, or never connected. */
	if (socket->tuple.protocol == IPPROTO_UDP || socket->tuple.destination_port == 0)
		destroyed_add(stream->destroyed, socket->netns, &socket->tuple, now_ns);
	if (socket->tuple.destination_port != 0)
		await_connection(stream, socket, now_ns);
	else if (socket->tuple.protocol == IPPROTO_UDP)
		stream_port_destroyed(stream, socket, now_ns);
}

/* The end of a short connection is reported before its packets are read. */
static bool has_died(const struct stream *stream, const struct connection *connection,
                     enum connection_end end)
{
	struct stream_socket socket;

	if (!connection->local[end])
		return false;
	socket = stream_socket_of(connection, end);
	return destroyed_since(stream->destroyed, socket.hash, &socket.tuple, connection->seen_ns);
}

void stream_note_deaths(struct stream *stream, struct connection *connection, int64_t now_ns)
{
	bool responder = has_died(stream, connection, CONNECTION_DESTINATION);

	connection->gone |= responder && connection->tuple.protocol == IPPROTO_TCP;
	if (responder || has_died(stream, connection, CONNECTION_SOURCE))
		connection_table_died(stream->connections, connection, now_ns);
}

void stream_note_sockets(struct stream *stream, struct connection *connection)
{
	bool found = false;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct owner *owner = &connection->owners[end];

		if (!owner_translated(owner) || owner->netns == 0)
			continue;
		connection_table_set_socket(stream->connections, connection,
		                            (enum connection_end)end, owner->netns,
		                            owner_translated(owner));
		found = true;
	}
	if (!found || connection_table_is_closed(connection))
		return;
	stream_note_ports(stream, connection);
	stream_note_deaths(stream, connection, clock_monotonic_ns());
	if (connection->tuple.protocol == IPPROTO_UDP)
		stream_settle_destroyed(stream, connection, connection->seen_ns);
}

void stream_add_last_info(const struct stream *stream, struct connection *connection)
{
	bool source = connection->local[CONNECTION_SOURCE];
	struct stream_socket socket =
		stream_socket_of(connection, source ? CONNECTION_SOURCE : CONNECTION_DESTINATION);
	struct socket_tcp_info info;

	if (connection_extra_tcp_info(connection) || socket.tuple.protocol != IPPROTO_TCP)
		return;
	if (destroyed_info(stream->destroyed, socket.hash, &socket.tuple, clock_monotonic_ns(),
	                   &info) &&
	    connection_extra_set_tcp_info(connection, &info))
		connection->evidence |= CONNECTION_FROM_SOCK_DIAG;
}
