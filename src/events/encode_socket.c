/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "base/utf8.h"
#include "events/community_id.h"
#include "events/encode_parts.h"

#define HOLDERS_MAX 16

static const char *const kinds[SOCKET_KIND_COUNT] = {
	[SOCKET_TCP] = "tcp",       [SOCKET_UDP] = "udp",         [SOCKET_UDPLITE] = "udplite",
	[SOCKET_RAW] = "raw",       [SOCKET_ICMP] = "icmp",       [SOCKET_UNIX] = "unix",
	[SOCKET_PACKET] = "packet", [SOCKET_NETLINK] = "netlink", [SOCKET_MPTCP] = "mptcp",
	[SOCKET_SCTP] = "sctp",     [SOCKET_DCCP] = "dccp",       [SOCKET_VSOCK] = "vsock",
	[SOCKET_XDP] = "xdp",       [SOCKET_TIPC] = "tipc",       [SOCKET_SMC] = "smc",
};

const char *encode_socket_kind(enum socket_kind kind)
{
	return kinds[kind];
}

static const char *const types[] = {
	[SOCK_STREAM] = "stream", [SOCK_DGRAM] = "dgram",         [SOCK_RAW] = "raw",
	[SOCK_RDM] = "rdm",       [SOCK_SEQPACKET] = "seqpacket", [SOCK_DCCP] = "dccp",
	[SOCK_PACKET] = "packet",
};

/* The names of linux/netlink.h, in lower case without NETLINK_. */
static const char *const netlink_protocols[] = {
	[NETLINK_ROUTE] = "route",
	[NETLINK_USERSOCK] = "usersock",
	[NETLINK_SOCK_DIAG] = "sock_diag",
	[NETLINK_NFLOG] = "nflog",
	[NETLINK_XFRM] = "xfrm",
	[NETLINK_SELINUX] = "selinux",
	[NETLINK_ISCSI] = "iscsi",
	[NETLINK_AUDIT] = "audit",
	[NETLINK_FIB_LOOKUP] = "fib_lookup",
	[NETLINK_CONNECTOR] = "connector",
	[NETLINK_NETFILTER] = "netfilter",
	[NETLINK_KOBJECT_UEVENT] = "kobject_uevent",
	[NETLINK_GENERIC] = "generic",
	[NETLINK_SCSITRANSPORT] = "scsitransport",
	[NETLINK_RDMA] = "rdma",
	[NETLINK_CRYPTO] = "crypto",
	[NETLINK_SMC] = "smc",
};

/* NULL: the table has no name for it. */
#define NAME_OF(table, number)                                                                     \
	((size_t)(number) < sizeof(table) / sizeof *(table) ? (table)[number] : NULL)

/*
 * What the record says of a socket's two ends. The address of what waits for peers,
 * be it TCP or UDP, is a destination. A connected socket is the source of its connection, whichever
 * end began it.
 */
struct view {
	const struct inet_address *source, *destination; /* NULL: left out */
	uint16_t source_port, destination_port;
	enum connection_direction direction;
};

static bool waits_for_peers(const struct socket *socket)
{
	if (socket->kind == SOCKET_UDP || socket->kind == SOCKET_UDPLITE)
		return socket->tuple.source_port > 0 && socket_is_listening(socket);
	return socket->state == SOCKET_LISTEN;
}

static struct view view_of(const struct socket *socket)
{
	const struct tuple *tuple = &socket->tuple;
	struct view view = {
		.source = &tuple->source,
		.source_port = tuple->source_port,
		.destination = &tuple->destination,
		.destination_port = tuple->destination_port,
	};

	if (waits_for_peers(socket)) {
		view.destination = view.source;
		view.destination_port = view.source_port;
		view.source = NULL;
		view.direction = CONNECTION_INGRESS;
		return view;
	}
	if (inet_is_unspecified(view.destination) && view.destination_port == 0)
		view.destination = NULL;
	if (socket->kind == SOCKET_TCP && socket->state == SOCKET_SYN_SENT)
		view.direction = CONNECTION_EGRESS;
	if (socket->kind == SOCKET_TCP &&
	    (socket->state == SOCKET_SYN_RECEIVED || socket->state == SOCKET_NEW_SYN_RECEIVED))
		view.direction = CONNECTION_INGRESS;
	return view;
}

/* Made here: a snapshot's socket is written once. */
static void write_community_id(struct writer *writer, const struct view *view, uint8_t protocol)
{
	char text[COMMUNITY_ID_SIZE];

	if (view->source && view->destination && inet_has_ports(protocol)) {
		struct tuple tuple = {
			.source = *view->source,
			.source_port = view->source_port,
			.destination = *view->destination,
			.destination_port = view->destination_port,
			.protocol = protocol,
		};

		community_id(writer->record->encoder->community_id_seed, &tuple, true, text);
		writer_name(writer, KEY("community_id"), text);
	}
}

static void write_inet(struct writer *writer, const struct event_socket *event)
{
	uint8_t protocol = (uint8_t)event->socket->protocol;
	bool has_ports = event->socket->kind != SOCKET_RAW && inet_has_ports(protocol);
	struct view view = view_of(event->socket);

	writer_object(writer, KEY("network"));
	encode_tuple_protocol(writer, inet_is_v4(view.source ? view.source : view.destination),
	                      protocol);
	encode_tuple_direction(writer, view.direction);
	if (has_ports)
		write_community_id(writer, &view, protocol);
	writer_object_end(writer);
	if (view.source) {
		writer_object(writer, KEY("source"));
		encode_tuple_end(writer, view.source, view.source_port, has_ports);
		writer_object_end(writer);
	}
	if (view.destination) {
		writer_object(writer, KEY("destination"));
		encode_tuple_end(writer, view.destination, view.destination_port, has_ports);
		writer_object_end(writer);
	}
}

/* An abstract name (unix(7)) begins with a NUL, which is written "@" as everywhere. */
static void write_unix_address(struct writer *writer, const struct socket *socket)
{
	char path[sizeof socket->path];
	size_t length = socket->path_length < sizeof path ? socket->path_length : sizeof path;

	if (length == 0)
		return;
	memcpy(path, socket->path, length);
	if (path[0] == '\0')
		path[0] = '@';
	writer_object(writer, KEY("source"));
	encode_writer_string(writer, KEY("address"), path, length, RAW_NONE);
	if (!utf8_valid(path, length))
		encode_writer_keep_raw(writer, socket->path, length, RAW_SOURCE_ADDRESS);
	writer_object_end(writer);
}

static void write_tuple(struct writer *writer, const struct event_socket *event)
{
	const struct socket *socket = event->socket;

	if (socket_is_inet(socket)) {
		write_inet(writer, event);
		return;
	}
	writer_object(writer, KEY("network"));
	writer_name(writer, KEY("type"), kinds[socket->kind]);
	writer_object_end(writer);
	if (socket->kind == SOCKET_UNIX)
		write_unix_address(writer, socket);
	else if (socket->details)
		encode_details_ends(writer, socket);
}

/* TCP has a state when it is closed; other kinds are then just not connected. */
static void write_state(struct writer *writer, const struct socket *socket)
{
	if (socket->kind == SOCKET_TCP || socket->state != SOCKET_CLOSED)
		writer_name(writer, KEY("state"), encode_connection_state(socket->state));
}

static void write_queues(struct writer *writer, const struct socket *socket)
{
	const uint32_t with_queues =
		SOCKET_KINDS_INET & ~(SOCKET_KIND_BIT(SOCKET_SMC) | SOCKET_KIND_BIT(SOCKET_DCCP));
	bool reported = with_queues & SOCKET_KIND_BIT(socket->kind) ||
	                (socket->details && socket->details->has_queues);

	if (!reported)
		return;
	if (socket->state == SOCKET_LISTEN) {
		writer_u64(writer, KEY("backlog"), socket->receive_queue);
		if (socket->send_queue > 0) /* /proc/net/tcp does not have the limit */
			writer_u64(writer, KEY("backlog_max"), socket->send_queue);
	} else {
		writer_u64(writer, KEY("receive_queue"), socket->receive_queue);
		writer_u64(writer, KEY("send_queue"), socket->send_queue);
	}
}

static void write_netlink(struct writer *writer, const struct socket *socket)
{
	const char *name = NAME_OF(netlink_protocols, socket->protocol);

	if (name)
		writer_name(writer, KEY("protocol"), name);
	else
		writer_decimal(writer, KEY("protocol"), socket->protocol);
	if (socket->port_id > 0)
		writer_decimal(writer, KEY("port_id"), socket->port_id);
	if (socket->groups > 0)
		writer_hex(writer, KEY("groups"), socket->groups);
}

static void write_packet_protocol(struct writer *writer, const struct socket *socket)
{
	char text[6] = "0x";
	struct buf digits = { .data = text + 2, .capacity = 4 };

	if (socket->protocol == 0) /* receives nothing yet */
		return;
	buf_append_hex(&digits, socket->protocol, 4);
	writer_text(writer, KEY("protocol"), text, sizeof text);
}

static void write_kind(struct writer *writer, const struct socket *socket)
{
	writer_name(writer, KEY("kind"), kinds[socket->kind]);
	writer_name(writer, KEY("type"), NAME_OF(types, socket->type));
	if (socket->kind == SOCKET_NETLINK)
		write_netlink(writer, socket);
	else if (socket->kind == SOCKET_PACKET)
		write_packet_protocol(writer, socket);
	if (socket->peer_inode > 0)
		writer_decimal(writer, KEY("peer_inode"), socket->peer_inode);
	if (socket->ifindex > 0)
		writer_decimal(writer, KEY("ifindex"), socket->ifindex);
	if (socket->v6only)
		encode_writer_bool(writer, KEY("v6only"), true);
	if (socket->cgroup_id > 0)
		writer_decimal(writer, KEY("cgroup_id"), socket->cgroup_id);
}

static void write_socket(struct writer *writer, const struct event_socket *event)
{
	const struct socket *socket = event->socket;

	writer_object(writer, KEY("socket"));
	write_state(writer, socket);
	if (socket->inode > 0)
		writer_decimal(writer, KEY("inode"), socket->inode);
	if (socket->cookie > 0)
		writer_hex(writer, KEY("cookie"), socket->cookie);
	if (socket->netns > 0)
		writer_decimal(writer, KEY("netns"), socket->netns);
	write_queues(writer, socket);
	if (socket->source == SOCKET_FROM_PROC_NET)
		writer_literal(writer, "source", "proc_net");
	else
		writer_literal(writer, "source", "sock_diag");
	write_kind(writer, socket);
	if (event->cgroup)
		encode_writer_c_string(writer, KEY("cgroup"), event->cgroup, RAW_NONE);
	if (socket->details)
		encode_details_socket(writer, socket);
	writer_object_end(writer);
}

static void write_holders(struct writer *writer, const struct event_socket *event)
{
	if (event->holder_count < 2 || writer_cuts(writer, CUT_HOLDERS))
		return;
	writer_array(writer, KEY("holders"));
	for (int i = 0; i < event->holder_count && i < HOLDERS_MAX; i++) {
		const struct process *process = event->holders[i];

		writer_object(writer, ELEMENT);
		encode_writer_i64(writer, KEY("pid"), process->pid);
		encode_writer_c_string(writer, KEY("name"), process->name, RAW_HOLDER_NAMES);
		if (process->entity_id > 0)
			writer_id(writer, KEY("entity_id"), process->entity_id);
		writer_object_end(writer);
	}
	writer_array_end(writer);
}

static void write_kinds(struct writer *writer, const struct key *key, uint32_t bits)
{
	if (bits == 0)
		return;
	writer_array(writer, key);
	for (int kind = 0; kind < SOCKET_KIND_COUNT; kind++)
		if (bits & SOCKET_KIND_BIT(kind))
			writer_name(writer, ELEMENT, kinds[kind]);
	writer_array_end(writer);
}

static void write_snapshot(struct writer *writer, const struct event *event)
{
	const struct event_socket *socket = &event->socket;

	if (socket->snapshot_id == 0)
		return;
	writer_object(writer, KEY("snapshot"));
	writer_decimal(writer, KEY("id"), socket->snapshot_id);
	if (event->action == EVENT_SNAPSHOT_COMPLETED) {
		writer_count(writer, KEY("count"), socket->snapshot_index);
		encode_writer_bool(writer, KEY("complete"), socket->incomplete == 0);
		write_kinds(writer, KEY("incomplete"), socket->incomplete);
		write_kinds(writer, KEY("absent"), socket->absent);
	} else {
		writer_count(writer, KEY("index"), socket->snapshot_index);
	}
	writer_object_end(writer);
}

void encode_socket_event(struct writer *writer, const struct event *any)
{
	const struct event_socket *event = &any->socket;
	const struct socket *socket = event->socket;

	if (any->action == EVENT_SNAPSHOT_COMPLETED && event->began_ns > 0)
		encode_cache_time(writer, KEY("start"), event->began_ns);
	encode_record_host(writer, NULL);
	if (any->action == EVENT_SNAPSHOT_COMPLETED) {
		encode_record_sockline(writer);
		write_snapshot(writer, any);
		return;
	}
	write_tuple(writer, event);
	encode_owner_full(writer, event->owner);
	encode_record_sockline(writer);
	write_snapshot(writer, any);
	if (event->connection_id != 0) {
		writer_object(writer, KEY("connection"));
		writer_id(writer, KEY("id"), event->connection_id);
		writer_object_end(writer);
	}
	write_socket(writer, event);
	encode_details_protocol(writer, socket);
	if (socket->kind == SOCKET_ICMP && socket->tuple.source_port > 0)
		encode_connection_icmp(writer, socket->tuple.source_port);
	encode_owner_cgroup(writer, event->owner);
	encode_owner_attribution(writer, event->owner, ATTRIBUTION_NO_SOCKET);
	write_holders(writer, event);
}
