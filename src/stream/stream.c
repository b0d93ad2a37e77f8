/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "events/community_id.h"
#include "stream/duplicates.h"
#include "stream/final_info.h"
#include "stream/flow_key.h"
#include "stream/fragments.h"
#include "stream/locality.h"
#include "stream/port_ends.h"
#include "stream/traffic.h"

struct stream {
	struct stream_options options;
	struct connection_table *connections;
	struct binder *binder;
	struct duplicates *duplicates;
	struct fragments *fragments;
	struct port_ends *port_ends;
	struct final_info *finals;
	struct traffic *traffic; /* NULL: not asked for */
	int64_t traffic_ns;      /* when it was last reported, in the table's time */
	int64_t packet_time_ns;  /* of the latest packet; never back in a replay */
	struct stream_counters counters;
};

#define TRAFFIC_MAX 65536 /* processes */

static const struct owner nobody = { .reason = ATTRIBUTION_NO_SOCKET };
static const struct owner replayed = { .reason = ATTRIBUTION_REPLAY };

int64_t stream_time_ns(const struct stream *stream)
{
	return stream->options.replay ? stream->packet_time_ns : clock_realtime_ns();
}

/* The clock of the connection table: never goes back, whatever the wall clock does. */
static int64_t table_time_ns(const struct stream *stream)
{
	return stream->options.replay ? stream->packet_time_ns : clock_monotonic_ns();
}

static void emit_connection(struct stream *stream, enum event_action action, int64_t time_ns,
                            struct connection *connection)
{
	struct event event = { .action = action, .time_ns = time_ns };

	if (connection->owners[CONNECTION_SOURCE].method == ATTRIBUTION_TRACEPOINT ||
	    connection->owners[CONNECTION_DESTINATION].method == ATTRIBUTION_TRACEPOINT)
		connection->evidence |= CONNECTION_FROM_TRACEPOINTS;
	event.connection.connection = connection;
	emitter_emit(stream->options.emitter, &event);
}

/* What the kernel told of the socket's end before any packet of it was read. */
static void add_final_info(const struct stream *stream, struct connection *connection)
{
	struct tuple reversed = tuple_reverse(&connection->tuple);
	int64_t now = clock_monotonic_ns();

	if (connection->has_tcp_info || connection->tuple.protocol != IPPROTO_TCP)
		return;
	if ((connection->local[CONNECTION_SOURCE] &&
	     final_info_find(stream->finals, connection->netns, &connection->tuple, now,
	                     &connection->tcp_info)) ||
	    (connection->local[CONNECTION_DESTINATION] &&
	     final_info_find(stream->finals, connection->netns, &reversed, now,
	                     &connection->tcp_info))) {
		connection->has_tcp_info = true;
		connection->evidence |= CONNECTION_FROM_SOCK_DIAG;
	}
}

static void emit_closed(struct stream *stream, struct connection *connection, int64_t time_ns)
{
	if (!stream->options.replay)
		add_final_info(stream, connection);
	binder_closing(stream->binder, connection);
	emit_connection(stream, EVENT_CONNECTION_CLOSED, time_ns, connection);
}

static void on_change(void *context, struct connection *connection, enum connection_change change)
{
	struct stream *stream = context;

	switch (change) {
	case CONNECTION_CHANGE_UPDATED:
		emit_connection(stream, EVENT_CONNECTION_UPDATED, stream_time_ns(stream),
		                connection);
		memcpy(connection->reported, connection->counts, sizeof connection->reported);
		connection->reported_ns = stream_time_ns(stream);
		break;
	case CONNECTION_CHANGE_CLOSED:
		emit_closed(stream, connection, stream_time_ns(stream));
		break;
	}
}

static void on_bound(void *context, struct connection *connection)
{
	struct stream *stream = context;

	emit_connection(stream, EVENT_CONNECTION_ATTRIBUTED, stream_time_ns(stream), connection);
}

int stream_new(struct stream **result, const struct stream_options *options, struct error *error)
{
	struct connection_table_options table_options = {
		.max_connections = options->max_connections,
		.update_interval_ns = options->update_interval_ns,
		.key = options->key,
		.callback = on_change,
	};
	struct binder_options binder_options = {
		.attribution = options->attribution,
		.callback = on_bound,
	};
	struct stream *stream = calloc(1, sizeof *stream);

	if (!stream)
		return error_set(error, ENOMEM, "out of memory");
	stream->options = *options;
	table_options.context = stream;
	stream->connections = connection_table_new(&table_options);
	binder_options.connections = stream->connections;
	binder_options.context = stream;
	stream->binder = binder_new(&binder_options);
	stream->duplicates = duplicates_new(&options->key);
	stream->fragments = fragments_new(&options->key);
	stream->port_ends = port_ends_new();
	stream->finals = final_info_new(&options->key);
	if (!stream->connections || !stream->binder || !stream->duplicates || !stream->fragments ||
	    !stream->port_ends || !stream->finals) {
		stream_free(stream);
		return error_set(error, ENOMEM, "out of memory");
	}
	if (emitter_wants(options->emitter, EVENT_PROCESS_TRAFFIC))
		stream->traffic = traffic_new(TRAFFIC_MAX);
	stream->traffic_ns = table_time_ns(stream);
	*result = stream;
	return 0;
}

void stream_free(struct stream *stream)
{
	if (!stream)
		return;
	traffic_free(stream->traffic);
	final_info_free(stream->finals);
	port_ends_free(stream->port_ends);
	fragments_free(stream->fragments);
	duplicates_free(stream->duplicates);
	binder_free(stream->binder);
	connection_table_free(stream->connections);
	free(stream);
}

static enum connection_direction direction_of(const struct connection *connection, bool known)
{
	bool source = connection->local[CONNECTION_SOURCE];
	bool destination = connection->local[CONNECTION_DESTINATION];

	if (!known || (!source && !destination))
		return CONNECTION_DIRECTION_UNKNOWN;
	return destination ? CONNECTION_INGRESS
	                   : CONNECTION_EGRESS; /* loopback: as it is captured */
}

/*
 * Who began it. Met in its middle, a TCP connection tells it only by a listener
 * on one of its local ends; otherwise the direction is unknown, not guessed.
 */
static enum connection_end sender_end(const struct stream *stream, const struct packet *packet,
                                      const struct locality *locality, bool *known)
{
	struct tuple reversed = tuple_reverse(&packet->tuple);
	enum flow_key_sender sender = flow_key_sender(packet);

	*known = true;
	if (sender != FLOW_KEY_UNKNOWN)
		return sender == FLOW_KEY_INITIATOR ? CONNECTION_SOURCE : CONNECTION_DESTINATION;
	if (locality->destination &&
	    attribution_has_listener(stream->options.attribution, packet->netns, &reversed,
	                             packet->ifindex))
		return CONNECTION_SOURCE;
	if (locality->source && attribution_has_listener(stream->options.attribution, packet->netns,
	                                                 &packet->tuple, packet->ifindex))
		return CONNECTION_DESTINATION;
	*known = false;
	return CONNECTION_SOURCE;
}

static bool is_udp(const struct tuple *tuple)
{
	return tuple->protocol == IPPROTO_UDP;
}

static struct connection *open_connection(struct stream *stream, const struct packet *packet,
                                          const struct tuple *key, const struct locality *locality,
                                          enum connection_end *from)
{
	bool known;
	enum connection_end end = sender_end(stream, packet, locality, &known);
	struct tuple tuple = end == CONNECTION_SOURCE ? *key : tuple_reverse(key);
	int64_t now = table_time_ns(stream);
	struct connection *connection = connection_table_open(stream->connections, packet->netns,
	                                                      &tuple, packet->time_ns, now);

	if (!connection)
		return NULL;
	*from = end;
	connection->ifindex = packet->ifindex;
	connection->evidence = CONNECTION_FROM_PACKETS;
	connection->local[end] = locality->source;
	connection->local[!end] = locality->destination;
	connection->direction = direction_of(connection, known);
	if (packet->has_icmp_id)
		connection->icmp_id = packet->icmp_id;
	if (!stream->options.replay)
		connection->seen_ns = now - (clock_realtime_ns() - packet->time_ns);
	connection->midway = packet->has_tcp && !(packet->tcp_flags & TCP_FLAG_SYN);
	if (connection->midway)
		connection_table_met_midway(connection);
	if (is_udp(&tuple) && connection->local[end])
		port_ends_suspect(stream->port_ends, packet->netns, packet->tuple.source_port,
		                  connection->seen_ns, &connection->port_ends);
	flow_key_community_id(packet, stream->options.community_id_seed, connection->community_id);
	connection->has_community_id = true;
	return connection;
}

static uint16_t local_port(const struct connection *connection, enum connection_end end)
{
	return end == CONNECTION_SOURCE ? connection->tuple.source_port
	                                : connection->tuple.destination_port;
}

/* Sent by a local UDP port whose socket has died meanwhile, by another process. */
static bool is_of_another_socket(struct stream *stream, struct connection *connection,
                                 enum connection_end from, const struct packet *packet)
{
	uint16_t port = local_port(connection, from);
	int64_t seen_ns;

	if (!is_udp(&connection->tuple) || !connection->local[from] || stream->options.replay ||
	    port_ends_unchanged(stream->port_ends, port, connection->port_ends))
		return false;
	seen_ns = clock_monotonic_ns() - (clock_realtime_ns() - packet->time_ns);
	return port_ends_suspect(stream->port_ends, connection->netns, port, seen_ns,
	                         &connection->port_ends) &&
	       !binder_is_same(stream->binder, connection, from, seen_ns);
}

/* The connection that this packet belongs to, a new one if need be; NULL when there is none. */
static struct connection *find_connection(struct stream *stream, const struct packet *packet,
                                          const struct locality *locality,
                                          enum connection_end *from, bool *opened)
{
	struct connection *connection;
	struct tuple key;

	*opened = false;
	if (!flow_key_of(packet, &key))
		return NULL;
	connection = connection_table_find(stream->connections, packet->netns, &key, from);
	if (connection && (connection_table_restarts(connection, packet) ||
	                   is_of_another_socket(stream, connection, *from, packet))) {
		/* Another connection with the same tuple: the old socket must be gone. */
		if (connection_table_close(stream->connections, connection,
		                           CONNECTION_SOCKET_CLOSED, CONNECTION_SUCCESS,
		                           table_time_ns(stream)))
			emit_closed(stream, connection, packet->time_ns);
		connection_table_forget(stream->connections, connection);
		connection = NULL;
	}
	if (!connection) {
		connection = open_connection(stream, packet, &key, locality, from);
		*opened = connection != NULL;
	}
	return connection;
}

/* A port or protocol that is unreachable ends what has not begun; later such errors are soft (RFC 1122 4.2.3.9). */
static void apply_icmp_error(struct stream *stream, const struct packet *packet)
{
	struct connection *connection;
	enum connection_end from;

	if (!packet->has_icmp_inner || !flow_key_is_refusal(packet))
		return;
	connection = connection_table_find(stream->connections, packet->netns, &packet->icmp_inner,
	                                   &from);
	if (!connection || connection->counts[CONNECTION_DESTINATION].packets > 0)
		return;
	if (connection_table_close(stream->connections, connection, CONNECTION_REFUSED,
	                           CONNECTION_FAILURE, table_time_ns(stream)))
		emit_closed(stream, connection, packet->time_ns);
}

static void emit_packet(struct stream *stream, const struct packet *packet,
                        struct connection *connection, enum connection_end from,
                        uint64_t duplicate_of)
{
	const struct attribution_namespace *space = NULL;
	struct event event = { .action = EVENT_PACKET, .time_ns = packet->time_ns };
	char text[COMMUNITY_ID_SIZE];

	if (!emitter_wants(stream->options.emitter, EVENT_PACKET))
		return;
	if (stream->options.attribution)
		space = attribution_find_namespace(stream->options.attribution, packet->netns);
	event.packet.packet = packet;
	event.packet.connection = connection;
	event.packet.from_source = from == CONNECTION_SOURCE;
	event.packet.duplicate_of = duplicate_of;
	if (packet->netns != stream->options.netns)
		event.packet.netns = packet->netns;
	if (space && packet->ifindex != 0)
		event.packet.interface = interfaces_find(space->interfaces, packet->ifindex);
	if (connection) {
		enum connection_end to = !from;

		if (connection->local[from] || !connection->local[to])
			event.packet.source = &connection->owners[from];
		if (connection->local[to])
			event.packet.destination = &connection->owners[to];
	} else {
		event.packet.source = stream->options.attribution ? &nobody : &replayed;
		if (flow_key_has_community_id(packet)) {
			flow_key_community_id(packet, stream->options.community_id_seed, text);
			event.packet.community_id = text;
		}
	}
	emitter_emit(stream->options.emitter, &event);
}

static void emit_state(struct stream *stream, struct connection *connection,
                       enum socket_state previous, int64_t time_ns)
{
	struct event event = { .action = EVENT_CONNECTION_STATE_CHANGED, .time_ns = time_ns };

	event.connection.connection = connection;
	event.connection.previous = previous;
	emitter_emit(stream->options.emitter, &event);
}

static void account(struct stream *stream, const struct packet *packet)
{
	stream->counters.packets++;
	stream->counters.bytes += packet->length;
	stream->counters.decode[packet->status]++;
	if (!stream->options.replay || packet->time_ns > stream->packet_time_ns)
		stream->packet_time_ns = packet->time_ns;
}

static struct locality locality_in(const struct stream *stream, struct packet *packet)
{
	const struct attribution_namespace *space =
		stream->options.attribution
			? attribution_find_namespace(stream->options.attribution, packet->netns)
			: NULL;

	return locality_of(space ? space->interfaces : NULL, packet);
}

void stream_packet(struct stream *stream, struct packet *packet)
{
	struct locality locality;
	struct connection *connection;
	enum connection_end from = CONNECTION_SOURCE;
	bool opened = false, closed = false, counted_before = false;
	enum socket_state before;
	uint64_t duplicate_of;

	account(stream, packet);
	if (stream->options.replay)
		stream_tick(stream);
	duplicate_of = duplicates_check(stream->duplicates, packet, &counted_before);
	locality = locality_in(stream, packet);
	if (packet->is_later_fragment)
		connection = fragments_find(stream->fragments, packet, stream->connections, &from);
	else
		connection = find_connection(stream, packet, &locality, &from, &opened);
	if (connection && packet->is_fragment && !packet->is_later_fragment)
		fragments_put(stream->fragments, packet, connection, from);
	before = connection ? connection->state : SOCKET_STATE_NONE;
	if (connection && !counted_before)
		closed = connection_table_account(stream->connections, connection, from, packet,
		                                  table_time_ns(stream));
	if (opened) {
		binder_bind(stream->binder, connection, from, packet, locality.fanned_out,
		            table_time_ns(stream));
		emit_connection(stream, EVENT_CONNECTION_OPENED, packet->time_ns, connection);
	} else if (connection) {
		binder_packet(stream->binder, connection, from, packet);
	}
	if (connection && stream->traffic && !counted_before)
		traffic_count(stream->traffic, connection, from, packet);
	if (connection && !opened && connection->state != before)
		emit_state(stream, connection, before, packet->time_ns);
	if (duplicate_of == 0 || !stream->options.dedupe)
		emit_packet(stream, packet, connection, from, duplicate_of);
	if (closed)
		emit_closed(stream, connection, packet->time_ns);
	else if (!connection)
		apply_icmp_error(stream, packet);
}

void stream_socket_destroyed(struct stream *stream, const struct socket *socket)
{
	enum connection_end end;
	struct connection *connection;

	if (is_udp(&socket->tuple)) {
		port_ends_note(stream->port_ends, socket->netns, socket->tuple.source_port,
		               clock_monotonic_ns());
		return;
	}
	connection =
		connection_table_find(stream->connections, socket->netns, &socket->tuple, &end);

	if (!connection && socket->has_tcp_info)
		final_info_put(stream->finals, socket, clock_monotonic_ns());
	if (!connection || connection_table_is_closed(connection))
		return;
	connection->evidence |= CONNECTION_FROM_SOCK_DIAG;
	if (!socket->has_tcp_info || (connection->has_tcp_info && end != CONNECTION_SOURCE))
		return; /* on loopback the initiator's numbers stand */
	connection->has_tcp_info = true;
	connection->tcp_info = socket->tcp_info;
}

int64_t stream_tick(struct stream *stream)
{
	connection_table_expire(stream->connections, table_time_ns(stream));
	if (!stream->options.attribution)
		return -1;
	return binder_retry(stream->binder, clock_monotonic_ns());
}

void stream_emit_traffic(struct stream *stream)
{
	int64_t now = table_time_ns(stream);

	if (!stream->traffic)
		return;
	traffic_emit(stream->traffic, stream->connections, stream->options.emitter,
	             stream_time_ns(stream), now - stream->traffic_ns);
	stream->traffic_ns = now;
}

void stream_finish(struct stream *stream)
{
	stream_emit_traffic(stream);
	connection_table_shutdown(stream->connections, table_time_ns(stream));
}

const struct stream_counters *stream_counters(const struct stream *stream)
{
	return &stream->counters;
}

const struct connection_table *stream_connections(const struct stream *stream)
{
	return stream->connections;
}

const struct binder_counters *stream_binder_counters(const struct stream *stream)
{
	return binder_counters(stream->binder);
}
