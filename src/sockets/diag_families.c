/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of the families that few hosts have: vsock, XDP, TIPC and SMC. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <linux/tipc.h>
#include <linux/tipc_netlink.h>
#include <linux/vm_sockets.h>
#include <linux/vm_sockets_diag.h>
#include <linux/xdp_diag.h>
#include <sys/socket.h>

#include "sockets/diag_families.h"
#include "sockets/diag_private.h"

static int parse_vsock(const void *payload, size_t length, struct diag_attributes *attributes,
                       struct socket *socket)
{
	struct vsock_diag_msg message;

	if (length < sizeof(message))
		return -EINVAL;
	memcpy(&message, payload, sizeof(message));
	diag_attributes_after(attributes, payload, length, sizeof(message));
	socket->family = AF_VSOCK;
	socket->type = message.vdiag_type;
	socket->state = message.vdiag_state;
	socket->inode = message.vdiag_ino;
	socket->cookie = diag_cookie_of(message.vdiag_cookie);
	return 0;
}

static void set_vsock(const void *payload, struct socket_pair *pair)
{
	struct vsock_diag_msg message;

	memcpy(&message, payload, sizeof(message));
	pair->has_local = message.vdiag_src_port != VMADDR_PORT_ANY;
	pair->local[0] = message.vdiag_src_cid;
	pair->local[1] = message.vdiag_src_port;
	/* Without a peer both numbers are those of any, or 0 of a socket that had none yet. */
	pair->has_peer = message.vdiag_dst_port != VMADDR_PORT_ANY &&
	                 message.vdiag_state != SOCKET_LISTEN &&
	                 (message.vdiag_dst_cid | message.vdiag_dst_port) != 0;
	pair->peer[0] = message.vdiag_dst_cid;
	pair->peer[1] = message.vdiag_dst_port;
}

static int parse_xdp(const void *payload, size_t length, struct diag_attributes *attributes,
                     struct socket *socket)
{
	struct xdp_diag_msg message;
	struct xdp_diag_info info;
	uint32_t uid;

	if (length < sizeof(message))
		return -EINVAL;
	memcpy(&message, payload, sizeof(message));
	diag_attributes_after(attributes, payload, length, sizeof(message));
	socket->family = AF_XDP;
	socket->type = message.xdiag_type;
	socket->inode = message.xdiag_ino;
	socket->cookie = diag_cookie_of(message.xdiag_cookie);
	if (diag_attributes_get(attributes, XDP_DIAG_INFO, &info, sizeof(info)))
		socket->ifindex = info.ifindex;
	if (diag_attributes_get(attributes, XDP_DIAG_UID, &uid, sizeof(uid)))
		socket_set_uid(socket, uid);
	diag_message_set_memory(socket, attributes, XDP_DIAG_MEMINFO);
	return 0;
}

static void set_xdp(const struct diag_attributes *attributes, const struct socket *socket,
                    struct socket_details *details)
{
	struct socket_xdp *xdp = &details->xdp;
	struct xdp_diag_info info;
	struct xdp_diag_umem umem;
	struct xdp_diag_ring ring;
	uint32_t memory[SK_MEMINFO_DROPS + 1];

	details->has_queues = attributes->of[XDP_DIAG_MEMINFO].value;
	details->has_drops =
		diag_attributes_get(attributes, XDP_DIAG_MEMINFO, memory, sizeof(memory));
	if (details->has_drops)
		details->drops = memory[SK_MEMINFO_DROPS];
	/* Both are 0 of a socket that is not bound. */
	if (socket->ifindex > 0 &&
	    diag_attributes_get(attributes, XDP_DIAG_INFO, &info, sizeof(info))) {
		xdp->has_queue = true;
		xdp->queue = info.queue_id;
	}
	if (diag_attributes_get(attributes, XDP_DIAG_RX_RING, &ring, sizeof(ring)))
		xdp->receive_entries = ring.entries;
	if (diag_attributes_get(attributes, XDP_DIAG_TX_RING, &ring, sizeof(ring)))
		xdp->send_entries = ring.entries;
	if (diag_attributes_get(attributes, XDP_DIAG_UMEM, &umem, sizeof(umem))) {
		xdp->has_umem = true;
		xdp->umem_id = umem.id;
		xdp->umem_size = umem.size;
		xdp->zero_copy = umem.flags & XDP_DU_F_ZEROCOPY;
	}
}

/* enum of net/tipc/socket.c: TIPC_LISTEN and its neighbours are TCP's numbers. */
static enum socket_state tipc_state(uint32_t state)
{
	switch (state) {
	case 1: /* TIPC_ESTABLISHED */
		return SOCKET_ESTABLISHED;
	case 2: /* TIPC_CONNECTING */
		return SOCKET_SYN_SENT;
	case 7: /* TIPC_OPEN */
		return SOCKET_CLOSED;
	case 10: /* TIPC_LISTEN */
		return SOCKET_LISTEN;
	default: /* TIPC_DISCONNECTING */
		return SOCKET_STATE_NONE;
	}
}

static int parse_tipc(const void *payload, size_t length, struct diag_attributes *attributes,
                      struct socket *socket)
{
	struct diag_attributes outer;
	struct diag_attributes statistics;
	uint32_t number;

	diag_attributes_after(&outer, payload, length, 0);
	if (!outer.of[TIPC_NLA_SOCK].value)
		return -EINVAL;
	diag_attributes_nested(&outer, TIPC_NLA_SOCK, attributes);
	socket->family = AF_TIPC;
	if (diag_attributes_get(attributes, TIPC_NLA_SOCK_TYPE, &number, sizeof(number)))
		socket->type = (uint8_t)number;
	if (diag_attributes_get(attributes, TIPC_NLA_SOCK_TIPC_STATE, &number, sizeof(number)))
		socket->state = tipc_state(number);
	if (diag_attributes_get(attributes, TIPC_NLA_SOCK_INO, &number, sizeof(number)))
		socket->inode = number;
	if (diag_attributes_get(attributes, TIPC_NLA_SOCK_UID, &number, sizeof(number)))
		socket_set_uid(socket, number);
	diag_attributes_get(attributes, TIPC_NLA_SOCK_COOKIE, &socket->cookie,
	                    sizeof(socket->cookie));
	diag_attributes_nested(attributes, TIPC_NLA_SOCK_STAT, &statistics);
	diag_attributes_get(&statistics, TIPC_NLA_SOCK_STAT_RCVQ, &socket->receive_queue,
	                    sizeof(socket->receive_queue));
	diag_attributes_get(&statistics, TIPC_NLA_SOCK_STAT_SENDQ, &socket->send_queue,
	                    sizeof(socket->send_queue));
	return 0;
}

static void set_tipc(const struct diag_attributes *attributes, struct socket_details *details)
{
	struct diag_attributes connection, statistics;
	struct socket_pair *pair = &details->pair;

	details->has_queues = attributes->of[TIPC_NLA_SOCK_STAT].value;
	diag_attributes_nested(attributes, TIPC_NLA_SOCK_STAT, &statistics);
	details->has_drops = diag_attributes_get(&statistics, TIPC_NLA_SOCK_STAT_DROP,
	                                         &details->drops, sizeof(details->drops));
	pair->has_local = diag_attributes_get(attributes, TIPC_NLA_SOCK_ADDR, &pair->local[0],
	                                      sizeof(pair->local[0])) &&
	                  diag_attributes_get(attributes, TIPC_NLA_SOCK_REF, &pair->local[1],
	                                      sizeof(pair->local[1]));
	diag_attributes_nested(attributes, TIPC_NLA_SOCK_CON, &connection);
	pair->has_peer = diag_attributes_get(&connection, TIPC_NLA_CON_NODE, &pair->peer[0],
	                                     sizeof(pair->peer[0])) &&
	                 diag_attributes_get(&connection, TIPC_NLA_CON_SOCK, &pair->peer[1],
	                                     sizeof(pair->peer[1]));
}

/* enum smc_state of net/smc/smc.h */
static enum socket_state smc_state(uint8_t state)
{
	switch (state) {
	case 1: /* SMC_ACTIVE */
		return SOCKET_ESTABLISHED;
	case 7: /* SMC_CLOSED */
		return SOCKET_CLOSED;
	case 10: /* SMC_LISTEN */
		return SOCKET_LISTEN;
	case 20: /* SMC_PEERCLOSEWAIT1, 2: this end has closed */
		return SOCKET_FIN_WAIT_1;
	case 21:
		return SOCKET_FIN_WAIT_2;
	case 22: /* SMC_APPCLOSEWAIT1, 2: the other has */
	case 23:
		return SOCKET_CLOSE_WAIT;
	default: /* SMC_INIT, and ways of closing that TCP has not */
		return SOCKET_STATE_NONE;
	}
}

static int parse_smc(const void *payload, size_t length, struct diag_attributes *attributes,
                     struct socket *socket)
{
	struct diag_smc_message message;
	const uint32_t *local = message.id.idiag_src, *peer = message.id.idiag_dst;

	if (length < sizeof(message))
		return -EINVAL;
	memcpy(&message, payload, sizeof(message));
	diag_attributes_after(attributes, payload, length, sizeof(message));
	/*
	 * The kernel says AF_SMC of both. IPv4 leaves three words 0, which no IPv6 address of a
	 * host does; what is bound to all addresses looks alike.
	 */
	if ((local[1] | local[2] | local[3] | peer[1] | peer[2] | peer[3]) == 0) {
		socket->family = AF_INET;
		inet_from_v4(&socket->tuple.source, local);
		inet_from_v4(&socket->tuple.destination, peer);
	} else {
		socket->family = AF_INET6;
		inet_from_v6(&socket->tuple.source, local);
		inet_from_v6(&socket->tuple.destination, peer);
	}
	socket->tuple.source_port = ntohs(message.id.idiag_sport);
	socket->tuple.destination_port = ntohs(message.id.idiag_dport);
	socket_set_protocol(socket, 0);
	socket->state = smc_state(message.state);
	socket->ifindex = message.id.idiag_if;
	socket->inode = message.inode;
	socket->cookie = diag_cookie_of(message.id.idiag_cookie);
	socket_set_uid(socket, message.uid);
	return 0;
}

int diag_families_parse(const void *payload, size_t length, struct diag_attributes *attributes,
                        struct socket *socket)
{
	switch (socket->kind) {
	case SOCKET_VSOCK:
		return parse_vsock(payload, length, attributes, socket);
	case SOCKET_XDP:
		return parse_xdp(payload, length, attributes, socket);
	case SOCKET_TIPC:
		return parse_tipc(payload, length, attributes, socket);
	case SOCKET_SMC:
		return parse_smc(payload, length, attributes, socket);
	default:
		return -EINVAL;
	}
}

void diag_families_set_details(const void *payload, const struct diag_attributes *attributes,
                               const struct socket *socket, struct socket_details *details)
{
	switch (socket->kind) {
	case SOCKET_VSOCK:
		set_vsock(payload, &details->pair);
		break;
	case SOCKET_XDP:
		set_xdp(attributes, socket, details);
		break;
	case SOCKET_TIPC:
		set_tipc(attributes, details);
		break;
	default:
		details->smc_mode = ((const uint8_t *)payload)[DIAG_SMC_MODE];
	}
}
