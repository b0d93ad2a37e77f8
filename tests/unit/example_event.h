/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event of each action, as a reader would meet it. tests/golden/records.ndjson
 * holds their records, in the same order; the manual shows some of them.
 */
#ifndef SOCKLINE_TESTS_EXAMPLE_EVENT_H
#define SOCKLINE_TESTS_EXAMPLE_EVENT_H

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/snippet.h"
#include "connections/connection_extra.h"
#include "events/event.h"
#include "inspect/names.h"

#define EXAMPLE_NS    INT64_C(1795342272123456789) /* 2026-11-22T10:11:12.123456789Z */
#define EXAMPLE_RUN   UINT64_C(0xb1946ac92492d234)
#define EXAMPLE_NETNS 4026531840

struct example {
	char curl_name[8], curl_path[16], bash_name[8], bash_path[16], sshd_name[8], sshd_path[16],
		init_name[8];
	int shared[2];
	struct process curl, sshd;
	struct owner client, server;
	struct connection connection;
	struct interface eth0;
	struct dns_message answer;
	struct packet packet;
	struct socket socket;
	struct event_capture_counters capture;
	uint64_t sequence;
};

static inline void example_begin(struct example *example)
{
	memset(example, 0, sizeof *example);
	strcpy(example->curl_name, "curl");
	strcpy(example->curl_path, "/usr/bin/curl");
	strcpy(example->bash_name, "bash");
	strcpy(example->bash_path, "/usr/bin/bash");
	strcpy(example->sshd_name, "sshd");
	strcpy(example->sshd_path, "/usr/sbin/sshd");
	strcpy(example->init_name, "systemd");
	example->shared[0] = 1;
	example->shared[1] = 877;
	example->curl = (struct process){
		.pid = 4242,
		.parent_pid = 4100,
		.entity_id = UINT64_C(0x9f86d081884c7d65),
		.uid = 1000,
		.real_uid = 1000,
		.real_gid = 1000,
		.has_uid = true,
		.has_real_uid = true,
		.has_real_gid = true,
		.name = example->curl_name,
		.executable = example->curl_path,
		.parent_name = example->bash_name,
		.parent_executable = example->bash_path,
		.parent_entity_id = UINT64_C(0x4a8a08f09d37b737),
		.start_ns = EXAMPLE_NS - 253456789,
	};
	example->sshd = (struct process){
		.pid = 877,
		.parent_pid = 1,
		.entity_id = UINT64_C(0x3b5d5c3712955042),
		.has_uid = true,
		.has_real_uid = true,
		.has_real_gid = true,
		.name = example->sshd_name,
		.executable = example->sshd_path,
		.parent_name = example->init_name,
		.start_ns = INT64_C(1795158001250000000),
	};
	example->client = (struct owner){
		.method = ATTRIBUTION_SOCKET,
		.process = &example->curl,
		.inode = 91827,
		.cookie = 0x4c01,
		.netns = EXAMPLE_NETNS,
	};
	example->server = (struct owner){
		.method = ATTRIBUTION_SOCKET,
		.process = &example->sshd,
		.shared_pids = example->shared,
		.shared_count = 2,
	};
	example->connection = (struct connection){
		.id = UINT64_C(0x5d41402abc4b2a76),
		.tuple = { .source_port = 51044, .destination_port = 443, .protocol = IPPROTO_TCP },
		.direction = CONNECTION_EGRESS,
		.state = SOCKET_SYN_SENT,
		.start_ns = EXAMPLE_NS - 455789,
		.last_ns = EXAMPLE_NS - 455789,
		.evidence = CONNECTION_FROM_PACKETS | CONNECTION_FROM_SOCK_DIAG,
		.counts = { { .packets = 1, .bytes = 60 } },
		.local = { true, false },
		.owners = { example->client },
		.community_id = "1:JcVRXJTaPIOg/ZSmzJNvYlm+Hrg=",
	};
	inet_parse("10.0.2.15", &example->connection.tuple.source);
	inet_parse("93.184.216.34", &example->connection.tuple.destination);
	example->eth0 = (struct interface){ .ifindex = 2, .name = "eth0" };
	example->capture.name = "eth0";
	example->capture.received = 18211;
}

static inline void example_end(struct example *example)
{
	snippet_free(example->curl.snippet);
	snippet_free(example->sshd.snippet);
	snippet_free(example->connection.snippet);
	names_free(example->connection.names);
	connection_extra_free(example->connection.extra);
}

static inline void example_packet(struct example *example, struct event_packet *event)
{
	example->packet = (struct packet){
		.number = 9,
		.length = 74,
		.captured = 74,
		.link_type = 276,
		.network = PACKET_IPV4,
		.has_ports = true,
		.has_tcp = true,
		.tuple = example->connection.tuple,
		.ttl = 64,
		.ip_length = 60,
		.tcp_flags = TCP_FLAG_SYN,
		.tcp_sequence = 1362094817,
		.tcp_window = 64240,
	};
	event->packet = &example->packet;
	event->direction = PACKET_EGRESS;
	event->interface = &example->eth0;
	event->connection = &example->connection;
	event->from_source = true;
	event->source = &example->client;
}

/* What happened to the connection by the time of that event. */
static inline void example_connection(struct example *example, struct event *event)
{
	struct connection *connection = &example->connection;
	struct connection_extra *extra = connection_extra(connection);
	struct tcp_trouble *trouble = connection_extra_trouble(connection);
	static const char congestion[SOCKET_CONGESTION_SIZE] = "cubic";
	const struct socket_tcp_info info = {
		.rtt_us = 18211,
		.rttvar_us = 4120,
		.min_rtt_us = 17950,
		.reordering = 3,
		.delivery_rate = 155172,
		.bytes_acked = 760,
		.bytes_received = 5100,
	};

	event->connection.connection = connection;
	if (!extra || !trouble)
		abort();
	if (event->action == EVENT_CONNECTION_STATE_CHANGED) {
		event->connection.previous = SOCKET_SYN_SENT;
		connection->state = SOCKET_ESTABLISHED;
	} else if (event->action == EVENT_CONNECTION_UPDATED) {
		connection->counts[0] = (struct connection_count){ .packets = 5, .bytes = 400 };
		connection->counts[1] = (struct connection_count){ .packets = 6, .bytes = 4100 };
		memcpy(connection->flow.history, "ShADad", 6);
		connection->flow.length = 6;
		connection->flow.handshake_us = 18100;
		extra->reported[0] = (struct connection_count){ .packets = 1, .bytes = 60 };
		connection->reported_ns = EXAMPLE_NS - 400000000;
	} else if (event->action == EVENT_CONNECTION_CLOSED) {
		event->time_ns = EXAMPLE_NS + 880547217;
		connection->last_ns = event->time_ns;
		connection->state = SOCKET_CLOSED;
		connection->outcome = CONNECTION_SUCCESS;
		connection->reason = CONNECTION_FIN;
		connection->protocol = NAMES_TLS;
		names_set_domain(&connection->names, NAMES_FROM_TLS, "www.example.com");
		names_set_text(&connection->names, NAMES_SERVER_NAME, "www.example.com", 15);
		names_set_text(&connection->names, NAMES_ALPN, "\2h2\10http/1.1", 12);
		names_set_text(&connection->names, NAMES_VERSIONS, "\3\4\3\3", 4);
		names_set_text(&connection->names, NAMES_JA4,
		               "t13d1516h2_8daaf6152771_e5627efa2ab1", 36);
		connection->counts[0] = (struct connection_count){ .packets = 9, .bytes = 812 };
		connection->counts[1] = (struct connection_count){ .packets = 10, .bytes = 5199 };
		connection->tcp.ending = true;
		connection->tcp.ended_by = CONNECTION_SOURCE;
		memcpy(connection->flow.history, "ShADadtFf", 9);
		connection->flow.length = 9;
		trouble->figures[CONNECTION_DESTINATION].retransmissions = 1;
		connection_extra_set_tcp_info(connection, &info);
		connection_extra_set_congestion(connection, congestion);
	}
}

/* The same process asked for the name of a mail server. */
static inline void example_dns(struct example *example, struct event_dns *event)
{
	struct dns_message *answer = &example->answer;
	static const char texts[] = "example.com\00010 mail.example.com\000mail.example.com\000"
				    "198.51.100.25";

	*answer = (struct dns_message){
		.id = 48879,
		.response = true,
		.flags = DNS_RD | DNS_RA,
		.has_code = true,
		.has_question = true,
		.question_type = 15,
		.question_class = DNS_CLASS_IN,
		.question_total = 1,
		.answer_total = 3,
		.answer_count = 2,
		.answers = { { .name = 0,
		               .data = 12,
		               .type = 15,
		               .class = DNS_CLASS_IN,
		               .ttl = 300 },
		             { .name = 32,
		               .data = 49,
		               .type = DNS_TYPE_A,
		               .class = DNS_CLASS_IN,
		               .ttl = 60,
		               .has_address = true } },
	};
	memcpy(answer->texts, texts, sizeof texts);
	example->connection.protocol = NAMES_DNS;
	event->connection = &example->connection;
	event->message = answer;
	event->query_ns = EXAMPLE_NS - 12345678;
}

static inline void example_socket(struct example *example, struct event *event)
{
	example->socket = (struct socket){
		.kind = SOCKET_TCP,
		.source = SOCKET_FROM_SOCK_DIAG,
		.state = SOCKET_LISTEN,
		.family = AF_INET6,
		.type = SOCK_STREAM,
		.protocol = IPPROTO_TCP,
		.netns = EXAMPLE_NETNS,
		.inode = 20114,
		.cookie = 2,
		.send_queue = 128,
		.tuple = { .source_port = 22, .protocol = IPPROTO_TCP },
	};
	event->socket.socket = &example->socket;
	event->socket.owner = &example->server;
	if (event->action == EVENT_EXISTING_SOCKET || event->action == EVENT_SNAPSHOT_COMPLETED) {
		event->socket.snapshot_id = 1;
		event->socket.snapshot_index = 2;
		event->socket.began_ns = event->time_ns - 1000000;
		event->socket.incomplete = SOCKET_KIND_BIT(SOCKET_XDP);
		event->socket.absent = SOCKET_KIND_BIT(SOCKET_DCCP) | SOCKET_KIND_BIT(SOCKET_TIPC);
	}
}

static inline void example_stats(struct example *example, struct event *event)
{
	struct event_stats *stats = &event->stats;

	stats->uptime_ns = INT64_C(60000000000);
	stats->interval_ns = INT64_C(10000000000);
	stats->captures = &example->capture;
	stats->capture_count = 1;
	stats->packets.packets = 18211;
	stats->packets.bytes = 9105500;
	stats->packets.decode[DECODE_OK] = 18211;
	stats->records.written = 141;
	stats->records.bytes = 137207;
	stats->owners.methods[ATTRIBUTION_SOCKET] = 120;
	stats->owners.methods[ATTRIBUTION_RECENT] = 18;
	stats->owners.methods[ATTRIBUTION_UNKNOWN] = 3;
	stats->owners.reasons[ATTRIBUTION_NO_SOCKET] = 3;
	stats->host.lookups.queries = 141;
	stats->host.sockets.tracked = 41;
	stats->connections_tracked = 17;
	stats->connections.opened = 141;
	stats->connections.closed = 124;
	stats->host.processes.tracked = 23;
	stats->host.processes.scans = 1;
	stats->rss_bytes = 6291456;
	stats->cpu_ns = 311000000;
	stats->final = event->action == EVENT_RUN_STOPPED;
	if (stats->final)
		stats->stop = EVENT_STOP_SIGNAL;
}

static inline void example_run(struct event_run *run)
{
	static const char *const interfaces[] = { "any" };
	static const char *const events[] = { "packet", "connection", "stats" };
	static const char *const capabilities[] = { "cap_net_raw" };
	static const struct event_privilege privileges[] = { { "cap_net_raw", "capture" } };
	static const struct event_privilege helper[] = { { "cap_sys_admin",
		                                           "network_namespaces" } };
	static const char *const degraded[] = {
		"cap_sys_ptrace is missing: sockets of other users have no owner",
	};

	*run = (struct event_run){
		.version = "1.0",
		.libpcap = "libpcap version 1.10.3 (with TPACKET_V3)",
		.libnl = "3.7.0",
		.json_c = "0.16",
		.kernel = "6.1.0-18-amd64",
		.capabilities = capabilities,
		.capability_count = 1,
		.privileges = privileges,
		.privilege_count = 1,
		.helper_privileges = helper,
		.helper_privilege_count = 1,
		.degraded = degraded,
		.degraded_count = 1,
		.netns = EXAMPLE_NETNS,
		.boot_id = "5f2e0f4e-5c1a-4b6e-8a53-1f0f9b1f2f10",
	};
	run->config = (struct event_config){
		.interfaces = interfaces,
		.interface_count = 1,
		.filter = "tcp port 443",
		.events = events,
		.event_count = 3,
		.snaplen = 256,
		.buffer_bytes = 33554432,
		.attribution = "lookup",
		.attribution_why = "sockets are queried as packets arrive",
		.sockets = "auto",
		.direction = "inout",
		.promiscuous = true,
		.netns = "auto",
		.inspect = true,
		.tunnels = true,
		.max_connections = 65536,
		.update_interval_ns = INT64_C(60000000000),
		.duration_ns = INT64_C(3600000000000),
		.stats_interval_ns = INT64_C(10000000000),
		.flush_interval_ns = 100000000,
		.on_slow_reader = "block",
	};
}

static inline void example_log(struct example *example, struct event *event)
{
	struct event_log *log = &event->log;

	log->level = "warning";
	if (event->action == EVENT_OUTPUT_OPENED) {
		log->level = "info";
		log->message = "output opened";
		log->path = "/var/log/sockline/sockline.ndjson";
		log->repaired_bytes = 311;
	} else if (event->action == EVENT_RECORDS_DROPPED) {
		log->message = "12 records dropped: the reader of the output is too slow";
		log->count = 12;
		log->where = "output";
		event->sequence += log->count;
	} else if (event->action == EVENT_NETLINK_OVERRUN) {
		log->message = "netlink messages were lost, resynchronising";
		log->count = 166;
		log->where = "destroy";
	} else if (event->action == EVENT_NETNS_OPENED) {
		event->log.level = "warning";
		event->log.message = "a network namespace is captured from now on";
		event->log.netns = 4026532177;
		event->log.age_ns = 1750000;
		event->log.missed_packets = 4;
	} else if (event->action == EVENT_LIMIT_REACHED) {
		log->message =
			"network namespaces are not watched: there are too many of their user";
		log->limit = "network_namespaces";
		log->max = 64;
		log->refused = 86;
		log->uid = 1000;
	} else if (event->action == EVENT_TRACEPOINTS_OVERRUN) {
		log->message =
			"events of tracepoints were lost: owners of that time may be unknown; "
			"most came from process 4242 of user 1000";
		log->count = 4711;
		log->where = "tracepoints";
		log->process = &example->curl;
		log->has_uid = true;
		log->uid = 1000;
	} else if (event->action == EVENT_HELPER_LOST) {
		log->level = "error";
		log->message = "the helper process ended: network namespaces that come from now on "
			       "are not watched";
	} else if (event->action == EVENT_CLOCK_STEP) {
		log->message = "the clock was set back by an hour";
		log->step_ns = INT64_C(-3600000000000);
	} else {
		log->interface = "eth0";
		log->message = "capture resumed";
		log->level = "info";
	}
	if (event->action == EVENT_CAPTURE_LOST) {
		log->level = "warning";
		log->message = "capture lost, waiting for the interface to come back";
		log->error_message = "The interface disappeared";
	}
}

static inline void example_traffic(struct example *example, struct event_process *event)
{
	event->process = &example->curl;
	event->sent = (struct event_traffic){ .packets = 9, .bytes = 812 };
	event->received = (struct event_traffic){ .packets = 10, .bytes = 5199 };
	event->interval_sent = event->sent;
	event->interval_received = event->received;
	event->interval_ns = INT64_C(10000000000);
	event->connections = 1;
}

/* Actions in their order: the connection goes on from event to event. */
static inline struct event example_event(struct example *example, enum event_action action)
{
	struct event event = {
		.action = action,
		.time_ns = EXAMPLE_NS,
		.sequence = example->sequence + 1,
	};

	if (action == EVENT_PACKET)
		example_packet(example, &event.packet);
	else if (action <= EVENT_CONNECTION_CLOSED)
		example_connection(example, &event);
	else if (action == EVENT_DNS_TRANSACTION)
		example_dns(example, &event.dns);
	else if (action <= EVENT_LISTENING_STOPPED)
		example_socket(example, &event);
	else if (action == EVENT_PROCESS_TRAFFIC)
		example_traffic(example, &event.process);
	else if (event_is_of_life(&event))
		event.life =
			(struct event_life){ .process = &example->curl, .state_ns = EXAMPLE_NS };
	else if (action == EVENT_CAPTURE_STATS || action == EVENT_RUN_STOPPED)
		example_stats(example, &event);
	else if (action == EVENT_RUN_STARTED)
		example_run(&event.run);
	else
		example_log(example, &event);
	example->sequence = event.sequence;
	return event;
}

#endif
