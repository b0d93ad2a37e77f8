/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection lives: counts and states by its packets, its timers, its end. */
#include <netinet/in.h>

#include "attribution/windows.h"
#include "connections/connection_extra.h"
#include "connections/connection_table_private.h"
#include "connections/tcp_quality.h"
#include "connections/tcp_state.h"

static bool has_fin(const struct connection *connection)
{
	const struct tcp_state *tcp = &connection->tcp;

	return (tcp->seen[CONNECTION_SOURCE] | tcp->seen[CONNECTION_DESTINATION]) & TCP_FLAG_FIN;
}

/* TCP: SYNs, and nothing came back. */
static bool is_unanswered(const struct connection *connection)
{
	return (connection->tcp.seen[CONNECTION_SOURCE] & TCP_FLAG_SYN) &&
	       !connection->tcp.established &&
	       connection->counts[CONNECTION_DESTINATION].packets == 0;
}

static int64_t idle_limit(const struct connection *connection)
{
	const struct tcp_state *tcp = &connection->tcp;

	if (connection->life.closed)
		return WINDOW_LINGER_NS;
	if (connection->tuple.protocol != IPPROTO_TCP)
		return connection->dead ? WINDOW_HELD_NS : CONNECTION_OTHER_IDLE_NS;
	if (connection->dead && is_unanswered(connection))
		return WINDOW_HELD_NS;
	if (connection->dead || has_fin(connection))
		return CONNECTION_FIN_IDLE_NS;
	return tcp->established ? CONNECTION_TCP_IDLE_NS : CONNECTION_UNANSWERED_NS;
}

static int64_t next_deadline(const struct connection *connection)
{
	int64_t idle = connection->active_ns + idle_limit(connection);
	int64_t update = connection->internal.update_ns;

	return update != 0 && update < idle ? update : idle;
}

void connection_table_set_timer(struct connection_table *table, struct connection *connection,
                                int64_t now_ns)
{
	wheel_add(&table->wheel, connection->internal.number, next_deadline(connection), now_ns);
}

/* The timer may come too late. */
static void hasten(struct connection_table *table, struct connection *connection, int64_t now_ns)
{
	wheel_remove(&table->wheel, connection->internal.number);
	connection_table_set_timer(table, connection, now_ns);
}

void connection_table_died(struct connection_table *table, struct connection *connection,
                           int64_t now_ns)
{
	int64_t limit = idle_limit(connection);

	connection->dead = true;
	/* The last packets may be long ago, and more not have been read yet. */
	if (idle_limit(connection) == WINDOW_HELD_NS && connection->active_ns < now_ns)
		connection->active_ns = now_ns;
	if (idle_limit(connection) < limit)
		hasten(table, connection, now_ns);
}

static bool lacks_socket(const struct connection *connection)
{
	bool lacks = false;

	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		if (connection->owners[end].translated)
			return false;
		lacks |= connection->local[end] && !(connection->listed & 1u << end);
	}
	return lacks && !connection->binding.proxied;
}

void connection_table_unlisted(struct connection_table *table, uint32_t netns, int64_t before_ns,
                               int64_t now_ns)
{
	for (uint32_t number = 0; number < table->used; number++) {
		struct connection *connection = connection_table_entry(table, number);

		if (!connection->life.in_use || connection->netns != netns)
			continue;
		if (!connection->dead && !connection->life.closed &&
		    connection->tuple.protocol == IPPROTO_TCP &&
		    connection->active_ns < before_ns && lacks_socket(connection))
			connection_table_died(table, connection, now_ns);
		connection->listed = 0;
	}
}

/* Says less than an ICMP error. */
static bool is_vague(enum connection_reason reason)
{
	switch (reason) {
	case CONNECTION_TIMEOUT:
	case CONNECTION_IDLE:
	case CONNECTION_SHUTDOWN:
	case CONNECTION_SOCKET_CLOSED:
	case CONNECTION_REUSED:
		return true;
	case CONNECTION_REASON_NONE:
	case CONNECTION_FIN:
	case CONNECTION_RESET:
	case CONNECTION_REFUSED:
	case CONNECTION_EVICTED:
	case CONNECTION_UNREACHABLE:
	case CONNECTION_BLOCKED:
		break;
	}
	return false;
}

bool connection_table_close(struct connection_table *table, struct connection *connection,
                            enum connection_reason reason, enum connection_outcome outcome,
                            int64_t now_ns)
{
	if (connection->life.closed)
		return false;
	if (connection->error != CONNECTION_REASON_NONE && is_vague(reason) &&
	    connection->counts[CONNECTION_DESTINATION].packets == 0) {
		reason = connection->error;
		outcome = CONNECTION_FAILURE;
	}
	connection->life.closed = true;
	connection->active_ns = now_ns;
	connection->internal.update_ns = 0;
	connection->reason = reason;
	connection->outcome = outcome;
	if (connection->tuple.protocol == IPPROTO_TCP)
		connection->state = SOCKET_CLOSED;
	wheel_remove(&table->wheel, connection->internal.number);
	connection_table_set_timer(table, connection, now_ns);
	table->open_count--;
	table->counters.closed++;
	return true;
}

void connection_table_hold(struct connection_table *table, struct connection *connection)
{
	uint32_t number = connection->internal.number;

	connection->life.held = true;
	connection->internal.held_previous = table->held_last;
	connection->internal.next_free = CONNECTION_NONE;
	if (table->held_last != CONNECTION_NONE)
		connection_table_entry(table, table->held_last)->internal.next_free = number;
	else
		table->held_first = number;
	table->held_last = number;
}

static void release_held(struct connection_table *table, struct connection *connection)
{
	uint32_t previous = connection->internal.held_previous;
	uint32_t next = connection->internal.next_free;

	if (previous != CONNECTION_NONE)
		connection_table_entry(table, previous)->internal.next_free = next;
	else
		table->held_first = next;
	if (next != CONNECTION_NONE)
		connection_table_entry(table, next)->internal.held_previous = previous;
	else
		table->held_last = previous;
	connection->life.held = false;
}

int64_t connection_table_settle_wait_ns(const struct connection_table *table, int64_t now_ns)
{
	int64_t due_ns;

	if (table->held_first == CONNECTION_NONE)
		return -1;
	due_ns = connection_table_entry(table, table->held_first)->active_ns + WINDOW_HELD_NS;
	return due_ns > now_ns ? due_ns - now_ns : 0;
}

bool connection_table_settle_next(struct connection_table *table, int64_t now_ns)
{
	if (connection_table_settle_wait_ns(table, now_ns) != 0)
		return false;
	connection_table_settle(table, connection_table_entry(table, table->held_first));
	return true;
}

void connection_table_settle(struct connection_table *table, struct connection *connection)
{
	bool held = connection->life.held, late = connection->life.late;

	if (held)
		release_held(table, connection);
	connection->life.late = false;
	if (held)
		table->options.callback(table->options.context, connection,
		                        CONNECTION_CHANGE_SETTLED);
	else if (late)
		table->options.callback(table->options.context, connection,
		                        CONNECTION_CHANGE_UPDATED);
}

/* Success is what was seen to succeed: an established stream, or an answer. */
static enum connection_outcome outcome_so_far(const struct connection *connection)
{
	if (connection->tuple.protocol == IPPROTO_TCP)
		return connection->tcp.established ? CONNECTION_SUCCESS : CONNECTION_UNKNOWN;
	return connection->counts[CONNECTION_DESTINATION].packets ? CONNECTION_SUCCESS
	                                                          : CONNECTION_UNKNOWN;
}

static void close_and_tell(struct connection_table *table, struct connection *connection,
                           enum connection_reason reason, enum connection_outcome outcome,
                           int64_t now_ns)
{
	if (connection_table_close(table, connection, reason, outcome, now_ns))
		table->options.callback(table->options.context, connection,
		                        CONNECTION_CHANGE_CLOSED);
}

/* Its socket is gone, and what was captured does not show it. */
static bool ends_unseen(const struct connection *connection)
{
	return connection->dead && !has_fin(connection);
}

void connection_table_close_and_report(struct connection_table *table,
                                       struct connection *connection, enum connection_reason reason,
                                       int64_t now_ns)
{
	if (reason == CONNECTION_SHUTDOWN && connection->dead && is_unanswered(connection)) {
		close_and_tell(table, connection, CONNECTION_TIMEOUT, CONNECTION_FAILURE, now_ns);
		return;
	}
	if (reason == CONNECTION_SHUTDOWN && ends_unseen(connection))
		reason = CONNECTION_SOCKET_CLOSED;
	close_and_tell(table, connection, reason, outcome_so_far(connection), now_ns);
}

static void close_idle(struct connection_table *table, struct connection *connection,
                       int64_t now_ns)
{
	const struct tcp_state *tcp = &connection->tcp;
	bool fins = tcp->seen[0] & tcp->seen[1] & TCP_FLAG_FIN;
	enum connection_reason silent =
		ends_unseen(connection) ? CONNECTION_SOCKET_CLOSED : CONNECTION_IDLE;

	if (connection->tuple.protocol != IPPROTO_TCP || tcp->established)
		close_and_tell(table, connection, fins ? CONNECTION_FIN : silent,
		               outcome_so_far(connection), now_ns);
	else
		close_and_tell(table, connection, CONNECTION_TIMEOUT, CONNECTION_FAILURE, now_ns);
}

static struct tcp_segment segment_of(const struct packet *packet)
{
	return (struct tcp_segment){
		.flags = packet->tcp_flags,
		.sequence = packet->tcp_sequence,
		.acknowledgement = packet->tcp_acknowledgement,
		.payload = packet->payload,
		.window = packet->tcp_window,
	};
}

/* What was closed without RST or FINs, by an ICMP error or for its silence, need not be at its end. */
static bool goes_on(const struct connection *connection, uint8_t flags)
{
	if (connection->reason == CONNECTION_IDLE || connection->reason == CONNECTION_TIMEOUT)
		return !(flags & (TCP_FLAG_RST | TCP_FLAG_FIN));
	return (flags & (TCP_FLAG_SYN | TCP_FLAG_ACK | TCP_FLAG_RST)) == TCP_FLAG_SYN;
}

bool connection_table_cannot_have(const struct connection *connection, enum connection_end from,
                                  const struct packet *packet)
{
	struct tcp_segment segment = segment_of(packet);

	if (connection->tuple.protocol != IPPROTO_TCP)
		return connection->life.closed;
	/* What was reported without packets had one, read late. */
	if (!packet->has_tcp || (!(connection->evidence & CONNECTION_FROM_PACKETS) &&
	                         packet->time_ns <= connection->last_ns))
		return false;
	return tcp_state_restarts(&connection->tcp, &segment) ||
	       (connection->life.closed && (goes_on(connection, packet->tcp_flags) ||
	                                    tcp_quality_is_of_another(connection, from, &segment)));
}

void connection_table_met_midway(struct connection *connection)
{
	connection->tcp.established = true;
	connection->state = SOCKET_ESTABLISHED;
}

/* Not a whole segment of TCP. */
static void note_others(struct connection *connection, enum connection_end from)
{
	if (connection->tuple.protocol == IPPROTO_UDP)
		tcp_quality_datagram(connection, from);
	else
		connection->flow.unmeasured = true;
}

/* A socket that was connected to its own address and port: both ends are one, and send each segment. */
static bool is_to_itself(const struct connection *connection)
{
	return tuple_is_reverse(&connection->tuple, &connection->tuple);
}

/* The state moves, or may. */
static bool advance(struct connection_table *table, struct connection *connection,
                    enum connection_end from, const struct tcp_segment *segment, int64_t now_ns)
{
	bool ending = connection->tcp.ending;
	enum connection_outcome outcome;
	enum connection_reason reason;

	if (tcp_quality_is_stray_reset(connection, from, segment))
		return false;
	tcp_state_advance(&connection->tcp, from, segment);
	if (is_to_itself(connection))
		tcp_state_advance(&connection->tcp, !from, segment);
	connection->state = tcp_state_name(&connection->tcp);
	if (tcp_state_closed(&connection->tcp, &reason, &outcome))
		return connection_table_close(table, connection, reason, outcome, now_ns);
	if (connection->tcp.ending && !ending)
		hasten(table, connection, now_ns);
	return false;
}

bool connection_table_account(struct connection_table *table, struct connection *connection,
                              enum connection_end from, const struct packet *packet, int64_t now_ns)
{
	struct tcp_segment segment;

	if (connection->life.closed && !connection->life.held && !connection->life.late) {
		connection->life.late = true;
		connection->evidence |= CONNECTION_FROM_PACKETS;
		connection_extra_mark_reported(connection);
	}
	connection->counts[from].packets++;
	connection->counts[from].bytes += packet->ip_length;
	if (packet->time_ns > connection->last_ns)
		connection->last_ns = packet->time_ns;
	if (!connection->life.closed)
		connection->active_ns = now_ns;
	if (!packet->has_tcp || packet->is_fragment)
		note_others(connection, from);
	if (!packet->has_tcp)
		return false;
	segment = segment_of(packet);
	if (!tcp_quality_take(connection, from, &segment))
		tcp_quality_unusual(connection, from, &segment, packet->time_ns);
	if (connection->life.closed || tcp_state_is_steady(&connection->tcp, from, segment.flags))
		return false;
	return advance(table, connection, from, &segment, now_ns);
}

bool connection_table_is_closed(const struct connection *connection)
{
	return connection->life.closed;
}

static bool on_timer(void *context, uint32_t number, int64_t now_ns)
{
	struct connection_table *table = context;
	struct connection *connection = connection_table_entry(table, number);

	if (table->options.ready && !table->options.ready(table->options.context))
		return false;
	if (now_ns >= connection->active_ns + idle_limit(connection)) {
		if (!connection->life.closed)
			close_idle(table, connection, now_ns); /* to linger until a later turn */
		else
			connection_table_forget(table, connection);
		return true;
	}
	if (connection->internal.update_ns != 0 && now_ns >= connection->internal.update_ns) {
		connection->internal.update_ns += table->options.update_interval_ns;
		if (connection->internal.update_ns <= now_ns)
			connection->internal.update_ns = now_ns + table->options.update_interval_ns;
		table->options.callback(table->options.context, connection,
		                        CONNECTION_CHANGE_UPDATED);
	}
	wheel_remove(&table->wheel, number);
	connection_table_set_timer(table, connection, now_ns);
	return true;
}

bool connection_table_expire(struct connection_table *table, int64_t now_ns)
{
	return wheel_run(&table->wheel, now_ns, on_timer);
}
