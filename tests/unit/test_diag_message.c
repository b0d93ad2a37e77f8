/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/diag_families.h"
#include "sockets/diag_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/tcp.h>
#include <linux/unix_diag.h>
#include <linux/vm_sockets_diag.h>
#include <linux/xdp_diag.h>
#include <sys/socket.h>

#include "check.h"
#include "diag_build.h"
#include "random.h"

#define RANDOM_ROUNDS 200000

static int parse(enum socket_kind kind, const struct message *message, struct socket *socket)
{
	return diag_message_parse(kind, check_guarded(message->bytes, message->length),
	                          message->length, socket);
}

static struct inet_diag_msg inet_header(void)
{
	struct inet_diag_msg header = {
		.idiag_family = AF_INET,
		.idiag_state = SOCKET_ESTABLISHED,
		.id = { .idiag_sport = htons(1234),
		        .idiag_dport = htons(80),
		        .idiag_if = 3,
		        .idiag_cookie = { 0x89abcdef, 0x01234567 } },
		.idiag_rqueue = 10,
		.idiag_wqueue = 20,
		.idiag_uid = 1000,
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

static void test_tcp(void)
{
	struct inet_diag_msg header = inet_header();
	struct message message = { .length = 0 };
	struct tcp_info info = { .tcpi_rtt = 777,
		                 .tcpi_total_retrans = 5,
		                 .tcpi_bytes_acked = 1002,
		                 .tcpi_bytes_received = UINT64_C(5000000000) };
	uint64_t cgroup = 99;
	uint8_t shutdown = 0;
	struct socket socket;

	put(&message, &header, sizeof(header));
	put_attribute(&message, INET_DIAG_SHUTDOWN, &shutdown, sizeof(shutdown));
	put_attribute(&message, INET_DIAG_INFO, &info, sizeof(info));
	put_attribute(&message, INET_DIAG_CONG, "cubic", sizeof("cubic"));
	put_attribute(&message, INET_DIAG_CGROUP_ID, &cgroup, sizeof(cgroup));
	CHECK_EQUAL(parse(SOCKET_TCP, &message, &socket), 0, "TCP is read");
	CHECK(socket.kind == SOCKET_TCP && socket.source == SOCKET_FROM_SOCK_DIAG &&
	              socket.family == AF_INET && socket.type == SOCK_STREAM &&
	              socket.protocol == IPPROTO_TCP && socket.tuple.protocol == IPPROTO_TCP,
	      "TCP: kind, family, type, protocol");
	CHECK_EQUAL(socket.state, SOCKET_ESTABLISHED, "TCP: state");
	CHECK(address_is(&socket.tuple.source, "192.0.2.1") && socket.tuple.source_port == 1234 &&
	              address_is(&socket.tuple.destination, "198.51.100.2") &&
	              socket.tuple.destination_port == 80,
	      "TCP: ends");
	CHECK(socket.ifindex == 3 && socket.inode == 4242 &&
	              socket.cookie == UINT64_C(0x0123456789abcdef) && socket.has_uid &&
	              socket.uid == 1000 && socket.cgroup_id == 99,
	      "TCP: identity");
	CHECK(socket.receive_queue == 10 && socket.send_queue == 20, "TCP: queues");
	CHECK(socket.has_tcp_info && socket.tcp_info.rtt_us == 777 &&
	              socket.tcp_info.retransmits == 5 && socket.tcp_info.bytes_acked == 1002 &&
	              socket.tcp_info.bytes_received == UINT64_C(5000000000),
	      "TCP: tcp_info");
	CHECK_TEXT(socket.congestion_control, "cubic", "TCP: congestion control");
	CHECK_EQUAL(diag_message_protocol(message.bytes, message.length), 0,
	            "TCP: no INET_DIAG_PROTOCOL");
}

/* tcp_info grew with the kernel; a part that is not there is 0. */
static void test_short_tcp_info(void)
{
	static const struct {
		size_t size;
		bool has, bytes;
	} cases[] = {
		{ 0, false, false },
		{ offsetof(struct tcp_info, tcpi_total_retrans), false, false },
		{ offsetof(struct tcp_info, tcpi_total_retrans) + 3, false, false },
		{ offsetof(struct tcp_info, tcpi_total_retrans) + 4, true, false },
		{ offsetof(struct tcp_info, tcpi_bytes_acked), true, false },
		{ offsetof(struct tcp_info, tcpi_bytes_received) + 8, true, true },
		{ sizeof(struct tcp_info), true, true },
		{ sizeof(struct tcp_info) + 40, true, true },
	};
	char bytes[sizeof(struct tcp_info) + 40];

	memset(bytes, 1, sizeof(bytes));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct inet_diag_msg header = inet_header();
		struct message message = { .length = 0 };
		struct socket socket;

		put(&message, &header, sizeof(header));
		put_attribute(&message, INET_DIAG_INFO, bytes, cases[i].size);
		CHECK(parse(SOCKET_TCP, &message, &socket) == 0 &&
		              socket.has_tcp_info == cases[i].has &&
		              (socket.tcp_info.rtt_us == 0x01010101) == cases[i].has &&
		              (socket.tcp_info.bytes_received == UINT64_C(0x0101010101010101)) ==
		                      cases[i].bytes,
		      "tcp_info of %zu bytes", cases[i].size);
	}
}

/* What the kernel has not measured, as 0 or by a value of its own, is 0 here. */
static void test_measured(void)
{
	static const struct {
		const char *title;
		struct tcp_info info;
		struct socket_tcp_info expected;
	} cases[] = {
		{ "nothing was sent yet",
		  { .tcpi_rttvar = 250000, .tcpi_min_rtt = UINT32_MAX, .tcpi_reordering = 3 },
		  { .reordering = 3 } },
		{ "all of them",
		  { .tcpi_rtt = 777,
		    .tcpi_rttvar = 33,
		    .tcpi_min_rtt = 555,
		    .tcpi_lost = 2,
		    .tcpi_reordering = 7,
		    .tcpi_delivery_rate = 123456 },
		  { .rtt_us = 777,
		    .rttvar_us = 33,
		    .min_rtt_us = 555,
		    .lost = 2,
		    .reordering = 7,
		    .delivery_rate = 123456 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct inet_diag_msg header = inet_header();
		struct message message = { .length = 0 };
		struct socket socket;

		put(&message, &header, sizeof(header));
		put_attribute(&message, INET_DIAG_INFO, &cases[i].info, sizeof(cases[i].info));
		CHECK(parse(SOCKET_TCP, &message, &socket) == 0 &&
		              memcmp(&socket.tcp_info, &cases[i].expected,
		                     sizeof(socket.tcp_info)) == 0,
		      "measured: %s", cases[i].title);
	}
}

/* Confirmed bytes count the SYN of the end that connected, and of no other. */
static void test_role(void)
{
	enum { WHOLE = sizeof(struct tcp_info) };
	static const struct {
		const char *title;
		enum socket_state state;
		uint64_t acked, sent, again; /* bytes */
		uint32_t queued, unsent;
		size_t length;
		enum socket_role role;
	} cases[] = {
		{ "fresh, connected", SOCKET_ESTABLISHED, 1, 0, 0, 0, 0, WHOLE, SOCKET_INITIATOR },
		{ "fresh, accepted", SOCKET_ESTABLISHED, 0, 0, 0, 0, 0, WHOLE, SOCKET_RESPONDER },
		{ "both ways", SOCKET_ESTABLISHED, 501, 500, 0, 0, 0, WHOLE, SOCKET_INITIATOR },
		{ "sent again", SOCKET_ESTABLISHED, 501, 600, 100, 0, 0, WHOLE, SOCKET_INITIATOR },
		{ "on its way", SOCKET_ESTABLISHED, 1, 500, 0, 800, 300, WHOLE, SOCKET_INITIATOR },
		{ "served", SOCKET_CLOSE_WAIT, 500, 700, 200, 70, 70, WHOLE, SOCKET_RESPONDER },
		{ "of two moments", SOCKET_ESTABLISHED, 501, 499, 0, 0, 0, WHOLE,
		  SOCKET_ROLE_UNKNOWN },
		{ "a FIN counts, too", SOCKET_FIN_WAIT_2, 501, 500, 0, 0, 0, WHOLE,
		  SOCKET_ROLE_UNKNOWN },
		{ "before Linux 4.19", SOCKET_ESTABLISHED, 1, 0, 0, 0, 0,
		  offsetof(struct tcp_info, tcpi_bytes_retrans), SOCKET_ROLE_UNKNOWN },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct inet_diag_msg header = inet_header();
		struct message message = { .length = 0 };
		struct tcp_info info = { .tcpi_bytes_acked = cases[i].acked,
			                 .tcpi_bytes_sent = cases[i].sent,
			                 .tcpi_bytes_retrans = cases[i].again,
			                 .tcpi_notsent_bytes = cases[i].unsent };
		struct socket socket;

		header.idiag_state = (uint8_t)cases[i].state;
		header.idiag_wqueue = cases[i].queued;
		put(&message, &header, sizeof(header));
		put_attribute(&message, INET_DIAG_INFO, &info, cases[i].length);
		CHECK(parse(SOCKET_TCP, &message, &socket) == 0 && socket.role == cases[i].role,
		      "role: %s", cases[i].title);
	}
}

static void test_listener(void)
{
	struct inet_diag_msg header = inet_header();
	struct message message = { .length = 0 };
	struct tcp_info info = { .tcpi_unacked = 1, .tcpi_rtt = 7 };
	uint8_t v6only = 1;
	struct socket socket;

	header.idiag_family = AF_INET6;
	header.idiag_state = SOCKET_LISTEN;
	memset(&header.id.idiag_src, 0, 16);
	memset(&header.id.idiag_dst, 0, 16);
	header.id.idiag_dport = 0;
	put(&message, &header, sizeof(header));
	put_attribute(&message, INET_DIAG_SKV6ONLY, &v6only, sizeof(v6only));
	put_attribute(&message, INET_DIAG_INFO, &info, sizeof(info));
	CHECK(parse(SOCKET_TCP, &message, &socket) == 0 && socket.state == SOCKET_LISTEN &&
	              address_is(&socket.tuple.source, "::") && socket.v6only,
	      "a listener that is IPv6 only");
	CHECK(!socket.has_tcp_info, "a listener has no tcp_info");
}

static void test_owner(void)
{
	static const struct {
		const char *name;
		uint32_t inode, uid;
		bool has_uid;
	} cases[] = {
		{ "a socket of root", 1, 0, true },
		{ "a socket of a user", 1, 5, true },
		{ "TIME_WAIT, or of root and not accepted: not known", 0, 0, false },
		{ "not accepted, of a user", 0, 5, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct inet_diag_msg header = inet_header();
		struct message message = { .length = 0 };
		struct socket socket;

		header.idiag_inode = cases[i].inode;
		header.idiag_uid = cases[i].uid;
		put(&message, &header, sizeof(header));
		CHECK(parse(SOCKET_TCP, &message, &socket) == 0 &&
		              socket.has_uid == cases[i].has_uid && socket.uid == cases[i].uid,
		      "uid: %s", cases[i].name);
	}
}

static void test_mapped(void)
{
	struct inet_diag_msg header = inet_header();
	struct message message = { .length = 0 };
	struct socket socket;

	header.idiag_family = AF_INET6;
	inet_pton(AF_INET6, "::ffff:10.0.0.1", header.id.idiag_src);
	inet_pton(AF_INET6, "::ffff:10.0.0.2", header.id.idiag_dst);
	put(&message, &header, sizeof(header));
	CHECK(parse(SOCKET_UDP, &message, &socket) == 0 && tuple_is_v4(&socket.tuple) &&
	              socket.family == AF_INET6 && address_is(&socket.tuple.source, "10.0.0.1"),
	      "IPv4 on a dual-stack socket has an IPv4 tuple");
	CHECK(socket.type == SOCK_DGRAM && socket.protocol == IPPROTO_UDP && !socket.has_tcp_info,
	      "UDP: type, protocol");
	header.idiag_family = AF_UNIX;
	memcpy(message.bytes, &header, sizeof(header));
	CHECK_EQUAL(parse(SOCKET_UDP, &message, &socket), -EINVAL, "another family is refused");
}

static void test_raw(void)
{
	struct inet_diag_msg header = inet_header();
	struct message message = { .length = 0 };
	uint8_t protocol = 89;
	struct socket socket;

	header.id.idiag_sport = htons(132);
	put(&message, &header, sizeof(header));
	CHECK(parse(SOCKET_RAW, &message, &socket) == 0 && socket.type == SOCK_RAW &&
	              socket.protocol == 132 && socket.tuple.protocol == 132 &&
	              socket.tuple.source_port == 0 && socket.tuple.destination_port == 0,
	      "raw: the protocol stands in place of a port");
	put_attribute(&message, INET_DIAG_PROTOCOL, &protocol, sizeof(protocol));
	CHECK(parse(SOCKET_RAW, &message, &socket) == 0 && socket.protocol == 89,
	      "raw: the attribute says it better");
	CHECK_EQUAL(diag_message_protocol(message.bytes, message.length), 89, "INET_DIAG_PROTOCOL");
}

static const struct {
	const char *name;
	const char *given;
	size_t given_length;
	const char *path;
	size_t length;
} names[] = {
	{ "unnamed", NULL, 0, "", 0 },
	{ "path", "/run/x", 7, "/run/x", 6 },
	{ "path without NUL", "/run/x", 6, "/run/x", 6 },
	{ "abstract", "\0abc", 4, "\0abc", 4 },
	{ "abstract that ends in NUL", "\0abc", 5, "\0abc\0", 5 },
	{ "abstract without a name", "", 1, "\0", 1 },
	{ "empty attribute", "", 0, "", 0 },
	{ "108 bytes",
	  "123456789012345678901234567890123456789012345678901234567890"
	  "123456789012345678901234567890123456789012345678",
	  109,
	  "123456789012345678901234567890123456789012345678901234567890"
	  "123456789012345678901234567890123456789012345678",
	  108 },
};

static void test_unix(void)
{
	struct unix_diag_msg header = { .udiag_family = AF_UNIX,
		                        .udiag_type = SOCK_SEQPACKET,
		                        .udiag_state = SOCKET_LISTEN,
		                        .udiag_ino = 77,
		                        .udiag_cookie = { 1, 2 } };
	struct unix_diag_rqlen queues = { 3, 4 };
	uint32_t peer = 78, uid = 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		struct message message = { .length = 0 };
		struct socket socket;

		put(&message, &header, sizeof(header));
		if (names[i].given)
			put_attribute(&message, UNIX_DIAG_NAME, names[i].given,
			              names[i].given_length);
		put_attribute(&message, UNIX_DIAG_PEER, &peer, sizeof(peer));
		put_attribute(&message, UNIX_DIAG_RQLEN, &queues, sizeof(queues));
		put_attribute(&message, UNIX_DIAG_UID, &uid, sizeof(uid));
		CHECK(parse(SOCKET_UNIX, &message, &socket) == 0 &&
		              socket.path_length == names[i].length &&
		              memcmp(socket.path, names[i].path, names[i].length) == 0,
		      "unix name: %s", names[i].name);
		CHECK(socket.family == AF_UNIX && socket.type == SOCK_SEQPACKET &&
		              socket.state == SOCKET_LISTEN && socket.inode == 77 &&
		              socket.cookie == UINT64_C(0x200000001) && socket.peer_inode == 78 &&
		              socket.receive_queue == 3 && socket.send_queue == 4 &&
		              socket.has_uid && socket.uid == 0,
		      "unix, %s: the other fields", names[i].name);
	}
}

static void test_packet_and_netlink(void)
{
	struct packet_diag_msg packet = { .pdiag_family = AF_PACKET,
		                          .pdiag_type = SOCK_RAW,
		                          .pdiag_num = 0x0800,
		                          .pdiag_ino = 5 };
	struct packet_diag_info info = { .pdi_index = 9 };
	struct netlink_diag_msg netlink = { .ndiag_family = AF_NETLINK,
		                            .ndiag_type = SOCK_DGRAM,
		                            .ndiag_protocol = 15,
		                            .ndiag_portid = 4000000000,
		                            .ndiag_ino = 6 };
	uint32_t uid = 1000, memory[9] = { 832, 1, 768 };
	unsigned long groups[2] = { 0x80000001, 0xffffffff };
	struct message message = { .length = 0 };
	struct socket socket;

	put(&message, &packet, sizeof(packet));
	put_attribute(&message, PACKET_DIAG_INFO, &info, sizeof(info));
	put_attribute(&message, PACKET_DIAG_UID, &uid, sizeof(uid));
	put_attribute(&message, PACKET_DIAG_MEMINFO, memory, sizeof(memory));
	CHECK(parse(SOCKET_PACKET, &message, &socket) == 0 && socket.family == AF_PACKET &&
	              socket.type == SOCK_RAW && socket.protocol == 0x0800 && socket.inode == 5 &&
	              socket.ifindex == 9 && socket.has_uid && socket.uid == 1000 &&
	              socket.receive_queue == 832 && socket.send_queue == 768 &&
	              socket.state == SOCKET_STATE_NONE,
	      "packet: all fields");
	message.length = 0;
	put(&message, &netlink, sizeof(netlink));
	put_attribute(&message, NETLINK_DIAG_GROUPS, groups, sizeof(groups));
	put_attribute(&message, NETLINK_DIAG_MEMINFO, memory, sizeof(memory));
	CHECK(parse(SOCKET_NETLINK, &message, &socket) == 0 && socket.family == AF_NETLINK &&
	              socket.type == SOCK_DGRAM && socket.protocol == 15 && socket.inode == 6 &&
	              socket.port_id == 4000000000 && socket.groups == 0x80000001 &&
	              socket.receive_queue == 832 && socket.send_queue == 768 && !socket.has_uid &&
	              socket.state == SOCKET_STATE_NONE,
	      "netlink: all fields");
}

static void test_short(void)
{
	static const struct {
		enum socket_kind kind;
		size_t size;
	} kinds[] = {
		{ SOCKET_TCP, sizeof(struct inet_diag_msg) },
		{ SOCKET_UDP, sizeof(struct inet_diag_msg) },
		{ SOCKET_UNIX, sizeof(struct unix_diag_msg) },
		{ SOCKET_PACKET, sizeof(struct packet_diag_msg) },
		{ SOCKET_NETLINK, sizeof(struct netlink_diag_msg) },
		{ SOCKET_MPTCP, sizeof(struct inet_diag_msg) },
		{ SOCKET_SCTP, sizeof(struct inet_diag_msg) },
		{ SOCKET_DCCP, sizeof(struct inet_diag_msg) },
		{ SOCKET_VSOCK, sizeof(struct vsock_diag_msg) },
		{ SOCKET_XDP, sizeof(struct xdp_diag_msg) },
		{ SOCKET_SMC, sizeof(struct diag_smc_message) },
	};
	struct message message = { .bytes = { AF_INET } };
	struct socket socket;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int refused = 0;

		for (message.length = 0; message.length < kinds[i].size; message.length += 4)
			refused += parse(kinds[i].kind, &message, &socket) == -EINVAL;
		CHECK(refused == (int)(kinds[i].size + 3) / 4 && message.length >= kinds[i].size &&
		              parse(kinds[i].kind, &message, &socket) == 0,
		      "kind %d needs %zu bytes", (int)kinds[i].kind, kinds[i].size);
	}
	CHECK_EQUAL(parse(SOCKET_ICMP, &message, &socket), -EINVAL,
	            "ping sockets have no messages");
}

/* Attributes of any length and type: none is read past the end. */
static void test_random(void)
{
	struct random random = random_begin();
	char zeros[1024] = "", *end = (char *)check_guarded(zeros, sizeof(zeros)) + sizeof(zeros);
	int read = 0;

	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		size_t length = 4 * random_below(&random, 128);
		struct socket_details details;
		struct socket socket;

		random_bytes(&random, end - length, length);
		if (length > 0)
			end[-(ptrdiff_t)length] = random_below(&random, 2) ? AF_INET : AF_INET6;
		for (size_t at = sizeof(struct inet_diag_msg); at + 4 <= length; at += 8) {
			struct nlattr header = { (uint16_t)random_below(&random, 24),
				                 (uint16_t)random_below(&random, 24) };

			memcpy(end - length + at, &header, sizeof(header));
		}
		read += diag_message_parse_all(
				(enum socket_kind)random_below(&random, SOCKET_KIND_COUNT + 1),
				end - length, length, &socket, &details) == 0;
		diag_message_protocol(end - length, length);
	}
	CHECK(read > 0 && read < RANDOM_ROUNDS, "%d random messages", RANDOM_ROUNDS);
}

int main(void)
{
	test_tcp();
	test_short_tcp_info();
	test_measured();
	test_role();
	test_listener();
	test_owner();
	test_mapped();
	test_raw();
	test_unix();
	test_packet_and_netlink();
	test_short();
	test_random();
	return check_done();
}
