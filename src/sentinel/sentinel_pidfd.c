/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_pidfd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic */
#endif

/* A descriptor of ours, or -1. */
static int borrow(int pid, int fd)
{
	int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int borrowed;

	if (process < 0)
		return -1;
	borrowed = (int)syscall(SYS_pidfd_getfd, process, fd, 0);
	close(process);
	return borrowed;
}

static bool read_option(int fd, int option, void *value, socklen_t size)
{
	socklen_t got = size;

	return getsockopt(fd, SOL_SOCKET, option, value, &got) == 0 && got == size;
}

static bool has_option(int fd, int option, int expected)
{
	int value;

	return read_option(fd, option, &value, sizeof value) && value == expected;
}

bool sentinel_pidfd_is_alone(int pid, int fd, uint64_t cookie)
{
	int borrowed = borrow(pid, fd);
	uint64_t found = 0;
	bool alone;

	if (borrowed < 0)
		return false;
	alone = read_option(borrowed, SO_COOKIE, &found, sizeof found) && found == cookie &&
	        has_option(borrowed, SO_REUSEADDR, 0) && has_option(borrowed, SO_REUSEPORT, 0);
	close(borrowed);
	return alone;
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static bool convert(const union address *from, struct inet_address *address, uint16_t *port)
{
	if (from->any.sa_family == AF_INET)
		inet_from_v4(address, &from->v4.sin_addr);
	else if (from->any.sa_family == AF_INET6)
		inet_from_v6(address, &from->v6.sin6_addr);
	else
		return false;
	*port = ntohs(from->v4.sin_port); /* at the same place in both */
	return true;
}

static bool read_connection(int fd, struct sentinel_pidfd_connection *connection)
{
	struct tuple *tuple = &connection->tuple;
	union address local = { .any.sa_family = AF_UNSPEC }, peer = local;
	socklen_t local_size = sizeof local, peer_size = sizeof peer;
	struct stat status;

	memset(connection, 0, sizeof *connection);
	tuple->protocol = IPPROTO_TCP;
	if (fstat(fd, &status) != 0)
		return false;
	connection->inode = status.st_ino;
	return getpeername(fd, &peer.any, &peer_size) == 0 &&
	       getsockname(fd, &local.any, &local_size) == 0 &&
	       convert(&local, &tuple->source, &tuple->source_port) &&
	       convert(&peer, &tuple->destination, &tuple->destination_port) &&
	       has_option(fd, SO_PROTOCOL, IPPROTO_TCP) &&
	       read_option(fd, SO_COOKIE, &connection->cookie, sizeof connection->cookie) &&
	       read_option(fd, SO_NETNS_COOKIE, &connection->netns_cookie,
	                   sizeof connection->netns_cookie);
}

bool sentinel_pidfd_connection(int pid, int fd, struct sentinel_pidfd_connection *connection)
{
	int borrowed = borrow(pid, fd);
	bool is_connection;

	if (borrowed < 0)
		return false;
	is_connection = read_connection(borrowed, connection);
	close(borrowed);
	return is_connection;
}
