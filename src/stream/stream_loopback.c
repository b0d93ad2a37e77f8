/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NAT between two sockets of one host: what loopback carries has the address that the sender's
 * socket was sent to replaced, and the answers have the one that it knows. The two directions of a
 * connection have two tuples, and each is that of its receiver's socket.
 */
#include <netinet/in.h>

#include "stream/passage.h"

/* Only there is each packet captured once, whatever its addresses are. */
static bool is_looped(const struct connection *connection, const struct passage *passage)
{
	return connection->local[CONNECTION_SOURCE] && connection->local[CONNECTION_DESTINATION] &&
	       connection->ifindex == passage->packet->ifindex;
}

static struct connection *find_receiver(const struct stream *stream, struct passage *passage)
{
	struct connection_key key = passage->key;
	struct connection *connection;
	enum connection_end end;

	key.tuple = tuple_reverse(&passage->key.tuple);
	connection = connection_table_find_socket(stream->connections, &key, &end);
	if (!connection || !is_looped(connection, passage))
		return NULL;
	passage->from = !end;
	return connection;
}

/* Its SYN has this answer: no other has the client's address and port, and that number. */
static bool is_answered_by(const struct connection *connection, const struct packet *packet)
{
	return connection->netns == packet->netns &&
	       connection->counts[CONNECTION_DESTINATION].packets == 0 &&
	       connection->tuple.source_port == packet->tuple.destination_port &&
	       inet_equal(&connection->tuple.source, &packet->tuple.destination) &&
	       connection->flow.next[CONNECTION_SOURCE] == packet->tcp_acknowledgement;
}

/* Connection tracking forgets what is refused before it can be asked. */
static struct connection *find_unanswered(const struct stream *stream, struct passage *passage)
{
	const struct packet *packet = passage->packet;

	if (!packet->has_tcp || !(packet->tcp_flags & TCP_FLAG_ACK) ||
	    !(packet->tcp_flags & (TCP_FLAG_SYN | TCP_FLAG_RST)))
		return NULL;
	for (uint32_t i = 0; i < STREAM_UNTRACED && i < stream->untraced_count; i++) {
		struct connection *connection = connection_table_at(
			stream->connections, stream->untraced[i].number, stream->untraced[i].id);

		if (!connection || !is_looped(connection, passage) ||
		    !is_answered_by(connection, packet))
			continue;
		passage->from = CONNECTION_DESTINATION;
		return connection;
	}
	return NULL;
}

/* The client's socket is not connected: it has the tuple of what it sends, and of what it receives. */
static struct connection *find_tracked(struct stream *stream, struct passage *passage)
{
	const struct packet *packet = passage->packet;
	struct connection *connection;
	struct connection_key key;
	struct tuple socket;

	stream_look_around(stream, passage);
	if (packet->tuple.protocol != IPPROTO_UDP || !passage->locality.destination ||
	    !attribution_nat_socket(stream->options.attribution, packet->netns, &packet->tuple,
	                            passage->seen_ns, &socket))
		return NULL;
	key = connection_table_key(stream->connections, packet->netns, &socket);
	connection = connection_table_find(stream->connections, &key, &passage->from);
	return connection && is_looped(connection, passage) ? connection : NULL;
}

struct connection *stream_find_looped(struct stream *stream, struct passage *passage)
{
	struct tuple socket = tuple_reverse(&passage->packet->tuple);
	struct connection *connection;

	if (!stream->options.attribution || passage->packet->has_icmp_id)
		return NULL;
	connection = find_receiver(stream, passage);
	if (connection)
		return connection;
	connection = find_unanswered(stream, passage);
	if (!connection)
		connection = find_tracked(stream, passage);
	if (!connection)
		return NULL;
	connection_table_set_socket(stream->connections, connection, !passage->from,
	                            connection->netns, &socket);
	binder_translated(stream->binder, connection, !passage->from, &socket);
	return connection;
}
