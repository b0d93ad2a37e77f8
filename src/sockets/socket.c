/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/socket.h"

#include <netinet/in.h>
#include <stddef.h>
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
	case SOCKET_MPTCP: /* what it sends is TCP */
	case SOCKET_SMC:   /* as is how it begins */
		socket->type = SOCK_STREAM;
		socket->protocol = IPPROTO_TCP;
		break;
	case SOCKET_SCTP: /* SOCK_STREAM or SOCK_SEQPACKET */
		socket->protocol = IPPROTO_SCTP;
		break;
	case SOCKET_DCCP:
		socket->type = SOCK_DCCP;
		socket->protocol = IPPROTO_DCCP;
		break;
	case SOCKET_UNIX:
	case SOCKET_PACKET:
	case SOCKET_NETLINK:
	case SOCKET_VSOCK:
	case SOCKET_XDP:
	case SOCKET_TIPC:
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

bool socket_is_listening(const struct socket *socket)
{
	switch (socket->kind) {
	case SOCKET_TCP:
	case SOCKET_MPTCP:
	case SOCKET_SCTP:
	case SOCKET_DCCP:
	case SOCKET_SMC:
	case SOCKET_UNIX:
	case SOCKET_VSOCK:
	case SOCKET_TIPC:
		return socket->state == SOCKET_LISTEN;
	case SOCKET_UDP:
	case SOCKET_UDPLITE:
	case SOCKET_RAW:
	case SOCKET_ICMP:
		return socket->state == SOCKET_CLOSED &&
		       inet_is_unspecified(&socket->tuple.destination);
	case SOCKET_PACKET:
	case SOCKET_NETLINK:
	case SOCKET_XDP:
		return true;
	case SOCKET_KIND_COUNT:
		break;
	}
	return false;
}

#define SIZE_WITH(member)                                                                          \
	(offsetof(struct socket_details, member) + sizeof(((struct socket_details *)NULL)->member))

size_t socket_details_size(unsigned int kind)
{
	switch ((enum socket_kind)kind) {
	case SOCKET_TCP:
		return SIZE_WITH(tcp);
	case SOCKET_MPTCP:
		return SIZE_WITH(mptcp);
	case SOCKET_SCTP:
		return SIZE_WITH(sctp);
	case SOCKET_PACKET:
		return SIZE_WITH(packet);
	case SOCKET_XDP:
		return SIZE_WITH(xdp);
	case SOCKET_NETLINK:
		return SIZE_WITH(netlink);
	case SOCKET_VSOCK:
	case SOCKET_TIPC:
		return SIZE_WITH(pair);
	case SOCKET_SMC:
		return SIZE_WITH(smc_mode);
	case SOCKET_UDP:
	case SOCKET_UDPLITE:
	case SOCKET_RAW:
	case SOCKET_ICMP:
	case SOCKET_UNIX:
	case SOCKET_DCCP:
	case SOCKET_KIND_COUNT:
		break;
	}
	return offsetof(struct socket_details, tcp);
}
