/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of connections that last. */
#include <netinet/in.h>

#include "connections/connection_extra.h"
#include "stream/stream_private.h"

bool stream_add_live_info(const struct stream *stream, struct connection *connection)
{
	enum connection_end end =
		connection->local[CONNECTION_SOURCE] ? CONNECTION_SOURCE : CONNECTION_DESTINATION;
	const struct owner *owner = &connection->owners[end];
	struct stream_socket place;
	struct socket socket;

	if (!stream->options.attribution || connection->tuple.protocol != IPPROTO_TCP ||
	    !connection->local[end] || connection_table_is_closed(connection) ||
	    connection_extra_tcp_info(connection) ||
	    !emitter_wants(stream->options.emitter, EVENT_CONNECTION_UPDATED))
		return false;
	place = stream_socket_of(connection, end);
	if (!attribution_read_socket(
		    stream->options.attribution, place.netns, &place.tuple, connection->ifindex,
		    owner->method == ATTRIBUTION_SOCKET ? owner->cookie : 0, &socket))
		return false;
	connection->evidence |= CONNECTION_FROM_SOCK_DIAG;
	connection_extra_set_congestion(connection, socket.congestion_control);
	return connection_extra_set_tcp_info(connection, &socket.tcp_info);
}
