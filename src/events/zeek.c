/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/zeek.h"

#include <netinet/in.h>
#include <stdio.h>

#include "connections/connection_tunnel.h"
#include "connections/tcp_quality.h"
#include "events/encode_parts.h"
#include "events/zeek_state.h"

/* Names of a record within a record have a dot between them, as in id.orig_h. */
struct end_keys {
	struct key address, port, packets, bytes, local;
	struct key method, reason, pid, name, entity_id, user_id, user_name, container_id;
};
#define END_KEYS(end)                                                                              \
	{                                                                                          \
		.address = KEY_INIT("id." end "_h"), .port = KEY_INIT("id." end "_p"),             \
		.packets = KEY_INIT(end "_pkts"), .bytes = KEY_INIT(end "_ip_bytes"),              \
		.local = KEY_INIT("local_" end), .method = KEY_INIT("sockline." end ".method"),    \
		.reason = KEY_INIT("sockline." end ".reason"),                                     \
		.pid = KEY_INIT("sockline." end ".pid"),                                           \
		.name = KEY_INIT("sockline." end ".process"),                                      \
		.entity_id = KEY_INIT("sockline." end ".entity_id"),                               \
		.user_id = KEY_INIT("sockline." end ".user_id"),                                   \
		.user_name = KEY_INIT("sockline." end ".user"),                                    \
		.container_id = KEY_INIT("sockline." end ".container_id"),                         \
	}
static const struct end_keys ends[] = {
	[CONNECTION_SOURCE] = END_KEYS("orig"),
	[CONNECTION_DESTINATION] = END_KEYS("resp"),
};

bool zeek_has(enum event_action action)
{
	return action == EVENT_CONNECTION_CLOSED || action == EVENT_DNS_TRANSACTION ||
	       action >= EVENT_RECORDS_DROPPED;
}

static void write_labels(struct writer *writer)
{
	char *const *labels = writer->record->encoder->labels;

	for (int i = 0; labels[i]; i += 2) {
		char quoted[ENCODER_LABEL_NAME_MAX + 12];
		const struct key key = {
			.quoted = quoted,
			.length = (size_t)snprintf(quoted, sizeof quoted, "\"labels.%s\":\"",
			                           labels[i]) -
			          1,
		};

		encode_writer_c_string(writer, &key, labels[i + 1], RAW_NONE);
	}
}

/* The log's name, and of the host that made it: as Zeek's logs for streaming begin. */
static void begin(struct writer *writer, const char *log, int64_t time_ns)
{
	writer_object(writer, ELEMENT);
	writer_name(writer, KEY("_path"), log);
	encode_writer_c_string(writer, KEY("_system_name"), writer->record->encoder->host_name,
	                       RAW_NONE);
	encode_writer_seconds(writer, KEY("ts"), time_ns);
}

static void finish(struct writer *writer)
{
	write_labels(writer);
	if (writer->record->cut != 0 || writer->record->marked != 0)
		encode_writer_bool(writer, KEY("sockline.truncated"), true);
	writer_object_end(writer);
}

static void write_end(struct writer *writer, const struct connection *connection,
                      enum connection_end end)
{
	const struct tuple *tuple = &connection->tuple;
	bool source = end == CONNECTION_SOURCE;
	char text[INET_TEXT_MAX];
	size_t length;

	if (source && connection->routeless)
		return;
	length = (connection->lane & CONNECTION_LANE_MAPPED ? inet_format_v6 : inet_format)(
		source ? &tuple->source : &tuple->destination, text);
	writer_text(writer, &ends[end].address, text, length);
	if (inet_has_ports(tuple->protocol))
		writer_u64(writer, &ends[end].port,
		           source ? tuple->source_port : tuple->destination_port);
}

static const char *transport_of(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return "tcp";
	case IPPROTO_UDP:
		return "udp";
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return "icmp";
	default:
		return "unknown_transport";
	}
}

static void write_ends(struct writer *writer, const struct connection *connection)
{
	writer_id(writer, KEY("uid"), connection->id);
	write_end(writer, connection, CONNECTION_SOURCE);
	write_end(writer, connection, CONNECTION_DESTINATION);
}

static void write_id(struct writer *writer, const struct connection *connection)
{
	write_ends(writer, connection);
	writer_name(writer, KEY("proto"), transport_of(connection->tuple.protocol));
}

static void write_owner(struct writer *writer, const struct connection *connection,
                        enum connection_end end)
{
	const struct end_keys *keys = &ends[end];
	const struct owner *owner = &connection->owners[end];
	const struct process *process = owner_process_at(owner, writer->record->encoder->owner_ns);
	const char *user_name;
	uint32_t user_id;

	if (!connection->local[end])
		return;
	writer_name(writer, &keys->method, attribution_method_name(owner->method));
	if (owner->method == ATTRIBUTION_UNKNOWN)
		writer_name(writer, &keys->reason,
		            attribution_reason_name(owner->reason != ATTRIBUTION_REASON_NONE
		                                            ? owner->reason
		                                            : ATTRIBUTION_NO_SOCKET));
	if (process) {
		encode_writer_i64(writer, &keys->pid, process->pid);
		encode_writer_c_string(writer, &keys->name, process->name, RAW_NONE);
		if (process->entity_id > 0)
			writer_id(writer, &keys->entity_id, process->entity_id);
		encode_writer_c_string(writer, &keys->container_id, process->container_id,
		                       RAW_NONE);
	}
	if (encode_owner_user(writer, owner, &user_id, &user_name)) {
		writer_decimal(writer, &keys->user_id, user_id);
		encode_writer_c_string(writer, &keys->user_name, user_name, RAW_NONE);
	}
}

static const char *service_of(const struct connection *connection)
{
	static const char *const services[] = {
		[NAMES_DNS] = "dns", [NAMES_MDNS] = "dns",  [NAMES_LLMNR] = "dns",
		[NAMES_TLS] = "ssl", [NAMES_QUIC] = "quic", [NAMES_HTTP] = "http",
		[NAMES_SSH] = "ssh",
	};

	return services[connection->protocol];
}

static void write_counts(struct writer *writer, const struct connection *connection)
{
	for (int end = CONNECTION_SOURCE; end <= CONNECTION_DESTINATION; end++) {
		writer_count(writer, &ends[end].packets, connection->counts[end].packets);
		writer_count(writer, &ends[end].bytes, connection->counts[end].bytes);
	}
}

static void write_vlans(struct writer *writer, const struct connection *connection)
{
	uint16_t ids[PACKET_VLANS_MAX] = { 0 };

	connection_vlans(connection, ids);
	if (ids[0] > 0)
		writer_u64(writer, KEY("vlan"), ids[0]);
	if (ids[1] > 0)
		writer_u64(writer, KEY("inner_vlan"), ids[1]);
}

static void write_tunnel(struct writer *writer, const struct connection *connection)
{
	if (!connection->tunnel || connection->tunnel->outer_id == 0)
		return;
	writer_array(writer, KEY("tunnel_parents"));
	writer_id(writer, ELEMENT, connection->tunnel->outer_id);
	writer_array_end(writer);
}

/* Zeek's are payload bytes: orig_bytes, resp_bytes and missed_bytes are not known, and not there. */
static void write_connection(struct writer *writer, const struct connection *connection)
{
	char history[TCP_HISTORY_MAX];
	size_t length = tcp_quality_history(connection, history);
	bool known =
		connection->local[CONNECTION_SOURCE] || connection->local[CONNECTION_DESTINATION];

	begin(writer, "conn", connection->start_ns);
	write_id(writer, connection);
	writer_name(writer, KEY("service"), service_of(connection));
	if (connection->last_ns > connection->start_ns)
		encode_writer_seconds(writer, KEY("duration"),
		                      connection->last_ns - connection->start_ns);
	writer_name(writer, KEY("conn_state"), zeek_state(connection));
	for (int end = CONNECTION_SOURCE; known && end <= CONNECTION_DESTINATION; end++)
		encode_writer_bool(writer, &ends[end].local, connection->local[end]);
	if (length > 0)
		writer_text(writer, KEY("history"), history, length);
	if (connection->evidence & CONNECTION_FROM_PACKETS)
		write_counts(writer, connection);
	write_tunnel(writer, connection);
	writer_u64(writer, KEY("ip_proto"), connection->tuple.protocol);
	write_vlans(writer, connection);
	if (connection->community_id[0] != '\0')
		writer_name(writer, KEY("community_id"), connection->community_id);
	writer_name(writer, KEY("sockline.reason"), encode_connection_reason(connection->reason));
	if (connection->names)
		encode_names_domain(writer, KEY("sockline.resp.domain"), connection->names);
	write_owner(writer, connection, CONNECTION_SOURCE);
	write_owner(writer, connection, CONNECTION_DESTINATION);
	finish(writer);
}

static void write_versions(struct writer *writer, const struct names *names)
{
	static const char *const known[] = { "SSLv3", "TLSv10", "TLSv11", "TLSv12", "TLSv13" };
	size_t length;
	const uint8_t *versions = encode_names_bytes(names, NAMES_VERSIONS, &length);

	writer_array(writer, KEY("sockline.versions"));
	for (size_t i = 0; i < length; i += 2) {
		unsigned version = (unsigned)versions[i] << 8 | versions[i + 1];
		char other[24]; /* in Zeek's words */

		if (versions[i] == 0x7f)
			snprintf(other, sizeof other, "TLSv13-draft%u", versions[i + 1]);
		else
			snprintf(other, sizeof other, "unknown-%u", version);
		writer_name(writer, ELEMENT,
		            version >= 0x0300 && version <= 0x0304 ? known[version - 0x0300]
		                                                   : other);
	}
	writer_array_end(writer);
}

/*
 * What the client said first is known: the names that it gave and what it offered. What the server
 * chose (version, cipher, next_protocol), and whether the session was established, is not.
 */
static void write_ssl(struct writer *writer, const struct connection *connection)
{
	const struct names *names = connection->names;

	begin(writer, "ssl", connection->start_ns);
	write_ends(writer, connection);
	encode_names_text(writer, KEY("server_name"), names, NAMES_SERVER_NAME);
	encode_names_alpn(writer, KEY("orig_alpn"), names, RAW_NONE);
	encode_names_text(writer, KEY("ja4"), names, NAMES_JA4);
	write_versions(writer, names);
	write_owner(writer, connection, CONNECTION_SOURCE);
	write_owner(writer, connection, CONNECTION_DESTINATION);
	finish(writer);
}

static void write_class(struct writer *writer, uint16_t class)
{
	const char *name = NULL;

	switch (class) {
	case 1:
		name = "C_INTERNET";
		break;
	case 3:
		name = "C_CHAOS";
		break;
	case 4:
		name = "C_HESIOD";
		break;
	case 254:
		name = "C_NONE";
		break;
	case 255:
		name = "C_ANY";
		break;
	}
	writer_u64(writer, KEY("qclass"), class);
	writer_name(writer, KEY("qclass_name"), name);
}

static void write_question(struct writer *writer, const char *name, uint16_t type, uint16_t class)
{
	encode_writer_c_string(writer, KEY("query"), name, RAW_NONE);
	write_class(writer, class);
	writer_u64(writer, KEY("qtype"), type);
	writer_name(writer, KEY("qtype_name"), type == 255 ? "*" : encode_dns_type(type));
}

static void write_flags(struct writer *writer, uint8_t flags, uint8_t opcode)
{
	encode_writer_bool(writer, KEY("AA"), flags & DNS_AA);
	encode_writer_bool(writer, KEY("TC"), flags & DNS_TC);
	encode_writer_bool(writer, KEY("RD"), flags & DNS_RD);
	encode_writer_bool(writer, KEY("RA"), flags & DNS_RA);
	writer_u64(writer, KEY("opcode"), opcode);
}

static void write_answers(struct writer *writer, const struct dns_message *message)
{
	if (message->answer_count == 0 || writer_cuts(writer, CUT_ANSWERS))
		return;
	writer_array(writer, KEY("answers"));
	for (int i = 0; i < message->answer_count; i++)
		encode_writer_c_string(writer, ELEMENT, dns_text(message, message->answers[i].data),
		                       RAW_NONE);
	writer_array_end(writer);
	writer_array(writer, KEY("TTLs"));
	for (int i = 0; i < message->answer_count; i++)
		if (dns_text(message, message->answers[i].data))
			writer_u64(writer, ELEMENT, message->answers[i].ttl);
	writer_array_end(writer);
}

static void write_message(struct writer *writer, const struct dns_message *message)
{
	writer_u64(writer, KEY("trans_id"), message->id);
	if (message->has_question)
		write_question(writer, dns_text(message, message->question), message->question_type,
		               message->question_class);
	if (message->response && message->has_code) {
		writer_u64(writer, KEY("rcode"), message->code);
		writer_name(writer, KEY("rcode_name"), encode_dns_code(message->code));
	}
	write_flags(writer, message->flags, message->opcode);
	if (message->response)
		write_answers(writer, message);
}

static void write_dns(struct writer *writer, const struct event *event)
{
	const struct event_dns *dns = &event->dns;
	const struct dns_query *query = dns->query;

	begin(writer, "dns", dns->query_ns != 0 ? dns->query_ns : event->time_ns);
	write_id(writer, dns->connection);
	if (dns->query_ns != 0 && dns->message && dns->message->response)
		encode_writer_seconds(writer, KEY("rtt"), event->time_ns - dns->query_ns);
	if (dns->message) {
		write_message(writer, dns->message);
	} else {
		writer_u64(writer, KEY("trans_id"), query->id);
		if (query->has_question)
			write_question(writer, query->question, query->type, query->class);
		write_flags(writer, query->flags, query->opcode);
	}
	write_owner(writer, dns->connection, CONNECTION_SOURCE);
	write_owner(writer, dns->connection, CONNECTION_DESTINATION);
	finish(writer);
}

static void write_report(struct writer *writer, const struct event *event)
{
	const struct event_log *log = &event->log;
	const char *level = "Reporter::INFO";

	if (log->level && strcmp(log->level, "error") == 0)
		level = "Reporter::ERROR";
	else if (log->level && strcmp(log->level, "warning") == 0)
		level = "Reporter::WARNING";
	begin(writer, "reporter", event->time_ns);
	writer_name(writer, KEY("level"), level);
	if (!writer_cuts(writer, CUT_MESSAGE))
		encode_writer_c_string(writer, KEY("message"), log->message, RAW_NONE);
	writer_name(writer, KEY("sockline.action"), event_action_name(event->action));
	if (!writer_cuts(writer, CUT_ERROR_MESSAGE))
		encode_writer_c_string(writer, KEY("sockline.error"), log->error_message, RAW_NONE);
	finish(writer);
}

unsigned zeek_lines(const struct event *event)
{
	const struct names *names = event->action == EVENT_CONNECTION_CLOSED
	                                    ? event->connection.connection->names
	                                    : NULL;

	return names && names->texts[NAMES_VERSIONS].length > 0 ? 2 : 1;
}

void zeek_write(struct writer *writer, const struct event *event)
{
	if (event->part > 0)
		write_ssl(writer, event->connection.connection);
	else if (event->action == EVENT_CONNECTION_CLOSED)
		write_connection(writer, event->connection.connection);
	else if (event->action == EVENT_DNS_TRANSACTION)
		write_dns(writer, event);
	else
		write_report(writer, event);
}
