/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/field_table.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

struct row {
	const char *object;  /* its path; "": the record */
	const char *members; /* their names, in order, with a blank between them */
};

/*
 * The members of objects in arrays stand here, too. tests/lint/test_field_table.py compares the
 * rows with the schema, and prints what they should be.
 */
/* clang-format off */
static const struct row rows[] = {
	{ "",
	  "@timestamp container destination dns ecs error event file group host http "
	  "labels log message network observer orchestrator process sockline source tls "
	  "url user" },
	{ "container",
	  "id image name runtime" },
	{ "container.image",
	  "name" },
	{ "destination",
	  "address bytes domain ip mac nat packets port" },
	{ "destination.nat",
	  "ip port" },
	{ "dns",
	  "answers header_flags id op_code question resolved_ip response_code type" },
	{ "dns.answers",
	  "class data name ttl type" },
	{ "dns.question",
	  "class name type" },
	{ "ecs",
	  "version" },
	{ "error",
	  "message" },
	{ "event",
	  "action category dataset duration end kind outcome reason sequence start type" },
	{ "file",
	  "path" },
	{ "group",
	  "id" },
	{ "host",
	  "boot id name os" },
	{ "host.boot",
	  "id" },
	{ "host.os",
	  "type" },
	{ "http",
	  "request" },
	{ "http.request",
	  "method" },
	{ "log",
	  "level" },
	{ "network",
	  "bytes community_id direction iana_number inner packets protocol transport type "
	  "vlan" },
	{ "network.inner",
	  "vlan" },
	{ "network.inner.vlan",
	  "id" },
	{ "network.vlan",
	  "id" },
	{ "observer",
	  "ingress os product type version" },
	{ "observer.ingress",
	  "interface" },
	{ "observer.ingress.interface",
	  "id name" },
	{ "observer.os",
	  "kernel" },
	{ "orchestrator",
	  "namespace resource" },
	{ "orchestrator.resource",
	  "name" },
	{ "process",
	  "args args_count command_line end entity_id executable exit_code hash name "
	  "parent pid start" },
	{ "process.hash",
	  "sha256" },
	{ "process.parent",
	  "entity_id executable name pid" },
	{ "sockline",
	  "arp attribution capabilities cgroup clock config connection degraded dns "
	  "domain evidence executable_deleted fragment helper_privileges holders icmp "
	  "interval ja4 libraries limit loss mptcp namespace netns output packet peer "
	  "privileges process raw run schema sctp snapshot socket ssh stats tcp tls "
	  "traffic truncated tunnel udp" },
	{ "sockline.arp",
	  "operation" },
	{ "sockline.attribution",
	  "common method reason shared_pids" },
	{ "sockline.attribution.common",
	  "cgroup process user" },
	{ "sockline.attribution.common.process",
	  "name" },
	{ "sockline.attribution.common.user",
	  "id" },
	{ "sockline.clock",
	  "step_ns" },
	{ "sockline.config",
	  "all_processes args attribution attribution_why buffer_bytes command "
	  "community_id_seed count dedupe direction duration_ns events fields file filter "
	  "flush_each flush_interval_ns guess hash immediate_mode inspect interfaces "
	  "interval_ns kinds listening max_connections max_memory_bytes netns netns_paths "
	  "on_slow_reader payload promiscuous selection snaplen sockets stats_interval_ns "
	  "tunnels update_interval_ns without" },
	{ "sockline.config.selection",
	  "cgroup container pid port process user" },
	{ "sockline.connection",
	  "carries ended_by existing history icmp_error id midway outer previous_state "
	  "state" },
	{ "sockline.connection.icmp_error",
	  "code count type" },
	{ "sockline.dns",
	  "answer_count question_count questions" },
	{ "sockline.dns.questions",
	  "class name type" },
	{ "sockline.domain",
	  "source" },
	{ "sockline.fragment",
	  "id offset" },
	{ "sockline.helper_privileges",
	  "capability feature" },
	{ "sockline.holders",
	  "entity_id name pid" },
	{ "sockline.icmp",
	  "code id type" },
	{ "sockline.interval",
	  "destination duration_ns received sent source" },
	{ "sockline.interval.destination",
	  "bytes packets" },
	{ "sockline.interval.received",
	  "bytes bytes_per_s packets packets_per_s" },
	{ "sockline.interval.sent",
	  "bytes bytes_per_s packets packets_per_s" },
	{ "sockline.interval.source",
	  "bytes packets" },
	{ "sockline.libraries",
	  "json_c libnl libpcap" },
	{ "sockline.limit",
	  "max name refused" },
	{ "sockline.loss",
	  "count where" },
	{ "sockline.mptcp",
	  "additional_subflows fallback local_id remote_id token" },
	{ "sockline.namespace",
	  "age_ns missed_packets netns" },
	{ "sockline.output",
	  "repaired_bytes" },
	{ "sockline.packet",
	  "captured data data_truncated decode duplicate_of ether_type length link_type "
	  "netns number ttl" },
	{ "sockline.peer",
	  "attribution process user" },
	{ "sockline.peer.attribution",
	  "common method reason shared_pids" },
	{ "sockline.peer.attribution.common",
	  "cgroup process user" },
	{ "sockline.peer.attribution.common.process",
	  "name" },
	{ "sockline.peer.attribution.common.user",
	  "id" },
	{ "sockline.peer.process",
	  "entity_id executable name pid" },
	{ "sockline.peer.user",
	  "effective id" },
	{ "sockline.peer.user.effective",
	  "id" },
	{ "sockline.privileges",
	  "capability feature" },
	{ "sockline.process",
	  "container_pid executable mount_namespace" },
	{ "sockline.process.executable",
	  "device inode" },
	{ "sockline.raw",
	  "alpn captures cgroup container_id effective_user_name error_message file "
	  "file_path filter holder_names host_name interface_name interfaces message "
	  "parent_executable parent_name peer_process_executable peer_process_name "
	  "process_args process_executable process_name server_name source_address "
	  "user_name" },
	{ "sockline.sctp",
	  "local_addresses peer_addresses state" },
	{ "sockline.snapshot",
	  "absent complete count id incomplete index" },
	{ "sockline.socket",
	  "backlog backlog_max cgroup cgroup_id congestion_control cookie drops fanout "
	  "groups ifindex inode kind mark memberships netns peer_inode port_id protocol "
	  "queue receive_entries receive_queue receive_ring ring_version send_entries "
	  "send_queue send_ring smc_mode source state timer type umem upper_protocol "
	  "v6only" },
	{ "sockline.socket.fanout",
	  "id mode" },
	{ "sockline.socket.receive_ring",
	  "block_size blocks frame_size frames" },
	{ "sockline.socket.send_ring",
	  "block_size blocks frame_size frames" },
	{ "sockline.socket.timer",
	  "expires_ms name retransmits" },
	{ "sockline.socket.umem",
	  "id size zero_copy" },
	{ "sockline.ssh",
	  "client server" },
	{ "sockline.stats",
	  "attribution bytes capture connections cpu_ns decode final interval_ns lookups "
	  "netlink packets processes records rss_bytes sentinel sockets tracepoints "
	  "unknown uptime_ns write" },
	{ "sockline.stats.attribution",
	  "capture guess kernel listener recent socket tracepoint unknown" },
	{ "sockline.stats.capture",
	  "buffer_bytes dropped file interface interface_dropped netns received removed "
	  "unlisted unread" },
	{ "sockline.stats.connections",
	  "closed evicted opened tracked" },
	{ "sockline.stats.decode",
	  "malformed ok truncated unsupported" },
	{ "sockline.stats.lookups",
	  "cached_misses misses queries" },
	{ "sockline.stats.netlink",
	  "interrupted lost overruns resyncs" },
	{ "sockline.stats.processes",
	  "descriptors evicted permission_denied scans tracked vanished" },
	{ "sockline.stats.records",
	  "bytes deselected dropped truncated written" },
	{ "sockline.stats.sentinel",
	  "late lost packets resolved unresolved" },
	{ "sockline.stats.sockets",
	  "tracked" },
	{ "sockline.stats.tracepoints",
	  "evicted lost samples" },
	{ "sockline.stats.unknown",
	  "ambiguous exited forwarded no_permission no_socket other_netns pending "
	  "raw_socket replay time_wait" },
	{ "sockline.stats.write",
	  "bytes dropped packets" },
	{ "sockline.tcp",
	  "ack at_start bytes_acked bytes_received bytes_retransmitted bytes_sent "
	  "congestion_control congestion_window delivery_rate destination flags "
	  "handshake_us lost min_rtt_us mss pacing_rate path_mtu payload reordering "
	  "retransmits rto_us rtt_us rttvar_us seq slow_start_threshold source "
	  "unacknowledged window" },
	{ "sockline.tcp.at_start",
	  "bytes_acked bytes_received segments_received segments_sent" },
	{ "sockline.tcp.destination",
	  "duplicate_acks out_of_order retransmissions zero_windows" },
	{ "sockline.tcp.source",
	  "duplicate_acks out_of_order retransmissions zero_windows" },
	{ "sockline.tls",
	  "alpn versions" },
	{ "sockline.traffic",
	  "connections received sent" },
	{ "sockline.traffic.received",
	  "bytes packets" },
	{ "sockline.traffic.sent",
	  "bytes packets" },
	{ "sockline.tunnel",
	  "depth destination id interface source type" },
	{ "sockline.tunnel.destination",
	  "ip port" },
	{ "sockline.tunnel.interface",
	  "id" },
	{ "sockline.tunnel.source",
	  "ip port" },
	{ "sockline.udp",
	  "payload" },
	{ "source",
	  "address bytes ip mac nat packets port" },
	{ "source.nat",
	  "ip port" },
	{ "tls",
	  "client" },
	{ "tls.client",
	  "server_name" },
	{ "url",
	  "domain" },
	{ "user",
	  "effective id name" },
	{ "user.effective",
	  "id name" },
};
/* clang-format on */
#define ROWS (sizeof rows / sizeof *rows)

static const struct row *find(const char *object, size_t length)
{
	for (size_t i = 0; i < ROWS; i++)
		if (strlen(rows[i].object) == length && memcmp(rows[i].object, object, length) == 0)
			return &rows[i];
	return NULL;
}

bool field_table_knows(const char *path, size_t length)
{
	const char *dot = memrchr(path, '.', length);
	size_t object = dot ? (size_t)(dot - path) : 0;
	const char *name = dot ? dot + 1 : path;
	size_t name_length = length - (size_t)(name - path);
	const struct row *row = dot == path && dot ? NULL : find(path, object);

	for (const char *at = row ? row->members : ""; *at;) {
		size_t word = strcspn(at, " ");

		if (word == name_length && memcmp(at, name, word) == 0)
			return true;
		at += word + (at[word] == ' ');
	}
	return false;
}

/* Calls visit with each path; object is that of the row, level its depth. */
static void walk(const struct row *row, void (*visit)(void *context, const char *path),
                 void *context)
{
	for (const char *at = row->members; *at;) {
		size_t word = strcspn(at, " ");
		char path[FIELD_TABLE_PATH_MAX];
		const struct row *inner;

		snprintf(path, sizeof path, "%s%s%.*s", row->object, row->object[0] ? "." : "",
		         (int)word, at);
		visit(context, path);
		inner = find(path, strlen(path));
		if (inner)
			walk(inner, visit, context);
		at += word + (at[word] == ' ');
	}
}

/* How many characters have to be changed, left out or put in to make one of the other. */
static size_t distance(const char *a, const char *b)
{
	size_t costs[FIELD_TABLE_PATH_MAX + 1], length = strlen(b);

	for (size_t j = 0; j <= length; j++)
		costs[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t diagonal = costs[0];

		costs[0] = i;
		for (size_t j = 1; j <= length; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = costs[j];
			if (costs[j] + 1 < best)
				best = costs[j] + 1;
			if (costs[j - 1] + 1 < best)
				best = costs[j - 1] + 1;
			costs[j] = best;
		}
	}
	return costs[length];
}

struct nearest {
	const char *wanted;
	size_t distance;
	char path[FIELD_TABLE_PATH_MAX];
};

/* The end of a path alone is as near as can be: "rtt_us" is sockline.tcp.rtt_us. */
static void compare(void *context, const char *path)
{
	struct nearest *nearest = context;
	size_t length = strlen(path), wanted = strlen(nearest->wanted);
	bool ends = length > wanted && path[length - wanted - 1] == '.' &&
	            strcmp(path + length - wanted, nearest->wanted) == 0;
	size_t far = ends ? 0 : distance(nearest->wanted, path);

	if (far >= nearest->distance)
		return;
	nearest->distance = far;
	memcpy(nearest->path, path, length + 1);
}

int field_table_refuse(const char *option, const char *path, size_t length, struct error *error)
{
	char wanted[FIELD_TABLE_PATH_MAX];
	struct nearest nearest = { .wanted = wanted, .distance = SIZE_MAX };

	if (length == 0)
		return error_set(error, EINVAL, "%s: a field is empty", option);
	snprintf(wanted, sizeof wanted, "%.*s", (int)(length < sizeof wanted ? length : 0), path);
	if (length >= sizeof wanted)
		return error_set(error, EINVAL, "%s: unknown field '%.60s...'", option, path);
	walk(&rows[0], compare, &nearest);
	return error_set(error, EINVAL,
	                 "%s: unknown field '%s'; the nearest is '%s' (see sockline "
	                 "--list-fields)",
	                 option, wanted, nearest.path);
}

static void print(void *file, const char *path)
{
	fprintf(file, "%s\n", path);
}

void field_table_print(FILE *file)
{
	walk(&rows[0], print, file);
}
