/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <netinet/in.h>

#include "connections/connection_extra.h"
#include "connections/connection_tunnel.h"
#include "events/encode_narrow.h"
#include "events/encode_parts.h"

static const char *const reasons[] = {
	[CONNECTION_FIN] = "fin",
	[CONNECTION_RESET] = "reset",
	[CONNECTION_REFUSED] = "refused",
	[CONNECTION_TIMEOUT] = "timeout",
	[CONNECTION_IDLE] = "idle",
	[CONNECTION_EVICTED] = "evicted",
	[CONNECTION_SHUTDOWN] = "shutdown",
	[CONNECTION_SOCKET_CLOSED] = "socket_closed",
	[CONNECTION_UNREACHABLE] = "unreachable",
	[CONNECTION_BLOCKED] = "blocked",
	[CONNECTION_REUSED] = "reused",
};

static const char *const outcomes[] = {
	[CONNECTION_UNKNOWN] = "unknown",
	[CONNECTION_SUCCESS] = "success",
	[CONNECTION_FAILURE] = "failure",
};

#if !WRITER_NARROW
const char *encode_connection_state(enum socket_state state)
{
	static const char *const names[] = {
		[SOCKET_ESTABLISHED] = "established",
		[SOCKET_SYN_SENT] = "syn_sent",
		[SOCKET_SYN_RECEIVED] = "syn_received",
		[SOCKET_FIN_WAIT_1] = "fin_wait_1",
		[SOCKET_FIN_WAIT_2] = "fin_wait_2",
		[SOCKET_TIME_WAIT] = "time_wait",
		[SOCKET_CLOSED] = "closed",
		[SOCKET_CLOSE_WAIT] = "close_wait",
		[SOCKET_LAST_ACK] = "last_ack",
		[SOCKET_LISTEN] = "listen",
		[SOCKET_CLOSING] = "closing",
		[SOCKET_NEW_SYN_RECEIVED] = "syn_received",
	};

	return names[state];
}

const char *encode_connection_reason(enum connection_reason reason)
{
	return reasons[reason];
}

/*
 * What the socket of one end takes this end to be, when NAT makes that another than what
 * its packets show. The end's own socket knows best.
 */
static bool is_translated(const struct connection *connection, enum connection_end end,
                          struct inet_address *address, uint16_t *port)
{
	const struct tuple wire = connection_tuple_of(connection, end);
	const struct tuple *own = owner_translated(&connection->owners[end]);
	const struct tuple *others = owner_translated(&connection->owners[!end]);

	*address = wire.source;
	*port = wire.source_port;
	if (others) {
		*address = others->destination;
		*port = others->destination_port;
	}
	if (own && (*port != own->source_port || !inet_equal(address, &own->source)) &&
	    (*port == wire.source_port && inet_equal(address, &wire.source))) {
		*address = own->source;
		*port = own->source_port;
	}
	return *port != wire.source_port || !inet_equal(address, &wire.source);
}

void encode_connection_translated(struct writer *writer, const struct key *key,
                                  const struct connection *connection, enum connection_end end)
{
	struct inet_address address;
	uint16_t port;

	if (!is_translated(connection, end, &address, &port))
		return;
	writer_object(writer, key);
	encode_tuple_end(writer, &address, port, inet_has_ports(connection->tuple.protocol));
	writer_object_end(writer);
}

const char *const encode_connection_places[SNIPPET_PIECES] = {
	[CONNECTION_PIECE_COMMUNITY_ID] = "network",
	[CONNECTION_PIECE_SOURCE] = "source",
	[CONNECTION_PIECE_DESTINATION] = "destination",
	[CONNECTION_PIECE_ENDS] = "",
	[CONNECTION_PIECE_ENDS_BACK] = "",
};

static void write_ends(struct writer *writer, const struct connection *connection, bool back)
{
	int source = back ? CONNECTION_PIECE_DESTINATION : CONNECTION_PIECE_SOURCE;
	int destination = back ? CONNECTION_PIECE_SOURCE : CONNECTION_PIECE_DESTINATION;

	writer_object(writer, KEY("source"));
	encode_connection_piece(writer, connection, source);
	writer_object_end(writer);
	writer_object(writer, KEY("destination"));
	encode_connection_piece(writer, connection, destination);
	writer_object_end(writer);
}

void encode_connection_piece(struct writer *writer, const void *object, int piece)
{
	const struct connection *connection = object;
	const struct tuple *tuple = &connection->tuple;
	bool has_ports = inet_has_ports(tuple->protocol);
	bool mapped = connection->lane & CONNECTION_LANE_MAPPED;
	void (*write_end)(struct writer *, const struct inet_address *, uint16_t, bool) =
		mapped ? encode_tuple_end_v6 : encode_tuple_end;

	switch ((enum connection_piece)piece) {
	case CONNECTION_PIECE_COMMUNITY_ID:
		if (connection->community_id[0] == '\0')
			break;
		writer_name(writer, KEY("community_id"), connection->community_id);
		break;
	case CONNECTION_PIECE_SOURCE:
		if (connection->routeless)
			break;
		write_end(writer, &tuple->source, tuple->source_port, has_ports);
		encode_connection_translated(writer, KEY("nat"), connection, CONNECTION_SOURCE);
		break;
	case CONNECTION_PIECE_DESTINATION:
		write_end(writer, &tuple->destination, tuple->destination_port, has_ports);
		encode_connection_translated(writer, KEY("nat"), connection,
		                             CONNECTION_DESTINATION);
		break;
	case CONNECTION_PIECE_ID:
		writer_object(writer, KEY("connection"));
		writer_id(writer, KEY("id"), connection->id);
		break;
	case CONNECTION_PIECE_ENDS:
	case CONNECTION_PIECE_ENDS_BACK:
		if (writer->record->fields)
			write_ends(writer, connection, piece == CONNECTION_PIECE_ENDS_BACK);
		break;
	}
}

void encode_connection_icmp(struct writer *writer, uint16_t id)
{
	writer_object(writer, KEY("icmp"));
	writer_u64(writer, KEY("id"), id);
	writer_object_end(writer);
}

void encode_connection_evidence(struct writer *writer, const void *object, int evidence)
{
	static const struct {
		unsigned bit;
		const char *name;
	} sources[] = {
		{ CONNECTION_FROM_PACKETS, "packets" },
		{ CONNECTION_FROM_SOCK_DIAG, "sock_diag" },
		{ CONNECTION_FROM_PROC_NET, "proc_net" },
		{ CONNECTION_FROM_TRACEPOINTS, "tracepoints" },
	};

	(void)object;
	writer_array(writer, KEY("evidence"));
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		if ((unsigned)evidence & sources[i].bit)
			writer_name(writer, ELEMENT, sources[i].name);
	}
	writer_array_end(writer);
}

void encode_connection_vlans(struct writer *writer, const struct connection *connection)
{
	uint16_t ids[PACKET_VLANS_MAX];
	int count = connection_vlans(connection, ids);

	if (count > 0)
		encode_tuple_vlans(writer, ids, count);
}

/* What carries it, and what it carries: the end of "connection", and "tunnel". */
void encode_connection_layers(struct writer *writer, const struct connection *connection)
{
	if (connection->tunnel && connection->tunnel->outer_id != 0)
		writer_id(writer, KEY("outer"), connection->tunnel->outer_id);
	if (connection->carries != PACKET_NO_TUNNEL)
		writer_name(writer, KEY("carries"),
		            encode_tuple_tunnel_type((enum packet_tunnel)connection->carries));
	writer_object_end(writer);
	if (connection->tunnel)
		encode_tuple_tunnel(writer, &connection->tunnel->tunnel);
}

void encode_connection_interval(struct writer *writer, const struct connection *connection,
                                int64_t now_ns)
{
	static const struct connection_count none;
	int64_t since_ns =
		connection->reported_ns > 0 ? connection->reported_ns : connection->start_ns;

	writer_object(writer, KEY("interval"));
	writer_ns(writer, KEY("duration_ns"), now_ns - since_ns);
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct connection_count *now = &connection->counts[end];
		const struct connection_count *before =
			connection->extra ? &connection->extra->reported[end] : &none;

		writer_object(writer,
		              end == CONNECTION_SOURCE ? KEY("source") : KEY("destination"));
		writer_count(writer, KEY("bytes"), now->bytes - before->bytes);
		writer_count(writer, KEY("packets"), now->packets - before->packets);
		writer_object_end(writer);
	}
	writer_object_end(writer);
}

void encode_connection_icmp_errors(struct writer *writer, const struct icmp_errors *errors)
{
	writer_object(writer, KEY("icmp_error"));
	writer_u64(writer, KEY("type"), errors->type);
	writer_u64(writer, KEY("code"), errors->code);
	writer_u64(writer, KEY("count"), errors->count);
	writer_object_end(writer);
}

#endif

/* Times and result, inside "event". */
WRITER_INLINE void write_event(struct writer *writer, const struct connection *connection,
                               enum event_action action)
{
	encode_cache_time(writer, KEY("start"), connection->start_ns);
	if (action != EVENT_CONNECTION_CLOSED)
		return;
	encode_cache_time(writer, KEY("end"), connection->last_ns);
	writer_ns(writer, KEY("duration"), connection->last_ns - connection->start_ns);
	writer_name(writer, KEY("outcome"), outcomes[connection->outcome]);
	writer_name(writer, KEY("reason"), reasons[connection->reason]);
}

WRITER_INLINE void write_counts(struct writer *writer, const struct connection_count *count)
{
	writer_count(writer, KEY("bytes"), count->bytes);
	writer_count(writer, KEY("packets"), count->packets);
}

static enum packet_direction direction_of(const struct connection *connection)
{
	switch (connection->direction) {
	case CONNECTION_INGRESS:
		return PACKET_INGRESS;
	case CONNECTION_EGRESS:
		return PACKET_EGRESS;
	case CONNECTION_DIRECTION_UNKNOWN:
		break;
	}
	return PACKET_DIRECTION_UNKNOWN;
}

WRITER_INLINE void write_tuple(struct writer *writer, const struct connection *connection,
                               const struct snippet *pieces)
{
	const struct tuple *tuple = &connection->tuple;
	const struct connection_count *counts = connection->counts;
	/* A connection that only its socket reported has no counts, rather than counts of 0. */
	bool counted = connection->evidence & CONNECTION_FROM_PACKETS;
	struct connection_count sum = {
		.bytes = counts[CONNECTION_SOURCE].bytes + counts[CONNECTION_DESTINATION].bytes,
		.packets =
			counts[CONNECTION_SOURCE].packets + counts[CONNECTION_DESTINATION].packets,
	};

	encode_tuple_network(writer, connection_is_v4(connection) ? PACKET_IPV4 : PACKET_IPV6,
	                     tuple->protocol, direction_of(connection));
	encode_connection_write_piece(writer, pieces, connection, CONNECTION_PIECE_COMMUNITY_ID);
	if (counted)
		write_counts(writer, &sum);
	if (connection->lane & ~CONNECTION_LANE_MAPPED)
		writer_call(writer, encode_connection_vlans, connection);
	if (connection->protocol != NAMES_PROTOCOL_NONE)
		writer_call(writer, encode_names_network, connection->protocol);
	writer_object_end(writer);
	if (!connection->routeless) {
		writer_object(writer, KEY("source"));
		encode_connection_write_piece(writer, pieces, connection, CONNECTION_PIECE_SOURCE);
		if (counted)
			write_counts(writer, &counts[CONNECTION_SOURCE]);
		writer_object_end(writer);
	}
	writer_object(writer, KEY("destination"));
	encode_connection_write_piece(writer, pieces, connection, CONNECTION_PIECE_DESTINATION);
	if (counted)
		write_counts(writer, &counts[CONNECTION_DESTINATION]);
	if (connection->names)
		writer_call(writer, encode_names_domain, KEY("domain"), connection->names);
	writer_object_end(writer);
}

WRITER_INLINE void write_socket(struct writer *writer, const struct connection *connection,
                                const struct owner *owner)
{
	uint32_t netns = owner->netns > 0 ? owner->netns : connection->netns;

	if ((owner->inode == 0 && owner->cookie == 0 && netns == 0) ||
	    !writer_wants(writer, KEY("socket")))
		return;
	writer_object(writer, KEY("socket"));
	if (owner->inode > 0)
		writer_decimal(writer, KEY("inode"), owner->inode);
	if (owner->cookie > 0)
		writer_hex(writer, KEY("cookie"), owner->cookie);
	if (netns > 0)
		writer_decimal(writer, KEY("netns"), netns);
	writer_object_end(writer);
}

WRITER_INLINE void write_connection(struct writer *writer, const struct event_connection *event,
                                    const struct snippet *pieces, enum event_action action,
                                    bool totals)
{
	const struct connection *connection = event->connection;

	if (!writer_wants(writer, KEY("connection")) &&
	    (connection->tunnel == NULL || !writer_wants(writer, KEY("tunnel"))))
		return;
	encode_connection_write_piece(writer, pieces, connection, CONNECTION_PIECE_ID);
	writer_name(writer, KEY("state"), encode_connection_state(connection->state));
	if (action == EVENT_CONNECTION_STATE_CHANGED)
		writer_name(writer, KEY("previous_state"),
		            encode_connection_state(event->previous));
	if (connection->midway)
		writer_call(writer, encode_writer_bool, KEY("midway"), true);
	if (connection_extra_past(connection))
		writer_call(writer, encode_writer_bool, KEY("existing"), true);
	if (totals)
		writer_call(writer, encode_tcp_history, connection);
	if (totals && connection_extra_icmp_errors(connection))
		writer_call(writer, encode_connection_icmp_errors,
		            connection_extra_icmp_errors(connection));
	if (__builtin_expect(connection->tunnel || connection->carries != PACKET_NO_TUNNEL,
	                     false)) {
		writer_call(writer, encode_connection_layers, connection);
		return;
	}
	writer_object_end(writer);
}

/* The end whose owner is the record's process. */
WRITER_INLINE enum connection_end owned_end(const struct connection *connection)
{
	return connection->local[CONNECTION_DESTINATION] && !connection->local[CONNECTION_SOURCE]
	               ? CONNECTION_DESTINATION
	               : CONNECTION_SOURCE;
}

WRITER_INLINE void write_attribution(struct writer *writer, const struct connection *connection,
                                     enum connection_end end)
{
	const bool *local = connection->local;

	writer_call(writer, encode_owner_cgroup, &connection->owners[end]);
	if (writer_wants(writer, KEY("attribution")))
		encode_owner_attribution(writer, &connection->owners[end],
		                         local[end] ? ATTRIBUTION_NO_SOCKET
		                                    : ATTRIBUTION_FORWARDED);
	if (local[CONNECTION_SOURCE] && local[CONNECTION_DESTINATION] &&
	    writer_wants(writer, KEY("peer")))
		writer_call(writer, encode_owner_peer, &connection->owners[CONNECTION_DESTINATION]);
}

#if !WRITER_NARROW
void encode_connection_ends(struct writer *writer, struct connection *connection)
{
	const struct snippet *pieces = encode_connection_snippet(writer, connection);

	encode_tuple_network(writer, connection_is_v4(connection) ? PACKET_IPV4 : PACKET_IPV6,
	                     connection->tuple.protocol, direction_of(connection));
	encode_connection_write_piece(writer, pieces, connection, CONNECTION_PIECE_COMMUNITY_ID);
	if (connection->protocol != NAMES_PROTOCOL_NONE)
		writer_call(writer, encode_names_network, connection->protocol);
	writer_object_end(writer);
	writer_object(writer, KEY("source"));
	encode_connection_write_piece(writer, pieces, connection, CONNECTION_PIECE_SOURCE);
	writer_object_end(writer);
	writer_object(writer, KEY("destination"));
	encode_connection_write_piece(writer, pieces, connection, CONNECTION_PIECE_DESTINATION);
	writer_object_end(writer);
	writer_call(writer, encode_owner_full, &connection->owners[owned_end(connection)]);
}

void encode_connection_owners(struct writer *writer, struct connection *connection)
{
	const struct snippet *pieces = encode_connection_snippet(writer, connection);
	enum connection_end end = owned_end(connection);

	encode_connection_write_piece(writer, pieces, connection, CONNECTION_PIECE_ID);
	writer_object_end(writer);
	write_socket(writer, connection, &connection->owners[end]);
	write_attribution(writer, connection, end);
}
#endif

WRITER_INLINE void write_evidence(struct writer *writer, const struct connection *connection)
{
	struct memo *memos = writer->record->encoder->evidences;

	if (writer_wants(writer, KEY("evidence")))
		encode_cache_memo(writer, encode_cache_find(memos, connection->evidence),
		                  encode_connection_evidence, NULL, (int)connection->evidence);
}

/* With a writer in a register: see struct writer. */
WRITER_INLINE void write_record(struct writer *writer, const struct event *any)
{
	const struct event_connection *event = &any->connection;
	struct connection *connection = event->connection;
	const struct snippet *pieces = encode_connection_snippet(writer, connection);
	enum connection_end end = owned_end(connection);
	const struct owner *owner = &connection->owners[end];
	bool totals =
		any->action == EVENT_CONNECTION_UPDATED || any->action == EVENT_CONNECTION_CLOSED;

	write_event(writer, connection, any->action);
	encode_record_host(writer, NULL);
	write_tuple(writer, connection, pieces);
	writer_call(writer, encode_owner_full, owner);
	if (connection->names)
		writer_call(writer, encode_names_contents, connection->names);
	encode_record_sockline(writer);
	write_connection(writer, event, pieces, any->action, totals);
	write_socket(writer, connection, owner);
	if (connection->tuple.protocol == IPPROTO_TCP && writer_wants(writer, KEY("tcp")))
		writer_call(writer, encode_tcp_connection, connection, totals);
	if (connection->has_icmp_id)
		writer_call(writer, encode_connection_icmp, connection->icmp_id);
	if (any->action == EVENT_CONNECTION_UPDATED)
		writer_call(writer, encode_connection_interval, connection, any->time_ns);
	write_evidence(writer, connection);
	write_attribution(writer, connection, end);
	if (connection->names)
		writer_call(writer, encode_names_sockline, connection->names);
}

#if WRITER_NARROW
void encode_narrow_connection(struct writer *outside, const struct event *any)
#else
void encode_connection_event(struct writer *outside, const struct event *any)
#endif
{
	struct writer own = writer_own(outside);

	encode_record_open(&own, any);
	write_record(&own, any);
	encode_record_close(&own);
	writer_return(outside, &own);
}
