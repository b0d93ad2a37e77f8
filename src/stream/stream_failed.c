/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of connect(2) that failed, as tracepoints report them. Where packets of them were captured,
 * these are the connection. Without any, the report is its beginning and its end.
 */
#include <errno.h>
#include <netinet/in.h>

#include "attribution/failed_connects.h"
#include "attribution/windows.h"
#include "base/clock.h"
#include "connections/connection_extra.h"
#include "events/community_id.h"
#include "stream/stream_private.h"

static int64_t wall_time(const struct stream *stream, int64_t monotonic_ns)
{
	return monotonic_ns + stream->clock.offset_ns;
}

static int64_t errors_from_ns(const struct failed_connect *connect)
{
	return connect->began_ns - WINDOW_TRACE_AFTER_NS;
}

/* A firewall that drops a SYN does not report that: it looks like a network that does. */
static enum connection_reason reason_of(const struct stream *stream,
                                        const struct failed_connect *connect,
                                        const struct unclaimed_error *error)
{
	if (connect->error == -EACCES || connect->error == -EINVAL) /* "prohibit", "blackhole" */
		return CONNECTION_BLOCKED;
	if (connect->error != 0)
		return CONNECTION_UNREACHABLE;
	if (error)
		return error->reason;
	return connect->ended_ns - connect->began_ns < WINDOW_UNANSWERED_NS ||
	                       unclaimed_errors_lack(stream->errors, errors_from_ns(connect))
	               ? CONNECTION_SOCKET_CLOSED
	               : CONNECTION_TIMEOUT;
}

/* What this host answered itself, while it tried. */
static const struct unclaimed_error *
find_errors(const struct stream *stream, const struct failed_connect *connect, uint32_t *count)
{
	return unclaimed_errors_find(stream->errors, connect->netns, &connect->tuple,
	                             errors_from_ns(connect), count);
}

static const struct unclaimed_error *take_errors(const struct stream *stream,
                                                 const struct failed_connect *connect,
                                                 struct connection *connection)
{
	uint32_t count;
	const struct unclaimed_error *error = find_errors(stream, connect, &count);
	struct connection_extra *extra = error ? connection_extra(connection) : NULL;

	if (extra)
		extra->icmp_errors = (struct icmp_errors){ count, error->type, error->code };
	return error;
}

/*
 * It began when its namespace was not captured yet: that no packet of it was seen says nothing, not
 * even that there was none.
 */
static bool may_have_had_packets(const struct stream *stream, const struct failed_connect *connect)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(stream->options.attribution, connect->netns);
	uint32_t count;

	return connect->error == 0 &&
	       (connect->began_ns < stream->captured_ns ||
	        (namespace && connect->began_ns < namespace->since_ns)) &&
	       !find_errors(stream, connect, &count);
}

static void add_connection(struct stream *stream, const struct connection_key *key,
                           const struct failed_connect *connect, struct owner *owner)
{
	int64_t now_ns = clock_monotonic_ns();
	struct connection *connection = connection_table_open(
		stream->connections, key, wall_time(stream, connect->began_ns), now_ns);

	if (!connection)
		return;
	if (stream->traffic)
		traffic_opened(stream->traffic, connection);
	connection->evidence = CONNECTION_FROM_TRACEPOINTS;
	connection->local[CONNECTION_SOURCE] = true;
	connection->direction = CONNECTION_EGRESS;
	connection->seen_ns = connect->began_ns;
	connection->last_ns = wall_time(stream, connect->ended_ns);
	connection->owners[CONNECTION_SOURCE] = *owner;
	*owner = (struct owner){ 0 };
	connection->routeless = connect->error != 0 && key->tuple.source_port == 0;
	if (key->tuple.source_port != 0)
		community_id_of(stream->options.community_id_seed, &key->tuple,
		                tuple_is_v4(&key->tuple), true, connection->community_id);
	stream_emit_connection(stream, EVENT_CONNECTION_OPENED, connection->start_ns, connection);
	connection_table_close(stream->connections, connection,
	                       reason_of(stream, connect, take_errors(stream, connect, connection)),
	                       CONNECTION_FAILURE, now_ns);
	stream_emit_closed(stream, connection, connection->last_ns);
	/* Without a port no packet belongs to it. */
	if (key->tuple.source_port == 0)
		connection_table_forget(stream->connections, connection);
}

/* Its SYN had no answer, and its socket is closed. */
static void give_up(struct stream *stream, struct connection *connection, int64_t ended_ns)
{
	if (connection->counts[CONNECTION_DESTINATION].packets > 0)
		return;
	if (connection_table_close(stream->connections, connection, CONNECTION_TIMEOUT,
	                           CONNECTION_FAILURE, clock_monotonic_ns()))
		stream_emit_closed(stream, connection, wall_time(stream, ended_ns));
}

/* It has the ends of one that is over: nobody reported that. */
static void replace(struct stream *stream, struct connection *connection)
{
	if (connection_table_close(stream->connections, connection, CONNECTION_SOCKET_CLOSED,
	                           CONNECTION_UNKNOWN, clock_monotonic_ns()))
		stream_emit_closed(stream, connection, connection->last_ns);
	connection_table_forget(stream->connections, connection);
}

/* By its own tuple, or the one that NAT gave its packets. */
static struct connection *find_connection(const struct stream *stream,
                                          const struct connection_key *key,
                                          enum connection_end *end)
{
	struct connection *connection = connection_table_find_socket(stream->connections, key, end);

	return connection ? connection : connection_table_find(stream->connections, key, end);
}

void stream_note_untraced(struct stream *stream, const struct connection *connection)
{
	if (!stream->errors || connection->tuple.protocol != IPPROTO_TCP ||
	    !connection->local[CONNECTION_SOURCE] || connection->midway ||
	    connection->owners[CONNECTION_SOURCE].process)
		return;
	stream->untraced[stream->untraced_count++ % STREAM_UNTRACED] =
		(struct stream_untraced){ connection_table_number(connection), connection->id };
}

/* connect(2) may give one port to several destinations: a connection with a socket of its own is another. */
static bool is_translation(const struct connection *connection,
                           const struct failed_connect *connect)
{
	return connection->netns == connect->netns &&
	       connection->tuple.source_port == connect->tuple.source_port &&
	       inet_equal(&connection->tuple.source, &connect->tuple.source) &&
	       connection->seen_ns >= connect->began_ns - WINDOW_TRACE_EXACT_NS &&
	       connection->seen_ns <= connect->ended_ns &&
	       !connection->owners[CONNECTION_SOURCE].process &&
	       connection->owners[CONNECTION_SOURCE].inode == 0;
}

/*
 * NAT replaced the address that it connected to, and does not say so any more, as it forgets what
 * is refused: the only connection from its address and port that began meanwhile, and that no
 * process was seen to open. NULL: none, or several.
 */
static struct connection *find_translated(const struct stream *stream,
                                          const struct failed_connect *connect)
{
	struct connection *found = NULL;

	for (uint32_t i = 0; i < STREAM_UNTRACED && i < stream->untraced_count; i++) {
		struct connection *connection = connection_table_at(
			stream->connections, stream->untraced[i].number, stream->untraced[i].id);

		if (!connection || !is_translation(connection, connect))
			continue;
		if (found)
			return NULL;
		found = connection;
	}
	return found;
}

static void name_source(struct stream *stream, struct connection *connection, struct owner *owner)
{
	owner_clear(&connection->owners[CONNECTION_SOURCE]);
	connection->owners[CONNECTION_SOURCE] = *owner;
	*owner = (struct owner){ 0 };
	binder_report(stream->binder, connection);
}

static void name_translated(struct stream *stream, struct connection *connection,
                            const struct failed_connect *connect, struct owner *owner)
{
	if (owner->process && owner_set_translated(owner, &connect->tuple) == 0)
		name_source(stream, connection, owner);
}

static void take(struct stream *stream, const struct failed_connect *connect, struct owner *owner)
{
	struct connection_key key =
		connection_table_key(stream->connections, connect->netns, &connect->tuple);
	struct connection *connection = NULL;
	enum connection_end end = CONNECTION_SOURCE;
	bool older;

	if (connect->tuple.source_port != 0)
		connection = find_connection(stream, &key, &end);
	if (!connection && connect->tuple.source_port != 0) {
		connection = find_translated(stream, connect);
		if (connection)
			name_translated(stream, connection, connect, owner);
	}
	older = connection && connection->seen_ns < connect->began_ns - WINDOW_TRACE_AFTER_NS;
	if (connection && !older) {
		if (connection->seen_ns > connect->ended_ns)
			return;
		/* Its packets were read when the kernel had no socket any more. */
		if (end == CONNECTION_SOURCE && connection->local[end] && owner->process &&
		    !connection->owners[end].process && !connection_table_is_closed(connection))
			name_source(stream, connection, owner);
		give_up(stream, connection, connect->ended_ns);
		return;
	}
	if (!stream->errors || may_have_had_packets(stream, connect))
		return;
	if (older)
		replace(stream, connection);
	add_connection(stream, &key, connect, owner);
}

bool stream_take_failed_connects(struct stream *stream, int64_t before_ns)
{
	struct failed_connect connect;
	struct owner owner = { 0 };

	if (!stream->options.attribution)
		return true;
	while (before_ns == INT64_MAX || stream_has_room(stream)) {
		if (!attribution_take_failed_connect(stream->options.attribution, before_ns,
		                                     &connect, &owner))
			return true;
		take(stream, &connect, &owner);
		owner_clear(&owner);
	}
	return false;
}
