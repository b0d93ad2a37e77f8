/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Owners of packets and connections in a replay. */
#include "base/snippet.h"
#include "stream/stated.h"
#include "stream/stream_private.h"

#define CHANGES_REPORTED 16 /* of a connection's owners */

void stream_set_stated(const struct stream *stream, const struct packet *packet,
                       struct event_packet *event)
{
	const struct stated stated = stated_find(stream->origin, packet, stream->options.guess);

	if (!stated_is_any(&stated))
		return;
	event->source = stated.source;
	event->destination = stated.destination;
	if (!event->source && !event->destination) {
		event->source = stated.any;
		event->either_end = true;
	}
}

void stream_bind_stated(struct stream *stream, struct connection *connection,
                        enum connection_end from, const struct packet *packet)
{
	const struct stated stated = stated_find(stream->origin, packet, stream->options.guess);
	bool reported = connection->asked_ns != 0;

	if (!stated_is_any(&stated) || !stated_bind(&stated, connection, from) || !reported)
		return;
	snippet_drop(&connection->snippet);
	if (connection->binding.moves == CHANGES_REPORTED)
		return;
	connection->binding.moves++;
	stream_emit_connection(stream, EVENT_CONNECTION_ATTRIBUTED, packet->time_ns, connection);
}
