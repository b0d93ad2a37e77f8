/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The details in answers of inet_diag, packet_diag and netlink_diag. */
#include <linux/inet_diag.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <sys/socket.h>

#include "sockets/diag_private.h"

/*
 * linux/mptcp.h, which includes headers that collide with netinet/in.h where the C library is not
 * glibc: MPTCP_SUBFLOW_ATTR_*.
 */
enum { SUBFLOW_TOKEN_LOCAL = 2, SUBFLOW_ID_REMOTE = 9, SUBFLOW_ID_LOCAL = 10 };

/* The beginning of its struct mptcp_info, which grows at its end. */
struct mptcp_info_head {
	uint8_t subflows, add_address[5];
	uint32_t flags, token;
};
#define MPTCP_FALLBACK 1

#define NO_THRESHOLD 0x7fffffff /* TCP_INFINITE_SSTHRESH */

/* Text of the kernel: a NUL ends it, unless the attribute does. */
static void set_figures(struct socket_tcp_details *tcp, const struct diag_attributes *attributes)
{
	size_t length = attributes->of[INET_DIAG_INFO].length;
	struct tcp_info info;

	if (!attributes->of[INET_DIAG_INFO].value ||
	    length < offsetof(struct tcp_info, tcpi_total_retrans))
		return;
	/* It grows at its end with the kernel. */
	memset(&info, 0, sizeof(info));
	memcpy(&info, attributes->of[INET_DIAG_INFO].value,
	       length < sizeof(info) ? length : sizeof(info));
	tcp->has_figures = true;
	tcp->rto_us = info.tcpi_rto;
	tcp->mss = info.tcpi_snd_mss;
	tcp->path_mtu = info.tcpi_pmtu;
	tcp->window_segments = info.tcpi_snd_cwnd;
	if (info.tcpi_snd_ssthresh < NO_THRESHOLD)
		tcp->slow_start_threshold = info.tcpi_snd_ssthresh;
	tcp->unacknowledged = info.tcpi_unacked;
	if (info.tcpi_pacing_rate != UINT64_MAX)
		tcp->pacing_rate = info.tcpi_pacing_rate;
	tcp->bytes_sent = info.tcpi_bytes_sent;
	tcp->bytes_retransmitted = info.tcpi_bytes_retrans;
}

/* What runs upon TCP: TLS of the kernel, or MPTCP. Linux shows it with CAP_NET_ADMIN. */
static void set_upper_protocol(struct socket_tcp_details *tcp,
                               const struct diag_attributes *attributes)
{
	struct diag_attributes upper, subflow;
	struct socket_mptcp *mptcp = &tcp->mptcp;

	if (!attributes->of[INET_DIAG_ULP_INFO].value)
		return;
	diag_attributes_nested(attributes, INET_DIAG_ULP_INFO, &upper);
	diag_attributes_copy_text(&upper, INET_ULP_INFO_NAME, tcp->upper_protocol,
	                          sizeof(tcp->upper_protocol));
	if (!upper.of[INET_ULP_INFO_MPTCP].value)
		return;
	diag_attributes_nested(&upper, INET_ULP_INFO_MPTCP, &subflow);
	mptcp->has_token = diag_attributes_get(&subflow, SUBFLOW_TOKEN_LOCAL, &mptcp->token,
	                                       sizeof(mptcp->token)) &&
	                   mptcp->token != 0;
	mptcp->has_ids = diag_attributes_get(&subflow, SUBFLOW_ID_LOCAL, &mptcp->local_id,
	                                     sizeof(mptcp->local_id)) &&
	                 diag_attributes_get(&subflow, SUBFLOW_ID_REMOTE, &mptcp->remote_id,
	                                     sizeof(mptcp->remote_id));
}

static void set_tcp(struct socket_tcp_details *tcp, const struct diag_attributes *attributes,
                    const struct socket *socket)
{
	diag_attributes_copy_text(attributes, INET_DIAG_CONG, tcp->congestion_control,
	                          sizeof(tcp->congestion_control));
	set_upper_protocol(tcp, attributes);
	if (socket->state != SOCKET_LISTEN) /* its fields mean other things there */
		set_figures(tcp, attributes);
}

static void set_mptcp(struct socket_mptcp *mptcp, const struct diag_attributes *attributes,
                      const struct socket *socket)
{
	struct mptcp_info_head info;

	if (socket->state == SOCKET_LISTEN ||
	    !diag_attributes_get(attributes, INET_DIAG_INFO, &info, sizeof(info)))
		return;
	mptcp->has_subflows = true;
	mptcp->subflows = info.subflows;
	mptcp->fallback = info.flags & MPTCP_FALLBACK;
	mptcp->token = info.token;
	mptcp->has_token = info.token != 0;
}

/* An array of struct sockaddr_storage. */
static uint8_t set_addresses(struct inet_address *addresses,
                             const struct diag_attributes *attributes, unsigned int type)
{
	const char *value = attributes->of[type].value;
	size_t length = attributes->of[type].length;
	uint8_t count = 0;

	for (; value && length >= sizeof(struct sockaddr_storage) && count < SOCKET_ADDRESSES_MAX;
	     length -= sizeof(struct sockaddr_storage), value += sizeof(struct sockaddr_storage)) {
		sa_family_t family;

		/* The address follows the port and, of IPv6, the flow label. */
		memcpy(&family, value, sizeof(family));
		if (family == AF_INET)
			inet_from_v4(&addresses[count++], value + 4);
		else if (family == AF_INET6)
			inet_from_v6(&addresses[count++], value + 8);
	}
	return count;
}

/*
 * The answer's own addresses are garbage where an IPv6 socket has an IPv4 address
 * (inet_diag_msg_sctpasoc_fill() in net/sctp/diag.c): those of the lists are right.
 */
static void correct_ends(struct socket *socket, const struct socket_sctp *sctp)
{
	if (sctp->local_count > 0 && inet_is_unspecified(&socket->tuple.source))
		socket->tuple.source = sctp->local[0];
	if (sctp->peer_count > 0 && inet_is_unspecified(&socket->tuple.destination))
		socket->tuple.destination = sctp->peer[0];
}

static void set_sctp(struct socket_sctp *sctp, const struct diag_attributes *attributes,
                     struct socket *socket, uint8_t state)
{
	sctp->is_association = attributes->of[INET_DIAG_PEERS].value;
	if (sctp->is_association)
		sctp->state = state;
	sctp->local_count = set_addresses(sctp->local, attributes, INET_DIAG_LOCALS);
	sctp->peer_count = set_addresses(sctp->peer, attributes, INET_DIAG_PEERS);
	if (sctp->is_association)
		correct_ends(socket, sctp);
}

static void set_drops(struct socket_details *details, const struct diag_attributes *attributes,
                      unsigned int type)
{
	uint32_t memory[SK_MEMINFO_DROPS + 1];

	details->has_drops = diag_attributes_get(attributes, type, memory, sizeof(memory));
	if (details->has_drops)
		details->drops = memory[SK_MEMINFO_DROPS];
}

static void set_inet(const struct inet_diag_msg *message, const struct diag_attributes *attributes,
                     const struct socket *socket, struct socket_details *details)
{
	if (socket->kind == SOCKET_SCTP) /* SCTP_EVENT_TIMEOUT_T3_RTX, its only one here */
		details->timer = message->idiag_timer ? SOCKET_TIMER_RETRANSMIT : 0;
	else if (message->idiag_timer <= SOCKET_TIMER_PROBE)
		details->timer = message->idiag_timer;
	if (details->timer != SOCKET_TIMER_NONE) {
		details->timer_ms = message->idiag_expires;
		details->timer_retransmits = message->idiag_retrans;
	}
	details->has_mark = diag_attributes_get(attributes, INET_DIAG_MARK, &details->mark,
	                                        sizeof(details->mark));
	set_drops(details, attributes, INET_DIAG_SKMEMINFO);
}

static void set_ring(struct socket_ring *ring, const struct diag_attributes *attributes,
                     unsigned int type)
{
	struct packet_diag_ring message;

	if (!diag_attributes_get(attributes, type, &message, sizeof(message)))
		return;
	ring->block_size = message.pdr_block_size;
	ring->blocks = message.pdr_block_nr;
	ring->frame_size = message.pdr_frame_size;
	ring->frames = message.pdr_frame_nr;
}

static void set_packet(struct socket_packet *packet, const struct diag_attributes *attributes)
{
	struct packet_diag_info info;
	uint32_t fanout;

	set_ring(&packet->receive, attributes, PACKET_DIAG_RX_RING);
	set_ring(&packet->send, attributes, PACKET_DIAG_TX_RING);
	packet->has_version =
		(packet->receive.blocks > 0 || packet->send.blocks > 0) &&
		diag_attributes_get(attributes, PACKET_DIAG_INFO, &info, sizeof(info));
	if (packet->has_version)
		packet->version = (uint8_t)info.pdi_version;
	/* pdiag_put_fanout() in net/packet/diag.c: the id, and the mode in the upper half */
	packet->has_fanout =
		diag_attributes_get(attributes, PACKET_DIAG_FANOUT, &fanout, sizeof(fanout));
	if (packet->has_fanout) {
		packet->fanout_id = (uint16_t)fanout;
		packet->fanout_mode = (uint8_t)(fanout >> 16);
	}
}

/* The kernel's bitmap is of longs. */
static void set_groups(struct socket_netlink *netlink, const struct diag_attributes *attributes)
{
	const char *value = attributes->of[NETLINK_DIAG_GROUPS].value;
	size_t length = attributes->of[NETLINK_DIAG_GROUPS].length;

	for (unsigned int group = 0; group < 32 * SOCKET_GROUP_WORDS; group++) {
		size_t at = group / (8 * sizeof(unsigned long)) * sizeof(unsigned long);
		unsigned long word;

		if (!value || at + sizeof(word) > length)
			return;
		memcpy(&word, value + at, sizeof(word));
		if (word >> group % (8 * sizeof(word)) & 1)
			netlink->groups[group / 32] |= UINT32_C(1) << group % 32;
	}
}

static void set_inet_kind(const void *payload, const struct diag_attributes *attributes,
                          struct socket *socket, struct socket_details *details)
{
	struct inet_diag_msg message;

	memcpy(&message, payload, sizeof(message));
	set_inet(&message, attributes, socket, details);
	if (socket->kind == SOCKET_TCP)
		set_tcp(&details->tcp, attributes, socket);
	else if (socket->kind == SOCKET_MPTCP)
		set_mptcp(&details->mptcp, attributes, socket);
	else if (socket->kind == SOCKET_SCTP)
		set_sctp(&details->sctp, attributes, socket, message.idiag_state);
}

void diag_details_set(const void *payload, const struct diag_attributes *attributes,
                      struct socket *socket, struct socket_details *details)
{
	switch (socket->kind) {
	case SOCKET_TCP:
	case SOCKET_UDP:
	case SOCKET_UDPLITE:
	case SOCKET_RAW:
	case SOCKET_ICMP:
	case SOCKET_MPTCP:
	case SOCKET_SCTP:
	case SOCKET_DCCP:
		set_inet_kind(payload, attributes, socket, details);
		break;
	case SOCKET_UNIX:
		details->has_queues = attributes->of[UNIX_DIAG_RQLEN].value;
		break;
	case SOCKET_PACKET:
		details->has_queues = attributes->of[PACKET_DIAG_MEMINFO].value;
		set_drops(details, attributes, PACKET_DIAG_MEMINFO);
		set_packet(&details->packet, attributes);
		break;
	case SOCKET_NETLINK:
		details->has_queues = attributes->of[NETLINK_DIAG_MEMINFO].value;
		set_drops(details, attributes, NETLINK_DIAG_MEMINFO);
		set_groups(&details->netlink, attributes);
		break;
	case SOCKET_VSOCK:
	case SOCKET_XDP:
	case SOCKET_TIPC:
	case SOCKET_SMC:
		diag_families_set_details(payload, attributes, socket, details);
		break;
	case SOCKET_KIND_COUNT:
		break;
	}
}
