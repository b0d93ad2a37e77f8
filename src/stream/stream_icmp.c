/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors: what they say of the connection whose packet they quote. */
#include <netinet/in.h>

#include "stream/flow_key.h"
#include "stream/stream_private.h"

/* That of the quoted packet, in its lane if there is one. */
static struct connection *find_quoted(const struct stream *stream, const struct packet *packet)
{
	struct connection_key key =
		connection_table_key(stream->connections, packet->netns, &packet->icmp_inner);
	struct connection *connection;
	enum connection_end from;

	key.lane = flow_key_lane(packet);
	key.any_lane = false;
	connection = connection_table_find(stream->connections, &key, &from);
	if (connection)
		return connection;
	key.lane = 0;
	key.any_lane = true;
	return connection_table_find(stream->connections, &key, &from);
}

/*
 * An ICMP error decides what has no answer yet; later such errors are soft (RFC 1122
 * 4.2.3.9). It ends an attempt to connect. Datagrams can be sent on, by one socket to a
 * port where nothing listens, and stay one connection.
 */
void stream_apply_icmp_error(struct stream *stream, const struct packet *packet, int64_t now_ns)
{
	enum connection_reason error = flow_key_error(packet);
	struct connection *connection;

	if (error == CONNECTION_REASON_NONE)
		return;
	connection = find_quoted(stream, packet);
	if (!connection || connection->counts[CONNECTION_DESTINATION].packets > 0)
		return;
	connection->error = error;
	if (connection->tuple.protocol == IPPROTO_TCP && flow_key_error_is_final(packet) &&
	    connection_table_close(stream->connections, connection, error, CONNECTION_FAILURE,
	                           now_ns))
		stream_hold_closed(stream, connection);
}
