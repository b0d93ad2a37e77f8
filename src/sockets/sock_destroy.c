/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/sock_destroy.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "sockets/diag_message.h"
#include "sockets/netlink.h"

struct sock_destroy {
	struct netlink *netlink;
	uint32_t netns;
};

#define DATAGRAM_MAX 512 /* 380 bytes as of Linux 6.18; it grows with struct tcp_info */

static int join(struct netlink *netlink)
{
	int error = 0;

	for (int group = SKNLGRP_INET_TCP_DESTROY; group <= SKNLGRP_INET6_UDP_DESTROY; group++) {
		error = netlink_join(netlink, group);
		if (error)
			break;
	}
	return error;
}

int sock_destroy_open(struct sock_destroy **destroy, uint32_t netns, struct error *error)
{
	struct sock_destroy *new = calloc(1, sizeof(*new));
	const struct sock_filter *filter;
	size_t count;
	int result;

	if (!new)
		return error_set(error, ENOMEM, "sock_destroy: out of memory");
	new->netns = netns;
	result = netlink_open(&new->netlink, NETLINK_SOCK_DIAG, error);
	if (result)
		goto fail;
	result = netlink_expect_small(new->netlink, DATAGRAM_MAX);
	if (result) {
		error_set(error, -result, "sock_destroy: out of memory");
		goto fail;
	}
	filter = diag_message_without_servers(&count);
	netlink_set_filter(new->netlink, filter, count); /* without it there is more to read */
	result = join(new->netlink);
	if (result) {
		error_set(error, -result, "cannot hear of closed sockets: %s", strerror(-result));
		goto fail;
	}
	*destroy = new;
	return 0;
fail:
	sock_destroy_close(new);
	return result;
}

void sock_destroy_close(struct sock_destroy *destroy)
{
	if (!destroy)
		return;
	netlink_close(destroy->netlink);
	free(destroy);
}

int sock_destroy_set_receive_buffer(struct sock_destroy *destroy, int bytes)
{
	return netlink_set_receive_buffer(destroy->netlink, bytes);
}

int sock_destroy_fd(const struct sock_destroy *destroy)
{
	return netlink_fd(destroy->netlink);
}

struct reading {
	const struct sock_destroy *destroy;
	sock_destroy_callback *callback;
	void *context;
};

static int take(void *context, const struct netlink_message *message)
{
	const struct reading *reading = context;
	struct socket socket;
	enum socket_kind kind;

	if (message->type != SOCK_DIAG_BY_FAMILY)
		return 0;
	switch (diag_message_protocol(message->payload, message->length)) {
	case IPPROTO_TCP:
		kind = SOCKET_TCP;
		break;
	case IPPROTO_UDP:
		kind = SOCKET_UDP;
		break;
	default:
		return 0;
	}
	if (diag_message_parse(kind, message->payload, message->length, &socket) != 0)
		return 0;
	socket.netns = reading->destroy->netns;
	return reading->callback(reading->context, &socket);
}

int sock_destroy_read(struct sock_destroy *destroy, sock_destroy_callback *callback, void *context)
{
	struct reading reading = { destroy, callback, context };

	return netlink_receive(destroy->netlink, take, &reading);
}

uint64_t sock_destroy_drops(struct sock_destroy *destroy)
{
	return netlink_drops(destroy->netlink);
}
