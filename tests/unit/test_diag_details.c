/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of sock_diag with all that is shown of a socket, and those of rare families. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <linux/tipc_netlink.h>
#include <linux/vm_sockets_diag.h>
#include <linux/xdp_diag.h>
#include <sys/socket.h>

#include "check.h"
#include "diag_build.h"
#include "sockets/diag_families.h"
#include "sockets/diag_message.h"

static struct socket_details details;

static int parse(enum socket_kind kind, const struct message *message, struct socket *socket)
{
	memset(&details, 0xa5, sizeof(details));
	return diag_message_parse_all(kind, check_guarded(message->bytes, message->length),
	                              message->length, socket, &details);
}

static struct inet_diag_msg inet_header(uint8_t state)
{
	struct inet_diag_msg header = {
		.idiag_family = AF_INET,
		.idiag_state = state,
		.id = { .idiag_sport = htons(1234),
		        .idiag_dport = htons(80),
		        .idiag_cookie = { 7, 0 } },
		.idiag_inode = 4242,
	};

	inet_pton(AF_INET, "192.0.2.1", header.id.idiag_src);
	inet_pton(AF_INET, "198.51.100.2", header.id.idiag_dst);
	return header;
}

static bool address_is(const struct inet_address *address, const char *text)
{
	struct inet_address expected;

	return inet_parse(text, &expected) && inet_equal(address, &expected);
}

static void test_timer(void)
{
	static const struct {
		enum socket_kind kind;
		uint8_t timer;
		enum socket_timer expected;
	} cases[] = {
		{ SOCKET_TCP, 0, SOCKET_TIMER_NONE },
		{ SOCKET_TCP, 1, SOCKET_TIMER_RETRANSMIT },
		{ SOCKET_TCP, 2, SOCKET_TIMER_KEEPALIVE },
		{ SOCKET_TCP, 3, SOCKET_TIMER_TIME_WAIT },
		{ SOCKET_TCP, 4, SOCKET_TIMER_PROBE },
		{ SOCKET_TCP, 5, SOCKET_TIMER_NONE },
		{ SOCKET_SCTP, 4, SOCKET_TIMER_RETRANSMIT },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct inet_diag_msg header = inet_header(SOCKET_ESTABLISHED);
		struct message message = { .length = 0 };
		struct socket socket;

		header.idiag_timer = cases[i].timer;
		header.idiag_expires = 1500;
		header.idiag_retrans = 3;
		put(&message, &header, sizeof(header));
		CHECK(parse(cases[i].kind, &message, &socket) == 0 && socket.details == &details &&
		              details.timer == cases[i].expected &&
		              details.timer_ms == (details.timer ? 1500 : 0) &&
		              details.timer_retransmits == (details.timer ? 3 : 0),
		      "kind %d, timer %d", (int)cases[i].kind, cases[i].timer);
		CHECK(!details.has_mark && !details.has_drops, "nothing else is known of it");
	}
}

static void test_tcp(void)
{
	struct inet_diag_msg header = inet_header(SOCKET_ESTABLISHED);
	struct message message = { .length = 0 }, upper = { .length = 0 },
		       subflow = { .length = 0 };
	struct tcp_info info = { .tcpi_rto = 204000,
		                 .tcpi_snd_mss = 1448,
		                 .tcpi_pmtu = 1500,
		                 .tcpi_snd_cwnd = 10,
		                 .tcpi_snd_ssthresh = 0x7fffffff,
		                 .tcpi_pacing_rate = UINT64_MAX,
		                 .tcpi_bytes_sent = 3000,
		                 .tcpi_bytes_retrans = 1000 };
	uint32_t memory[SK_MEMINFO_VARS] = { [SK_MEMINFO_DROPS] = 9 };
	const struct socket_tcp_details *tcp = &details.tcp;
	uint8_t number = 5;
	struct socket socket;

	put(&message, &header, sizeof(header));
	put_attribute(&message, INET_DIAG_INFO, &info, sizeof(info));
	put_attribute(&message, INET_DIAG_CONG, "cubic", sizeof("cubic"));
	put_attribute(&message, INET_DIAG_SKMEMINFO, memory, sizeof(memory));
	put_u32(&message, INET_DIAG_MARK, 77);
	put_u32(&subflow, 2, 0x5de7f000);
	put_attribute(&subflow, 9, &number, 1);
	number = 4;
	put_attribute(&subflow, 10, &number, 1);
	put_attribute(&upper, INET_ULP_INFO_NAME, "mptcp", sizeof("mptcp"));
	put_nested(&upper, INET_ULP_INFO_MPTCP, &subflow);
	put_nested(&message, INET_DIAG_ULP_INFO, &upper);
	CHECK_EQUAL(parse(SOCKET_TCP, &message, &socket), 0, "TCP is read");
	CHECK(tcp->has_figures && tcp->rto_us == 204000 && tcp->mss == 1448 &&
	              tcp->path_mtu == 1500 && tcp->window_segments == 10 &&
	              tcp->bytes_sent == 3000 && tcp->bytes_retransmitted == 1000,
	      "TCP: figures");
	CHECK(tcp->slow_start_threshold == 0 && tcp->pacing_rate == 0,
	      "TCP: what has no limit is not known");
	CHECK_TEXT(tcp->congestion_control, "cubic", "TCP: congestion control");
	CHECK_TEXT(tcp->upper_protocol, "mptcp", "TCP: what is upon it");
	CHECK(tcp->mptcp.has_token && tcp->mptcp.token == 0x5de7f000 && tcp->mptcp.has_ids &&
	              tcp->mptcp.local_id == 4 && tcp->mptcp.remote_id == 5,
	      "TCP: a subflow of MPTCP");
	CHECK(details.has_mark && details.mark == 77 && details.has_drops && details.drops == 9,
	      "TCP: mark and drops");
}

/* The figures of a listener mean other things. */
static void test_listener(void)
{
	struct inet_diag_msg header = inet_header(SOCKET_LISTEN);
	struct message message = { .length = 0 };
	struct tcp_info info = { .tcpi_rto = 250000 };
	struct socket socket;

	put(&message, &header, sizeof(header));
	put_attribute(&message, INET_DIAG_INFO, &info, sizeof(info));
	CHECK(parse(SOCKET_TCP, &message, &socket) == 0 && !details.tcp.has_figures,
	      "a listener has no figures");
}

static void test_mptcp(void)
{
	struct inet_diag_msg header = inet_header(SOCKET_ESTABLISHED);
	struct message message = { .length = 0 };
	const struct {
		uint8_t subflows, other[5];
		uint32_t flags, token;
	} info = { .subflows = 3, .flags = 1, .token = 0x5de7f000 };
	struct socket socket;

	put(&message, &header, sizeof(header));
	put_attribute(&message, INET_DIAG_INFO, &info, sizeof(info));
	CHECK(parse(SOCKET_MPTCP, &message, &socket) == 0 && socket.tuple.protocol == IPPROTO_TCP &&
	              details.mptcp.has_token && details.mptcp.token == 0x5de7f000 &&
	              details.mptcp.has_subflows && details.mptcp.subflows == 3 &&
	              details.mptcp.fallback,
	      "MPTCP: token, subflows, fallback");
}

static void put_storage(struct sockaddr_storage *storage, const char *text)
{
	if (inet_pton(AF_INET, text, (char *)storage + 4) == 1)
		storage->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, (char *)storage + 8) == 1)
		storage->ss_family = AF_INET6;
}

static void test_sctp(void)
{
	struct inet_diag_msg header = inet_header(3);
	struct message message = { .length = 0 };
	struct sockaddr_storage local[3] = { 0 }, peer[2] = { 0 };
	struct socket socket;

	header.idiag_family = AF_INET6;
	memset(header.id.idiag_src, 0, sizeof(header.id.idiag_src));
	memset(header.id.idiag_dst, 0, sizeof(header.id.idiag_dst));
	put_storage(&local[0], "192.0.2.1");
	put_storage(&local[1], "2001:db8::1");
	put_storage(&peer[0], "192.0.2.9");
	put_storage(&peer[1], "2001:db8::9");
	put(&message, &header, sizeof(header));
	/* The third has no family, and a fourth is cut off. */
	put_attribute(&message, INET_DIAG_LOCALS, local, sizeof(local));
	put_attribute(&message, INET_DIAG_PEERS, peer, sizeof(peer));
	CHECK(parse(SOCKET_SCTP, &message, &socket) == 0 && details.sctp.is_association &&
	              details.sctp.state == 3 && socket.state == SOCKET_ESTABLISHED,
	      "SCTP: an association");
	CHECK(details.sctp.local_count == 2 && address_is(&details.sctp.local[0], "192.0.2.1") &&
	              address_is(&details.sctp.local[1], "2001:db8::1") &&
	              details.sctp.peer_count == 2 &&
	              address_is(&details.sctp.peer[1], "2001:db8::9"),
	      "SCTP: all addresses");
	CHECK(address_is(&socket.tuple.source, "192.0.2.1") &&
	              address_is(&socket.tuple.destination, "192.0.2.9"),
	      "SCTP: IPv4 ends of an IPv6 socket, which the kernel garbles");
	memset(&message, 0, sizeof(message));
	header.idiag_state = SOCKET_LISTEN;
	put(&message, &header, sizeof(header));
	put_attribute(&message, INET_DIAG_LOCALS, local, sizeof(local));
	CHECK(parse(SOCKET_SCTP, &message, &socket) == 0 && !details.sctp.is_association &&
	              socket.state == SOCKET_LISTEN && details.sctp.local_count == 2,
	      "SCTP: an endpoint");
}

static void test_packet(void)
{
	const struct packet_diag_msg header = { .pdiag_family = AF_PACKET, .pdiag_ino = 5 };
	const struct packet_diag_info info = { .pdi_version = 2 };
	const struct packet_diag_ring ring = {
		.pdr_block_size = 4096, .pdr_block_nr = 4, .pdr_frame_size = 2048, .pdr_frame_nr = 8
	};
	uint32_t memory[SK_MEMINFO_VARS] = { [SK_MEMINFO_RMEM_ALLOC] = 10 };
	struct message message = { .length = 0 };
	struct socket socket;

	put(&message, &header, sizeof(header));
	put_attribute(&message, PACKET_DIAG_INFO, &info, sizeof(info));
	CHECK(parse(SOCKET_PACKET, &message, &socket) == 0 && !details.packet.has_version &&
	              !details.packet.has_fanout && !details.has_queues,
	      "packet: without rings");
	put_attribute(&message, PACKET_DIAG_RX_RING, &ring, sizeof(ring));
	put_u32(&message, PACKET_DIAG_FANOUT, 2 << 16 | 513);
	put_attribute(&message, PACKET_DIAG_MEMINFO, memory, sizeof(memory));
	CHECK(parse(SOCKET_PACKET, &message, &socket) == 0 && details.packet.has_version &&
	              details.packet.version == 2 && details.packet.receive.block_size == 4096 &&
	              details.packet.receive.blocks == 4 &&
	              details.packet.receive.frame_size == 2048 &&
	              details.packet.receive.frames == 8 && details.packet.send.blocks == 0,
	      "packet: a ring");
	CHECK(details.packet.has_fanout && details.packet.fanout_id == 513 &&
	              details.packet.fanout_mode == 2 && details.has_queues &&
	              socket.receive_queue == 10,
	      "packet: fanout and queue");
}

static void test_netlink_groups(void)
{
	const struct netlink_diag_msg header = { .ndiag_family = AF_NETLINK, .ndiag_ino = 5 };
	unsigned long groups[64 / sizeof(unsigned long)] = { 0x11 };
	struct message message = { .length = 0 };
	struct socket socket;
	unsigned int group = 33;

	groups[(group - 1) / (8 * sizeof(long))] |= 1ul << (group - 1) % (8 * sizeof(long));
	put(&message, &header, sizeof(header));
	put_attribute(&message, NETLINK_DIAG_GROUPS, groups, sizeof(groups));
	CHECK(parse(SOCKET_NETLINK, &message, &socket) == 0 && details.netlink.groups[0] == 0x11 &&
	              details.netlink.groups[1] == 1 && details.netlink.groups[2] == 0,
	      "netlink: groups 1, 5 and 33");
}

static void test_vsock(void)
{
	struct vsock_diag_msg header = {
		.vdiag_family = AF_VSOCK,
		.vdiag_type = SOCK_STREAM,
		.vdiag_state = SOCKET_ESTABLISHED,
		.vdiag_src_cid = 3,
		.vdiag_src_port = 1024,
		.vdiag_dst_cid = 2,
		.vdiag_dst_port = 5000,
		.vdiag_ino = 77,
		.vdiag_cookie = { 1, 2 },
	};
	struct message message = { .length = 0 };
	struct socket socket;

	put(&message, &header, sizeof(header));
	CHECK(parse(SOCKET_VSOCK, &message, &socket) == 0 && socket.family == AF_VSOCK &&
	              socket.type == SOCK_STREAM && socket.state == SOCKET_ESTABLISHED &&
	              socket.inode == 77 && socket.cookie == UINT64_C(0x200000001),
	      "vsock: identity");
	CHECK(details.pair.has_local && details.pair.local[0] == 3 &&
	              details.pair.local[1] == 1024 && details.pair.has_peer &&
	              details.pair.peer[0] == 2 && details.pair.peer[1] == 5000,
	      "vsock: ends");
	header.vdiag_state = SOCKET_LISTEN;
	header.vdiag_src_cid = header.vdiag_dst_cid = header.vdiag_dst_port = UINT32_MAX;
	message.length = 0;
	put(&message, &header, sizeof(header));
	CHECK(parse(SOCKET_VSOCK, &message, &socket) == 0 && details.pair.has_local &&
	              !details.pair.has_peer && socket_is_listening(&socket),
	      "vsock: a listener");
}

static void test_xdp(void)
{
	const struct xdp_diag_msg header = { .xdiag_family = 44, .xdiag_type = 3, .xdiag_ino = 9 };
	const struct xdp_diag_info info = { .ifindex = 4, .queue_id = 6 };
	const struct xdp_diag_ring ring = { .entries = 2048 };
	const struct xdp_diag_umem umem = { .size = 65536, .id = 1, .flags = XDP_DU_F_ZEROCOPY };
	struct message message = { .length = 0 };
	struct socket socket;

	put(&message, &header, sizeof(header));
	CHECK(parse(SOCKET_XDP, &message, &socket) == 0 && socket.inode == 9 &&
	              !details.xdp.has_queue && !details.xdp.has_umem,
	      "XDP: not bound");
	put_attribute(&message, XDP_DIAG_INFO, &info, sizeof(info));
	put_u32(&message, XDP_DIAG_UID, 1000);
	put_attribute(&message, XDP_DIAG_RX_RING, &ring, sizeof(ring));
	put_attribute(&message, XDP_DIAG_UMEM, &umem, sizeof(umem));
	CHECK(parse(SOCKET_XDP, &message, &socket) == 0 && socket.ifindex == 4 && socket.has_uid &&
	              socket.uid == 1000 && details.xdp.has_queue && details.xdp.queue == 6 &&
	              details.xdp.receive_entries == 2048 && details.xdp.send_entries == 0 &&
	              details.xdp.has_umem && details.xdp.umem_size == 65536 &&
	              details.xdp.zero_copy,
	      "XDP: interface, queue, memory");
}

static void test_tipc(void)
{
	struct message message = { .length = 0 }, socket_part = { .length = 0 },
		       connection = { .length = 0 }, statistics = { .length = 0 };
	uint64_t cookie = UINT64_C(0x123456789);
	struct socket socket;

	CHECK_EQUAL(parse(SOCKET_TIPC, &message, &socket), -EINVAL, "TIPC: nothing in it");
	put_u32(&socket_part, TIPC_NLA_SOCK_TYPE, SOCK_SEQPACKET);
	put_u32(&socket_part, TIPC_NLA_SOCK_TIPC_STATE, 1);
	put_u32(&socket_part, TIPC_NLA_SOCK_INO, 88);
	put_u32(&socket_part, TIPC_NLA_SOCK_UID, 33);
	put_u32(&socket_part, TIPC_NLA_SOCK_ADDR, 16781313);
	put_u32(&socket_part, TIPC_NLA_SOCK_REF, 4000000000);
	put_attribute(&socket_part, TIPC_NLA_SOCK_COOKIE, &cookie, sizeof(cookie));
	put_u32(&connection, TIPC_NLA_CON_NODE, 1);
	put_u32(&connection, TIPC_NLA_CON_SOCK, 2);
	put_nested(&socket_part, TIPC_NLA_SOCK_CON, &connection);
	put_u32(&statistics, TIPC_NLA_SOCK_STAT_RCVQ, 5);
	put_u32(&statistics, TIPC_NLA_SOCK_STAT_DROP, 6);
	put_nested(&socket_part, TIPC_NLA_SOCK_STAT, &statistics);
	put_nested(&message, TIPC_NLA_SOCK, &socket_part);
	CHECK(parse(SOCKET_TIPC, &message, &socket) == 0 && socket.type == SOCK_SEQPACKET &&
	              socket.state == SOCKET_ESTABLISHED && socket.inode == 88 && socket.has_uid &&
	              socket.uid == 33 && socket.cookie == cookie && socket.receive_queue == 5,
	      "TIPC: identity and queue");
	CHECK(details.pair.has_local && details.pair.local[0] == 16781313 &&
	              details.pair.local[1] == 4000000000 && details.pair.has_peer &&
	              details.pair.peer[0] == 1 && details.pair.peer[1] == 2 && details.drops == 6,
	      "TIPC: ends and drops");
}

static void test_smc(void)
{
	struct diag_smc_message header = { .family = 43, .state = 1, .mode = 2, .inode = 99 };
	struct message message = { .length = 0 };
	struct socket socket;

	header.id.idiag_sport = htons(1234);
	inet_pton(AF_INET, "192.0.2.1", header.id.idiag_src);
	inet_pton(AF_INET, "192.0.2.2", header.id.idiag_dst);
	put(&message, &header, sizeof(header));
	CHECK(parse(SOCKET_SMC, &message, &socket) == 0 && socket.inode == 99 &&
	              socket.state == SOCKET_ESTABLISHED &&
	              address_is(&socket.tuple.source, "192.0.2.1") &&
	              address_is(&socket.tuple.destination, "192.0.2.2") &&
	              socket.tuple.source_port == 1234 && details.smc_mode == SOCKET_SMC_D,
	      "SMC on IPv4");
	inet_pton(AF_INET6, "2001:db8::1", header.id.idiag_src);
	header.state = 26;
	message.length = 0;
	put(&message, &header, sizeof(header));
	CHECK(parse(SOCKET_SMC, &message, &socket) == 0 &&
	              address_is(&socket.tuple.source, "2001:db8::1") &&
	              socket.state == SOCKET_STATE_NONE,
	      "SMC on IPv6, in a state that TCP has not");
}

int main(void)
{
	test_timer();
	test_tcp();
	test_listener();
	test_mptcp();
	test_sctp();
	test_packet();
	test_netlink_groups();
	test_vsock();
	test_xdp();
	test_tipc();
	test_smc();
	return check_done();
}
