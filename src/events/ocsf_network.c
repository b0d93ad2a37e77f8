/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Network Activity of OCSF: connections, packets and listeners. */
#include "connections/connection_extra.h"
#include "connections/connection_tunnel.h"
#include "connections/tcp_quality.h"
#include "events/ocsf_parts.h"

static const struct ocsf_value open_activity = { 1, "Open" }, close_activity = { 2, "Close" },
			       reset_activity = { 3, "Reset" }, fail_activity = { 4, "Fail" },
			       refuse_activity = { 5, "Refuse" },
			       traffic_activity = { 6, "Traffic" },
			       listen_activity = { 7, "Listen" };

/* Where the record ends and the connection goes on, it reports traffic. */
static struct ocsf_value ending_of(const struct connection *connection)
{
	switch (connection->reason) {
	case CONNECTION_RESET:
		return reset_activity;
	case CONNECTION_REFUSED:
		return refuse_activity;
	case CONNECTION_TIMEOUT:
	case CONNECTION_UNREACHABLE:
	case CONNECTION_BLOCKED:
		return fail_activity;
	case CONNECTION_EVICTED:
	case CONNECTION_SHUTDOWN:
	case CONNECTION_REASON_NONE:
		return traffic_activity;
	case CONNECTION_FIN:
	case CONNECTION_IDLE:
	case CONNECTION_SOCKET_CLOSED:
	case CONNECTION_REUSED:
		break;
	}
	return connection->outcome == CONNECTION_FAILURE ? fail_activity : close_activity;
}

static struct ocsf_value activity_of(const struct event *event)
{
	const struct ocsf_value other = { OCSF_OTHER, event_action_name(event->action) };

	switch (event->action) {
	case EVENT_CONNECTION_OPENED:
		return event->connection.connection->midway ? traffic_activity : open_activity;
	case EVENT_CONNECTION_CLOSED:
		return ending_of(event->connection.connection);
	case EVENT_CONNECTION_UPDATED:
	case EVENT_PACKET:
		return traffic_activity;
	case EVENT_LISTENING_STARTED:
		return listen_activity;
	default:
		return other;
	}
}

static void write_direction(struct writer *writer, enum connection_direction direction)
{
	static const struct ocsf_value directions[] = {
		[CONNECTION_DIRECTION_UNKNOWN] = { 0, "Unknown" },
		[CONNECTION_INGRESS] = { 1, "Inbound" },
		[CONNECTION_EGRESS] = { 2, "Outbound" },
	};

	writer_u64(writer, KEY("direction_id"), directions[direction].number);
	writer_name(writer, KEY("direction"), directions[direction].caption);
}

static void write_local(struct writer *writer)
{
	writer_u64(writer, KEY("direction_id"), 4);
	writer_literal(writer, "direction", "Local");
	writer_u64(writer, KEY("boundary_id"), 1);
	writer_literal(writer, "boundary", "Localhost");
}

/* IPv6 has hop-by-hop options where the number is 0: the transport is not known. */
static void write_protocol(struct writer *writer, uint8_t protocol, bool v4)
{
	writer_u64(writer, KEY("protocol_ver_id"), v4 ? 4 : 6);
	if (protocol == 0 && !v4)
		return;
	writer_u64(writer, KEY("protocol_num"), protocol);
	writer_name(writer, KEY("protocol_name"), encode_tuple_protocol_name(protocol));
}

static void write_community_id(struct writer *writer, const struct connection *connection)
{
	if (connection->community_id[0] != '\0')
		writer_name(writer, KEY("community_uid"), connection->community_id);
}

static bool is_local(const struct connection *connection)
{
	return connection->local[CONNECTION_SOURCE] && connection->local[CONNECTION_DESTINATION];
}

static void write_info(struct writer *writer, const struct connection *connection)
{
	char history[TCP_HISTORY_MAX];
	size_t length = tcp_quality_history(connection, history);

	writer_object(writer, KEY("connection_info"));
	writer_id(writer, KEY("uid"), connection->id);
	write_community_id(writer, connection);
	if (is_local(connection))
		write_local(writer);
	else
		write_direction(writer, connection->direction);
	write_protocol(writer, connection->tuple.protocol, connection_is_v4(connection));
	if (length > 0)
		writer_text(writer, KEY("flag_history"), history, length);
	writer_object_end(writer);
}

static void write_observation(struct writer *writer, const bool *local)
{
	static const struct ocsf_value points[] = {
		{ 0, "Unknown" }, { 1, "Source" }, { 2, "Destination" }, { 4, "Both" }
	};
	const struct ocsf_value *point =
		&points[local[CONNECTION_SOURCE] | local[CONNECTION_DESTINATION] << 1];

	writer_u64(writer, KEY("observation_point_id"), point->number);
	writer_name(writer, KEY("observation_point"), point->caption);
}

/* An end that is of this host is in the VLAN of its packets, if that is one. */
static void write_vlan(struct writer *writer, bool local, const uint16_t *ids, int count)
{
	if (local && count == 1)
		writer_decimal(writer, KEY("vlan_uid"), ids[0]);
}

static void write_connection_end(struct writer *writer, const struct connection *connection,
                                 enum connection_end end)
{
	const struct tuple *tuple = &connection->tuple;
	bool has_ports = inet_has_ports(tuple->protocol), source = end == CONNECTION_SOURCE;
	const struct inet_address *address = source ? &tuple->source : &tuple->destination;
	uint16_t port = source ? tuple->source_port : tuple->destination_port;
	uint16_t ids[PACKET_VLANS_MAX];

	if (connection->lane & CONNECTION_LANE_MAPPED)
		encode_tuple_end_v6(writer, address, port, has_ports);
	else
		encode_tuple_end(writer, address, port, has_ports);
	write_vlan(writer, connection->local[end], ids, connection_vlans(connection, ids));
	/* What OCSF has for NAT. */
	encode_connection_translated(writer, KEY("proxy_endpoint"), connection, end);
}

static const struct owner *acting(const struct connection *connection)
{
	bool served =
		connection->local[CONNECTION_DESTINATION] && !connection->local[CONNECTION_SOURCE];

	return &connection->owners[served ? CONNECTION_DESTINATION : CONNECTION_SOURCE];
}

void ocsf_network_connection(struct writer *writer, const struct connection *connection)
{

	write_info(writer, connection);
	write_observation(writer, connection->local);
	if (!connection->routeless) {
		writer_object(writer, KEY("src_endpoint"));
		write_connection_end(writer, connection, CONNECTION_SOURCE);
		writer_object_end(writer);
	}
	writer_object(writer, KEY("dst_endpoint"));
	write_connection_end(writer, connection, CONNECTION_DESTINATION);
	if (connection->names)
		encode_names_domain(writer, KEY("hostname"), connection->names);
	writer_object_end(writer);
	ocsf_process_actor(writer, acting(connection));
}

void ocsf_network_unmapped(struct writer *writer, const struct connection *connection)
{
	uint16_t ids[PACKET_VLANS_MAX];

	ocsf_unmapped(writer, acting(connection), ids, connection_vlans(connection, ids));
}

static void write_traffic(struct writer *writer, const struct key *key,
                          const struct connection_count *there, const struct connection_count *back)
{
	writer_object(writer, key);
	writer_count(writer, KEY("bytes"), there->bytes + back->bytes);
	writer_count(writer, KEY("packets"), there->packets + back->packets);
	writer_count(writer, KEY("bytes_out"), there->bytes);
	writer_count(writer, KEY("packets_out"), there->packets);
	writer_count(writer, KEY("bytes_in"), back->bytes);
	writer_count(writer, KEY("packets_in"), back->packets);
	writer_object_end(writer);
}

/* Since the last report, and since the beginning. */
static void write_totals(struct writer *writer, const struct connection *connection)
{
	struct connection_count since[2];

	if (!(connection->evidence & CONNECTION_FROM_PACKETS))
		return;
	memcpy(since, connection->counts, sizeof since);
	for (int end = 0; connection->extra && end < 2; end++) {
		since[end].bytes -= connection->extra->reported[end].bytes;
		since[end].packets -= connection->extra->reported[end].packets;
	}
	write_traffic(writer, KEY("traffic"), &since[CONNECTION_SOURCE],
	              &since[CONNECTION_DESTINATION]);
	write_traffic(writer, KEY("cumulative_traffic"), &connection->counts[CONNECTION_SOURCE],
	              &connection->counts[CONNECTION_DESTINATION]);
}

static void write_connection(struct writer *writer, const struct event *event)
{
	struct connection *connection = event->connection.connection;
	bool closed = event->action == EVENT_CONNECTION_CLOSED;

	if (closed)
		ocsf_status(writer, connection->outcome,
		            encode_connection_reason(connection->reason));
	ocsf_time(writer, KEY("start_time"), KEY("start_time_dt"), connection->start_ns);
	if (closed) {
		ocsf_time(writer, KEY("end_time"), KEY("end_time_dt"), connection->last_ns);
		encode_writer_i64(writer, KEY("duration"),
		                  (connection->last_ns - connection->start_ns) / 1000000);
	}
	/* The sockets of one that was listed may know it, or not. */
	if (!connection_extra_past(connection))
		encode_writer_bool(writer, KEY("is_src_dst_assignment_known"), !connection->midway);
	ocsf_network_connection(writer, connection);
	if (closed || event->action == EVENT_CONNECTION_UPDATED)
		write_totals(writer, connection);
	writer_name(writer, KEY("app_protocol_name"), encode_names_protocol(connection->protocol));
	ocsf_network_unmapped(writer, connection);
	encode_connection_owners(writer, connection);
	if (connection->names)
		encode_names_sockline(writer, connection->names);
}

static enum connection_direction direction_of(enum packet_direction direction)
{
	if (direction == PACKET_INGRESS)
		return CONNECTION_INGRESS;
	return direction == PACKET_EGRESS ? CONNECTION_EGRESS : CONNECTION_DIRECTION_UNKNOWN;
}

static bool is_ip(const struct packet *packet)
{
	return packet->network == PACKET_IPV4 || packet->network == PACKET_IPV6;
}

static void write_packet_info(struct writer *writer, const struct event_packet *event)
{
	const struct packet *packet = event->packet;
	const struct connection *connection = event->connection;

	writer_object(writer, KEY("connection_info"));
	if (connection)
		writer_id(writer, KEY("uid"), connection->id);
	if (event->community_id)
		writer_name(writer, KEY("community_uid"), event->community_id);
	else if (connection && !packet->is_later_fragment && !packet->has_icmp_inner)
		write_community_id(writer, connection);
	if (event->source && event->destination)
		write_local(writer);
	else
		write_direction(writer, direction_of(event->direction));
	if (is_ip(packet))
		write_protocol(writer, packet->tuple.protocol, packet->network == PACKET_IPV4);
	if (packet->has_tcp)
		writer_u64(writer, KEY("tcp_flags"), packet->tcp_flags);
	writer_object_end(writer);
}

/* ARP for other than IPv4 leaves the address empty. */
static bool has_address(const struct packet *packet, const struct inet_address *address)
{
	return is_ip(packet) || (packet->network == PACKET_ARP && inet_is_v4(address));
}

static void write_packet_end(struct writer *writer, const struct key *key,
                             const struct packet *packet, bool source, bool local)
{
	const struct tuple *tuple = &packet->tuple;
	const struct inet_address *address = source ? &tuple->source : &tuple->destination;
	uint16_t port = source ? tuple->source_port : tuple->destination_port;

	if (!has_address(packet, address))
		return;
	writer_object(writer, key);
	if (packet->network == PACKET_IPV6)
		encode_tuple_end_v6(writer, address, port, packet->has_ports);
	else
		encode_tuple_end(writer, address, port, packet->has_ports);
	write_vlan(writer, local, packet->vlans, packet->vlan_count);
	writer_object_end(writer);
}

static void write_packet(struct writer *writer, const struct event *any)
{
	const struct event_packet *event = &any->packet;
	const struct packet *packet = event->packet;
	const struct owner *owner = event->source ? event->source : event->destination;

	write_packet_info(writer, event);
	write_packet_end(writer, KEY("src_endpoint"), packet, true,
	                 event->source && !event->either_end);
	write_packet_end(writer, KEY("dst_endpoint"), packet, false, event->destination);
	if (owner)
		ocsf_process_actor(writer, owner);
	if (packet->ip_length > 0) {
		writer_object(writer, KEY("traffic"));
		writer_u64(writer, KEY("bytes"), packet->ip_length);
		writer_u64(writer, KEY("packets"), 1);
		writer_object_end(writer);
	}
	ocsf_unmapped(writer, owner, packet->vlans, packet->vlan_count);
	encode_owner_attribution(writer, owner,
	                         is_ip(packet) ? ATTRIBUTION_FORWARDED : ATTRIBUTION_NO_SOCKET);
	if (event->source && event->destination)
		encode_owner_peer(writer, event->destination);
}

/* An endpoint has to have something: an address, else a path, else the number of the socket. */
static void write_listener_end(struct writer *writer, const struct socket *socket)
{
	size_t abstract = socket->path_length > 0 && socket->path[0] == '\0';

	writer_object(writer, KEY("dst_endpoint"));
	if (socket_is_inet(socket))
		encode_tuple_end(writer, &socket->tuple.source, socket->tuple.source_port,
		                 inet_has_ports(socket->tuple.protocol));
	else if (socket->kind == SOCKET_UNIX && socket->path_length > abstract)
		encode_writer_string(writer, KEY("name"), socket->path + abstract,
		                     socket->path_length - abstract, RAW_NONE);
	else
		writer_decimal(writer, KEY("uid"), socket->inode);
	writer_object_end(writer);
}

static void write_listener(struct writer *writer, const struct event *any)
{
	const struct event_socket *event = &any->socket;
	const struct socket *socket = event->socket;

	writer_object(writer, KEY("connection_info"));
	write_direction(writer, CONNECTION_DIRECTION_UNKNOWN);
	if (socket_is_inet(socket))
		write_protocol(writer, socket->tuple.protocol, tuple_is_v4(&socket->tuple));
	else
		writer_name(writer, KEY("protocol_name"), encode_socket_kind(socket->kind));
	writer_object_end(writer);
	write_listener_end(writer, socket);
	ocsf_process_actor(writer, event->owner);
	ocsf_unmapped(writer, event->owner, NULL, 0);
	encode_owner_attribution(writer, event->owner, ATTRIBUTION_NO_SOCKET);
}

/* A frame without addresses of the network is in no class. */
static bool has_ends(const struct event *event)
{
	const struct packet *packet = event->packet.packet;

	return event->action != EVENT_PACKET || has_address(packet, &packet->tuple.source) ||
	       has_address(packet, &packet->tuple.destination);
}

void ocsf_network_write(struct writer *writer, const struct event *event)
{
	const struct ocsf_value other = { OCSF_OTHER, event_action_name(event->action) };

	if (!has_ends(event)) {
		ocsf_begin(writer, event, OCSF_BASE_EVENT, other, OCSF_INFORMATIONAL);
		ocsf_unmapped(writer, NULL, event->packet.packet->vlans,
		              event->packet.packet->vlan_count);
		ocsf_end(writer);
		return;
	}
	ocsf_begin(writer, event, OCSF_NETWORK_ACTIVITY, activity_of(event), OCSF_INFORMATIONAL);
	if (event->action == EVENT_PACKET)
		write_packet(writer, event);
	else if (event->action >= EVENT_EXISTING_SOCKET)
		write_listener(writer, event);
	else
		write_connection(writer, event);
	ocsf_end(writer);
}
