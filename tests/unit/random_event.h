/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Random events, for the tests and the benchmark of the encoder. */
#ifndef SOCKLINE_TESTS_RANDOM_EVENT_H
#define SOCKLINE_TESTS_RANDOM_EVENT_H

#include "random_details.h"
#include "random_scene.h"

static inline void scene_transport(struct scene *scene, struct packet *packet)
{
	uint8_t protocol = packet->tuple.protocol;

	packet->has_ports = inet_has_ports(protocol);
	packet->has_tcp = protocol == IPPROTO_TCP;
	packet->has_icmp = protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6;
	packet->has_icmp_id = packet->has_icmp && scene_chance(scene, 50);
	if (scene_chance(scene, 10)) {
		packet->is_fragment = true;
		packet->is_later_fragment = scene_chance(scene, 50);
		packet->has_fragment_id = scene_chance(scene, 90);
	}
	if (packet->is_later_fragment) {
		packet->has_ports = packet->has_tcp = packet->has_icmp = packet->has_icmp_id =
			false;
		packet->tuple.source_port = packet->tuple.destination_port = 0;
	}
}

static inline void scene_packet(struct scene *scene, struct event_packet *event)
{
	struct packet *packet = &scene->packet;

	/* Every bit pattern is a valid number; what must fit together follows. */
	memset(packet, 0, sizeof *packet);
	packet->number = 1 + scene_number(scene, 53);
	packet->length = (uint32_t)scene_number(scene, 32);
	packet->captured = packet->length / 2;
	packet->link_type = (int)scene_number(scene, 9);
	event->direction = (enum packet_direction)random_below(&scene->random, 4);
	packet->network = (enum packet_network)random_below(&scene->random, PACKET_ARP + 1);
	if (scene_chance(scene, 20))
		packet->status = (enum decode_status)random_below(&scene->random, 4);
	packet->has_mac = scene_chance(scene, 50);
	packet->has_destination_mac = packet->has_mac && scene_chance(scene, 50);
	random_bytes(&scene->random, packet->source_mac, 6);
	if (scene_chance(scene, 80))
		random_bytes(&scene->random, packet->destination_mac, 6);
	packet->ether_type = (uint16_t)scene_number(scene, 16);
	packet->vlan_count =
		(uint8_t)(scene_chance(scene, 20) ? 1 + random_below(&scene->random, 2) : 0);
	packet->vlans[0] = (uint16_t)random_below(&scene->random, 4096);
	packet->vlans[1] = (uint16_t)random_below(&scene->random, 4096);
	packet->ttl = (uint8_t)random_u64(&scene->random);
	packet->fragment_id = (uint32_t)random_u64(&scene->random);
	packet->fragment_offset = 8 * random_below(&scene->random, 8192);
	packet->payload = (uint32_t)scene_number(scene, 32);
	packet->tcp_flags = (uint8_t)random_u64(&scene->random);
	packet->tcp_sequence = (uint32_t)scene_number(scene, 32);
	packet->tcp_acknowledgement = (uint32_t)scene_number(scene, 32);
	packet->tcp_window = (uint16_t)scene_number(scene, 16);
	packet->icmp_type = (uint8_t)random_u64(&scene->random);
	packet->icmp_code = (uint8_t)random_u64(&scene->random);
	packet->icmp_id = (uint16_t)random_u64(&scene->random);
	packet->arp_operation = (uint16_t)scene_number(scene, 16);

	event->packet = packet;
	if (packet->network == PACKET_IPV4 || packet->network == PACKET_IPV6) {
		struct connection *connection =
			&scene->connections[random_below(&scene->random, SCENE_CONNECTIONS)];

		event->from_source = scene_chance(scene, 50);
		packet->tuple =
			event->from_source ? connection->tuple : tuple_reverse(&connection->tuple);
		if (scene_chance(scene, 80))
			event->connection = connection;
		if (scene_chance(scene, 10)) /* an ICMP error, about that connection */
			packet->tuple = scene_tuple(scene);
		packet->network = tuple_is_v4(&packet->tuple) ? PACKET_IPV4 : PACKET_IPV6;
		packet->ip_length = (uint32_t)scene_number(scene, 17);
		scene_transport(scene, packet);
	} else if (packet->network == PACKET_ARP && scene_chance(scene, 80)) {
		scene_address(scene, &packet->tuple.source, true);
		scene_address(scene, &packet->tuple.destination, true);
	}
	event->interface = scene_chance(scene, 80)
	                           ? &scene->interfaces[random_below(&scene->random, 4)]
	                           : NULL;
	for (int end = 0; end < 2; end++)
		scene_owner(scene, &scene->owners[end]);
	event->source = scene_chance(scene, 60) ? &scene->owners[0] : NULL;
	event->destination = scene_chance(scene, 50) ? &scene->owners[1] : NULL;
	event->community_id = scene_chance(scene, 5) ? "1:q4egOj1T+i+CHF9Sl1KBSQbd6jo=" : NULL;
	event->netns = scene_chance(scene, 5) ? 4026532177u : 0;
	event->duplicate_of = scene_chance(scene, 5) ? 1 + scene_number(scene, 40) : 0;
	if (scene_chance(scene, 10)) {
		random_bytes(&scene->random, scene->payload, sizeof scene->payload);
		event->payload = scene->payload;
		event->payload_length = (uint32_t)scene_number(scene, 12);
	}
}

static inline void scene_socket(struct scene *scene, struct event_socket *event)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE, 89,
		                             IPPROTO_ICMP };
	struct socket *socket = &scene->socket;

	memset(socket, 0, sizeof *socket);
	socket->kind = (enum socket_kind)random_below(&scene->random, SOCKET_KIND_COUNT);
	socket->source = (enum socket_source)random_below(&scene->random, 2);
	socket->state =
		(enum socket_state)(1 + random_below(&scene->random, SOCKET_NEW_SYN_RECEIVED));
	socket->type = (uint8_t)random_below(&scene->random, 12);
	socket->protocol = (uint16_t)scene_number(scene, scene_chance(scene, 50) ? 5 : 16);
	if (socket->kind <= SOCKET_ICMP)
		socket->protocol = protocols[socket->kind];
	else if (socket_is_inet(socket))
		socket_set_protocol(socket, 0);
	socket->netns = scene_chance(scene, 90) ? (uint32_t)random_u64(&scene->random) : 0;
	socket->tuple = scene_tuple(scene);
	if (scene_chance(scene, 40)) {
		memset(&socket->tuple.destination, 0, sizeof socket->tuple.destination);
		socket->tuple.destination_port = 0;
	} else if (scene_chance(scene, 40)) {
		event->connection_id = random_u64(&scene->random);
	}
	socket->ifindex = scene_chance(scene, 20) ? 3 : 0;
	socket->v6only = scene_chance(scene, 20);
	socket->inode = scene_chance(scene, 80) ? scene_number(scene, 32) : 0;
	socket->cookie = scene_chance(scene, 80) ? scene_number(scene, 64) : 0;
	socket->cgroup_id = scene_chance(scene, 50) ? scene_number(scene, 64) : 0;
	socket->receive_queue = (uint32_t)scene_number(scene, 32);
	socket->send_queue = (uint32_t)scene_number(scene, 32);
	socket->has_tcp_info = scene_chance(scene, 30);
	if (socket->kind == SOCKET_UNIX) {
		socket->path_length =
			(uint8_t)random_below(&scene->random, sizeof socket->path + 1);
		if (scene->tame)
			memset(socket->path, 'p', sizeof socket->path);
		else
			random_bytes(&scene->random, socket->path, sizeof socket->path);
		if (scene_chance(scene, 30))
			socket->path[0] = '\0';
		socket->peer_inode = scene_number(scene, 32);
	}
	socket->port_id = (uint32_t)scene_number(scene, 32);
	socket->groups = (uint32_t)scene_number(scene, 32);
	if (scene_chance(scene, 50))
		scene_details(scene, socket);
	event->cgroup = scene_chance(scene, 30) ? "/system.slice/a" : NULL;
	event->began_ns = scene_chance(scene, 50) ? 1 : 0;
	event->incomplete = scene_u32(scene) & SOCKET_KINDS_ALL;
	event->absent = scene_u32(scene) & SOCKET_KINDS_ALL;
	scene_owner(scene, &scene->owners[0]);
	event->socket = socket;
	event->owner = &scene->owners[0];
	event->holders = scene->holders;
	event->holder_count = (int)random_below(&scene->random, 4);
	for (int i = 0; i < event->holder_count; i++)
		scene->holders[i] = &scene->processes[i];
}

static inline void scene_stats(struct scene *scene, struct event *event)
{
	struct event_stats *stats = &event->stats;
	uint64_t *numbers[] = {
		&stats->packets.packets,
		&stats->packets.bytes,
		&stats->packets.decode[DECODE_OK],
		&stats->records.written,
		&stats->records.deselected,
		&stats->owners.methods[ATTRIBUTION_SOCKET],
		&stats->owners.reasons[ATTRIBUTION_REPLAY],
		&stats->host.lookups.queries,
		&stats->host.netlink.overruns,
		&stats->host.sockets.tracked,
		&stats->connections_tracked,
		&stats->host.processes.tracked,
		&stats->rss_bytes,
		&stats->cpu_ns,
	};

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		*numbers[i] = scene_number(scene, 64);
	stats->uptime_ns = (int64_t)scene_number(scene, 63);
	stats->host.tracepoints.present = scene_chance(scene, 50);
	stats->host.sentinel.present = scene_chance(scene, 50);
	stats->captures = scene->captures;
	stats->capture_count = (int)random_below(&scene->random, 64);
	for (int i = 0; i < stats->capture_count; i++) {
		scene->captures[i].name =
			scene_chance(scene, 10) ? NULL : scene->interfaces[i % 4].name;
		scene->captures[i].removed = scene_number(scene, 40);
		scene->captures[i].unlisted = scene_number(scene, 40);
		scene->captures[i].is_file = scene_chance(scene, 10);
		scene->captures[i].received = scene_number(scene, 40);
		scene->captures[i].unread = scene_number(scene, 40);
	}
	stats->final = event->action == EVENT_RUN_STOPPED;
	if (stats->final)
		stats->stop = EVENT_STOP_SIGNAL;
}

static inline void scene_run(struct scene *scene, struct event_run *run)
{
	static const char *const events[] = { "packet", "connection", "stats" };
	static const char *const capabilities[] = { "cap_net_raw", "cap_sys_ptrace" };
	static const struct event_privilege privileges[] = {
		{ "cap_net_raw", "capture" },
		{ "cap_sys_ptrace", "attribution" },
	};
	static const struct event_privilege helper[] = {
		{ "cap_sys_admin", "network_namespaces" },
		{ "cap_net_admin", "network_namespaces" },
	};
	static const char *const kinds[] = { "tcp", "unix" };

	for (int i = 0; i < 8; i++)
		scene->texts[i] = scene_string(scene, scene->text[i], 300);
	*run = (struct event_run){
		.version = "1.0",
		.libpcap = "libpcap version 1.10.3",
		.libnl = "3.7.0",
		.json_c = "0.16",
		.kernel = scene_chance(scene, 50) ? "6.1.0" : NULL,
		.capabilities = capabilities,
		.capability_count = 2,
		.privileges = privileges,
		.privilege_count = (int)random_below(&scene->random, 3),
		.helper_privileges = helper,
		.helper_privilege_count = (int)random_below(&scene->random, 3),
		.degraded = scene->texts + 5,
		.degraded_count = (int)random_below(&scene->random, 3),
		.netns = scene_chance(scene, 50) ? 4026531840 : 0,
		.boot_id = scene_chance(scene, 50) ? "5f2e0f4e-5c1a-4b6e-8a53-1f0f9b1f2f10" : NULL,
	};
	run->config = (struct event_config){
		.interfaces = scene->texts,
		.interface_count = (int)random_below(&scene->random, 3),
		.file = scene_chance(scene, 50) ? scene->texts[3] : NULL,
		.filter = scene_chance(scene, 50) ? scene->texts[4] : NULL,
		.events = events,
		.event_count = 3,
		.snaplen = 256,
		.buffer_bytes = 33554432,
		.attribution = "tracepoints",
		.attribution_why = "the kernel offers it",
		.sockets = "auto",
		.direction = scene_chance(scene, 50) ? "in" : NULL,
		.netns = scene_chance(scene, 50) ? "paths" : NULL,
		.netns_paths = scene->texts + 3,
		.netns_path_count = (int)random_below(&scene->random, 4),
		.max_connections = scene_chance(scene, 50) ? 65536 : 0,
		.count = scene_number(scene, 40),
		.kinds = kinds,
		.kind_count = (int)random_below(&scene->random, 3),
		.on_slow_reader = "drop",
	};
}

static inline void scene_log(struct scene *scene, struct event *event)
{
	struct event_log *log = &event->log;

	log->level = "warning";
	log->message = scene_string(scene, scene->text[0], 300);
	log->error_message =
		scene_chance(scene, 50) ? scene_string(scene, scene->text[1], 300) : NULL;
	if (event->action == EVENT_OUTPUT_OPENED) {
		log->path =
			scene_chance(scene, 80) ? scene_string(scene, scene->text[2], 300) : NULL;
		log->repaired_bytes = scene_number(scene, 12);
		return;
	}
	if (event->action == EVENT_CAPTURE_LOST || event->action == EVENT_CAPTURE_RESUMED)
		log->interface = scene->interfaces[1].name;
	if (event->action == EVENT_RECORDS_DROPPED || event->action == EVENT_NETLINK_OVERRUN) {
		log->where = event->action == EVENT_RECORDS_DROPPED ? "output" : "proc_events";
		log->count = 1 + scene_number(scene, 10);
	}
	if (event->action == EVENT_TRACEPOINTS_OVERRUN) {
		log->where = "tracepoints";
		log->count = 1 + scene_number(scene, 20);
		log->process = scene_chance(scene, 50) ? &scene->processes[2] : NULL;
		log->has_uid = scene_chance(scene, 50);
		log->uid = (uint32_t)scene_number(scene, 32);
	}
	if (event->action == EVENT_LIMIT_REACHED) {
		log->limit = "network_namespaces";
		log->max = scene_number(scene, 10);
		log->refused = 1 + scene_number(scene, 30);
		log->uid = (uint32_t)scene_number(scene, 32);
	}
	if (event->action == EVENT_NETNS_OPENED) {
		log->netns = 1 + (uint32_t)scene_number(scene, 30);
		log->age_ns = (int64_t)scene_number(scene, 40);
		log->missed_packets = scene_number(scene, 10);
	}
	if (event->action == EVENT_RECORDS_DROPPED) /* the gap that it announces */
		scene->sequence = event->sequence += log->count;
	log->step_ns = (int64_t)random_u64(&scene->random) >> random_below(&scene->random, 60);
}

static inline void scene_life(struct scene *scene, struct event_life *life)
{
	life->process = &scene->processes[3];
	life->state_ns = scene->time_ns - (int64_t)scene_number(scene, 30);
}

static inline void scene_traffic(struct scene *scene, struct event_process *process)
{
	struct event_traffic *all[] = { &process->sent, &process->received, &process->interval_sent,
		                        &process->interval_received };

	for (int i = 0; i < 4; i++) {
		all[i]->packets = scene_number(scene, 40);
		all[i]->bytes = scene_number(scene, 50);
	}
	process->process = scene_chance(scene, 90) ? &scene->processes[3] : NULL;
	process->interval_ns = (int64_t)scene_number(scene, 40);
	process->connections = scene_number(scene, 20);
}

/* A text of names, or none. */
static inline uint16_t scene_dns_text(struct scene *scene)
{
	struct dns_message *message = &scene->dns;
	size_t length = 1 + random_below(&scene->random, 300);
	uint16_t text = message->text_length;

	if (scene_chance(scene, 10) || length >= DNS_TEXTS_MAX - (size_t)text)
		return DNS_TEXT_NONE;
	for (size_t i = 0; i < length; i++)
		message->texts[text + i] = (char)('!' + random_below(&scene->random, '~' - '!'));
	message->texts[text + length] = '\0';
	message->text_length = (uint16_t)(text + length + 1);
	return text;
}

static inline void scene_answer(struct scene *scene, struct dns_answer *answer)
{
	answer->type = (uint16_t)scene_number(scene, 16);
	answer->class = (uint16_t)scene_number(scene, 16);
	answer->ttl = (uint32_t)scene_number(scene, 32);
	answer->name = scene_dns_text(scene);
	answer->data = scene_dns_text(scene);
}

static inline void scene_dns(struct scene *scene, struct event_dns *event)
{
	struct dns_message *message = &scene->dns;

	event->connection = &scene->connections[random_below(&scene->random, SCENE_CONNECTIONS)];
	event->connection->protocol = NAMES_DNS;
	event->query_ns = scene->time_ns - (int64_t)scene_number(scene, 34);
	memset(message, 0, sizeof *message);
	message->response = scene_chance(scene, 80);
	message->id = (uint16_t)scene_number(scene, 16);
	message->opcode = (uint8_t)scene_number(scene, 4);
	message->flags = (uint8_t)random_below(&scene->random, 128);
	message->has_code = scene_chance(scene, 80);
	message->code = (uint16_t)scene_number(scene, 12);
	message->question = scene_dns_text(scene);
	message->has_question = message->question != DNS_TEXT_NONE;
	message->question_type = (uint16_t)scene_number(scene, 16);
	message->question_class = (uint16_t)scene_number(scene, 16);
	message->further_count = 0;
	if (message->has_question && scene_chance(scene, 20))
		message->further_count = (uint16_t)random_below(&scene->random, DNS_QUESTIONS_MAX);
	message->question_total = (uint16_t)(message->has_question + message->further_count +
	                                     scene_chance(scene, 20));
	for (int i = 0; i < message->further_count; i++)
		message->further[i] = (struct dns_question){
			.name = scene_dns_text(scene),
			.type = (uint16_t)scene_number(scene, 16),
			.class = (uint16_t)scene_number(scene, 16),
		};
	message->answer_count = (uint16_t)random_below(&scene->random, DNS_ANSWERS_MAX + 1);
	message->answer_total = (uint16_t)(message->answer_count + scene_chance(scene, 20));
	for (int i = 0; i < message->answer_count; i++)
		scene_answer(scene, &message->answers[i]);
	event->message = message;
	if (scene_chance(scene, 70))
		return;
	scene->query = (struct dns_query){ .id = message->id,
		                           .has_question = scene_chance(scene, 80),
		                           .question_total = (uint16_t)scene_number(scene, 2),
		                           .question = "www.example.org" };
	event->message = NULL;
	event->query = &scene->query;
	event->timed_out = scene_chance(scene, 50);
}

/* Valid until the next event of the scene. */
static inline struct event scene_event(struct scene *scene, enum event_action action)
{
	struct event event = { .action = action, .sequence = ++scene->sequence };

	scene->time_ns += (int64_t)scene_number(scene, 34);
	event.time_ns = scene->time_ns;
	if (scene_chance(scene, 2))
		scene_process(scene, (int)random_below(&scene->random, SCENE_PROCESSES));
	if (scene_chance(scene, 5))
		scene_connection(
			scene,
			&scene->connections[random_below(&scene->random, SCENE_CONNECTIONS)]);
	if (action == EVENT_PACKET) {
		scene_packet(scene, &event.packet);
	} else if (action <= EVENT_CONNECTION_CLOSED) {
		event.connection.connection =
			&scene->connections[random_below(&scene->random, SCENE_CONNECTIONS)];
		event.connection.previous = SOCKET_SYN_SENT;
	} else if (action == EVENT_DNS_TRANSACTION) {
		scene_dns(scene, &event.dns);
	} else if (action <= EVENT_LISTENING_STOPPED) {
		scene_socket(scene, &event.socket);
		if (action <= EVENT_SNAPSHOT_COMPLETED) {
			event.socket.snapshot_id = 1 + scene_number(scene, 8);
			event.socket.snapshot_index = 1 + scene_number(scene, 20);
		}
	} else if (action == EVENT_PROCESS_TRAFFIC) {
		scene_traffic(scene, &event.process);
	} else if (event_is_of_life(&event)) {
		scene_life(scene, &event.life);
	} else if (action == EVENT_CAPTURE_STATS || action == EVENT_RUN_STOPPED) {
		scene_stats(scene, &event);
	} else if (action == EVENT_RUN_STARTED) {
		scene_run(scene, &event.run);
	} else {
		scene_log(scene, &event);
	}
	return event;
}

#endif
