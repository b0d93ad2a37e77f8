/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* When processes began and ceased to listen on TCP ports: the socket there now may be another one. */
#include "attribution/trace_owners_private.h"

void trace_owners_note_listening(struct trace_owners *owners, const struct trace_event *event)
{
	if (event->kind == TRACE_EVENT_LOST_SOCKETS)
		owners->listening_lost_ns = event->time_ns;
	if (event->kind != TRACE_EVENT_STATE || !event->process_context)
		return;
	if (event->old_state == SOCKET_LISTEN || event->new_state == SOCKET_LISTEN)
		owners->listening_ns[event->tuple.source_port] = event->time_ns;
	if (event->new_state == SOCKET_LISTEN && owners->options.listens)
		owners->options.listens(owners->options.context, event->pid);
}

enum trace_owners_listening trace_owners_listening(struct trace_owners *owners, uint16_t port,
                                                   int64_t after_ns)
{
	trace_owners_drain(owners);
	/* listen(2) on a socket without bind(2) is reported before it has a port. */
	if (owners->listening_ns[port] > after_ns || owners->listening_ns[0] > after_ns)
		return TRACE_OWNERS_LISTENING_CHANGED;
	return owners->listening_lost_ns > after_ns ? TRACE_OWNERS_LISTENING_LOST
	                                            : TRACE_OWNERS_LISTENING_SAME;
}
