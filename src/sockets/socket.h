/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* One socket as the kernel describes it, from sock_diag(7) or /proc/net alike. A plain value. */
#ifndef SOCKLINE_SOCKETS_SOCKET_H
#define SOCKLINE_SOCKETS_SOCKET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "sockets/socket_details.h"

/* What can be listed. Each is one dump or one /proc/net file (two for v4 and v6). */
enum socket_kind {
	SOCKET_TCP,
	SOCKET_UDP,
	SOCKET_UDPLITE,
	SOCKET_RAW,
	SOCKET_ICMP, /* ping sockets */
	SOCKET_UNIX,
	SOCKET_PACKET,
	SOCKET_NETLINK,
	SOCKET_MPTCP,
	SOCKET_SCTP,
	SOCKET_DCCP,
	SOCKET_VSOCK,
	SOCKET_XDP,
	SOCKET_TIPC,
	SOCKET_SMC,
	SOCKET_KIND_COUNT
};
#define SOCKET_KIND_BIT(kind) (1u << (kind))
#define SOCKET_KINDS_ALL      ((1u << SOCKET_KIND_COUNT) - 1)
/* Those whose two ends are Internet addresses. */
#define SOCKET_KINDS_INET                                                                          \
	(SOCKET_KIND_BIT(SOCKET_TCP) | SOCKET_KIND_BIT(SOCKET_UDP) |                               \
	 SOCKET_KIND_BIT(SOCKET_UDPLITE) | SOCKET_KIND_BIT(SOCKET_RAW) |                           \
	 SOCKET_KIND_BIT(SOCKET_ICMP) | SOCKET_KIND_BIT(SOCKET_MPTCP) |                            \
	 SOCKET_KIND_BIT(SOCKET_SCTP) | SOCKET_KIND_BIT(SOCKET_DCCP) |                             \
	 SOCKET_KIND_BIT(SOCKET_SMC))

/* Numbers of include/net/tcp_states.h, which all families use on the wire. */
enum socket_state {
	SOCKET_STATE_NONE = 0,
	SOCKET_ESTABLISHED = 1,
	SOCKET_SYN_SENT,
	SOCKET_SYN_RECEIVED,
	SOCKET_FIN_WAIT_1,
	SOCKET_FIN_WAIT_2,
	SOCKET_TIME_WAIT,
	SOCKET_CLOSED, /* TCP: closed; UDP and others: not connected */
	SOCKET_CLOSE_WAIT,
	SOCKET_LAST_ACK,
	SOCKET_LISTEN,
	SOCKET_CLOSING,
	SOCKET_NEW_SYN_RECEIVED,
};

enum socket_source { SOCKET_FROM_SOCK_DIAG, SOCKET_FROM_PROC_NET };

/* struct tcp_info of linux/tcp.h. A time or rate of 0: not measured. */
struct socket_tcp_info {
	uint32_t rtt_us, rttvar_us; /* smoothed, and how much it varies */
	uint32_t min_rtt_us;        /* of late */
	uint32_t retransmits;       /* tcpi_total_retrans: segments, since the start */
	uint32_t lost;              /* segments that are thought to be lost now */
	uint32_t reordering;        /* segments, as far as it was seen or assumed */
	uint64_t delivery_rate;     /* bytes a second, the last one measured */
	uint64_t bytes_acked;       /* RFC 4898 tcpEStatsAppHCThruOctetsAcked; SYN and FIN count */
	uint64_t bytes_received;    /* RFC 4898 tcpEStatsAppHCThruOctetsReceived */
};

/* The same: what a socket carried since its beginning. */
struct socket_totals {
	uint64_t bytes_acked, bytes_received;
	uint32_t segments_sent, segments_received; /* tcpi_segs_out, tcpi_segs_in: RFC 4898 */
};

/* Which end of a TCP connection a socket is. */
enum socket_role { SOCKET_ROLE_UNKNOWN, SOCKET_INITIATOR, SOCKET_RESPONDER };

#define SOCKET_CONGESTION_SIZE 16 /* TCP_CA_NAME_MAX: with the NUL */

struct socket {
	enum socket_kind kind;
	enum socket_source source;
	enum socket_state state;
	uint8_t family;    /* AF_*; AF_INET6 also for a dual-stack socket on IPv4 */
	uint8_t type;      /* SOCK_*, 0 when not known */
	uint16_t protocol; /* IPPROTO_*; netlink: NETLINK_*; packet: EtherType, host order */
	uint32_t netns;    /* inode number of the network namespace it was listed in */

	/*
	 * Inet kinds: source is the local end. ICMP: source_port is the echo identifier; raw: no
	 * ports.
	 */
	struct tuple tuple;
	uint32_t ifindex; /* bound to this interface; 0 = not bound */
	bool v6only;      /* AF_INET6 and never IPv4; false when not known */

	uint64_t inode;  /* of sockfs; 0 = none: TIME_WAIT, not yet accepted, orphaned */
	uint64_t cookie; /* 0 = not known */
	uint32_t uid;
	bool has_uid;
	uint64_t cgroup_id; /* inode of the cgroup v2 directory; 0 = not known */

	/*
	 * Bytes; for a TCP listener the accept queue and its limit. Data for TCP; memory with the
	 * kernel's part for what has datagrams (sk_rmem_alloc, sk_wmem_alloc). A Unix socket has data
	 * in the first, of datagrams only the next (unix_inq_len()), and memory in the second.
	 */
	uint32_t receive_queue;
	uint32_t send_queue;

	bool has_tcp_info;
	enum socket_role role; /* with tcp_info, of an open connection */
	struct socket_tcp_info tcp_info;
	struct socket_totals totals; /* with tcp_info */
	char congestion_control
		[SOCKET_CONGESTION_SIZE]; /* of TCP, where it was asked for; else "" */

	/* SOCKET_UNIX */
	uint8_t path_length; /* 0 = unnamed */
	char path[108];      /* as bound; first byte NUL = abstract; no NUL at the end */
	uint64_t peer_inode; /* 0 = none or not known */

	/* SOCKET_NETLINK */
	uint32_t port_id;
	uint32_t groups;

	const struct socket_details
		*details; /* NULL: not asked for; valid as long as the caller says */
};

static inline bool socket_is_inet(const struct socket *socket)
{
	return SOCKET_KINDS_INET & SOCKET_KIND_BIT(socket->kind);
}

/* Waits for peers: what ss -l shows. */
bool socket_is_listening(const struct socket *socket);

/*
 * Sets type, protocol and tuple.protocol of an inet kind by kind and family; a raw socket has no
 * ports.
 */
void socket_set_protocol(struct socket *socket, uint8_t raw_protocol);
/*
 * The uid as the kernel shows it; the inode is set before. A socket without inode
 * (TIME_WAIT, half-open, not yet accepted, orphaned) shows 0 for "none": the first
 * always, some of the others before Linux 6.17. So 0 proves nothing there.
 */
void socket_set_uid(struct socket *socket, uint32_t uid);

/* Called for each socket; *socket is valid during the call. A return value != 0 ends the listing. */
typedef int socket_callback(void *context, const struct socket *socket);

#endif
