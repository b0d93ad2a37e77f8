/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections that were there before the capture began: what was listed of them becomes a part of
 * the connection that their first packet opens, or, with no packet, of the record of its end.
 */
#include <netinet/in.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "connections/connection_extra.h"
#include "events/community_id.h"
#include "stream/passage.h"

#define EXISTING_MAX (1u << 18) /* 40 MB, where there are so many */

void stream_add_existing(struct stream *stream, const struct socket *socket, int64_t listed_ns)
{
	struct connection_key key;
	enum connection_end from;

	if (!existing_is_wanted(socket))
		return;
	if (!stream->existing)
		stream->existing = existing_new(EXISTING_MAX);
	key = connection_table_key(stream->connections, socket->netns, &socket->tuple);
	if (!stream->existing || connection_table_find(stream->connections, &key, &from))
		return; /* out of memory; its packets were read before */
	existing_add(stream->existing, &key, socket, listed_ns);
	if (stream->options.attribution)
		attribution_expect_socket(stream->options.attribution, socket);
}

static uint64_t id_of(const struct stream *stream, const struct existing_connection *existing)
{
	return connection_table_existing_id(stream->connections, existing->netns, &existing->tuple,
	                                    existing->listed_ns);
}

uint64_t stream_announce_existing(struct stream *stream, const struct socket *socket)
{
	struct existing_connection *existing;
	struct connection_key key;

	if (!stream->existing || !existing_is_wanted(socket))
		return 0;
	key = connection_table_key(stream->connections, socket->netns, &socket->tuple);
	existing = existing_find(stream->existing, &key);
	if (!existing)
		return 0;
	existing->announced = true;
	return id_of(stream, existing);
}

void stream_forget_existing(struct stream *stream, uint32_t netns)
{
	if (stream->existing)
		existing_forget(stream->existing, netns);
}

static bool is_local(const struct existing_connection *existing, const struct passage *passage)
{
	bool forth = tuple_equal(&existing->tuple, &passage->packet->tuple);
	bool source = forth ? passage->locality.source : passage->locality.destination;
	bool destination = forth ? passage->locality.destination : passage->locality.source;

	return (source && existing_has(existing, CONNECTION_SOURCE)) ||
	       (destination && existing_has(existing, CONNECTION_DESTINATION));
}

struct stream_existing stream_take_existing(struct stream *stream, const struct passage *passage)
{
	const struct packet *packet = passage->packet;
	struct stream_existing taken = { .fit = EXISTING_ANOTHER };
	const struct existing_connection *existing;

	if (!stream->existing || existing_count(stream->existing) == 0 ||
	    (!packet->has_tcp && packet->tuple.protocol != IPPROTO_UDP))
		return taken;
	existing = existing_find(stream->existing, &passage->key);
	if (!existing || !is_local(existing, passage))
		return taken;
	taken.connection = *existing;
	taken.fit = existing_fit_of(existing, packet, passage->seen_ns);
	existing_remove(stream->existing, &passage->key);
	return taken;
}

/* As the connection has its ends, which its packets or a listener may show otherwise. */
static void set_past(struct connection *connection, const struct existing_connection *existing)
{
	struct connection_past past = existing->past;

	if (!tuple_equal(&connection->tuple, &existing->tuple)) {
		past.sockets[CONNECTION_SOURCE] = existing->past.sockets[CONNECTION_DESTINATION];
		past.sockets[CONNECTION_DESTINATION] = existing->past.sockets[CONNECTION_SOURCE];
		/* They are the other one's where both are of this host. */
		past.has_totals &= !(existing_has(existing, CONNECTION_SOURCE) &&
		                     existing_has(existing, CONNECTION_DESTINATION));
	}
	connection_extra_set_past(connection, &past);
}

void stream_set_existing(struct stream *stream, struct connection *connection,
                         const struct stream_existing *taken)
{
	if (taken->fit == EXISTING_ANOTHER)
		return;
	connection->id = id_of(stream, &taken->connection);
	if (taken->fit != EXISTING_BEFORE)
		return;
	connection->midway |= connection->tuple.protocol == IPPROTO_UDP;
	set_past(connection, &taken->connection);
}

static void report_end(struct stream *stream, const struct existing_connection *existing)
{
	struct connection_key key =
		connection_table_key(stream->connections, existing->netns, &existing->tuple);
	int64_t now_ns = clock_monotonic_ns();
	struct connection *connection =
		connection_table_open(stream->connections, &key, existing->listed_ns, now_ns);
	struct stream_existing taken = { *existing, EXISTING_BEFORE };

	if (!connection)
		return;
	if (stream->traffic)
		traffic_opened(stream->traffic, connection);
	stream_set_existing(stream, connection, &taken);
	connection->evidence = CONNECTION_FROM_SOCK_DIAG;
	connection->midway = true;
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++)
		connection->local[end] = existing_has(existing, (enum connection_end)end);
	if (existing->oriented || (existing_has(existing, CONNECTION_SOURCE) &&
	                           existing_has(existing, CONNECTION_DESTINATION)))
		connection->direction = connection->local[CONNECTION_SOURCE] ? CONNECTION_EGRESS
		                                                             : CONNECTION_INGRESS;
	connection->seen_ns = existing->ended_ns;
	connection->last_ns = stream->clock.offset_ns + existing->ended_ns;
	community_id_of(stream->options.community_id_seed, &connection->tuple,
	                tuple_is_v4(&connection->tuple), true, connection->community_id);
	binder_bind_unseen(stream->binder, connection, now_ns);
	connection_table_close(stream->connections, connection, CONNECTION_SOCKET_CLOSED,
	                       existing->opening ? CONNECTION_UNKNOWN : CONNECTION_SUCCESS, now_ns);
	stream_emit_closed(stream, connection, connection->last_ns);
}

bool stream_end_existing(struct stream *stream, int64_t before_ns)
{
	struct existing_connection existing;

	while (stream->existing && (before_ns == INT64_MAX || stream_has_room(stream))) {
		if (!existing_take_ended(stream->existing, before_ns, &existing))
			return true;
		/* What is not captured may have gone on in packets. */
		if (existing.announced && stream->options.sees_all)
			report_end(stream, &existing);
	}
	return !stream->existing;
}
