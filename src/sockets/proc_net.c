/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/proc_net.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sockets/netns.h"
#include "sockets/proc_net_ping.h"

/* One file being listed. */
struct listing {
	enum socket_kind kind;
	int family;
	uint32_t netns;
	uint32_t states;
	socket_callback *callback;
	void *context;
	struct proc_net_counters *counters;
	struct socket
		socket; /* read but not yet reported: a unix path may go on in the next line */
	bool pending;
};

static int report(struct listing *listing)
{
	struct socket *socket = &listing->socket;

	if (!listing->pending)
		return 0;
	listing->pending = false;
	socket->netns = listing->netns;
	if (socket->state != SOCKET_STATE_NONE && !(listing->states & 1u << socket->state))
		return 0;
	/* Not accepted as yet, or half closed. unix_diag leaves them out, so they are here. */
	if (socket->kind == SOCKET_UNIX && socket->inode == 0)
		return 0;
	return listing->callback(listing->context, socket);
}

/*
 * The kernel prints LF inside a unix path as it is. What is no line by itself
 * continues the path before; a path made to look like a line is taken
 * for one (sock_diag has no such doubt).
 */
static bool continue_path(struct listing *listing, const char *line, size_t length)
{
	struct socket *socket = &listing->socket;

	if (listing->kind != SOCKET_UNIX || !listing->pending || socket->path_length == 0 ||
	    length + 1 > sizeof(socket->path) - socket->path_length)
		return false;
	socket->path[socket->path_length++] = '\n';
	memcpy(socket->path + socket->path_length, line, length);
	socket->path_length = (uint8_t)(socket->path_length + length);
	return true;
}

static int take_line(struct listing *listing, const char *line, size_t length)
{
	struct socket next;
	int result;

	if (proc_net_parse_line(listing->kind, listing->family, line, length, &next) != 0) {
		if (!continue_path(listing, line, length))
			listing->counters->malformed++;
		return 0;
	}
	result = report(listing);
	listing->socket = next;
	listing->pending = true;
	return result;
}

/* 1 with a line, its LF cut off; 0 at the end; -errno. */
static int next_line(FILE *file, char **line, size_t *room, size_t *length)
{
	ssize_t got;

	errno = 0;
	got = getline(line, room, file);
	if (got < 0)
		return errno ? -errno : 0;
	*length = (size_t)got;
	if ((*line)[*length - 1] == '\n')
		(*length)--;
	return 1;
}

static int read_file(FILE *file, struct listing *listing)
{
	char *line = NULL;
	size_t room = 0, length = 0;
	int result, more;

	more = next_line(file, &line, &room, &length); /* the heading */
	result = 0;
	while (more > 0 && result == 0) {
		more = next_line(file, &line, &room, &length);
		if (more > 0)
			result = take_line(listing, line, length);
	}
	if (result == 0)
		result = report(listing);
	free(line);
	return result ? result : more;
}

/* "dev" is always there: without it the process went, and its files with it. */
static bool is_there(const char *net_dir)
{
	int fd = netns_open_net(net_dir, "dev");

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int list_file(const char *net_dir, const char *name, struct listing *listing)
{
	int fd = netns_open_net(net_dir, name), result;
	FILE *file;

	if (fd < 0)
		return fd == -ENOENT && is_there(net_dir) ? 0 : fd;
	file = fdopen(fd, "r");
	if (!file) {
		result = -errno;
		close(fd);
		return result;
	}
	result = read_file(file, listing);
	fclose(file);
	return result;
}

static const char *const files[SOCKET_KIND_COUNT][2] = {
	[SOCKET_TCP] = { "tcp", "tcp6" },
	[SOCKET_UDP] = { "udp", "udp6" },
	[SOCKET_UDPLITE] = { "udplite", "udplite6" },
	[SOCKET_RAW] = { "raw", "raw6" },
	[SOCKET_ICMP] = { "icmp", "icmp6" },
	[SOCKET_UNIX] = { "unix" },
	[SOCKET_PACKET] = { "packet" },
	[SOCKET_NETLINK] = { "netlink" },
};

bool proc_net_has(enum socket_kind kind)
{
	return files[kind][0];
}

/* "XDP 1088 1 -1 ...": name, bytes of each, how many there are. */
static uint64_t count_of(const char *line, const char *name)
{
	size_t length = strcspn(line, " ");

	if (length != strlen(name) || memcmp(line, name, length) != 0)
		return 0;
	line += length + strspn(line + length, " ");
	line += strcspn(line, " ");
	return line[strspn(line, " ")] == '-' ? 0 : strtoull(line, NULL, 10);
}

int64_t proc_net_count(const char *net_dir, enum socket_kind kind)
{
	static const char *const names[SOCKET_KIND_COUNT][2] = {
		[SOCKET_TCP] = { "TCP", "TCPv6" },    [SOCKET_MPTCP] = { "MPTCP", "MPTCPv6" },
		[SOCKET_SCTP] = { "SCTP", "SCTPv6" }, [SOCKET_DCCP] = { "DCCP", "DCCPv6" },
		[SOCKET_VSOCK] = { "AF_VSOCK" },      [SOCKET_XDP] = { "XDP" },
		[SOCKET_TIPC] = { "TIPC" },           [SOCKET_SMC] = { "SMC", "SMC6" },
	};
	int fd = netns_open_net(net_dir, "protocols");
	FILE *file = fd >= 0 ? fdopen(fd, "r") : NULL;
	int64_t count = 0;
	char line[256];

	if (fd < 0)
		return fd;
	if (!file) {
		close(fd);
		return -ENOMEM;
	}
	while (fgets(line, sizeof(line), file)) {
		for (int i = 0; i < 2 && names[kind][i]; i++)
			count += (int64_t)count_of(line, names[kind][i]);
	}
	fclose(file);
	return count;
}

int proc_net_list(const char *net_dir, uint32_t netns, enum socket_kind kind, uint32_t states,
                  socket_callback *callback, void *context, struct proc_net_counters *counters)
{
	struct listing listing = {
		.kind = kind,
		.netns = netns,
		.states = states,
		.callback = callback,
		.context = context,
		.counters = counters,
	};
	struct proc_net_ping ping = { .count = 0 };
	int result = 0;

	if (kind == SOCKET_ICMP) {
		listing.callback = proc_net_ping_add;
		listing.context = &ping;
	}
	for (int i = 0; i < 2 && result == 0 && files[kind][i]; i++) {
		listing.family = i == 0 ? AF_INET : AF_INET6;
		result = list_file(net_dir, files[kind][i], &listing);
	}
	if (result == 0)
		result = proc_net_ping_report(&ping, callback, context);
	proc_net_ping_fini(&ping);
	return result;
}
