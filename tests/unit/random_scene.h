/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The objects that random events speak of: they keep the contracts of their
 * headers, with strings as bad as they can be.
 */
#ifndef SOCKLINE_TESTS_RANDOM_SCENE_H
#define SOCKLINE_TESTS_RANDOM_SCENE_H

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/snippet.h"
#include "connections/connection_extra.h"
#include "events/event.h"
#include "inspect/names.h"
#include "processes/process_args.h"
#include "random.h"

#define SCENE_PROCESSES   16
#define SCENE_CONNECTIONS 64
#define SCENE_STRINGS     6
#define SCENE_ARGS        5
#define SCENE_ARGS_SIZE   ((sizeof(struct process_args) + SCENE_ARGS * 100 + 7) / 8 * 8)
#define SCENE_TIME_NS     (INT64_C(1795342272) * 1000000000) /* 2026-11-22 */

struct scene {
	struct random random;
	bool tame; /* only strings that need no sockline.raw */
	int64_t time_ns;
	uint64_t sequence;

	struct process processes[SCENE_PROCESSES];
	char strings[SCENE_PROCESSES][SCENE_STRINGS][256];
	struct process_image images[SCENE_PROCESSES];
	_Alignas(struct process_args) char args[SCENE_PROCESSES][SCENE_ARGS_SIZE];
	struct connection connections[SCENE_CONNECTIONS];
	struct interface interfaces[4];
	int pids[OWNER_SHARED_MAX];

	/* The parts of the event at hand. */
	struct packet packet;
	struct owner owners[2];
	struct owner_common common;
	struct socket socket;
	struct socket_details details;
	const struct process *holders[3];
	struct dns_message dns;
	struct dns_query query;
	const char *texts[8];
	char text[8][300];
	struct event_capture_counters captures[64];
	uint8_t payload[EVENT_PAYLOAD_MAX];
};

static inline bool scene_chance(struct scene *scene, uint32_t percent)
{
	return random_below(&scene->random, 100) < percent;
}

/* A number whose size is random, not its bits: small ones and very large ones. */
static inline uint64_t scene_number(struct scene *scene, int bits)
{
	return random_u64(&scene->random) >> (64 - bits) >>
	       random_below(&scene->random, (uint32_t)bits);
}

/* At least one byte, never NUL; mostly a decent string. */
static inline char *scene_string(struct scene *scene, char *text, size_t size)
{
	static const char *const specials[] = {
		"\"",
		"\\",
		"/",
		"\x01",
		"\n",
		"\x7f",
		"\xc2\x85",
		"\xe2\x80\xa8",
		"\xe2\x80\xae",
		"\xc3\xa4",
		"\xf0\x9f\x90\x9f",
		"\xef\xbf\xbd",
	};
	static const char *const bad[] = { "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80",
		                           "\xc3" };
	size_t length = 1 + random_below(&scene->random,
	                                 (uint32_t)(scene_chance(scene, 80) ? 15 : size - 8));
	size_t at = 0;

	while (at < length && at < size - 5) {
		const char *piece = NULL;
		uint32_t kind = random_below(&scene->random, 100);

		if (kind < 4)
			piece = specials[random_below(&scene->random,
			                              sizeof specials / sizeof *specials)];
		else if (kind < 6 && !scene->tame)
			piece = bad[random_below(&scene->random, sizeof bad / sizeof *bad)];
		if (piece)
			at += (size_t)snprintf(text + at, size - at, "%s", piece);
		else
			text[at++] = (char)(' ' + 1 + random_below(&scene->random, 94));
	}
	text[at] = '\0';
	return text;
}

/* None, all arguments of a process, or the first of more. */
static inline struct process_image *scene_image(struct scene *scene, int number)
{
	struct process_args *args = (struct process_args *)(void *)scene->args[number];

	scene->images[number] = (struct process_image){ .args = args };
	if (scene_chance(scene, 10))
		scene->images[number].since_wall_ns = scene->time_ns + 1;
	*args = (struct process_args){ .count = random_below(&scene->random, SCENE_ARGS + 1) };
	for (uint32_t i = 0; i < args->count; i++) {
		char *at = args->strings + args->length;

		args->length += (uint32_t)strlen(scene_string(scene, at, 100)) + 1;
	}
	args->argc = scene_chance(scene, 80) ? args->count : (uint32_t)scene_number(scene, 20);
	return scene_chance(scene, 30) ? &scene->images[number] : NULL;
}

static inline void scene_process(struct scene *scene, int number)
{
	struct process *process = &scene->processes[number];
	char(*strings)[256] = scene->strings[number];

	process->pid = 1 + (int)random_below(&scene->random, 4194303);
	process->parent_pid = (int)random_below(&scene->random, 5000);
	process->start_ns = scene->time_ns - (int64_t)scene_number(scene, 50);
	process->entity_id = random_u64(&scene->random);
	process->uid = (uint32_t)scene_number(scene, 32);
	process->has_uid = scene_chance(scene, 80);
	process->real_uid =
		scene_chance(scene, 50) ? process->uid : (uint32_t)scene_number(scene, 32);
	process->real_gid = (uint32_t)scene_number(scene, 32);
	process->has_real_uid = scene_chance(scene, 80);
	process->has_real_gid = scene_chance(scene, 80);
	process->parent_entity_id = scene_chance(scene, 80) ? random_u64(&scene->random) : 0;
	process->executable_deleted = scene_chance(scene, 10);
	process->container_pid =
		scene_chance(scene, 20) ? 1 + (int)random_below(&scene->random, 4194303) : 0;
	if (scene_chance(scene, 20))
		process->file = (struct process_file){
			.mount_namespace = 1 + scene_number(scene, 32),
			.inode = scene_chance(scene, 80) ? scene_number(scene, 64) : 0,
			.major = (uint32_t)scene_number(scene, 32),
			.minor = (uint32_t)scene_number(scene, 32),
		};
	process->name = scene_chance(scene, 90) ? scene_string(scene, strings[0], 16) : NULL;
	process->executable = scene_chance(scene, 90) ? scene_string(scene, strings[1], 256) : NULL;
	process->parent_name = scene_chance(scene, 80) ? scene_string(scene, strings[2], 16) : NULL;
	if (scene_chance(scene, 30))
		process->end = (struct process_end){
			.wall_ns = scene->time_ns,
			.has_code = scene_chance(scene, 50),
			.code = (uint8_t)random_u64(&scene->random),
		};
	process->parent_executable =
		scene_chance(scene, 80) ? scene_string(scene, strings[5], 256) : NULL;
	process->cgroup = scene_chance(scene, 80) ? scene_string(scene, strings[3], 256) : NULL;
	process->container_id =
		scene_chance(scene, 30) ? scene_string(scene, strings[4], 100) : NULL;
	process->image = scene_image(scene, number);
	process->generation++;
}

static inline void scene_address(struct scene *scene, struct inet_address *address, bool v4)
{
	uint8_t bytes[16];

	random_bytes(&scene->random, bytes, sizeof bytes);
	/* Runs of zeros are what RFC 5952 is about. */
	for (int i = 0; i < 16; i += 2) {
		if (scene_chance(scene, 40))
			bytes[i] = bytes[i + 1] = 0;
	}
	if (v4) {
		inet_from_v4(address, bytes);
	} else {
		bytes[0] = 0x20; /* never mapped by chance */
		inet_from_v6(address, bytes);
	}
}

static inline struct tuple scene_tuple(struct scene *scene)
{
	static const uint8_t protocols[] = {
		6, 6, 6, 17, 17, 136, 132, 33, 1, 58, 47, 50, 255, 99
	};
	struct tuple tuple = {
		.protocol = protocols[random_below(&scene->random, sizeof protocols)],
	};
	bool v4 = scene_chance(scene, 60);

	scene_address(scene, &tuple.source, v4);
	scene_address(scene, &tuple.destination, v4);
	if (inet_has_ports(tuple.protocol)) {
		tuple.source_port = (uint16_t)random_u64(&scene->random);
		tuple.destination_port = (uint16_t)scene_number(scene, 16);
	}
	return tuple;
}

static inline void scene_owner(struct scene *scene, struct owner *owner)
{
	*owner = (struct owner){
		.method = (enum attribution_method)random_below(&scene->random,
		                                                ATTRIBUTION_CAPTURE + 1),
		.inode = scene_chance(scene, 80) ? scene_number(scene, 32) : 0,
		.cookie = scene_chance(scene, 80) ? scene_number(scene, 64) : 0,
		.netns = scene_chance(scene, 80) ? (uint32_t)random_u64(&scene->random) : 0,
		.uid = (uint32_t)scene_number(scene, 32),
		.has_uid = scene_chance(scene, 50),
	};
	if (owner->method == ATTRIBUTION_UNKNOWN)
		owner->reason = (enum attribution_reason)random_below(&scene->random,
		                                                      ATTRIBUTION_REPLAY + 1);
	if (owner->method == ATTRIBUTION_SOCKET || owner->method == ATTRIBUTION_LISTENER ||
	    owner->method == ATTRIBUTION_RECENT || owner->method == ATTRIBUTION_TRACEPOINT ||
	    owner->method == ATTRIBUTION_CAPTURE)
		owner->process = &scene->processes[random_below(&scene->random, SCENE_PROCESSES)];
	if (owner->reason == ATTRIBUTION_AMBIGUOUS && scene_chance(scene, 50)) {
		scene->common.count = 1 + (int)random_below(&scene->random, 2);
		for (int i = 0; i < scene->common.count; i++)
			scene->common.processes[i] =
				&scene->processes[random_below(&scene->random, SCENE_PROCESSES)];
		owner->common = &scene->common;
		owner->has_common = true;
	}
	if (owner->process && scene_chance(scene, 20)) {
		owner->shared_count =
			(uint8_t)(2 + random_below(&scene->random, OWNER_SHARED_MAX - 1));
		owner->shared_pids = scene->pids;
	}
}

/* What is in packets can be anything. */
static inline void scene_names(struct scene *scene, struct connection *connection)
{
	char text[200];

	if (scene_chance(scene, 80))
		return;
	scene_string(scene, text, sizeof text);
	names_set_text(&connection->names, NAMES_SERVER_NAME, text, strlen(text));
	if (strlen(text) < 100) {
		memmove(text + 1, text, strlen(text) + 1);
		text[0] = (char)strlen(text + 1);
		names_set_text(&connection->names, NAMES_ALPN, text, strlen(text));
		names_set_text(&connection->names, NAMES_VERSIONS, "\177\34\3\0", 4);
	}
	names_set_text(&connection->names, NAMES_JA4, "q13i0203h3_55b375c5d22e_06cda9e17597", 36);
	names_set_text(&connection->names, NAMES_METHOD, "PROPFIND", 8);
	names_set_text(&connection->names, NAMES_HOST, "[2001:db8::1]", 13);
	names_set_text(&connection->names,
	               scene_chance(scene, 50) ? NAMES_SSH_CLIENT : NAMES_SSH_SERVER,
	               "SSH-2.0-\"\\", 10);
}

static inline void scene_name(struct scene *scene, char *name, size_t size)
{
	if (scene_chance(scene, 50))
		snprintf(name, size, "%s",
		         scene->tame ? "name" : scene_string(scene, scene->text[0], 15));
}

static inline void scene_connection(struct scene *scene, struct connection *connection)
{
	struct socket_tcp_info info = { 0 };
	struct connection_past past = { .has_totals = false };
	struct connection_extra *extra;
	struct tcp_trouble *trouble;

	snippet_free(connection->snippet);
	names_free(connection->names);
	connection_extra_free(connection->extra);
	memset(connection, 0, sizeof *connection);
	extra = connection_extra(connection);
	trouble = connection_extra_trouble(connection);
	if (!extra || !trouble)
		abort();
	connection->tuple = scene_tuple(scene);
	connection->netns = scene_chance(scene, 50) ? (uint32_t)random_u64(&scene->random) : 0;
	connection->id = random_u64(&scene->random);
	connection->start_ns = scene->time_ns - (int64_t)scene_number(scene, 45);
	connection->last_ns = connection->start_ns + (int64_t)scene_number(scene, 40);
	if (connection->tuple.protocol == IPPROTO_TCP)
		connection->state =
			(enum socket_state)(1 + random_below(&scene->random, SOCKET_CLOSING));
	connection->direction = (enum connection_direction)random_below(&scene->random, 3);
	connection->outcome = (enum connection_outcome)random_below(&scene->random, 3);
	connection->reason =
		(enum connection_reason)random_below(&scene->random, CONNECTION_SOCKET_CLOSED + 1);
	connection->evidence = random_below(&scene->random, 16);
	for (int end = 0; end < 2; end++) {
		connection->counts[end].packets = scene_number(scene, 40);
		connection->counts[end].bytes = scene_number(scene, 60);
		extra->icmp_errors = (struct icmp_errors){ (uint32_t)scene_number(scene, 32),
			                                   (uint8_t)scene_number(scene, 8),
			                                   (uint8_t)scene_number(scene, 8) };
		extra->reported[end].packets = connection->counts[end].packets / 2;
		extra->reported[end].bytes = connection->counts[end].bytes / 3;
		trouble->figures[end].retransmissions = (uint32_t)scene_number(scene, 32);
		trouble->figures[end].duplicate_acks = (uint32_t)scene_number(scene, 32);
		connection->local[end] = scene_chance(scene, 60);
		scene_owner(scene, &connection->owners[end]);
		if (!connection->local[end])
			connection->owners[end] = (struct owner){ .method = ATTRIBUTION_UNKNOWN };
	}
	connection->midway = scene_chance(scene, 20);
	if (scene_chance(scene, 30))
		names_set_domain(&connection->names, NAMES_FROM_DNS, "www.example.org");
	if (scene_chance(scene, 30))
		connection->protocol =
			(enum names_protocol)(1 + random_below(&scene->random, NAMES_SSH));
	scene_names(scene, connection);
	connection->has_icmp_id = connection->tuple.protocol == IPPROTO_ICMP;
	if (connection->has_icmp_id)
		connection->icmp_id = (uint16_t)random_u64(&scene->random);
	info.rtt_us = (uint32_t)scene_number(scene, 32);
	info.delivery_rate = scene_number(scene, 64);
	info.bytes_acked = scene_number(scene, 64);
	if (connection->state != SOCKET_STATE_NONE && scene_chance(scene, 50))
		connection_extra_set_tcp_info(connection, &info);
	past.has_totals = scene_chance(scene, 50);
	past.totals.bytes_acked = scene_number(scene, 53);
	scene_name(scene, past.congestion_control, sizeof past.congestion_control);
	past.totals.segments_sent = (uint32_t)scene_number(scene, 32);
	if (connection->state != SOCKET_STATE_NONE && scene_chance(scene, 50))
		connection_extra_set_past(connection, &past);
	connection->flow.handshake_us = (uint32_t)scene_number(scene, 32);
	connection->flow.unmeasured = scene_chance(scene, 20);
	connection->tcp.ending = scene_chance(scene, 50);
	connection->tcp.ended_by = scene_chance(scene, 50);
	memcpy(connection->flow.history, "^ShADadTtFfR", 12);
	connection->flow.length = scene_chance(scene, 70) ? 12 : 0;
	memcpy(trouble->history, "rGgWwQqIiRrRrRrRrRrR", 20);
	trouble->length = scene_chance(scene, 20) ? 20 : 0;
	strcpy(connection->community_id, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
}

static inline void scene_begin(struct scene *scene, struct random random, bool tame)
{
	memset(scene, 0, sizeof *scene);
	scene->random = random;
	scene->tame = tame;
	scene->time_ns = SCENE_TIME_NS;
	for (int i = 0; i < OWNER_SHARED_MAX; i++)
		scene->pids[i] = 1 + i * 1000;
	for (int i = 0; i < SCENE_PROCESSES; i++)
		scene_process(scene, i);
	for (int i = 0; i < SCENE_CONNECTIONS; i++)
		scene_connection(scene, &scene->connections[i]);
	for (int i = 0; i < 4; i++) {
		scene->interfaces[i].ifindex =
			1 + 16u * (uint32_t)(i / 2); /* two share a slot of the cache */
		scene_string(scene, scene->interfaces[i].name, sizeof scene->interfaces[i].name);
	}
}

static inline void scene_end(struct scene *scene)
{
	for (int i = 0; i < SCENE_PROCESSES; i++)
		snippet_free(scene->processes[i].snippet);
	for (int i = 0; i < SCENE_CONNECTIONS; i++) {
		snippet_free(scene->connections[i].snippet);
		names_free(scene->connections[i].names);
		connection_extra_free(scene->connections[i].extra);
	}
}

#endif
