/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/peer.h"

#include <errno.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "security/helper.h"

#define ADDRESSES_MAX 16
#define HOST_MAX      256
#define WAIT_MIN_NS   (100 * NS_PER_MS)
#define WAIT_MAX_NS   (5 * NS_PER_SECOND)
/* One that answers nothing for so long is given up; the kernel would try for two minutes. */
#define CONNECT_NS (10 * NS_PER_SECOND)
/* So long a connection has to last for the next one to be tried as soon as the first. */
#define STABLE_NS NS_PER_SECOND
/* Data that the reader's host does not acknowledge for so long ends the connection. */
#define UNACKNOWLEDGED_MS 10000u
/* What does not fit into the reader's window waits in our buffer: so much at most in the kernel's. */
#define UNSENT_TCP (128u << 10)
/*
 * net.ipv4.tcp_rmem lets a receiver have 6 MiB (tcp(7)), and more where an administrator or its program
 * says so: then it announces larger windows. A UNIX socket has one buffer, the sender's, of which the
 * kernel makes twice what is asked for (socket(7)). The last piece in it, half as large at most, may
 * exceed it (unix_stream_sendmsg in net/unix/af_unix.c).
 */
#define UNREAD_TCP     ((6u << 20) + UNSENT_TCP)
#define UNREAD_TCP_MAX ((16u << 20) + UNSENT_TCP)
#define BUFFER_UNIX    (104u << 10)
#define UNREAD_UNIX    (3 * BUFFER_UNIX)

#define UNIX_PREFIX "unix:"
#define TCP_PREFIX  "tcp:"

struct peer_address {
	struct sockaddr_storage address;
	socklen_t length;
};

struct peer {
	const char *path; /* of a UNIX socket; NULL: none */
	struct helper *helper;
	struct peer_address addresses[ADDRESSES_MAX];
	int address_count, next; /* the address of the next attempt */
	int fd;                  /* -1 = none */
	bool connected;
	int64_t since_ns; /* of the attempt, or the connection; monotonic */
	int64_t retry_at_ns, wait_ns;
	uint32_t window; /* the largest that the reader's host has announced; bytes */
};

static bool begins_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool peer_is_address(const char *address)
{
	return begins_with(address, UNIX_PREFIX) || begins_with(address, TCP_PREFIX);
}

const char *peer_unix_path(const char *address)
{
	return begins_with(address, UNIX_PREFIX) ? address + strlen(UNIX_PREFIX) : NULL;
}

static int check_unix(const char *path, struct error *error)
{
	const struct sockaddr_un *name = NULL;

	if (path[0] == '\0')
		return error_set(error, EINVAL, "-o %s: the path is missing", UNIX_PREFIX);
	if (strlen(path) >= sizeof name->sun_path)
		return error_set(error, ENAMETOOLONG,
		                 "-o %s%.200s: the path is longer than %zu bytes", UNIX_PREFIX,
		                 path, sizeof name->sun_path - 1);
	return 0;
}

int peer_connect_unix(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd, code;

	if (strlen(path) >= sizeof name.sun_path)
		return -ENAMETOOLONG;
	memcpy(name.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&name, sizeof name) == 0)
		return fd;
	code = errno == EAGAIN ? EBUSY : errno; /* of a UNIX socket: the next attempt is another */
	close(fd);
	return -code;
}

static int resolve(struct peer *peer, const char *host, const char *port, struct error *error)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	int code = getaddrinfo(host, port, &hints, &found);

	if (code != 0)
		return error_set(error, EHOSTUNREACH, "%s%s:%s: %s", TCP_PREFIX, host, port,
		                 gai_strerror(code));
	for (const struct addrinfo *each = found; each && peer->address_count < ADDRESSES_MAX;
	     each = each->ai_next) {
		struct peer_address *address = &peer->addresses[peer->address_count++];

		memcpy(&address->address, each->ai_addr, each->ai_addrlen);
		address->length = each->ai_addrlen;
	}
	freeaddrinfo(found);
	return 0;
}

static bool is_port(const char *text)
{
	size_t digits = strspn(text, "0123456789");
	long port = strtol(text, NULL, 10);

	return digits > 0 && text[digits] == '\0' && port > 0 && port <= UINT16_MAX;
}

/* "HOST:PORT" or "[ADDRESS]:PORT". *port points into text. */
static int parse_tcp(const char *text, char host[HOST_MAX], const char **port, struct error *error)
{
	const char *colon = strrchr(text, ':');
	bool brackets = text[0] == '[' && colon && colon > text + 1 && colon[-1] == ']';
	int length = colon ? (int)(colon - text) - 2 * brackets : 0;

	if (length <= 0 || length >= HOST_MAX || !is_port(colon + 1))
		return error_set(error, EINVAL, "-o %s%.80s: not a host and a port, such as %s",
		                 TCP_PREFIX, text, TCP_PREFIX "localhost:5170");
	snprintf(host, HOST_MAX, "%.*s", length, text + brackets);
	*port = colon + 1;
	return 0;
}

int peer_check(const char *address, struct error *error)
{
	char host[HOST_MAX];
	const char *port;

	return peer_unix_path(address)
	               ? check_unix(peer_unix_path(address), error)
	               : parse_tcp(address + strlen(TCP_PREFIX), host, &port, error);
}

int peer_new(struct peer **result, const char *address, struct helper *helper, struct error *error)
{
	struct peer *peer = calloc(1, sizeof *peer);
	const char *path = peer_unix_path(address), *port = "";
	char host[HOST_MAX];
	int code = peer_check(address, error);

	if (code != 0 || !peer) {
		free(peer);
		return code != 0 ? code : error_set(error, ENOMEM, "out of memory");
	}
	peer->fd = -1;
	peer->wait_ns = WAIT_MIN_NS;
	peer->helper = helper;
	peer->path = path;
	if (!path && parse_tcp(address + strlen(TCP_PREFIX), host, &port, error) == 0)
		code = resolve(peer, host, port, error);
	if (code != 0) {
		free(peer);
		return code;
	}
	*result = peer;
	return 0;
}

static void close_socket(struct peer *peer)
{
	if (peer->fd >= 0)
		close(peer->fd);
	peer->fd = -1;
	peer->connected = false;
}

void peer_free(struct peer *peer)
{
	if (!peer)
		return;
	close_socket(peer);
	free(peer);
}

int peer_socket(const struct peer *peer)
{
	return peer->fd >= 0 ? peer->fd : -EAGAIN;
}

static void wait_before_next(struct peer *peer, int64_t now_ns)
{
	close_socket(peer);
	peer->retry_at_ns = now_ns + peer->wait_ns;
	peer->wait_ns = peer->wait_ns < WAIT_MAX_NS / 2 ? 2 * peer->wait_ns : WAIT_MAX_NS;
}

/* All of a host's addresses are tried before there is a wait. */
static int attempt_failed(struct peer *peer, int64_t now_ns, int code)
{
	if (peer->next == 0)
		wait_before_next(peer, now_ns);
	else
		close_socket(peer);
	return -code;
}

static int connected(struct peer *peer, int64_t now_ns)
{
	const unsigned limit_ms = UNACKNOWLEDGED_MS, unsent = UNSENT_TCP, buffer = BUFFER_UNIX;

	if (peer->path) {
		setsockopt(peer->fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
	} else {
		setsockopt(peer->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &limit_ms, sizeof limit_ms);
		setsockopt(peer->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
	}
	peer->connected = true;
	peer->since_ns = now_ns;
	return peer->fd;
}

static int begin_unix(struct peer *peer, int64_t now_ns)
{
	int fd = peer->helper ? helper_connect_output(peer->helper) : peer_connect_unix(peer->path);

	if (fd < 0)
		return attempt_failed(peer, now_ns, -fd);
	peer->fd = fd;
	return connected(peer, now_ns);
}

static int begin_tcp(struct peer *peer, int64_t now_ns)
{
	const struct peer_address *address = &peer->addresses[peer->next];
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

	peer->next = (peer->next + 1) % peer->address_count;
	peer->since_ns = now_ns;
	peer->fd = socket(address->address.ss_family, type, 0);
	if (peer->fd < 0)
		return attempt_failed(peer, now_ns, errno);
	if (connect(peer->fd, (const struct sockaddr *)&address->address, address->length) == 0)
		return connected(peer, now_ns);
	if (errno == EINPROGRESS)
		return -EAGAIN;
	/* EAGAIN would mean that it is under way. */
	return attempt_failed(peer, now_ns, errno == EAGAIN ? EBUSY : errno);
}

static int begin(struct peer *peer, int64_t now_ns)
{
	return peer->path ? begin_unix(peer, now_ns) : begin_tcp(peer, now_ns);
}

int peer_connect(struct peer *peer, int64_t now_ns)
{
	struct pollfd ready = { .fd = peer->fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int code = 0;

	if (peer->fd < 0)
		return now_ns < peer->retry_at_ns ? -EAGAIN : begin(peer, now_ns);
	if (peer->connected)
		return -EAGAIN;
	if (poll(&ready, 1, 0) <= 0)
		return now_ns - peer->since_ns < CONNECT_NS
		               ? -EAGAIN
		               : attempt_failed(peer, now_ns, ETIMEDOUT);
	if (getsockopt(peer->fd, SOL_SOCKET, SO_ERROR, &code, &length) != 0)
		code = errno;
	return code == 0 ? connected(peer, now_ns) : attempt_failed(peer, now_ns, code);
}

void peer_drop(struct peer *peer, int64_t now_ns)
{
	if (peer->connected && now_ns - peer->since_ns >= STABLE_NS)
		peer->wait_ns = WAIT_MIN_NS;
	wait_before_next(peer, now_ns);
}

int64_t peer_timeout_ns(const struct peer *peer, int64_t now_ns)
{
	int64_t at_ns = peer->fd >= 0 ? peer->since_ns + CONNECT_NS : peer->retry_at_ns;

	return at_ns > now_ns ? at_ns - now_ns : 0;
}

/*
 * Unread bytes were all sent within one window of the reader's position. A receive buffer grows to the
 * double of itself at once (tcp_rcv_space_adjust in net/ipv4/tcp_input.c), so that the next window may be
 * twice the largest that was seen.
 */
size_t peer_unread(struct peer *peer)
{
	struct tcp_info info = { .tcpi_snd_wnd = 0 };
	socklen_t length = sizeof info;

	if (peer->path)
		return UNREAD_UNIX;
	if (peer->connected && getsockopt(peer->fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
	    info.tcpi_snd_wnd > peer->window)
		peer->window = info.tcpi_snd_wnd;
	if (2 * (size_t)peer->window <= UNREAD_TCP - UNSENT_TCP)
		return UNREAD_TCP;
	return 2 * (size_t)peer->window + UNSENT_TCP;
}

size_t peer_unread_max(const struct peer *peer)
{
	return peer->path ? UNREAD_UNIX : UNREAD_TCP_MAX;
}
