/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a listing of every socket shows besides struct socket: what nobody needs to find an owner.
 * A plain value. What the kernel did not report is 0, or has its has_ false.
 */
#ifndef SOCKLINE_SOCKETS_SOCKET_DETAILS_H
#define SOCKLINE_SOCKETS_SOCKET_DETAILS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/inet.h"

/* Numbers of idiag_timer in linux/inet_diag.h. */
enum socket_timer {
	SOCKET_TIMER_NONE,
	SOCKET_TIMER_RETRANSMIT,
	SOCKET_TIMER_KEEPALIVE,
	SOCKET_TIMER_TIME_WAIT,
	SOCKET_TIMER_PROBE, /* of a window that is closed */
};

/* A connection of MPTCP, or a subflow of one: both have the token of this end. */
struct socket_mptcp {
	bool has_token;
	bool has_ids, has_subflows;
	bool fallback; /* it goes on as TCP */
	uint32_t token;
	uint8_t local_id, remote_id; /* of a subflow's addresses */
	uint8_t subflows;            /* additional ones, of a connection */
};

/* Figures of struct tcp_info that struct socket_tcp_info has not. 0 = not measured. */
struct socket_tcp_details {
	bool has_figures;
	char congestion_control[16], upper_protocol[16]; /* "bbr"; "tls" */
	uint32_t rto_us;
	uint32_t mss, path_mtu, window_segments, slow_start_threshold;
	uint32_t unacknowledged; /* segments */
	uint64_t pacing_rate;    /* bytes a second */
	uint64_t bytes_sent, bytes_retransmitted;
	struct socket_mptcp mptcp;
};

#define SOCKET_ADDRESSES_MAX 16 /* of an end */

struct socket_sctp {
	bool is_association;
	uint8_t state; /* enum sctp_state of the kernel, of an association */
	uint8_t local_count, peer_count;
	struct inet_address local[SOCKET_ADDRESSES_MAX], peer[SOCKET_ADDRESSES_MAX];
};

struct socket_ring {
	uint32_t block_size, blocks, frame_size, frames; /* blocks 0 = there is none */
};

struct socket_packet {
	struct socket_ring receive, send;
	bool has_version, has_fanout;
	uint8_t version; /* TPACKET_V* */
	uint16_t fanout_id;
	uint8_t fanout_mode; /* PACKET_FANOUT_* */
};

struct socket_xdp {
	bool has_queue, has_umem, zero_copy;
	uint32_t queue;
	uint32_t receive_entries, send_entries; /* 0 = there is no such ring */
	uint32_t umem_id;
	uint64_t umem_size;
};

#define SOCKET_GROUP_WORDS 16

struct socket_netlink {
	uint32_t groups[SOCKET_GROUP_WORDS]; /* bit 0 is group 1 */
};

/* vsock: context id and port. TIPC: node and reference. */
struct socket_pair {
	bool has_local, has_peer;
	uint32_t local[2], peer[2];
};

enum socket_smc_mode { SOCKET_SMC_R, SOCKET_SMC_TCP, SOCKET_SMC_D };

struct socket_details {
	uint8_t timer; /* enum socket_timer */
	uint8_t timer_retransmits;
	bool has_mark, has_drops;
	bool has_queues; /* struct socket's queues were reported, of a kind that is not inet */
	uint32_t timer_ms;
	uint32_t mark, drops;
	/* By the kind of the socket. */
	union {
		struct socket_tcp_details tcp;
		struct socket_mptcp mptcp;
		struct socket_sctp sctp;
		struct socket_packet packet;
		struct socket_xdp xdp;
		struct socket_netlink netlink;
		struct socket_pair pair;
		uint8_t smc_mode; /* enum socket_smc_mode */
	};
};

/* Bytes from its beginning that say something of a socket of the kind. */
size_t socket_details_size(unsigned int kind);

#endif
