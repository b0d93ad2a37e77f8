/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A UDP socket was destroyed: does a packet belong to the socket that followed it? */
#include <netinet/in.h>

#include "attribution/windows.h"
#include "stream/passage.h"

/* The port of the socket: NAT may give the packets another one. */
static uint16_t port_of(const struct connection *connection, int end)
{
	if (connection->translated)
		return stream_socket_of(connection, (enum connection_end)end).tuple.source_port;
	return end == CONNECTION_SOURCE ? connection->tuple.source_port
	                                : connection->tuple.destination_port;
}

/* Sockets that were destroyed on the ports of its local ends. */
static uint32_t count_destroyed(const struct stream *stream, const struct connection *connection)
{
	uint32_t count = 0;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++)
		if (connection->local[end])
			count += destroyed_count(stream->destroyed, port_of(connection, end));
	return count;
}

/* For packets from this one on, no socket that was reported so far is looked at any more. */
void stream_settle_destroyed(const struct stream *stream, struct connection *connection,
                             int64_t seen_ns)
{
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++)
		if (connection->local[end] &&
		    destroyed_port_since(stream->destroyed, port_of(connection, end), seen_ns))
			return;
	connection->binding.destroyed = (uint16_t)count_destroyed(stream, connection);
}

/* Where no socket has followed, and its owner lived, what was sent before the report is of this one. */
static bool lived_at(const struct connection *connection, enum connection_end end, int64_t seen_ns)
{
	const struct process *process = connection->owners[end].process;

	return process && (process->exited_ns == 0 || process->exited_ns >= seen_ns);
}

/*
 * A packet after the report is another socket's, if its owner is not found to be the same. One
 * just before it may be: only an owner that is found to be another one proves it, for most sockets
 * are destroyed after an answer, before it is read. What is read late was reported late, too.
 * A second socket that was destroyed since was a successor, which may have sent as well.
 * What no socket follows to receive is a late packet of the one that is gone.
 */
static bool is_another_now(struct stream *stream, const struct connection *connection,
                           enum connection_end end, struct passage *passage)
{
	struct stream_socket socket = stream_socket_of(connection, end);
	int64_t seen_ns = passage->seen_ns;
	bool sender = end == passage->from;
	struct destroyed_times destroyed =
		destroyed_last(stream->destroyed, socket.netns, &socket.tuple, seen_ns);
	bool late = passage->now_ns - seen_ns > WINDOW_DESTROYED_LATE_NS;
	bool again = sender && destroyed.previous_ns >= connection->seen_ns;
	bool surely_after = late || seen_ns >= destroyed.last_ns;
	enum binder_now now;

	if (destroyed.last_ns < connection->seen_ns ||
	    (!late && seen_ns < destroyed.last_ns - WINDOW_DESTROYED_LATE_NS))
		return false;
	/* An end without owner gets it from what it sends. */
	if (!surely_after && !owner_known(&connection->owners[end]))
		return false;
	now = binder_who_now(stream->binder, connection, end, sender, seen_ns);
	if (now == BINDER_NO_SOCKET && !sender) {
		passage->doubtful |= seen_ns >= destroyed.last_ns ? BINDER_GONE << end : 0;
		return false;
	}
	if (sender && !again && now != BINDER_ANOTHER && lived_at(connection, end, seen_ns) &&
	    seen_ns < destroyed.last_ns)
		return false;
	return surely_after || again ? now != BINDER_SAME : now == BINDER_ANOTHER;
}

/* A packet of the only socket that its end had: it is closed, and one may yet follow. */
static bool may_be_late(const struct connection *connection)
{
	return connection->binding.outlived ||
	       (connection_table_is_closed(connection) && connection->dead);
}

/*
 * A socket of the UDP port of an end was destroyed meanwhile: it is another process's now. A
 * connection that was closed with its socket is found by what comes late.
 */
bool stream_is_of_another_socket(struct stream *stream, struct connection *connection,
                                 struct passage *passage)
{
	bool another = false;

	if (connection->tuple.protocol != IPPROTO_UDP)
		return false;
	if ((uint16_t)count_destroyed(stream, connection) == connection->binding.destroyed &&
	    !may_be_late(connection))
		return connection_table_is_closed(connection);
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION && !another; end++)
		another = connection->local[end] &&
		          is_another_now(stream, connection, (enum connection_end)end, passage);
	if (another)
		passage->doubtful = 0;
	connection->binding.outlived = passage->doubtful != 0;
	stream_settle_destroyed(stream, connection, passage->seen_ns);
	return another || (connection_table_is_closed(connection) && passage->doubtful == 0);
}
