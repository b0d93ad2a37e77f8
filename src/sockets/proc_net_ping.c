/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/proc_net_ping.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define BUCKETS 64 /* PING_HTABLE_SIZE of the kernel */

int proc_net_ping_add(void *context, const struct socket *socket)
{
	struct proc_net_ping *ping = context;
	size_t room = ping->room > 0 ? 2 * ping->room : 16;
	struct socket *more;

	if (ping->count == ping->room) {
		more = realloc(ping->sockets, room * sizeof *more);
		if (!more)
			return -ENOMEM;
		ping->sockets = more;
		ping->room = room;
	}
	ping->sockets[ping->count++] = *socket;
	return 0;
}

/* The first socket of each bucket in either file: the kernel has looked at its family. */
struct buckets {
	size_t first[2][BUCKETS]; /* SIZE_MAX: there is none */
};

static size_t *bucket_of(struct buckets *buckets, const struct socket *socket, bool other)
{
	bool is_six = (socket->family == AF_INET6) != other;

	return &buckets->first[is_six][socket->tuple.source_port % BUCKETS];
}

static void fill(struct buckets *buckets, const struct proc_net_ping *ping)
{
	memset(buckets, 0xff, sizeof *buckets);
	for (size_t i = ping->count; i-- > 0;)
		*bucket_of(buckets, &ping->sockets[i], false) = i;
}

static bool in_bucket(const struct proc_net_ping *ping, size_t number, const struct socket *socket)
{
	return number < ping->count && ping->sockets[number].family != socket->family &&
	       ping->sockets[number].tuple.source_port % BUCKETS ==
	               socket->tuple.source_port % BUCKETS;
}

/* Is the socket's line in the file of the other family the true one? */
static bool is_of_other(const struct proc_net_ping *ping, struct buckets *buckets, size_t number)
{
	const struct socket *socket = &ping->sockets[number];
	size_t first = *bucket_of(buckets, socket, true);

	if (*bucket_of(buckets, socket, false) == number ||
	    !inet_is_unspecified(&socket->tuple.source))
		return false;
	for (size_t i = first; in_bucket(ping, i, socket); i++) {
		const struct socket *other = &ping->sockets[i];

		/* Where neither line shows the family, one of them is enough. */
		if (other->inode == socket->inode)
			return i == first || !inet_is_unspecified(&other->tuple.source) ||
			       i < number;
	}
	return false;
}

int proc_net_ping_report(const struct proc_net_ping *ping, socket_callback *callback, void *context)
{
	struct buckets buckets;
	int result = 0;

	fill(&buckets, ping);
	for (size_t i = 0; i < ping->count && result == 0; i++)
		if (!is_of_other(ping, &buckets, i))
			result = callback(context, &ping->sockets[i]);
	return result;
}

void proc_net_ping_fini(struct proc_net_ping *ping)
{
	free(ping->sockets);
}
