/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

void socket_set_protocol(struct socket *socket, uint8_t raw_protocol)
{
	switch (socket->kind) {
	case SOCKET_TCP:
		socket->type = SOCK_STREAM;
		socket->protocol = IPPROTO_TCP;
		break;
	case SOCKET_UDP:
		socket->type = SOCK_DGRAM;
		socket->protocol = IPPROTO_UDP;
		break;
	case SOCKET_UDPLITE:
		socket->type = SOCK_DGRAM;
		socket->protocol = IPPROTO_UDPLITE;
		break;
	case SOCKET_ICMP:
		socket->type = SOCK_DGRAM;
		socket->protocol = socket->family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		break;
	case SOCKET_RAW:
		socket->type = SOCK_RAW;
		socket->protocol = raw_protocol;
		socket->tuple.source_port = 0;
		socket->tuple.destination_port = 0;
		break;
	case SOCKET_UNIX:
	case SOCKET_PACKET:
	case SOCKET_NETLINK:
	case SOCKET_KIND_COUNT:
		return;
	}
	socket->tuple.protocol = (uint8_t)socket->protocol;
}

void socket_set_uid(struct socket *socket, uint32_t uid)
{
	socket->uid = uid;
	socket->has_uid = socket->inode != 0 || uid != 0;
}
