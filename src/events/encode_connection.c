/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"

const char *encode_connection_state(enum socket_state state)
{
	switch (state) {
	case SOCKET_STATE_NONE: return NULL;
	case SOCKET_ESTABLISHED: return "established";
	case SOCKET_SYN_SENT: return "syn_sent";
	case SOCKET_SYN_RECEIVED: return "syn_received";
	case SOCKET_FIN_WAIT_1: return "fin_wait_1";
	case SOCKET_FIN_WAIT_2: return "fin_wait_2";
	case SOCKET_TIME_WAIT: return "time_wait";
	case SOCKET_CLOSED: return "closed";
	case SOCKET_CLOSE_WAIT: return "close_wait";
	case SOCKET_LAST_ACK: return "last_ack";
	case SOCKET_LISTEN: return "listen";
	case SOCKET_CLOSING: return "closing";
	case SOCKET_NEW_SYN_RECEIVED: return "syn_received";
	}
	return NULL;
}

static const char *reason_name(enum connection_reason reason)
{
	switch (reason) {
	case CONNECTION_REASON_NONE: return NULL;
	case CONNECTION_FIN: return "fin";
	case CONNECTION_RESET: return "reset";
	case CONNECTION_REFUSED: return "refused";
	case CONNECTION_TIMEOUT: return "timeout";
	case CONNECTION_IDLE: return "idle";
	case CONNECTION_EVICTED: return "evicted";
	case CONNECTION_SHUTDOWN: return "shutdown";
	case CONNECTION_SOCKET_CLOSED: return "socket_closed";
	}
	return NULL;
}

static const char *outcome_name(enum connection_outcome outcome)
{
	switch (outcome) {
	case CONNECTION_UNKNOWN: return "unknown";
	case CONNECTION_SUCCESS: return "success";
	case CONNECTION_FAILURE: return "failure";
	}
	return NULL;
}

void encode_connection_piece(struct writer *writer, const void *object, int piece)
{
	const struct connection *connection = object;
	const struct tuple *tuple = &connection->tuple;
	bool has_ports = encode_tuple_has_ports(tuple->protocol);

	switch ((enum connection_piece)piece) {
	case CONNECTION_PIECE_PROTOCOL:
		encode_tuple_protocol(writer, tuple_is_v4(tuple), tuple->protocol);
		break;
	case CONNECTION_PIECE_COMMUNITY_ID:
		if (connection->has_community_id)
			writer_name(writer, KEY("community_id"), connection->community_id);
		break;
	case CONNECTION_PIECE_SOURCE:
		encode_tuple_end(writer, &tuple->source, tuple->source_port, has_ports);
		break;
	case CONNECTION_PIECE_DESTINATION:
		encode_tuple_end(writer, &tuple->destination, tuple->destination_port, has_ports);
		break;
	case CONNECTION_PIECE_ID:
		writer_id(writer, KEY("id"), connection->id);
		break;
	}
}

const struct fragment *encode_connection_fragment(struct writer *writer, struct connection *connection)
{
	/* Tuple and id never change; the Community ID may come after the first record. */
	return encode_cache_fragment(writer, &connection->fragment, connection->has_community_id,
	                             encode_connection_piece, connection);
}

void encode_connection_tcp_info(struct writer *writer, const struct socket_tcp_info *info)
{
	writer_object(writer, KEY("tcp"));
	writer_u64(writer, KEY("rtt_us"), info->rtt_us);
	writer_u64(writer, KEY("retransmits"), info->retransmits);
	writer_count(writer, KEY("bytes_acked"), info->bytes_acked);
	writer_count(writer, KEY("bytes_received"), info->bytes_received);
	writer_object_end(writer);
}

/* Times and result, inside "event". */
static void write_event(struct writer *writer, const struct connection *connection,
                        enum event_action action)
{
	writer_time(writer, KEY("start"), connection->start_ns);
	if (action != EVENT_CONNECTION_CLOSED)
		return;
	writer_time(writer, KEY("end"), connection->last_ns);
	writer_ns(writer, KEY("duration"), connection->last_ns - connection->start_ns);
	writer_name(writer, KEY("outcome"), outcome_name(connection->outcome));
	writer_name(writer, KEY("reason"), reason_name(connection->reason));
}

static void write_counts(struct writer *writer, const struct connection_count *count)
{
	writer_count(writer, KEY("bytes"), count->bytes);
	writer_count(writer, KEY("packets"), count->packets);
}

static void write_tuple(struct writer *writer, struct connection *connection)
{
	const struct fragment *fragment = encode_connection_fragment(writer, connection);
	const struct connection_count *counts = connection->counts;
	/* A connection that only its socket told of has no counts, rather than counts of 0. */
	bool counted = connection->evidence & CONNECTION_FROM_PACKETS;
	struct connection_count sum = {
		.bytes = counts[CONNECTION_SOURCE].bytes + counts[CONNECTION_DESTINATION].bytes,
		.packets = counts[CONNECTION_SOURCE].packets + counts[CONNECTION_DESTINATION].packets,
	};

	writer_object(writer, KEY("network"));
	encode_cache_piece(writer, fragment, encode_connection_piece, connection, CONNECTION_PIECE_PROTOCOL);
	encode_tuple_direction(writer, connection->direction);
	encode_cache_piece(writer, fragment, encode_connection_piece, connection,
	                   CONNECTION_PIECE_COMMUNITY_ID);
	if (counted)
		write_counts(writer, &sum);
	writer_object_end(writer);
	writer_object(writer, KEY("source"));
	encode_cache_piece(writer, fragment, encode_connection_piece, connection, CONNECTION_PIECE_SOURCE);
	if (counted)
		write_counts(writer, &counts[CONNECTION_SOURCE]);
	writer_object_end(writer);
	writer_object(writer, KEY("destination"));
	encode_cache_piece(writer, fragment, encode_connection_piece, connection,
	                   CONNECTION_PIECE_DESTINATION);
	if (counted)
		write_counts(writer, &counts[CONNECTION_DESTINATION]);
	writer_object_end(writer);
}

static void write_interval(struct writer *writer, const struct connection *connection, int64_t now_ns)
{
	int64_t since_ns = connection->reported_ns > 0 ? connection->reported_ns : connection->start_ns;

	writer_object(writer, KEY("interval"));
	writer_ns(writer, KEY("duration_ns"), now_ns - since_ns);
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		const struct connection_count *now = &connection->counts[end];
		const struct connection_count *before = &connection->reported[end];

		writer_object(writer, end == CONNECTION_SOURCE ? KEY("source") : KEY("destination"));
		writer_count(writer, KEY("bytes"), now->bytes - before->bytes);
		writer_count(writer, KEY("packets"), now->packets - before->packets);
		writer_object_end(writer);
	}
	writer_object_end(writer);
}

static void write_socket(struct writer *writer, const struct connection *connection,
                         const struct owner *owner)
{
	uint32_t netns = owner->netns > 0 ? owner->netns : connection->netns;

	if (owner->inode == 0 && owner->cookie == 0 && netns == 0)
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

static void write_evidence(struct writer *writer, unsigned evidence)
{
	writer_array(writer, KEY("evidence"));
	if (evidence & CONNECTION_FROM_PACKETS)
		writer_name(writer, ELEMENT, "packets");
	if (evidence & CONNECTION_FROM_SOCK_DIAG)
		writer_name(writer, ELEMENT, "sock_diag");
	if (evidence & CONNECTION_FROM_PROC_NET)
		writer_name(writer, ELEMENT, "proc_net");
	if (evidence & CONNECTION_FROM_TRACEPOINTS)
		writer_name(writer, ELEMENT, "tracepoints");
	writer_array_end(writer);
}

static void write_connection(struct writer *writer, const struct event_connection *event,
                             enum event_action action)
{
	const struct connection *connection = event->connection;

	writer_object(writer, KEY("connection"));
	writer_id(writer, KEY("id"), connection->id);
	writer_name(writer, KEY("state"), encode_connection_state(connection->state));
	if (action == EVENT_CONNECTION_STATE_CHANGED)
		writer_name(writer, KEY("previous_state"), encode_connection_state(event->previous));
	writer_object_end(writer);
}

void encode_connection_event(struct writer *writer, const struct event *event)
{
	struct connection *connection = event->connection.connection;
	enum connection_end end = connection->local[CONNECTION_SOURCE] ||
	                          !connection->local[CONNECTION_DESTINATION] ? CONNECTION_SOURCE
	                                                                     : CONNECTION_DESTINATION;
	const struct owner *owner = &connection->owners[end];

	write_event(writer, connection, event->action);
	encode_record_host(writer);
	write_tuple(writer, connection);
	encode_owner_full(writer, owner, &event->connection.args);
	encode_record_sockline(writer);
	write_connection(writer, &event->connection, event->action);
	write_socket(writer, connection, owner);
	if (connection->has_tcp_info)
		encode_connection_tcp_info(writer, &connection->tcp_info);
	if (event->action == EVENT_CONNECTION_UPDATED)
		write_interval(writer, connection, event->time_ns);
	write_evidence(writer, connection->evidence);
	encode_owner_cgroup(writer, owner);
	encode_owner_attribution(writer, owner, connection->local[end] ? ATTRIBUTION_NO_SOCKET
	                                                               : ATTRIBUTION_FORWARDED);
	if (connection->local[CONNECTION_SOURCE] && connection->local[CONNECTION_DESTINATION])
		encode_owner_peer(writer, &connection->owners[CONNECTION_DESTINATION]);
}
