/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/diag_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <string.h>
#include <sys/socket.h>

#include "sockets/diag_attributes.h"
#include "sockets/diag_private.h"

/*
 * What a socket's peer has confirmed counts the SYN of a socket that connected
 * (tcp_snd_una_update() in include/net/tcp.h): an accepted socket begins after its own. What it
 * has sent is payload alone. Both are equal but for that when nothing, or what the send queue
 * says, is on its way.
 */
static enum socket_role role_of(const struct socket *socket, const struct tcp_info *info,
                                size_t length)
{
	uint64_t sent = info->tcpi_bytes_sent - info->tcpi_bytes_retrans;
	uint64_t on_its_way = socket->send_queue - info->tcpi_notsent_bytes;

	/* Since Linux 4.19. A FIN would count as well. */
	if (length < offsetof(struct tcp_info, tcpi_bytes_retrans) +
	                     sizeof info->tcpi_bytes_retrans ||
	    (socket->state != SOCKET_ESTABLISHED && socket->state != SOCKET_CLOSE_WAIT))
		return SOCKET_ROLE_UNKNOWN;
	switch (info->tcpi_bytes_acked + on_its_way - sent) {
	case 1:
		return SOCKET_INITIATOR;
	case 0:
		return SOCKET_RESPONDER;
	default:
		return SOCKET_ROLE_UNKNOWN;
	}
}

static void set_tcp_info(struct socket *socket, const struct diag_attributes *attributes)
{
	struct tcp_info info;
	const void *data = attributes->of[INET_DIAG_INFO].value;
	size_t length = attributes->of[INET_DIAG_INFO].length;

	if (socket->state == SOCKET_LISTEN) /* its fields mean other things there */
		return;
	if (!data || length < offsetof(struct tcp_info, tcpi_total_retrans) + sizeof(uint32_t))
		return;
	/* It grows at its end with the kernel: the byte counts came with Linux 4.1. */
	memset(&info, 0, sizeof(info));
	memcpy(&info, data, length < sizeof(info) ? length : sizeof(info));
	socket->has_tcp_info = true;
	socket->tcp_info = (struct socket_tcp_info){
		.rtt_us = info.tcpi_rtt,
		/* Before the first measurement it is what the first timeout is made of. */
		.rttvar_us = info.tcpi_rtt > 0 ? info.tcpi_rttvar : 0,
		.min_rtt_us = info.tcpi_min_rtt != UINT32_MAX ? info.tcpi_min_rtt : 0,
		.retransmits = info.tcpi_total_retrans,
		.lost = info.tcpi_lost,
		.reordering = info.tcpi_reordering,
		.delivery_rate = info.tcpi_delivery_rate,
		.bytes_acked = info.tcpi_bytes_acked,
		.bytes_received = info.tcpi_bytes_received,
	};
	socket->totals = (struct socket_totals){
		.bytes_acked = info.tcpi_bytes_acked,
		.bytes_received = info.tcpi_bytes_received,
		.segments_sent = info.tcpi_segs_out,
		.segments_received = info.tcpi_segs_in,
	};
	socket->role = role_of(socket, &info, length);
}

/* A raw socket's stands in place of the local port. */
static uint8_t raw_protocol(const struct inet_diag_msg *message,
                            const struct diag_attributes *attributes)
{
	uint8_t protocol = (uint8_t)ntohs(message->id.idiag_sport);

	diag_attributes_get(attributes, INET_DIAG_PROTOCOL, &protocol, sizeof(protocol));
	return protocol;
}

/* What sctp_state of the kernel (include/net/sctp/constants.h) has in common with TCP. */
static enum socket_state association_state(uint8_t state)
{
	switch (state) {
	case 0:
		return SOCKET_CLOSED;
	case 3:
		return SOCKET_ESTABLISHED;
	default:
		return SOCKET_STATE_NONE;
	}
}

static int parse_inet(const void *payload, size_t length, struct diag_attributes *attributes,
                      struct socket *socket)
{
	struct inet_diag_msg message;
	uint8_t v6only;

	if (length < sizeof(message))
		return -EINVAL;
	memcpy(&message, payload, sizeof(message));
	diag_attributes_after(attributes, payload, length, sizeof(message));

	socket->family = message.idiag_family;
	socket->state = message.idiag_state;
	if (socket->kind == SOCKET_SCTP && attributes->of[INET_DIAG_PEERS].value)
		socket->state = association_state(message.idiag_state);
	if (message.idiag_family == AF_INET) {
		inet_from_v4(&socket->tuple.source, message.id.idiag_src);
		inet_from_v4(&socket->tuple.destination, message.id.idiag_dst);
	} else if (message.idiag_family == AF_INET6) {
		inet_from_v6(&socket->tuple.source, message.id.idiag_src);
		inet_from_v6(&socket->tuple.destination, message.id.idiag_dst);
		socket->v6only = diag_attributes_get(attributes, INET_DIAG_SKV6ONLY, &v6only,
		                                     sizeof(v6only)) &&
		                 v6only;
	} else {
		return -EINVAL;
	}
	socket->tuple.source_port = ntohs(message.id.idiag_sport);
	socket->tuple.destination_port = ntohs(message.id.idiag_dport);
	socket_set_protocol(socket,
	                    socket->kind == SOCKET_RAW ? raw_protocol(&message, attributes) : 0);
	socket->ifindex = message.id.idiag_if;
	socket->inode = message.idiag_inode;
	socket->cookie = diag_cookie_of(message.id.idiag_cookie);
	socket_set_uid(socket, message.idiag_uid);
	diag_attributes_get(attributes, INET_DIAG_CGROUP_ID, &socket->cgroup_id,
	                    sizeof(socket->cgroup_id));
	socket->receive_queue = message.idiag_rqueue;
	socket->send_queue = message.idiag_wqueue;
	if (socket->kind != SOCKET_TCP)
		return 0;
	set_tcp_info(socket, attributes);
	diag_attributes_copy_text(attributes, INET_DIAG_CONG, socket->congestion_control,
	                          sizeof(socket->congestion_control));
	return 0;
}

static void set_path(struct socket *socket, const struct diag_attributes *attributes)
{
	const char *name = attributes->of[UNIX_DIAG_NAME].value;
	size_t length = attributes->of[UNIX_DIAG_NAME].length;

	if (!name || length == 0)
		return;
	if (length > sizeof(socket->path))
		length = sizeof(socket->path); /* 109 with its NUL: a path that fills sun_path */
	if (name[0] != '\0' && name[length - 1] == '\0')
		length--; /* paths end in NUL, abstract names do not */
	memcpy(socket->path, name, length);
	socket->path_length = (uint8_t)length;
}

static int parse_unix(const void *payload, size_t length, struct diag_attributes *attributes,
                      struct socket *socket)
{
	struct unix_diag_msg message;
	struct unix_diag_rqlen queues;
	uint32_t uid, peer;

	if (length < sizeof(message))
		return -EINVAL;
	memcpy(&message, payload, sizeof(message));
	diag_attributes_after(attributes, payload, length, sizeof(message));

	socket->family = AF_UNIX;
	socket->type = message.udiag_type;
	socket->state = message.udiag_state;
	socket->inode = message.udiag_ino;
	socket->cookie = diag_cookie_of(message.udiag_cookie);
	set_path(socket, attributes);
	if (diag_attributes_get(attributes, UNIX_DIAG_PEER, &peer, sizeof(peer)))
		socket->peer_inode = peer;
	if (diag_attributes_get(attributes, UNIX_DIAG_RQLEN, &queues, sizeof(queues))) {
		socket->receive_queue = queues.udiag_rqueue;
		socket->send_queue = queues.udiag_wqueue;
	}
	if (diag_attributes_get(attributes, UNIX_DIAG_UID, &uid, sizeof(uid))) /* Linux >= 5.3 */
		socket_set_uid(socket, uid);
	return 0;
}

void diag_message_set_memory(struct socket *socket, const struct diag_attributes *attributes,
                             unsigned int type)
{
	uint32_t memory[SK_MEMINFO_WMEM_ALLOC + 1];

	if (!diag_attributes_get(attributes, type, memory, sizeof(memory)))
		return;
	socket->receive_queue = memory[SK_MEMINFO_RMEM_ALLOC];
	socket->send_queue = memory[SK_MEMINFO_WMEM_ALLOC];
}

static int parse_packet(const void *payload, size_t length, struct diag_attributes *attributes,
                        struct socket *socket)
{
	struct packet_diag_msg message;
	struct packet_diag_info info;
	uint32_t uid;

	if (length < sizeof(message))
		return -EINVAL;
	memcpy(&message, payload, sizeof(message));
	diag_attributes_after(attributes, payload, length, sizeof(message));

	socket->family = AF_PACKET;
	socket->type = message.pdiag_type;
	socket->protocol = message.pdiag_num; /* in host order here, unlike sll_protocol */
	socket->inode = message.pdiag_ino;
	socket->cookie = diag_cookie_of(message.pdiag_cookie);
	if (diag_attributes_get(attributes, PACKET_DIAG_INFO, &info, sizeof(info)))
		socket->ifindex = info.pdi_index;
	if (diag_attributes_get(attributes, PACKET_DIAG_UID, &uid, sizeof(uid)))
		socket_set_uid(socket, uid);
	diag_message_set_memory(socket, attributes, PACKET_DIAG_MEMINFO);
	return 0;
}

static int parse_netlink(const void *payload, size_t length, struct diag_attributes *attributes,
                         struct socket *socket)
{
	struct netlink_diag_msg message;
	unsigned long groups; /* the kernel's bitmap is of longs */

	if (length < sizeof(message))
		return -EINVAL;
	memcpy(&message, payload, sizeof(message));
	diag_attributes_after(attributes, payload, length, sizeof(message));

	socket->family = AF_NETLINK;
	socket->type = message.ndiag_type;
	socket->protocol = message.ndiag_protocol;
	socket->port_id = message.ndiag_portid;
	socket->inode = message.ndiag_ino;
	socket->cookie = diag_cookie_of(message.ndiag_cookie);
	if (diag_attributes_get(attributes, NETLINK_DIAG_GROUPS, &groups, sizeof(groups)))
		socket->groups = (uint32_t)groups;
	diag_message_set_memory(socket, attributes, NETLINK_DIAG_MEMINFO);
	return 0;
}

/* As the kind's own message is; then its attributes are found. */
static int parse(const void *payload, size_t length, struct diag_attributes *attributes,
                 struct socket *socket)
{
	switch (socket->kind) {
	case SOCKET_TCP:
	case SOCKET_UDP:
	case SOCKET_UDPLITE:
	case SOCKET_RAW:
	case SOCKET_MPTCP:
	case SOCKET_SCTP:
	case SOCKET_DCCP:
		return parse_inet(payload, length, attributes, socket);
	case SOCKET_UNIX:
		return parse_unix(payload, length, attributes, socket);
	case SOCKET_PACKET:
		return parse_packet(payload, length, attributes, socket);
	case SOCKET_NETLINK:
		return parse_netlink(payload, length, attributes, socket);
	case SOCKET_VSOCK:
	case SOCKET_XDP:
	case SOCKET_TIPC:
	case SOCKET_SMC:
		return diag_families_parse(payload, length, attributes, socket);
	case SOCKET_ICMP:
	case SOCKET_KIND_COUNT:
		break;
	}
	return -EINVAL;
}

int diag_message_parse_all(enum socket_kind kind, const void *payload, size_t length,
                           struct socket *socket, struct socket_details *details)
{
	struct diag_attributes attributes;
	int result;

	memset(socket, 0, sizeof(*socket));
	socket->kind = kind;
	socket->source = SOCKET_FROM_SOCK_DIAG;
	result = parse(payload, length, &attributes, socket);
	if (result != 0 || !details)
		return result;
	memset(details, 0, socket_details_size(kind));
	diag_details_set(payload, &attributes, socket, details);
	socket->details = details;
	return 0;
}

int diag_message_parse(enum socket_kind kind, const void *payload, size_t length,
                       struct socket *socket)
{
	return diag_message_parse_all(kind, payload, length, socket, NULL);
}

unsigned diag_message_protocol(const void *payload, size_t length)
{
	struct diag_attributes attributes;
	uint8_t protocol = 0;

	diag_attributes_after(&attributes, payload, length, sizeof(struct inet_diag_msg));
	diag_attributes_get(&attributes, INET_DIAG_PROTOCOL, &protocol, sizeof(protocol));
	return protocol;
}

#define CLIENT_PORTS 32768 /* and higher: net.ipv4.ip_local_port_range, ip(7) */

/* Offsets in a message: struct nlmsghdr, struct inet_diag_msg, INET_DIAG_PROTOCOL. */
#define MESSAGE       ((uint32_t)sizeof(struct nlmsghdr))
#define SOURCE_PORT   (MESSAGE + (uint32_t)offsetof(struct inet_diag_msg, id.idiag_sport))
#define PEER_PORT     (MESSAGE + (uint32_t)offsetof(struct inet_diag_msg, id.idiag_dport))
#define SOURCE        (MESSAGE + (uint32_t)offsetof(struct inet_diag_msg, id.idiag_src))
#define DESTINATION   (MESSAGE + (uint32_t)offsetof(struct inet_diag_msg, id.idiag_dst))
#define PROTOCOL_TYPE (MESSAGE + (uint32_t)sizeof(struct inet_diag_msg) + 2)
#define PROTOCOL      (PROTOCOL_TYPE + 2)
/* It is in the host's byte order, and BPF loads in the network's. */
#define PROTOCOL_TYPE_LOADED                                                                       \
	(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? INET_DIAG_PROTOCOL << 8 : INET_DIAG_PROTOCOL)

#define LOAD(size, at)        BPF_STMT(BPF_LD | (size) | BPF_ABS, at)
#define JUMP(how, k, yes, no) BPF_JUMP(BPF_JMP | (how), k, yes, no)
/* Both addresses' word n, where they are equal; otherwise over `skip` instructions. */
#define WORDS_EQUAL(n, skip)                                                                       \
	LOAD(BPF_W, SOURCE + 4 * (n)), BPF_STMT(BPF_MISC | BPF_TAX, 0),                            \
		LOAD(BPF_W, DESTINATION + 4 * (n)), JUMP(BPF_JEQ | BPF_X, 0, 0, skip)

/*
 * A TCP connection of an address with itself has two sockets here, and the one
 * that began it says enough: the server's is left out by the kernel, which is
 * half the work where many are short.
 */
const struct sock_filter *diag_message_without_servers(size_t *count)
{
	static const struct sock_filter code[] = {
		LOAD(BPF_H, PROTOCOL_TYPE),
		JUMP(BPF_JEQ | BPF_K, PROTOCOL_TYPE_LOADED, 0, 23),
		LOAD(BPF_B, PROTOCOL),
		JUMP(BPF_JEQ | BPF_K, IPPROTO_TCP, 0, 21),
		LOAD(BPF_H, SOURCE_PORT),
		JUMP(BPF_JGE | BPF_K, CLIENT_PORTS, 19, 0),
		LOAD(BPF_H, PEER_PORT),
		JUMP(BPF_JGE | BPF_K, CLIENT_PORTS, 0, 17),
		WORDS_EQUAL(0, 13),
		WORDS_EQUAL(1, 9),
		WORDS_EQUAL(2, 5),
		WORDS_EQUAL(3, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	};

	*count = sizeof(code) / sizeof(code[0]);
	return code;
}
