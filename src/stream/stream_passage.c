/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of a packet besides its connection. */
#include "stream/passage.h"

/* NULL: not known. Its first packets may be read before the kernel's word of it. */
static const struct interface *find_interface(const struct attribution_namespace *namespace,
                                              uint32_t ifindex)
{
	const struct interface *interface;

	if (!namespace || ifindex == 0)
		return NULL;
	interface = interfaces_find(namespace->interfaces, ifindex);
	if (interface || interfaces_read(namespace->interfaces) != 0)
		return interface;
	return interfaces_find(namespace->interfaces, ifindex);
}

void stream_look_around(struct stream *stream, struct passage *passage)
{
	if (!stream->options.attribution || passage->has_looked)
		return;
	passage->has_looked = true;
	passage->namespace =
		attribution_find_namespace(stream->options.attribution, passage->packet->netns);
	passage->interface = find_interface(passage->namespace, passage->packet->ifindex);
	/* What passes by in a tunnel may have any address, those of this host too. */
	if (passage->packet->tunnel_lane == 0)
		passage->locality =
			locality_of(passage->namespace ? passage->namespace->interfaces : NULL,
		                    passage->packet, passage->seen_ns);
}

struct connection *stream_outer_connection(const struct stream *stream,
                                           const struct passage *passage)
{
	const struct passage *outer = passage->outer;

	if (!outer || !outer->connection)
		return NULL;
	return connection_table_at(stream->connections, connection_table_number(outer->connection),
	                           outer->connection_id);
}

const struct interface *stream_captured_at(const struct passage *passage)
{
	while (passage->outer)
		passage = passage->outer;
	return find_interface(passage->namespace, passage->packet->ifindex);
}

/* True: an end is of this host. */
static bool count_layer(struct stream *stream, struct passage *passage,
                        const struct connection *connection)
{
	const struct packet *packet = passage->packet;
	const struct locality *locality = &passage->locality;

	if (connection) {
		if (!passage->is_copy)
			traffic_count(stream->traffic, connection, passage->from,
			              passage->doubtful / BINDER_GONE, packet);
		return connection->local[CONNECTION_SOURCE] ||
		       connection->local[CONNECTION_DESTINATION];
	}
	stream_look_around(stream, passage);
	if (!passage->is_copy)
		traffic_count_unconnected(stream->traffic, locality->source, locality->destination,
		                          packet);
	return locality->source || locality->destination;
}

void stream_count_traffic(struct stream *stream, struct passage *passage)
{
	const struct connection *connection = passage->connection;

	while (!count_layer(stream, passage, connection) && passage->outer) {
		connection = stream_outer_connection(stream, passage);
		passage = passage->outer;
	}
}
