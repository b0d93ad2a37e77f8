/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "connections/connection_extra.h"
#include "events/encode_parts.h"

#define PIECE_MAX 160 /* what one format makes at most; names do not go through it */

static void __attribute__((format(printf, 2, 3))) add(struct buf *line, const char *format, ...)
{
	char piece[PIECE_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(piece, sizeof piece, format, arguments);
	va_end(arguments);
	buf_append_string(line, piece);
}

/* Any bytes, in quotes or not: escaped. */
static void add_foreign(struct buf *line, const char *text)
{
	utf8_append_log(line, text, strlen(text));
}

static void add_time(struct buf *line, int64_t time_ns)
{
	int64_t rest_ns = time_ns % NS_PER_SECOND;
	time_t seconds = (time_t)(time_ns / NS_PER_SECOND);
	struct tm parts = { 0 };

	if (rest_ns < 0) {
		rest_ns += NS_PER_SECOND;
		seconds--;
	}
	localtime_r(&seconds, &parts);
	add(line, "%02d:%02d:%02d.%06d", parts.tm_hour, parts.tm_min, parts.tm_sec,
	    (int)(rest_ns / 1000));
}

/* " name[pid]", as the process was at that time. */
static void add_process(struct buf *line, struct process *process, int64_t time_ns)
{
	const struct process *then = process_at(process, time_ns);

	buf_append_char(line, ' ');
	add_foreign(line, then->name ? then->name : "?");
	add(line, "[%d]", process->pid);
}

void text_append_owner(struct buf *line, const struct owner *owner, int64_t time_ns)
{
	if (owner->process)
		add_process(line, owner->process, time_ns);
	else if (owner->method == ATTRIBUTION_KERNEL)
		buf_append_literal(line, " kernel");
	else if (owner->reason == ATTRIBUTION_REPLAY)
		buf_append_literal(line, " -");
	else if (owner->reason == ATTRIBUTION_REASON_NONE)
		buf_append_literal(line, " ?");
	else
		add(line, " ?(%s)", attribution_reason_name(owner->reason));
}

/* The owner of the end that is the first in the line; of the other one as well where both are local. */
static void add_owners(struct buf *line, const struct owner *first, const struct owner *second,
                       int64_t time_ns)
{
	if (!first && !second)
		buf_append_literal(line, " -");
	if (first)
		text_append_owner(line, first, time_ns);
	if (second) {
		buf_append_literal(line, " >");
		text_append_owner(line, second, time_ns);
	}
}

static void add_protocol(struct buf *line, uint8_t protocol)
{
	const char *name = encode_tuple_protocol_name(protocol);

	if (name)
		add(line, " %s", name);
	else
		add(line, " protocol %u", protocol);
}

static void add_end(struct buf *line, const struct inet_address *address, uint16_t port,
                    bool has_port)
{
	char text[INET_TEXT_MAX];

	inet_format(address, text);
	if (!has_port)
		add(line, " %s", text);
	else if (inet_is_v4(address))
		add(line, " %s:%u", text, port);
	else
		add(line, " [%s]:%u", text, port);
}

static void add_ends(struct buf *line, const struct tuple *tuple, bool has_ports)
{
	add_end(line, &tuple->source, tuple->source_port, has_ports);
	buf_append_literal(line, " >");
	add_end(line, &tuple->destination, tuple->destination_port, has_ports);
}

/* Letters of tcpdump(8). */
static void add_flags(struct buf *line, uint8_t flags)
{
	static const char letters[] = "FSRP.UEW";

	buf_append_literal(line, " [");
	for (int bit = 0; bit < 8; bit++) {
		if (flags & 1u << bit)
			buf_append_char(line, letters[bit]);
	}
	buf_append_char(line, ']');
}

static void add_packet_kind(struct buf *line, const struct packet *packet)
{
	switch (packet->network) {
	case PACKET_IPV4:
	case PACKET_IPV6:
		add_protocol(line, packet->tuple.protocol);
		add_ends(line, &packet->tuple, packet->has_ports);
		break;
	case PACKET_ARP:
		buf_append_literal(line, " arp");
		add_ends(line, &packet->tuple, false);
		break;
	case PACKET_NETWORK_NONE:
		add(line, " ethertype 0x%04x", packet->ether_type);
		break;
	}
}

static void add_packet(struct buf *line, const struct event *event)
{
	const struct packet *packet = event->packet.packet;

	add_owners(line, event->packet.source, event->packet.destination, event->time_ns);
	add_packet_kind(line, packet);
	if (packet->has_tcp)
		add_flags(line, packet->tcp_flags);
	if (packet->has_icmp)
		add(line, " type %u code %u", packet->icmp_type, packet->icmp_code);
	if (packet->is_fragment)
		add(line, " fragment at %" PRIu32, packet->fragment_offset);
	add(line, " %" PRIu32 " bytes", packet_wire_length(packet));
	if (event->packet.duplicate_of > 0)
		add(line, ", again as %" PRIu64, event->packet.duplicate_of);
}

static void add_totals(struct buf *line, const struct connection *connection)
{
	const struct connection_count *there = &connection->counts[CONNECTION_SOURCE];
	const struct connection_count *back = &connection->counts[CONNECTION_DESTINATION];
	int64_t lasted_ns = connection->last_ns - connection->start_ns;

	if (!(connection->evidence & CONNECTION_FROM_PACKETS))
		return;
	add(line, ", %" PRId64 ".%03d s", lasted_ns / NS_PER_SECOND,
	    (int)(lasted_ns % NS_PER_SECOND / NS_PER_MS));
	add(line, ", %" PRIu64 " packets %" PRIu64 " bytes", there->packets, there->bytes);
	add(line, ", back %" PRIu64 " packets %" PRIu64 " bytes", back->packets, back->bytes);
}

static void add_icmp_errors(struct buf *line, const struct connection *connection)
{
	const struct icmp_errors *errors = connection_extra_icmp_errors(connection);

	if (errors)
		add(line, ", %" PRIu32 " ICMP error%s (type %u code %u)", errors->count,
		    errors->count == 1 ? "" : "s", errors->type, errors->code);
}

static void add_connection_news(struct buf *line, const struct event *event)
{
	const struct connection *connection = event->connection.connection;

	switch (event->action) {
	case EVENT_CONNECTION_OPENED:
		buf_append_string(line, connection->midway ? " met midway" : " opened");
		break;
	case EVENT_CONNECTION_STATE_CHANGED:
		add(line, " is %s", encode_connection_state(connection->state));
		break;
	case EVENT_CONNECTION_ATTRIBUTED:
		buf_append_literal(line, " has its owner");
		break;
	case EVENT_CONNECTION_CLOSED:
		add(line, " closed (%s)", encode_connection_reason(connection->reason));
		add_totals(line, connection);
		add_icmp_errors(line, connection);
		break;
	default:
		buf_append_literal(line, " goes on");
		add_totals(line, connection);
		break;
	}
}

static void add_domain(struct buf *line, const struct names *names)
{
	if (names->source == NAMES_SOURCE_NONE)
		return;
	buf_append_literal(line, " (");
	utf8_append_log(line, names->bytes + names->texts[NAMES_DOMAIN].offset,
	                names->texts[NAMES_DOMAIN].length);
	buf_append_char(line, ')');
}

/* The end of this host is not known of what had no route. */
static void add_connection_ends(struct buf *line, const struct connection *connection)
{
	const struct tuple *tuple = &connection->tuple;

	if (!connection->routeless) {
		add_ends(line, tuple, inet_has_ports(tuple->protocol));
		return;
	}
	buf_append_literal(line, " ? >");
	add_end(line, &tuple->destination, tuple->destination_port, true);
}

void text_append_connection(struct buf *line, const struct connection *connection)
{
	add_protocol(line, connection->tuple.protocol);
	add_connection_ends(line, connection);
	if (connection->names)
		add_domain(line, connection->names);
}

static void add_connection(struct buf *line, const struct event *event)
{
	const struct connection *connection = event->connection.connection;
	const struct event_owners owners = event_owners(event);

	add_owners(line, owners.owners[CONNECTION_SOURCE], owners.owners[CONNECTION_DESTINATION],
	           connection->last_ns);
	text_append_connection(line, connection);
	add_connection_news(line, event);
}

static void add_answers(struct buf *line, const struct dns_message *message)
{
	buf_append_literal(line, " >");
	if (message->has_code && message->code != 0)
		add(line, " code %u", message->code);
	for (int i = 0; i < message->answer_count; i++) {
		const char *data = dns_text(message, message->answers[i].data);

		if (!data)
			continue;
		buf_append_char(line, ' ');
		add_foreign(line, data);
	}
}

static void add_dns(struct buf *line, const struct event *event)
{
	const struct event_dns *dns = &event->dns;
	const struct event_owners owners = event_owners(event);
	const char *question = dns->message ? dns_text(dns->message, dns->message->question)
	                                    : dns->query->question;

	add_owners(line, owners.owners[CONNECTION_SOURCE], owners.owners[CONNECTION_DESTINATION],
	           event->time_ns);
	buf_append_literal(line, " dns ");
	if (dns->message ? dns->message->has_question : dns->query->has_question)
		add_foreign(line, question);
	if (dns->message && dns->message->response)
		add_answers(line, dns->message);
	else if (dns->timed_out)
		buf_append_literal(line, " > no answer");
}

/* An abstract name begins with NUL, which is shown as ss(8) and /proc/net/unix do. */
static void add_path(struct buf *line, const struct socket *socket)
{
	size_t abstract = socket->path[0] == '\0';

	buf_append_char(line, ' ');
	if (abstract)
		buf_append_char(line, '@');
	utf8_append_log(line, socket->path + abstract, socket->path_length - abstract);
}

/* Ends of vsock and TIPC are two numbers each. */
static void add_pairs(struct buf *line, const struct socket_pair *pair)
{
	if (pair->has_local)
		add(line, " %" PRIu32 ":%" PRIu32, pair->local[0], pair->local[1]);
	if (pair->has_peer)
		add(line, " > %" PRIu32 ":%" PRIu32, pair->peer[0], pair->peer[1]);
}

static void add_kinds(struct buf *line, uint32_t kinds)
{
	for (int kind = 0; kind < SOCKET_KIND_COUNT; kind++)
		if (kinds & SOCKET_KIND_BIT(kind))
			add(line, " %s", encode_socket_kind((enum socket_kind)kind));
}

static void add_socket(struct buf *line, const struct event *event)
{
	const struct socket *socket = event->socket.socket;
	const char *state;

	if (event->socket.owner)
		text_append_owner(line, event->socket.owner, event->time_ns);
	add(line, " %s", encode_socket_kind(socket->kind));
	if (socket_is_inet(socket))
		add_ends(line, &socket->tuple, inet_has_ports(socket->tuple.protocol));
	if (socket->kind == SOCKET_UNIX && socket->path_length > 0)
		add_path(line, socket);
	if (socket->details && (socket->kind == SOCKET_VSOCK || socket->kind == SOCKET_TIPC))
		add_pairs(line, &socket->details->pair);
	state = encode_connection_state(socket->state);
	if (event->action == EVENT_LISTENING_STARTED)
		buf_append_literal(line, " listens from now on");
	else if (event->action == EVENT_LISTENING_STOPPED)
		buf_append_literal(line, " listens no more");
	else if (state && socket->state != SOCKET_CLOSED)
		add(line, " %s", state);
}

/* " curl[4242] started: /usr/bin/curl, by bash[4100]", " curl[4242] ended: 0" */
static void add_life(struct buf *line, const struct event *event)
{
	struct process *process = event->life.process;
	const struct process *then = process_at(process, event->life.state_ns);

	add_process(line, process, event->life.state_ns);
	if (event->action == EVENT_PROCESS_ENDED) {
		buf_append_literal(line, " ended");
		if (process->end.has_code)
			add(line, ": %u", process->end.code);
		return;
	}
	buf_append_string(line, event->action == EVENT_PROCESS_STARTED ? " started" : " executed");
	if (then->executable) {
		buf_append_literal(line, ": ");
		add_foreign(line, then->executable);
	}
	if (event->action == EVENT_PROCESS_STARTED && process->parent_pid > 0) {
		buf_append_literal(line, ", by ");
		add_foreign(line, then->parent_name ? then->parent_name : "?");
		add(line, "[%d]", process->parent_pid);
	}
}

static void add_traffic(struct buf *line, const struct event *event)
{
	const struct event_process *traffic = &event->process;

	if (traffic->process)
		add_process(line, traffic->process, event->time_ns);
	else
		buf_append_literal(line, " ?");
	add(line, " sent %" PRIu64 " packets %" PRIu64 " bytes", traffic->sent.packets,
	    traffic->sent.bytes);
	add(line, ", received %" PRIu64 " packets %" PRIu64 " bytes", traffic->received.packets,
	    traffic->received.bytes);
	add(line, ", %" PRIu64 " connections", traffic->connections);
}

static void add_stats(struct buf *line, const struct event *event)
{
	const struct event_stats *stats = &event->stats;
	uint64_t dropped = 0;

	for (int i = 0; i < stats->capture_count; i++)
		dropped += stats->captures[i].dropped;
	add(line, ": %" PRIu64 " packets, %" PRIu64 " not captured", stats->packets.packets,
	    dropped);
	add(line, ", %" PRIu64 " records, %" PRIu64 " dropped", stats->records.written,
	    stats->records.dropped);
	if (stats->final)
		add(line, ", ended by %s", event_stop_name(stats->stop));
}

static void add_run(struct buf *line, const struct event *event)
{
	const struct event_config *config = &event->run.config;

	add(line, ": sockline %s", event->run.version);
	if (config->attribution)
		add(line, ", owners by %s", config->attribution);
	for (int i = 0; i < event->run.degraded_count; i++) {
		buf_append_literal(line, "; ");
		add_foreign(line, event->run.degraded[i]);
	}
}

static void add_message(struct buf *line, const struct event *event)
{
	if (!event->log.message)
		return;
	buf_append_literal(line, ": ");
	add_foreign(line, event->log.message);
}

static void add_rest(struct buf *line, const struct event *event)
{
	add(line, " %s", event_action_name(event->action));
	switch (event->action) {
	case EVENT_SNAPSHOT_COMPLETED:
		add(line, " %" PRIu64 ": %" PRIu64 " sockets", event->socket.snapshot_id,
		    event->socket.snapshot_index);
		if (event->socket.incomplete)
			buf_append_literal(line, ", some may be missing of:");
		add_kinds(line, event->socket.incomplete);
		break;
	case EVENT_CAPTURE_STATS:
	case EVENT_RUN_STOPPED:
		add_stats(line, event);
		break;
	case EVENT_RUN_STARTED:
		add_run(line, event);
		break;
	case EVENT_RECORDS_DROPPED:
	case EVENT_NETLINK_OVERRUN:
	case EVENT_CAPTURE_LOST:
	case EVENT_CAPTURE_RESUMED:
	case EVENT_NETNS_OPENED:
	case EVENT_LIMIT_REACHED:
	case EVENT_TRACEPOINTS_OVERRUN:
	case EVENT_HELPER_LOST:
	case EVENT_CLOCK_STEP:
		add_message(line, event);
		break;
	default:
		break;
	}
}

int text_format(const struct event *event, struct buf *line)
{
	size_t start = line->length;

	add_time(line, event->time_ns);
	switch (event->action) {
	case EVENT_PACKET:
		add_packet(line, event);
		break;
	case EVENT_CONNECTION_OPENED:
	case EVENT_CONNECTION_STATE_CHANGED:
	case EVENT_CONNECTION_UPDATED:
	case EVENT_CONNECTION_ATTRIBUTED:
	case EVENT_CONNECTION_CLOSED:
		add_connection(line, event);
		break;
	case EVENT_DNS_TRANSACTION:
		add_dns(line, event);
		break;
	case EVENT_EXISTING_SOCKET:
	case EVENT_LISTENING_STARTED:
	case EVENT_LISTENING_STOPPED:
		add_socket(line, event);
		break;
	case EVENT_PROCESS_TRAFFIC:
		add_traffic(line, event);
		break;
	case EVENT_PROCESS_STARTED:
	case EVENT_PROCESS_EXECUTED:
	case EVENT_PROCESS_ENDED:
		add_life(line, event);
		break;
	default:
		add_rest(line, event);
		break;
	}
	buf_append_char(line, '\n');
	if (!line->overflow)
		return 0;
	line->length = start;
	line->overflow = false;
	return -ENOBUFS;
}
