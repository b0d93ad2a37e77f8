/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A UDP socket that was not connected is reported as destroyed by its port alone. Its connections
 * are those of the port to which no socket is left; where one is, of which it is not known that it
 * is another, they go on until they are idle.
 */
#include <errno.h>
#include <netinet/in.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "stream/stream_private.h"

#define LOOKS_AT_ONCE 1024 /* connections that a turn looks at */

static struct local_port port_of(const struct stream_socket *socket)
{
	return (struct local_port){ socket->netns, socket->tuple.source_port };
}

void stream_note_ports(struct stream *stream, const struct connection *connection)
{
	if (!stream->ports || connection->tuple.protocol != IPPROTO_UDP)
		return;
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		struct stream_socket socket =
			stream_socket_of(connection, (enum connection_end)end);
		struct destroyed_times times;

		if (!connection->local[end])
			continue;
		local_ports_set(stream->ports, connection_table_number(connection), end,
		                port_of(&socket));
		/* It was reported before the packet was read. */
		socket.tuple.destination = (struct inet_address){ 0 };
		socket.tuple.destination_port = 0;
		times = destroyed_last(stream->destroyed, socket.netns, &socket.tuple,
		                       connection->seen_ns);
		if (times.last_ns != 0 && times.last_ns >= connection->seen_ns)
			local_ports_wait(stream->ports, port_of(&socket), times.last_ns);
	}
}

void stream_drop_ports(struct stream *stream, const struct connection *connection)
{
	if (stream->ports && connection->tuple.protocol != IPPROTO_TCP)
		local_ports_remove(stream->ports, connection_table_number(connection));
}

void stream_port_destroyed(struct stream *stream, const struct socket *socket, int64_t now_ns)
{
	if (stream->ports)
		local_ports_wait(stream->ports,
		                 (struct local_port){ socket->netns, socket->tuple.source_port },
		                 now_ns);
}

/* A socket that was opened after the listing may have what came since. */
static void look(struct stream *stream, struct connection *connection, enum connection_end end)
{
	struct stream_socket socket = stream_socket_of(connection, end);
	int64_t last_ns = clock_step_monotonic_ns(&stream->clock, connection->last_ns);

	if (connection->dead || !attribution_udp_is_gone(stream->options.attribution, socket.netns,
	                                                 &socket.tuple, &connection->owners[end]))
		return;
	if (last_ns < stream->ports_listed_ns)
		connection_table_died(stream->connections, connection, stream->ports_since_ns);
	else
		local_ports_wait(stream->ports, port_of(&socket), clock_monotonic_ns());
}

/* Begins with the port that waits longest. Nanoseconds until there is one; -1: none waits. */
static int64_t begin(struct stream *stream, int64_t now_ns)
{
	struct local_port port;
	int result;

	if (!local_ports_waiting(stream->ports, &port, &stream->ports_since_ns))
		return -1;
	if (now_ns < stream->ports_since_ns + WINDOW_PORT_NS)
		return stream->ports_since_ns + WINDOW_PORT_NS - now_ns;
	if (port.netns == STREAM_ECHOES.netns) {
		local_ports_begin(stream->ports, false);
		return 0;
	}
	result = attribution_udp_listed(stream->options.attribution, port.netns,
	                                stream->ports_since_ns, &stream->ports_listed_ns);
	if (result == -EAGAIN)
		return WINDOW_PORT_NS;
	local_ports_begin(stream->ports, result != 0);
	return 0;
}

int64_t stream_take_ports(struct stream *stream, int64_t now_ns)
{
	int64_t wait_ns = 0;
	uint32_t number;
	int end;

	for (int looks = 0; looks < LOOKS_AT_ONCE && wait_ns == 0; looks++) {
		struct connection *connection;

		if (!local_ports_look(stream->ports, &number, &end)) {
			wait_ns = begin(stream, now_ns);
			continue;
		}
		connection = connection_table_numbered(stream->connections, number);
		if (connection && connection->tuple.protocol == IPPROTO_UDP)
			look(stream, connection, (enum connection_end)end);
		else if (connection)
			stream_look_at_echo(stream, connection);
	}
	return wait_ns;
}
