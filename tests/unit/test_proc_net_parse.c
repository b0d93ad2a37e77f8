/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "sockets/proc_net.h"

#include "check.h"
#include "proc_net_words.h"
#include "random.h"

#define RANDOM_ROUNDS 200000

/* 192.0.2.5 and 2001:db8::1 */
#define REMOTE4 PROC_NET_WORD("C0", "00", "02", "05")
#define LOCAL6                                                                                     \
	PROC_NET_WORD("20", "01", "0D", "B8")                                                      \
	"0000000000000000" PROC_NET_WORD("00", "00", "00", "01")

/* Lines as Linux 6.18 prints them. */
#define TCP_LISTEN                                                                                 \
	"   0: 00000000:07E8 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0       " \
	" 0"                                                                                       \
	" 1118 1 00000000d300c104 100 0 0 10 0                      "
#define TCP_ESTABLISHED                                                                            \
	"   1: " PROC_NET_LOOPBACK4 ":ADA6 " REMOTE4                                               \
	":0050 01 00000010:0000000A 01:00000014 00000000  1000        0 "                          \
	"36672 2 0000000000000000 20 4 30 10 -1"
#define TCP_TIME_WAIT                                                                              \
	"  23: " PROC_NET_LOOPBACK4 ":AAAA " PROC_NET_LOOPBACK4                                    \
	":0016 06 00000000:00000000 03:00001770 00000000     0       "                             \
	" 0 "                                                                                      \
	"0 3 0000000000000000"
#define TCP_HALF_OPEN                                                                              \
	"  23: " PROC_NET_LOOPBACK4 ":0016 " PROC_NET_LOOPBACK4                                    \
	":BBBB 03 00000000:00000000 01:00000063 00000001   107       "                             \
	" 0 "                                                                                      \
	"0 1 0000000000000000"
#define UDP                                                                                        \
	"12067: " PROC_NET_LOOPBACK4 ":B9E8 " PROC_NET_LOOPBACK4                                   \
	":0009 01 00000000:00000000 00:00000000 00000000     0      "                              \
	"  "                                                                                       \
	"0 40038 2 000000003289df42 0         "
#define UDP6                                                                                       \
	" 8088: " LOCAL6 ":AA5D 00000000000000000000000000000000:0000 07 "                         \
	"00000000:000002C0 00:00000000 00000000 65534        0 4294967296 2 000000008b48e0d6 7"
#define UDP6_MAPPED                                                                                \
	" 8088: " PROC_NET_MAPPED6 ":AA5D " PROC_NET_MAPPED6 ":1234 01 "                           \
	"00000000:00000000 00:00000000 00000000     0        0 39032 2 000000008b48e0d6 0"
#define RAW                                                                                        \
	" 231: 00000000:00FF 00000000:0000 07 00000000:00000000 00:00000000 00000000     0       " \
	" 0 "                                                                                      \
	"40178 2 00000000c752d74c 0"
#define RAW6                                                                                       \
	"  107: 00000000000000000000000000000000:003A 00000000000000000000000000000000:0000 07 "   \
	"00000000:00000000 00:00000000 00000000     0        0 39096 2 00000000e1e9bcd7 0"
#define ICMP                                                                                       \
	"    8: " PROC_NET_LOOPBACK4                                                               \
	":004D 00000000:0000 07 00000000:00000000 00:00000000 00000000     0      "                \
	"  0 "                                                                                     \
	"40229 2 00000000de8e2a80 0         "

static const struct {
	const char *name;
	enum socket_kind kind;
	int family;
	const char *line;
	enum socket_state state;
	int type, protocol, local_port;
	const char *local, *remote;
	int remote_port, has_uid;
	uint64_t inode;
	uint32_t uid, receive_queue, send_queue;
} inet_lines[] = {
	{ "listener", SOCKET_TCP, AF_INET, TCP_LISTEN, SOCKET_LISTEN, SOCK_STREAM, IPPROTO_TCP,
	  2024, "0.0.0.0", "0.0.0.0", 0, true, 1118, 0, 3, 0 },
	{ "connection", SOCKET_TCP, AF_INET, TCP_ESTABLISHED, SOCKET_ESTABLISHED, SOCK_STREAM,
	  IPPROTO_TCP, 44454, "127.0.0.1", "192.0.2.5", 80, true, 36672, 1000, 10, 16 },
	{ "TIME_WAIT has no owner", SOCKET_TCP, AF_INET, TCP_TIME_WAIT, SOCKET_TIME_WAIT,
	  SOCK_STREAM, IPPROTO_TCP, 43690, "127.0.0.1", "127.0.0.1", 22, false, 0, 0, 0, 0 },
	{ "half-open has its listener's", SOCKET_TCP, AF_INET, TCP_HALF_OPEN, SOCKET_SYN_RECEIVED,
	  SOCK_STREAM, IPPROTO_TCP, 22, "127.0.0.1", "127.0.0.1", 48059, true, 0, 107, 0, 0 },
	{ "connected UDP", SOCKET_UDP, AF_INET, UDP, SOCKET_ESTABLISHED, SOCK_DGRAM, IPPROTO_UDP,
	  47592, "127.0.0.1", "127.0.0.1", 9, true, 40038, 0, 0, 0 },
	{ "UDP-Lite", SOCKET_UDPLITE, AF_INET, UDP, SOCKET_ESTABLISHED, SOCK_DGRAM, IPPROTO_UDPLITE,
	  47592, "127.0.0.1", "127.0.0.1", 9, true, 40038, 0, 0, 0 },
	{ "IPv6, inode of 33 bits", SOCKET_UDP, AF_INET6, UDP6, SOCKET_CLOSED, SOCK_DGRAM,
	  IPPROTO_UDP, 43613, "2001:db8::1", "::", 0, true, UINT64_C(4294967296), 65534, 704, 0 },
	{ "IPv4 on a dual-stack socket", SOCKET_UDP, AF_INET6, UDP6_MAPPED, SOCKET_ESTABLISHED,
	  SOCK_DGRAM, IPPROTO_UDP, 43613, "127.0.0.1", "127.0.0.1", 4660, true, 39032, 0, 0, 0 },
	{ "raw", SOCKET_RAW, AF_INET, RAW, SOCKET_CLOSED, SOCK_RAW, 255, 0, "0.0.0.0", "0.0.0.0", 0,
	  true, 40178, 0, 0, 0 },
	{ "raw IPv6", SOCKET_RAW, AF_INET6, RAW6, SOCKET_CLOSED, SOCK_RAW, IPPROTO_ICMPV6, 0,
	  "::", "::", 0, true, 39096, 0, 0, 0 },
	{ "ping", SOCKET_ICMP, AF_INET, ICMP, SOCKET_CLOSED, SOCK_DGRAM, IPPROTO_ICMP, 77,
	  "127.0.0.1", "0.0.0.0", 0, true, 40229, 0, 0, 0 },
	{ "ping IPv6", SOCKET_ICMP, AF_INET6, RAW6, SOCKET_CLOSED, SOCK_DGRAM, IPPROTO_ICMPV6, 58,
	  "::", "::", 0, true, 39096, 0, 0, 0 },
	{ "no words after the inode", SOCKET_UDP, AF_INET,
	  "1: " PROC_NET_LOOPBACK4
	  ":0001 00000000:0000 07 00000000:00000000 00:00000000 00000000 5 0 42",
	  SOCKET_CLOSED, SOCK_DGRAM, IPPROTO_UDP, 1, "127.0.0.1", "0.0.0.0", 0, true, 42, 5, 0, 0 },
	{ "the largest numbers", SOCKET_TCP, AF_INET,
	  "1: FFFFFFFF:FFFF FFFFFFFF:FFFF 0C FFFFFFFF:FFFFFFFF 00:00000000 00000000 4294967295 0 "
	  "18446744073709551615 1",
	  SOCKET_NEW_SYN_RECEIVED, SOCK_STREAM, IPPROTO_TCP, 65535, "255.255.255.255",
	  "255.255.255.255", 65535, true, UINT64_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX },
};

static int parse(enum socket_kind kind, int family, const char *line, struct socket *socket)
{
	size_t length = strlen(line);

	return proc_net_parse_line(kind, family, (char *)check_guarded(line, length), length,
	                           socket);
}

static bool address_is(const struct inet_address *address, const char *text)
{
	struct inet_address expected;

	return inet_parse(text, &expected) && inet_equal(address, &expected);
}

static void test_inet(void)
{
	for (size_t i = 0; i < sizeof(inet_lines) / sizeof(*inet_lines); i++) {
		const char *name = inet_lines[i].name;
		struct socket socket;
		int result = parse(inet_lines[i].kind, inet_lines[i].family, inet_lines[i].line,
		                   &socket);

		if (!CHECK_EQUAL(result, 0, "%s: is read", name))
			continue;
		CHECK(socket.kind == inet_lines[i].kind && socket.source == SOCKET_FROM_PROC_NET &&
		              socket.family == inet_lines[i].family,
		      "%s: kind, source, family", name);
		CHECK_EQUAL(socket.state, inet_lines[i].state, "%s: state %d", name,
		            (int)socket.state);
		CHECK(socket.type == inet_lines[i].type &&
		              socket.protocol == inet_lines[i].protocol &&
		              socket.tuple.protocol == inet_lines[i].protocol,
		      "%s: type %u, protocol %u", name, socket.type, socket.protocol);
		CHECK(address_is(&socket.tuple.source, inet_lines[i].local) &&
		              socket.tuple.source_port == inet_lines[i].local_port,
		      "%s: local end", name);
		CHECK(address_is(&socket.tuple.destination, inet_lines[i].remote) &&
		              socket.tuple.destination_port == inet_lines[i].remote_port,
		      "%s: remote end", name);
		CHECK_EQUAL(socket.inode, inet_lines[i].inode, "%s: inode", name);
		CHECK(socket.has_uid == inet_lines[i].has_uid &&
		              (!socket.has_uid || socket.uid == inet_lines[i].uid),
		      "%s: uid", name);
		CHECK(socket.receive_queue == inet_lines[i].receive_queue &&
		              socket.send_queue == inet_lines[i].send_queue,
		      "%s: queues", name);
		CHECK(socket.cookie == 0 && socket.ifindex == 0 && socket.cgroup_id == 0 &&
		              !socket.has_tcp_info && socket.netns == 0,
		      "%s: nothing is made up", name);
	}
}

static const struct {
	const char *name;
	const char *line;
	enum socket_state state;
	uint8_t type;
	uint64_t inode;
	const char *path;
	size_t path_length;
} unix_lines[] = {
	{ "connected, unnamed", "00000000a3116b28: 00000003 00000000 00000000 0001 03   579",
	  SOCKET_ESTABLISHED, SOCK_STREAM, 579, "", 0 },
	{ "listening", "00000000e73b176c: 00000002 00000000 00010000 0001 01 39166 /run/x",
	  SOCKET_LISTEN, SOCK_STREAM, 39166, "/run/x", 6 },
	{ "not connected", "000000000ca9d1d4: 00000002 00000000 00000000 0005 01 39168",
	  SOCKET_CLOSED, SOCK_SEQPACKET, 39168, "", 0 },
	{ "not yet accepted, abstract",
	  "0000000042198d56: 00000003 00000000 00000000 0001 02     0 @a@b c", SOCKET_ESTABLISHED,
	  SOCK_STREAM, 0, "\0a@b c", 6 },
	{ "closing", "0000000042198d56: 00000003 00000000 00000000 0002 04     0", SOCKET_CLOSED,
	  SOCK_DGRAM, 0, "", 0 },
	{ "spaces in the path", "0: 00000002 00000000 00010000 0001 01 7  a b ", SOCKET_LISTEN,
	  SOCK_STREAM, 7, " a b ", 5 },
	{ "abstract without a name", "0: 00000002 00000000 00010000 0001 01 7 @", SOCKET_LISTEN,
	  SOCK_STREAM, 7, "\0", 1 },
	{ "not UTF-8", "0: 00000002 00000000 00010000 0001 01 7 /\xff\x1b[0m", SOCKET_LISTEN,
	  SOCK_STREAM, 7, "/\xff\x1b[0m", 6 },
	{ "a hashed pointer in words", "(____ptrval____): 00000002 00000000 00000000 0001 01 7",
	  SOCKET_CLOSED, SOCK_STREAM, 7, "", 0 },
};

static void test_unix(void)
{
	char longest[300] = "0: 00000002 00000000 00010000 0001 01 7 ";
	struct socket socket;
	size_t length;

	for (size_t i = 0; i < sizeof(unix_lines) / sizeof(*unix_lines); i++) {
		const char *name = unix_lines[i].name;

		if (!CHECK_EQUAL(parse(SOCKET_UNIX, AF_INET, unix_lines[i].line, &socket), 0,
		                 "unix %s", name))
			continue;
		CHECK(socket.family == AF_UNIX && socket.state == unix_lines[i].state &&
		              socket.type == unix_lines[i].type &&
		              socket.inode == unix_lines[i].inode,
		      "unix %s: state %d, type %u", name, (int)socket.state, socket.type);
		CHECK(socket.path_length == unix_lines[i].path_length &&
		              memcmp(socket.path, unix_lines[i].path, socket.path_length) == 0,
		      "unix %s: path", name);
		CHECK(!socket.has_uid, "unix %s: /proc/net/unix has no uid", name);
	}
	length = strlen(longest) + 108;
	memset(longest + length - 108, 'p', 108);
	CHECK(parse(SOCKET_UNIX, 0, longest, &socket) == 0 && socket.path_length == 108 &&
	              socket.path[107] == 'p',
	      "unix: a path that fills sun_path");
	longest[length] = 'p';
	CHECK_EQUAL(parse(SOCKET_UNIX, 0, longest, &socket), -EINVAL, "unix: one more is no path");
}

static void test_packet_and_netlink(void)
{
	struct socket socket;

	CHECK_EQUAL(parse(SOCKET_PACKET, 0,
	                  "0000000046441de3 3      3    0800   7     1 512    1000   39194 ",
	                  &socket),
	            0, "packet: is read");
	CHECK(socket.family == AF_PACKET && socket.type == SOCK_RAW && socket.protocol == 0x0800 &&
	              socket.ifindex == 7 && socket.receive_queue == 512 && socket.has_uid &&
	              socket.uid == 1000 && socket.inode == 39194 &&
	              socket.state == SOCKET_STATE_NONE,
	      "packet: all fields");
	CHECK_EQUAL(
		parse(SOCKET_NETLINK, 0,
	              "0000000046441de3 15  3913316425 80000001 832      0        0     2        5"
	              "        39217   ",
	              &socket),
		0, "netlink: is read");
	CHECK(socket.family == AF_NETLINK && socket.protocol == 15 &&
	              socket.port_id == 3913316425 && socket.groups == 0x80000001 &&
	              socket.receive_queue == 832 && !socket.has_uid && socket.inode == 39217 &&
	              socket.state == SOCKET_STATE_NONE,
	      "netlink: all fields");
}

/* What the kernel never prints, and the headings. */
static const struct {
	enum socket_kind kind;
	int family;
	const char *line;
} bad_lines[] = {
	{ SOCKET_TCP, AF_INET, "" },
	{ SOCKET_TCP, AF_INET, "     " },
	{ SOCKET_TCP, AF_INET,
	  "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
	  "timeout "
	  "inode" },
	{ SOCKET_TCP, AF_INET6, TCP_LISTEN },
	{ SOCKET_UDP, AF_INET, UDP6 },
	{ SOCKET_TCP, AF_UNIX, TCP_LISTEN },
	{ SOCKET_KIND_COUNT, AF_INET, TCP_LISTEN },
	{ SOCKET_TCP, AF_INET, "1: 0100007:0001 00000000:0000 07 0:0 00:0 0 5 0 42" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F1:0001 00000000:0000 07 0:0 00:0 0 5 0 42" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:10000 00000000:0000 07 0:0 00:0 0 5 0 42" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:0001 00000000:0000 00 0:0 00:0 0 5 0 42" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:0001 00000000:0000 0D 0:0 00:0 0 5 0 42" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:0001 00000000:0000 07 0 00:0 0 5 0 42" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:0001 00000000:0000 07 0:100000000 00:0 0 5 0 42" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:0001 00000000:0000 07 0:0 00:0 0 4294967296 0 42" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:0001 00000000:0000 07 0:0 00:0 0 -5 0 42" },
	{ SOCKET_TCP, AF_INET,
	  "1: 0100007F:0001 00000000:0000 07 0:0 00:0 0 5 0 18446744073709551616" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:0001 00000000:0000 07 0:0 00:0 0 5 0 42x" },
	{ SOCKET_TCP, AF_INET, "1: 0100007F:0001 00000000:0000 07 0:0 00:0 0 5 0" },
	{ SOCKET_UNIX, 0, "Num       RefCount Protocol Flags    Type St Inode Path" },
	{ SOCKET_UNIX, 0, "0 00000002 00000000 00010000 0001 01 7" },
	{ SOCKET_UNIX, 0, "0: 00000002 00000000 00010000 0100 01 7" },
	{ SOCKET_UNIX, 0, "0: 00000002 00000000 00010000 0001 01 7 " },
	{ SOCKET_UNIX, 0, "0: 00000002 00000000 00010000 0001 01 /x" },
	{ SOCKET_PACKET, 0, "sk               RefCnt Type Proto  Iface R Rmem   User   Inode" },
	{ SOCKET_PACKET, 0, "0 3 3 10000 7 1 512 1000 39194" },
	{ SOCKET_PACKET, 0, "0 3 256 0800 7 1 512 1000 39194" },
	{ SOCKET_PACKET, 0, "0 3 3 0800 7 1 512 1000" },
	{ SOCKET_NETLINK, 0,
	  "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    "
	  "Inode" },
	{ SOCKET_NETLINK, 0, "0 15 1 100000000 832 0 0 2 5 39217" },
	{ SOCKET_NETLINK, 0, "0 15 1 00000001 832 0 0 2 5" },
};

static void test_bad_lines(void)
{
	struct socket socket;

	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(*bad_lines); i++)
		CHECK_EQUAL(
			parse(bad_lines[i].kind, bad_lines[i].family, bad_lines[i].line, &socket),
			-EINVAL, "not a line: \"%s\"", bad_lines[i].line);
}

static const struct {
	enum socket_kind kind;
	int family;
	const char *line;
} good_lines[] = {
	{ SOCKET_TCP, AF_INET, TCP_ESTABLISHED },
	{ SOCKET_UDP, AF_INET6, UDP6 },
	{ SOCKET_RAW, AF_INET6, RAW6 },
	{ SOCKET_UNIX, 0, "00000000e73b176c: 00000002 00000000 00010000 0001 01 39166 /run/x" },
	{ SOCKET_PACKET, 0, "0000000046441de3 3      3    0800   7     1 512    1000   39194 " },
	{ SOCKET_NETLINK, 0, "0000000046441de3 15  39133164 80000001 832 0 0 2 5 39217   " },
};
#define GOOD_LINES (sizeof(good_lines) / sizeof(*good_lines))

/* Each length, at the end of a page: an over-read is a crash. */
static void test_prefixes(void)
{
	for (size_t i = 0; i < GOOD_LINES; i++) {
		size_t length = strlen(good_lines[i].line), read = 0;
		char *end = (char *)check_guarded(good_lines[i].line, length) + length;
		struct socket socket;

		for (size_t cut = 0; cut <= length; cut++) {
			/* The head of the line, moved up against the page's end. */
			char *head = end - cut;

			memcpy(head, good_lines[i].line, cut);
			read += proc_net_parse_line(good_lines[i].kind, good_lines[i].family, head,
			                            cut, &socket) == 0;
		}
		CHECK(read >= 1 && read < length / 2, "line %zu: %zu of its prefixes are lines", i,
		      read);
	}
}

static void test_random_changes(void)
{
	struct random random = random_begin();
	char zeros[512] = "", *page = (char *)check_guarded(zeros, sizeof(zeros));
	uint64_t sum = 0;

	for (int round = 0; round < RANDOM_ROUNDS; round++) {
		uint32_t which = random_below(&random, GOOD_LINES);
		size_t length = strlen(good_lines[which].line);
		char *line = page + sizeof(zeros) - length;
		struct socket socket;

		memcpy(line, good_lines[which].line, length);
		for (uint32_t changes = random_below(&random, 4) + 1; changes > 0; changes--)
			line[random_below(&random, (uint32_t)length)] = (char)random_u64(&random);
		if (proc_net_parse_line(good_lines[which].kind, good_lines[which].family, line,
		                        length, &socket) == 0)
			sum += socket.path_length <= sizeof(socket.path);
	}
	CHECK(sum > 0 && sum < RANDOM_ROUNDS, "%d changed lines", RANDOM_ROUNDS);
}

int main(void)
{
	test_inet();
	test_unix();
	test_packet_and_netlink();
	test_bad_lines();
	test_prefixes();
	test_random_changes();
	return check_done();
}
