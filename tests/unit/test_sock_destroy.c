/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/sock_destroy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <sys/stat.h>

#include "check.h"
#include "netns.h"

#define NETNS   42u
#define FLOOD   2000
#define LATE_MS 30000 /* on a busy machine the work queue runs late */

struct seen {
	int count;
	uint64_t mark; /* cookie of a UDP socket that does not count */
	bool marked;
	struct socket last;
};

static int see(void *context, const struct socket *socket)
{
	struct seen *seen = context;

	if (socket->tuple.source_port == 0) /* of test_netns_set_link, not ours */
		return 0;
	if (socket->kind == SOCKET_UDP && socket->cookie == seen->mark) {
		seen->marked = true;
		return 0;
	}
	seen->last = *socket;
	seen->count++;
	return 0;
}

/* The kernel sends them from a work queue: they come a little after close(2). */
static int read_all(struct sock_destroy *destroy, struct seen *seen, int wanted)
{
	struct pollfd event = { .fd = sock_destroy_fd(destroy), .events = POLLIN };
	int result = 0;

	while (result >= 0 && seen->count < wanted && poll(&event, 1, LATE_MS) > 0)
		result = sock_destroy_read(destroy, see, seen);
	return result;
}

static uint64_t cookie_of(int fd);
static int new_udp(void);

/* What was closed before by this thread is reported before what it closes now. */
static void read_to_now(struct sock_destroy *destroy, struct seen *seen)
{
	struct pollfd event = { .fd = sock_destroy_fd(destroy), .events = POLLIN };
	int fd = new_udp();

	seen->mark = cookie_of(fd);
	seen->marked = false;
	close(fd);
	while (!seen->marked && poll(&event, 1, LATE_MS) > 0)
		sock_destroy_read(destroy, see, seen);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size);
	return cookie;
}

static struct sockaddr_in address_of(int fd)
{
	struct sockaddr_in address = { 0 };
	socklen_t size = sizeof(address);

	getsockname(fd, (struct sockaddr *)&address, &size);
	return address;
}

static int new_udp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		exit(EXIT_FAILURE);
	return fd;
}

static void test_tcp(struct sock_destroy *destroy)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0),
	    server;
	struct sockaddr_in address, local;
	struct seen seen = { 0 };
	char bytes[1000] = "";
	uint64_t cookie;

	listen(listener, 1);
	address = address_of(listener);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(client, (struct sockaddr *)&address, sizeof(address)) != 0)
		exit(EXIT_FAILURE);
	server = accept(listener, NULL, NULL);
	local = address_of(client);
	cookie = cookie_of(client);
	CHECK_EQUAL(write(client, bytes, sizeof(bytes)), sizeof(bytes), "1,000 bytes are sent");
	shutdown(client, SHUT_WR);
	while (read(server, bytes, sizeof(bytes)) > 0)
		;
	close(server);
	CHECK(read_all(destroy, &seen, 1) >= 0 && seen.count == 1, "the server's end is reported");
	close(client);
	CHECK(read_all(destroy, &seen, 2) >= 0 && seen.count == 2, "the client's end is reported");
	CHECK(seen.last.kind == SOCKET_TCP && seen.last.state == SOCKET_CLOSED &&
	              seen.last.netns == NETNS && seen.last.cookie == cookie,
	      "kind, state, namespace, cookie");
	CHECK(seen.last.tuple.source_port == ntohs(local.sin_port) &&
	              seen.last.tuple.destination_port == ntohs(address.sin_port) &&
	              inet_is_loopback(&seen.last.tuple.source) &&
	              inet_is_loopback(&seen.last.tuple.destination),
	      "the tuple as it was");
	CHECK(seen.last.has_tcp_info && seen.last.tcp_info.bytes_acked == 1002,
	      "final counts: %" PRIu64 " bytes, SYN and FIN among them",
	      seen.last.tcp_info.bytes_acked);
	CHECK(seen.last.inode == 0 && !seen.last.has_uid, "no inode, no uid");
	close(listener);
	read_all(destroy, &seen, 3);
}

static int new_server(const struct sockaddr_in6 *address)
{
	const int on = 1;
	int fd = socket(AF_INET6, SOCK_STREAM, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 || listen(fd, 1) != 0)
		exit(EXIT_FAILURE);
	return fd;
}

/* What is reported of a connection from client_port (0: any of clients) to port at that address. */
static struct seen told_of(struct sock_destroy *destroy, const char *text, uint16_t client_port,
                           uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_in6 local = { .sin6_family = AF_INET6, .sin6_port = htons(client_port) };
	int client = socket(AF_INET6, SOCK_STREAM, 0), server, listener;
	struct seen seen = { 0 };

	inet_pton(AF_INET6, text, &address.sin6_addr);
	listener = new_server(&address);
	if (bind(client, (struct sockaddr *)&local, sizeof(local)) != 0 ||
	    connect(client, (struct sockaddr *)&address, sizeof(address)) != 0)
		exit(EXIT_FAILURE);
	server = accept(listener, NULL, NULL);
	close(client);
	close(server);
	read_all(destroy, &seen, 1);
	read_to_now(destroy, &seen);
	close(listener);
	read_to_now(destroy, &(struct seen){ 0 });
	return seen;
}

static void test_server(struct sock_destroy *destroy)
{
	struct seen seen = told_of(destroy, "::1", 0, 7000);

	CHECK(seen.count == 1 && seen.last.tuple.destination_port == 7000,
	      "IPv6 with itself: the client's end alone, %d", seen.count);
	seen = told_of(destroy, "::ffff:127.0.0.1", 0, 7001);
	CHECK(seen.count == 1 && seen.last.tuple.destination_port == 7001,
	      "mapped IPv4: the client's end alone, %d", seen.count);
	seen = told_of(destroy, "::ffff:127.0.0.2", 0, 7002);
	CHECK_EQUAL(seen.count, 2, "two addresses: both ends, %d", seen.count);
	seen = told_of(destroy, "::1", 7003, 7004);
	CHECK_EQUAL(seen.count, 2, "two ports of servers: both ends, %d", seen.count);
}

static void test_udp(struct sock_destroy *destroy)
{
	int fd = new_udp();
	uint16_t port = ntohs(address_of(fd).sin_port);
	uint64_t cookie = cookie_of(fd);
	struct seen seen = { 0 };

	close(fd);
	CHECK(read_all(destroy, &seen, 1) >= 0 && seen.count == 1 && seen.last.kind == SOCKET_UDP &&
	              seen.last.cookie == cookie && seen.last.tuple.source_port == port,
	      "UDP: port and cookie");
	CHECK_EQUAL(sock_destroy_drops(destroy), 0, "nothing was missed so far");
}

/* The Drops column of this socket in /proc/net/netlink, found by its inode, the last one. */
static uint64_t drops_in_proc(int fd)
{
	FILE *file = fopen("/proc/thread-self/net/netlink", "r");
	uint64_t drops = 0, inode = 0, found = UINT64_MAX;
	char line[256], *rest, *word;
	struct stat status;

	fstat(fd, &status);
	while (file && found == UINT64_MAX && fgets(line, sizeof(line), file)) {
		for (rest = line; (word = strsep(&rest, " \n"));) {
			if (*word != '\0') {
				drops = inode;
				inode = strtoumax(word, NULL, 10);
			}
		}
		if (inode == status.st_ino)
			found = drops;
	}
	if (file)
		fclose(file);
	return found;
}

static void test_overrun(struct sock_destroy *destroy)
{
	struct seen seen = { 0 };
	uint64_t drops, before = 0;
	int result;

	CHECK_EQUAL(sock_destroy_set_receive_buffer(destroy, 4096), 0, "a small receive buffer");
	for (int i = 0; i < FLOOD; i++)
		close(new_udp());
	/* All are reported or lost when the number stands still. */
	for (int still = 0; still < 10; still++) {
		usleep(20000);
		drops = drops_in_proc(sock_destroy_fd(destroy));
		if (drops != before)
			still = 0;
		before = drops;
	}
	result = sock_destroy_read(destroy, see, &seen);
	drops = sock_destroy_drops(destroy);
	CHECK_EQUAL(result, -ENOBUFS, "an overrun is reported");
	CHECK(seen.count > 0 && (uint64_t)seen.count + drops == FLOOD,
	      "%d received + %" PRIu64 " missed = %d", seen.count, drops, FLOOD);
	CHECK_EQUAL(drops, drops_in_proc(sock_destroy_fd(destroy)), "as the Drops column has it");
	seen.count = 0;
	close(new_udp());
	CHECK(read_all(destroy, &seen, 1) >= 0 && seen.count == 1, "afterwards it goes on");
}

int main(void)
{
	struct sock_destroy *destroy;
	struct error error;

	if (!test_netns_enter())
		return EXIT_SUCCESS;
	if (sock_destroy_open(&destroy, NETNS, &error) != 0) {
		printf("1..0 # SKIP %s\n", error.text);
		return EXIT_SUCCESS;
	}
	test_tcp(destroy);
	test_server(destroy);
	test_udp(destroy);
	test_overrun(destroy);
	sock_destroy_close(destroy);
	sock_destroy_close(NULL);
	return check_done();
}
