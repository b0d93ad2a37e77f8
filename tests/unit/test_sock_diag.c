/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The exact query and the listing, against sockets that this test made. */
#include "sockets/sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "check.h"
#include "netns.h"

#define NETNS    4026531840u
#define LOOPBACK 1u

static struct sock_diag *diag;

union end {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static socklen_t set_end(union end *end, const char *text, uint16_t port)
{
	memset(end, 0, sizeof(*end));
	if (inet_pton(AF_INET, text, &end->v4.sin_addr) == 1) {
		end->v4.sin_family = AF_INET;
		end->v4.sin_port = htons(port);
		return sizeof(end->v4);
	}
	inet_pton(AF_INET6, text, &end->v6.sin6_addr);
	end->v6.sin6_family = AF_INET6;
	end->v6.sin6_port = htons(port);
	return sizeof(end->v6);
}

static uint16_t port_of(int fd)
{
	union end end = { .v6 = { 0 } };
	socklen_t size = sizeof(end);

	getsockname(fd, &end.any, &size);
	return ntohs(end.v4.sin_port); /* at the same place in both */
}

static uint64_t inode_of(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 ? status.st_ino : 0;
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
	return cookie;
}

static int bound(int type, const char *address, uint16_t port)
{
	union end end;
	socklen_t size = set_end(&end, address, port);
	int fd = socket(end.any.sa_family, type, 0);

	if (bind(fd, &end.any, size) != 0 || (type == SOCK_STREAM && listen(fd, 7) != 0)) {
		printf("Bail out! %s: %s\n", address, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return fd;
}

static int connected(int type, const char *address, uint16_t port)
{
	union end end;
	socklen_t size = set_end(&end, address, port);
	int fd = socket(end.any.sa_family, type, 0);

	if (connect(fd, &end.any, size) != 0) {
		printf("Bail out! %s: %s\n", address, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return fd;
}

static struct tuple make_tuple(uint8_t protocol, const char *local, uint16_t local_port,
                               const char *remote, uint16_t remote_port)
{
	struct tuple tuple = { .protocol = protocol,
		               .source_port = local_port,
		               .destination_port = remote_port };

	inet_parse(local, &tuple.source);
	inet_parse(remote, &tuple.destination);
	return tuple;
}

static int find(struct tuple tuple, uint32_t ifindex, struct socket *socket)
{
	memset(socket, 0, sizeof(*socket));
	return sock_diag_find(diag, &tuple, ifindex, true, socket);
}

/* One connection over loopback, each end asked for; listener: where it is accepted. */
static void test_connection(const char *name, const char *listen_on, const char *address)
{
	int listener = bound(SOCK_STREAM, listen_on, 0);
	int client = connected(SOCK_STREAM, address, port_of(listener));
	struct tuple out =
		make_tuple(IPPROTO_TCP, address, port_of(client), address, port_of(listener));
	struct tuple in = tuple_reverse(&out);
	struct socket socket;
	int server;

	CHECK(find(out, LOOPBACK, &socket) == 0 && socket.inode == inode_of(client) &&
	              socket.cookie == cookie_of(client),
	      "%s: the client", name);
	CHECK(tuple_equal(&socket.tuple, &out) && socket.state == SOCKET_ESTABLISHED &&
	              socket.netns == NETNS && socket.has_uid && socket.uid == 0 &&
	              socket.has_tcp_info,
	      "%s: the client's tuple, state, owner", name);
	CHECK(find(in, LOOPBACK, &socket) == 0 && socket.inode == 0 && socket.cookie != 0 &&
	              !socket.has_uid && tuple_equal(&socket.tuple, &in),
	      "%s: not yet accepted, so no inode and no uid that could be trusted", name);
	server = accept(listener, NULL, NULL);
	CHECK(find(in, LOOPBACK, &socket) == 0 && socket.inode == inode_of(server) &&
	              socket.cookie == cookie_of(server),
	      "%s: the server", name);
	in.destination = (struct inet_address){ { 0 } };
	in.destination_port = 0;
	CHECK(find(in, LOOPBACK, &socket) == 0 && socket.state == SOCKET_LISTEN &&
	              socket.inode == inode_of(listener) && socket.send_queue == 7,
	      "%s: the listener, by zeros", name);
	out = make_tuple(IPPROTO_TCP, address, port_of(listener), address, 1);
	CHECK(find(out, LOOPBACK, &socket) == 0 && socket.state == SOCKET_LISTEN &&
	              !tuple_equal(&socket.tuple, &out),
	      "%s: what is not there gives the listener", name);
	close(server);
	close(client);
	close(listener);
	CHECK_EQUAL(find(out, LOOPBACK, &socket), -ENOENT, "%s: -ENOENT once it is closed", name);
}

static void test_time_wait(void)
{
	int listener = bound(SOCK_STREAM, "127.0.0.1", 0);
	int client = connected(SOCK_STREAM, "127.0.0.1", port_of(listener));
	int server = accept(listener, NULL, NULL);
	struct tuple tuple = make_tuple(IPPROTO_TCP, "127.0.0.1", port_of(client), "127.0.0.1",
	                                port_of(listener));
	uint64_t cookie = cookie_of(client);
	struct socket socket;

	close(client);
	close(server);
	close(listener);
	CHECK(find(tuple, LOOPBACK, &socket) == 0 && socket.state == SOCKET_TIME_WAIT &&
	              socket.inode == 0 && !socket.has_uid && !socket.has_tcp_info &&
	              tuple_equal(&socket.tuple, &tuple),
	      "TIME_WAIT: tuple and state alone");
	CHECK_EQUAL(socket.cookie, cookie, "TIME_WAIT: the same cookie");
}

/* Loopback shows a wrong order of the ends: it would find the peer. */
static void test_udp(const char *name, const char *address, const char *wildcard)
{
	int first = bound(SOCK_DGRAM, address, 0);
	int second = connected(SOCK_DGRAM, address, port_of(first));
	int third = bound(SOCK_DGRAM, wildcard, 0);
	struct tuple tuple =
		make_tuple(IPPROTO_UDP, address, port_of(second), address, port_of(first));
	struct socket socket;

	CHECK(find(tuple, LOOPBACK, &socket) == 0 && socket.inode == inode_of(second) &&
	              socket.state == SOCKET_ESTABLISHED && tuple_equal(&socket.tuple, &tuple),
	      "%s: connected", name);
	tuple = tuple_reverse(&tuple);
	CHECK(find(tuple, LOOPBACK, &socket) == 0 && socket.inode == inode_of(first) &&
	              socket.state == SOCKET_CLOSED && socket.tuple.source_port == port_of(first) &&
	              inet_is_unspecified(&socket.tuple.destination),
	      "%s: bound, by its peer", name);
	tuple = make_tuple(IPPROTO_UDP, address, port_of(third), address, 5);
	CHECK(find(tuple, LOOPBACK, &socket) == 0 && socket.inode == inode_of(third) &&
	              inet_is_unspecified(&socket.tuple.source),
	      "%s: bound to the wildcard", name);
	tuple.source_port = 1;
	CHECK_EQUAL(find(tuple, LOOPBACK, &socket), -ENOENT, "%s: none", name);
	close(first);
	close(second);
	close(third);
}

static void test_udplite(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE);
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct tuple tuple;
	struct socket socket;

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		printf("# no UDP-Lite on this kernel\n");
		return;
	}
	tuple = make_tuple(IPPROTO_UDPLITE, "127.0.0.1", port_of(fd), "127.0.0.1", 9);
	CHECK(find(tuple, LOOPBACK, &socket) == 0 && socket.kind == SOCKET_UDPLITE &&
	              socket.inode == inode_of(fd),
	      "UDP-Lite");
	tuple.protocol = IPPROTO_UDP;
	CHECK_EQUAL(find(tuple, LOOPBACK, &socket), -ENOENT, "its port is not UDP's");
	close(fd);
}

static void test_bound_to_device(void)
{
	int listener = bound(SOCK_STREAM, "127.0.0.1", 0), client;
	struct socket socket_found;
	struct tuple tuple;
	union end end;
	socklen_t size = set_end(&end, "127.0.0.1", port_of(listener));

	client = socket(AF_INET, SOCK_STREAM, 0);
	if (setsockopt(client, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) != 0 ||
	    connect(client, &end.any, size) != 0) {
		printf("# no SO_BINDTODEVICE here\n");
		return;
	}
	tuple = make_tuple(IPPROTO_TCP, "127.0.0.1", port_of(client), "127.0.0.1",
	                   port_of(listener));
	CHECK(find(tuple, LOOPBACK, &socket_found) == 0 && socket_found.inode == inode_of(client) &&
	              socket_found.ifindex == LOOPBACK,
	      "bound to a device: found with its index");
	CHECK_EQUAL(find(tuple, LOOPBACK + 1, &socket_found), -ENOENT, "and not with another");
	tuple = tuple_reverse(&tuple);
	CHECK_EQUAL(find(tuple, LOOPBACK + 1, &socket_found), 0,
	            "what is not bound is found with any");
	close(client);
	close(listener);
}

struct seen {
	int count, v4, v6, nested;
	uint64_t inode; /* of interest */
	struct socket socket;
};

static int see(void *context, const struct socket *socket)
{
	struct seen *seen = context;
	struct socket found;

	seen->count++;
	seen->v4 += socket->family == AF_INET;
	seen->v6 += socket->family == AF_INET6;
	/* A query inside the listing must not disturb it. */
	if (socket->kind == SOCKET_UDP)
		seen->nested += sock_diag_find(diag, &socket->tuple, LOOPBACK, false, &found) == 0;
	if (socket->inode == seen->inode)
		seen->socket = *socket;
	return 0;
}

static int stop(void *context, const struct socket *socket)
{
	(void)context, (void)socket;
	return 4711;
}

static void test_list_udp(void)
{
	int fds[800], count = 0;
	struct seen seen = { 0 };

	for (int i = 0; i < 400; i++) {
		fds[count++] = bound(SOCK_DGRAM, "127.0.0.1", 0);
		fds[count++] = bound(SOCK_DGRAM, "::1", 0);
	}
	CHECK(sock_diag_list(diag, SOCKET_UDP, SOCK_DIAG_STATES_ALL, false, see, NULL, &seen) ==
	                      0 &&
	              seen.v4 == 400 && seen.v6 == 400 && seen.nested == 800,
	      "a listing of 800, with 800 queries inside");
	memset(&seen, 0, sizeof(seen));
	seen.inode = inode_of(fds[7]);
	CHECK(sock_diag_list_port(diag, IPPROTO_UDP, port_of(fds[7]), see, &seen) == 0 &&
	              seen.count >= 1 && seen.count <= 2 && seen.socket.inode == seen.inode,
	      "those on one port");
	seen.count = 0;
	CHECK(sock_diag_list(diag, SOCKET_UDP, 1u << SOCKET_ESTABLISHED, false, see, NULL, &seen) ==
	                      0 &&
	              seen.count == 0,
	      "none is connected");
	CHECK_EQUAL(sock_diag_list(diag, SOCKET_UDP, SOCK_DIAG_STATES_ALL, false, stop, NULL, NULL),
	            4711, "the callback's value ends a listing");
	CHECK_EQUAL(sock_diag_list_port(diag, IPPROTO_UDP, 0, see, &seen), -EINVAL,
	            "port 0 is no port");
	CHECK_EQUAL(sock_diag_list_port(diag, IPPROTO_TCP, 1, see, &seen), -EPROTONOSUPPORT,
	            "TCP has the exact query");
	while (count > 0)
		close(fds[--count]);
}

static void test_list_tcp(void)
{
	int v6only = bound(SOCK_STREAM, "::", 0), on = 1;
	int idle = socket(AF_INET, SOCK_STREAM, 0);
	union end end;
	socklen_t size = set_end(&end, "127.0.0.1", 0);
	struct seen seen = { 0 };

	close(v6only);
	v6only = socket(AF_INET6, SOCK_STREAM, 0);
	setsockopt(v6only, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	CHECK_EQUAL(bind(idle, &end.any, size), 0, "a socket that is bound and no more");
	size = set_end(&end, "::", 0);
	CHECK(bind(v6only, &end.any, size) == 0 && listen(v6only, 1) == 0, "a listener");
	seen.inode = inode_of(v6only);
	CHECK(sock_diag_list(diag, SOCKET_TCP, SOCK_DIAG_LISTEN, true, see, NULL, &seen) == 0 &&
	              seen.count == 1 && seen.socket.v6only,
	      "the one listener");
	seen.inode = inode_of(idle);
	memset(&seen.socket, 0, sizeof(seen.socket));
	CHECK(sock_diag_list(diag, SOCKET_TCP, SOCK_DIAG_STATES_ALL, true, see, NULL, &seen) == 0 &&
	              seen.socket.inode == 0,
	      "the former is not listed");
	close(idle);
	close(v6only);
}

/* Both families by one dump: each socket once. */
static void test_list_tcp_families(void)
{
	int v4 = bound(SOCK_STREAM, "127.0.0.1", 0), v6 = bound(SOCK_STREAM, "::1", 0);
	int fds[] = { v4, v6, connected(SOCK_STREAM, "127.0.0.1", port_of(v4)),
		      connected(SOCK_STREAM, "::1", port_of(v6)) };
	struct seen seen = { .inode = inode_of(fds[3]) };

	CHECK(sock_diag_list(diag, SOCKET_TCP, SOCK_DIAG_LISTEN, 0, see, NULL, &seen) == 0 &&
	              seen.v4 == 1 && seen.v6 == 1,
	      "a listener of each family");
	seen.v4 = seen.v6 = 0;
	CHECK(sock_diag_list(diag, SOCKET_TCP, 1u << SOCKET_ESTABLISHED, SOCK_DIAG_TCP_INFO, see,
	                     NULL, &seen) == 0 &&
	              seen.v4 == 2 && seen.v6 == 2 && seen.socket.family == AF_INET6 &&
	              seen.socket.has_tcp_info,
	      "both ends of a connection of each family, with numbers");
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
}

static void test_list_unix(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0a b" };
	int fds[2], listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	struct seen seen = { 0 };

	socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	CHECK(bind(listener, (struct sockaddr *)&name,
	           offsetof(struct sockaddr_un, sun_path) + 4) == 0 &&
	              listen(listener, 5) == 0,
	      "unix: a socket with an abstract name");
	seen.inode = inode_of(fds[0]);
	CHECK(sock_diag_list(diag, SOCKET_UNIX, SOCK_DIAG_STATES_ALL, false, see, NULL, &seen) ==
	                      0 &&
	              seen.count == 3 && seen.socket.peer_inode == inode_of(fds[1]) &&
	              seen.socket.state == SOCKET_ESTABLISHED && seen.socket.path_length == 0 &&
	              seen.socket.cookie == cookie_of(fds[0]) && seen.socket.has_uid,
	      "unix: a pair");
	seen.inode = inode_of(listener);
	seen.count = 0;
	CHECK(sock_diag_list(diag, SOCKET_UNIX, SOCK_DIAG_LISTEN, false, see, NULL, &seen) == 0 &&
	              seen.count == 1 && seen.socket.type == SOCK_SEQPACKET &&
	              seen.socket.path_length == 4 && memcmp(seen.socket.path, "\0a b", 4) == 0 &&
	              seen.socket.send_queue == 5,
	      "unix: a listener");
	close(fds[0]);
	close(fds[1]);
	close(listener);
}

static void test_refused(void)
{
	struct tuple tuple = make_tuple(IPPROTO_ICMP, "127.0.0.1", 1, "127.0.0.1", 2);
	struct socket socket;
	struct seen seen = { 0 };

	CHECK_EQUAL(find(tuple, LOOPBACK, &socket), -EPROTONOSUPPORT, "ICMP is not asked for");
	CHECK_EQUAL(
		sock_diag_list(diag, SOCKET_ICMP, SOCK_DIAG_STATES_ALL, false, see, NULL, &seen),
		-ENOENT, "ping sockets have no handler");
	sock_diag_close(NULL);
}

int main(void)
{
	struct error error;

	if (!test_netns_enter())
		return EXIT_SUCCESS;
	if (sock_diag_open(&diag, NETNS, &error) != 0) {
		printf("Bail out! %s\n", error.text);
		return EXIT_FAILURE;
	}
	test_connection("IPv4", "127.0.0.1", "127.0.0.1");
	test_connection("IPv6", "::1", "::1");
	test_connection("IPv4 to a dual-stack listener", "::", "127.0.0.1");
	test_time_wait();
	test_udp("UDP on IPv4", "127.0.0.1", "0.0.0.0");
	test_udp("UDP on IPv6", "::1", "::");
	test_udp("UDP on IPv4 to a dual-stack socket", "127.0.0.1", "::");
	test_udplite();
	test_bound_to_device();
	test_list_udp();
	test_list_tcp();
	test_list_tcp_families();
	test_list_unix();
	test_refused();
	sock_diag_close(diag);
	return check_done();
}
