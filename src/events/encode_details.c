/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a listing shows of a socket besides what it shares with the others. */
#include <inttypes.h>
#include <stdio.h>

#include "events/encode_parts.h"

#define NAME_OF(table, number)                                                                     \
	((size_t)(number) < sizeof(table) / sizeof *(table) ? (table)[number] : NULL)

/* "3:1234", as ss(8) has it: its number of a host, and a port. */
static void write_pair(struct writer *writer, const struct key *key, const uint32_t pair[2])
{
	char text[24];

	writer_object(writer, key);
	snprintf(text, sizeof text, "%" PRIu32 ":%" PRIu32, pair[0], pair[1]);
	writer_name(writer, KEY("address"), text);
	writer_object_end(writer);
}

void encode_details_ends(struct writer *writer, const struct socket *socket)
{
	const struct socket_pair *pair = &socket->details->pair;
	bool listens = socket->state == SOCKET_LISTEN;

	if (socket->kind != SOCKET_VSOCK && socket->kind != SOCKET_TIPC)
		return;
	if (pair->has_local && !listens)
		write_pair(writer, KEY("source"), pair->local);
	if (listens ? pair->has_local : pair->has_peer)
		write_pair(writer, KEY("destination"), listens ? pair->local : pair->peer);
}

static void write_timer(struct writer *writer, const struct socket_details *details)
{
	static const char *const names[] = {
		[SOCKET_TIMER_RETRANSMIT] = "retransmit",
		[SOCKET_TIMER_KEEPALIVE] = "keepalive",
		[SOCKET_TIMER_TIME_WAIT] = "time_wait",
		[SOCKET_TIMER_PROBE] = "probe",
	};

	if (details->timer == SOCKET_TIMER_NONE)
		return;
	writer_object(writer, KEY("timer"));
	writer_name(writer, KEY("name"), NAME_OF(names, details->timer));
	writer_u64(writer, KEY("expires_ms"), details->timer_ms);
	if (details->timer_retransmits > 0)
		writer_u64(writer, KEY("retransmits"), details->timer_retransmits);
	writer_object_end(writer);
}

static void write_ring(struct writer *writer, const struct key *key, const struct socket_ring *ring)
{
	if (ring->blocks == 0)
		return;
	writer_object(writer, key);
	writer_u64(writer, KEY("block_size"), ring->block_size);
	writer_u64(writer, KEY("blocks"), ring->blocks);
	writer_u64(writer, KEY("frame_size"), ring->frame_size);
	writer_u64(writer, KEY("frames"), ring->frames);
	writer_object_end(writer);
}

static void write_packet(struct writer *writer, const struct socket_packet *packet)
{
	/* PACKET_FANOUT_* of linux/if_packet.h, whose names packet.h has for other things */
	static const char *const modes[] = {
		"hash", "lb", "cpu", "rollover", "rnd", "qm", "cbpf", "ebpf",
	};
	if (packet->has_version)
		writer_u64(writer, KEY("ring_version"), packet->version + 1u);
	write_ring(writer, KEY("receive_ring"), &packet->receive);
	write_ring(writer, KEY("send_ring"), &packet->send);
	if (packet->has_fanout) {
		writer_object(writer, KEY("fanout"));
		writer_u64(writer, KEY("id"), packet->fanout_id);
		writer_name(writer, KEY("mode"), NAME_OF(modes, packet->fanout_mode));
		writer_object_end(writer);
	}
}

static void write_xdp(struct writer *writer, const struct socket_xdp *xdp)
{
	if (xdp->has_queue)
		writer_u64(writer, KEY("queue"), xdp->queue);
	if (xdp->receive_entries > 0)
		writer_u64(writer, KEY("receive_entries"), xdp->receive_entries);
	if (xdp->send_entries > 0)
		writer_u64(writer, KEY("send_entries"), xdp->send_entries);
	if (!xdp->has_umem)
		return;
	writer_object(writer, KEY("umem"));
	writer_decimal(writer, KEY("id"), xdp->umem_id);
	writer_count(writer, KEY("size"), xdp->umem_size);
	encode_writer_bool(writer, KEY("zero_copy"), xdp->zero_copy);
	writer_object_end(writer);
}

static void write_groups(struct writer *writer, const struct socket_netlink *netlink)
{
	uint32_t any = 0;

	for (unsigned int word = 0; word < SOCKET_GROUP_WORDS; word++)
		any |= netlink->groups[word];
	if (any == 0)
		return;
	writer_array(writer, KEY("memberships"));
	for (unsigned int group = 0; group < 32 * SOCKET_GROUP_WORDS; group++)
		if (netlink->groups[group / 32] >> group % 32 & 1)
			writer_u64(writer, ELEMENT, group + 1);
	writer_array_end(writer);
}

static void write_smc(struct writer *writer, const struct socket *socket)
{
	static const char *const modes[] = {
		[SOCKET_SMC_R] = "smc_r",
		[SOCKET_SMC_TCP] = "tcp",
		[SOCKET_SMC_D] = "smc_d",
	};

	if (socket->state == SOCKET_ESTABLISHED)
		writer_name(writer, KEY("smc_mode"), NAME_OF(modes, socket->details->smc_mode));
}

static void write_algorithms(struct writer *writer, const struct socket_tcp_details *tcp)
{
	if (tcp->congestion_control[0])
		encode_writer_c_string(writer, KEY("congestion_control"), tcp->congestion_control,
		                       RAW_NONE);
	if (tcp->upper_protocol[0])
		encode_writer_c_string(writer, KEY("upper_protocol"), tcp->upper_protocol,
		                       RAW_NONE);
}

void encode_details_socket(struct writer *writer, const struct socket *socket)
{
	const struct socket_details *details = socket->details;

	write_timer(writer, details);
	if (details->has_mark && details->mark > 0)
		writer_u64(writer, KEY("mark"), details->mark);
	if (details->has_drops && details->drops > 0)
		writer_u64(writer, KEY("drops"), details->drops);
	if (socket->kind == SOCKET_TCP)
		write_algorithms(writer, &details->tcp);
	else if (socket->kind == SOCKET_PACKET)
		write_packet(writer, &details->packet);
	else if (socket->kind == SOCKET_XDP)
		write_xdp(writer, &details->xdp);
	else if (socket->kind == SOCKET_NETLINK)
		write_groups(writer, &details->netlink);
	else if (socket->kind == SOCKET_SMC)
		write_smc(writer, socket);
}

/* Where there is something to write. */
static void write_positive(struct writer *writer, const struct key *key, uint64_t value)
{
	if (value > 0)
		writer_count(writer, key, value);
}

static void write_figures(struct writer *writer, const struct socket_tcp_details *tcp)
{
	write_positive(writer, KEY("rto_us"), tcp->rto_us);
	write_positive(writer, KEY("mss"), tcp->mss);
	write_positive(writer, KEY("path_mtu"), tcp->path_mtu);
	write_positive(writer, KEY("congestion_window"), tcp->window_segments);
	write_positive(writer, KEY("slow_start_threshold"), tcp->slow_start_threshold);
	write_positive(writer, KEY("unacknowledged"), tcp->unacknowledged);
	write_positive(writer, KEY("pacing_rate"), tcp->pacing_rate);
	write_positive(writer, KEY("bytes_sent"), tcp->bytes_sent);
	write_positive(writer, KEY("bytes_retransmitted"), tcp->bytes_retransmitted);
}

static void write_tcp(struct writer *writer, const struct socket *socket)
{
	if (!socket->has_tcp_info)
		return;
	writer_object(writer, KEY("tcp"));
	encode_tcp_figures(writer, &socket->tcp_info);
	if (socket->details && socket->details->tcp.has_figures)
		write_figures(writer, &socket->details->tcp);
	writer_object_end(writer);
}

static void write_mptcp(struct writer *writer, const struct socket_mptcp *mptcp)
{
	if (!mptcp->has_token && !mptcp->has_subflows && !mptcp->has_ids)
		return;
	writer_object(writer, KEY("mptcp"));
	if (mptcp->has_token)
		writer_hex(writer, KEY("token"), mptcp->token);
	if (mptcp->has_ids) {
		writer_u64(writer, KEY("local_id"), mptcp->local_id);
		writer_u64(writer, KEY("remote_id"), mptcp->remote_id);
	}
	if (mptcp->has_subflows) {
		writer_u64(writer, KEY("additional_subflows"), mptcp->subflows);
		encode_writer_bool(writer, KEY("fallback"), mptcp->fallback);
	}
	writer_object_end(writer);
}

static void write_addresses(struct writer *writer, const struct key *key,
                            const struct inet_address *addresses, int count)
{
	char text[INET_TEXT_MAX];

	if (count == 0)
		return;
	writer_array(writer, key);
	for (int i = 0; i < count; i++) {
		inet_format(&addresses[i], text);
		writer_name(writer, ELEMENT, text);
	}
	writer_array_end(writer);
}

static void write_sctp(struct writer *writer, const struct socket_sctp *sctp)
{
	/* SCTP_STATE_* of include/net/sctp/constants.h */
	static const char *const states[] = {
		"closed",           "cookie_wait",   "cookie_echoed",     "established",
		"shutdown_pending", "shutdown_sent", "shutdown_received", "shutdown_ack_sent",
	};

	if (!sctp->is_association && sctp->local_count == 0)
		return;
	writer_object(writer, KEY("sctp"));
	if (sctp->is_association)
		writer_name(writer, KEY("state"), NAME_OF(states, sctp->state));
	write_addresses(writer, KEY("local_addresses"), sctp->local, sctp->local_count);
	write_addresses(writer, KEY("peer_addresses"), sctp->peer, sctp->peer_count);
	writer_object_end(writer);
}

void encode_details_protocol(struct writer *writer, const struct socket *socket)
{
	const struct socket_details *details = socket->details;

	if (socket->kind == SOCKET_TCP)
		write_tcp(writer, socket);
	if (!details)
		return;
	if (socket->kind == SOCKET_TCP)
		write_mptcp(writer, &details->tcp.mptcp);
	else if (socket->kind == SOCKET_MPTCP)
		write_mptcp(writer, &details->mptcp);
	else if (socket->kind == SOCKET_SCTP)
		write_sctp(writer, &details->sctp);
}
