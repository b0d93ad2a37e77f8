/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* ICMP errors: what they say of the connection whose packet they quote. */
#include <netinet/in.h>

#include "connections/connection_extra.h"
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
	connection = connection_table_find(stream->connections, &key, &from);
	/* On loopback the error quotes what its receiver sent, before NAT replaced the address. */
	return connection ? connection
	                  : connection_table_find_socket(stream->connections, &key, &from);
}

/* A packet that its own host did not let out, or for which it found no neighbour, is not captured. */
static void keep_unclaimed(struct stream *stream, const struct packet *packet,
                           enum connection_reason error)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(stream->options.attribution, packet->netns);
	struct unclaimed_error unclaimed = {
		.tuple = packet->icmp_inner,
		.netns = packet->netns,
		.seen_ns = clock_step_monotonic_ns(&stream->clock, packet->time_ns),
		.reason = error,
		.type = packet->icmp_type,
		.code = packet->icmp_code,
	};

	if (namespace && !flow_key_error_is_of_host(packet) &&
	    interfaces_was_local(namespace->interfaces, &packet->tuple.source, unclaimed.seen_ns))
		unclaimed.reason = CONNECTION_BLOCKED;
	unclaimed_errors_put(stream->errors, &unclaimed);
}

/* The type that decides stands, though a packet was too big besides. */
static void count(struct connection *connection, const struct packet *packet,
                  enum connection_reason error)
{
	struct connection_extra *extra;

	if (connection_table_is_closed(connection) && !connection->life.held)
		return; /* it was reported */
	extra = connection_extra(connection);
	if (!extra)
		return;
	extra->icmp_errors.count++;
	if (error == CONNECTION_REASON_NONE && connection->error != CONNECTION_REASON_NONE)
		return;
	extra->icmp_errors.type = packet->icmp_type;
	extra->icmp_errors.code = packet->icmp_code;
}

/*
 * A process that is in connect(2) tries again: its socket's end, which tracepoints report, is that
 * of the attempt.
 */
static bool tries_again(const struct stream *stream, const struct connection *connection)
{
	return stream->options.attribution && connection->local[CONNECTION_SOURCE] &&
	       attribution_sees_connects(stream->options.attribution);
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

	if (!flow_key_is_error(packet))
		return;
	connection = find_quoted(stream, packet);
	if (!connection && stream->errors && error != CONNECTION_REASON_NONE)
		keep_unclaimed(stream, packet, error);
	if (!connection)
		return;
	count(connection, packet, error);
	if (error == CONNECTION_REASON_NONE ||
	    connection->counts[CONNECTION_DESTINATION].packets > 0)
		return;
	connection->error = error;
	if (connection->tuple.protocol == IPPROTO_TCP && flow_key_error_is_final(packet) &&
	    !tries_again(stream, connection) &&
	    connection_table_close(stream->connections, connection, error, CONNECTION_FAILURE,
	                           now_ns))
		stream_hold_closed(stream, connection);
}
