/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Echo requests: the kernel reports no end of ping and raw sockets. It reports the end of their
 * process, and after that a listing shows whether the socket is another's as well.
 */
#include <errno.h>

#include "attribution/windows.h"
#include "stream/stream_private.h"

static bool is_echo(const struct connection *connection)
{
	return connection->has_icmp_id && connection->local[CONNECTION_SOURCE];
}

void stream_note_echo(struct stream *stream, const struct connection *connection)
{
	if (!stream->ports || !is_echo(connection))
		return;
	local_ports_set(stream->ports, connection_table_number(connection), CONNECTION_SOURCE,
	                STREAM_ECHOES);
	stream->echoes_changed = true;
}

void stream_await_echoes(struct stream *stream, int64_t now_ns)
{
	uint32_t exits = attribution_exits(stream->options.attribution);

	if (now_ns - stream->echoes_ns < WINDOW_ECHOES_NS ||
	    (!stream->echoes_changed && exits == stream->echoes_exits))
		return;
	stream->echoes_ns = now_ns;
	stream->echoes_exits = exits;
	stream->echoes_changed = false;
	local_ports_wait(stream->ports, STREAM_ECHOES, now_ns);
}

void stream_look_at_echo(struct stream *stream, struct connection *connection)
{
	const struct owner *owner = &connection->owners[CONNECTION_SOURCE];
	struct attribution_question question = {
		.netns = connection->netns,
		.tuple = connection->tuple,
		.sender = true,
		.has_icmp_id = true,
		.icmp_id = connection->icmp_id,
	};
	int gone;

	if (connection->dead || !owner->process || owner->process->exited_ns == 0)
		return;
	question.heir_ns = owner->process->exited_ns;
	gone = attribution_echo_is_gone(stream->options.attribution, &question, owner);
	if (gone == -EAGAIN)
		stream->echoes_changed = true;
	else if (gone)
		connection_table_died(stream->connections, connection, question.heir_ns);
}
