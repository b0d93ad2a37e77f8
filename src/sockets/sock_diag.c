/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sockets/sock_diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/netlink_diag.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sockets/diag_message.h"
#include "sockets/netlink_pool.h"

/*
 * Linux >= 6.8 has one more state, 13, for TCP sockets that are bound and no
 * more. They carry no traffic, and neither /proc/net nor older kernels show them.
 */
#define STATES_KNOWN ((1u << (SOCKET_NEW_SYN_RECEIVED + 1)) - 1)

struct sock_diag {
	/* Two, so that a callback of a listing may ask for single sockets. */
	struct netlink_slot list;
	struct netlink_slot find;
	uint32_t netns;
};

int sock_diag_open_pooled(struct sock_diag **diag, uint32_t netns, struct netlink_pool *pool,
                          int netns_fd, struct error *error)
{
	struct sock_diag *new = calloc(1, sizeof(*new));
	int result;

	if (!new)
		return error_set(error, ENOMEM, "sock_diag: out of memory");
	new->netns = netns;
	result = netlink_slot_open(&new->list, pool, netns_fd, NETLINK_SOCK_DIAG, error);
	if (result == 0)
		result = netlink_slot_open(&new->find, pool, netns_fd, NETLINK_SOCK_DIAG, error);
	if (result) {
		sock_diag_close(new);
		return result;
	}
	*diag = new;
	return 0;
}

int sock_diag_open(struct sock_diag **diag, uint32_t netns, struct error *error)
{
	return sock_diag_open_pooled(diag, netns, NULL, -1, error);
}

void sock_diag_close(struct sock_diag *diag)
{
	if (!diag)
		return;
	netlink_slot_close(&diag->find);
	netlink_slot_close(&diag->list);
	free(diag);
}

/* Between netlink_dump and the caller's callback. */
struct listing {
	struct sock_diag *diag;
	enum socket_kind kind;
	uint32_t states;
	socket_callback *callback;
	void (*reset)(void *context);
	void *context;
};

static int list_message(void *context, const struct netlink_message *message)
{
	const struct listing *listing = context;
	struct socket socket;

	if (message->type != SOCK_DIAG_BY_FAMILY)
		return 0;
	if (diag_message_parse(listing->kind, message->payload, message->length, &socket) != 0)
		return 0;
	socket.netns = listing->diag->netns;
	return listing->callback(listing->context, &socket);
}

static void list_reset(void *context)
{
	const struct listing *listing = context;

	if (listing->reset)
		listing->reset(listing->context);
}

static int dump(struct listing *listing, const void *request, size_t length)
{
	struct netlink *netlink;
	int result = netlink_slot_get(&listing->diag->list, &netlink);

	if (result)
		return result;
	return netlink_dump(netlink, SOCK_DIAG_BY_FAMILY, request, length, list_message, list_reset,
	                    listing);
}

static int list_inet(struct listing *listing, uint8_t protocol, bool tcp_info, uint16_t local_port)
{
	struct inet_diag_req_v2 request = {
		.sdiag_family = AF_INET,
		.sdiag_protocol = protocol,
		.idiag_ext = tcp_info ? 1 << (INET_DIAG_INFO - 1) : 0,
		.idiag_states = listing->states & STATES_KNOWN,
		/* The other fields of id are no filter in a dump. */
		.id.idiag_sport = htons(local_port),
	};
	int result;

	/* Its half-open connections are kept apart by the kernel, but shown as SYN_RECEIVED. */
	if (request.idiag_states & 1u << SOCKET_SYN_RECEIVED)
		request.idiag_states |= 1u << SOCKET_NEW_SYN_RECEIVED;
	result = dump(listing, &request, sizeof(request));
	if (result)
		return result;
	request.sdiag_family = AF_INET6;
	result = dump(listing, &request, sizeof(request));
	return result == -ENOENT ? 0 : result; /* a kernel without IPv6 */
}

static int list_unix(struct listing *listing)
{
	const struct unix_diag_req request = {
		.sdiag_family = AF_UNIX,
		.udiag_states = listing->states & STATES_KNOWN,
		.udiag_show = UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_UID,
	};

	return dump(listing, &request, sizeof(request));
}

static int list_packet(struct listing *listing)
{
	const struct packet_diag_req request = {
		.sdiag_family = AF_PACKET,
		.pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO,
	};

	return dump(listing, &request, sizeof(request));
}

static int list_netlink(struct listing *listing)
{
	const struct netlink_diag_req request = {
		.sdiag_family = AF_NETLINK,
		.sdiag_protocol = NDIAG_PROTO_ALL,
		.ndiag_show = NDIAG_SHOW_GROUPS | NDIAG_SHOW_MEMINFO,
	};

	return dump(listing, &request, sizeof(request));
}

int sock_diag_list(struct sock_diag *diag, enum socket_kind kind, uint32_t states, bool tcp_info,
                   socket_callback *callback, void (*reset)(void *context), void *context)
{
	struct listing listing = { diag, kind, states, callback, reset, context };

	switch (kind) {
	case SOCKET_TCP:
		return list_inet(&listing, IPPROTO_TCP, tcp_info, 0);
	case SOCKET_UDP:
		return list_inet(&listing, IPPROTO_UDP, false, 0);
	case SOCKET_UDPLITE:
		return list_inet(&listing, IPPROTO_UDPLITE, false, 0);
	case SOCKET_RAW:
		return list_inet(&listing, IPPROTO_RAW, false, 0);
	case SOCKET_UNIX:
		return list_unix(&listing);
	case SOCKET_PACKET:
		return list_packet(&listing);
	case SOCKET_NETLINK:
		return list_netlink(&listing);
	case SOCKET_ICMP: /* the kernel has no handler for ping sockets */
	case SOCKET_KIND_COUNT:
		break;
	}
	return -ENOENT;
}

int sock_diag_list_port(struct sock_diag *diag, uint8_t protocol, uint16_t local_port,
                        socket_callback *callback, void *context)
{
	struct listing listing = {
		.diag = diag,
		.kind = protocol == IPPROTO_UDPLITE ? SOCKET_UDPLITE : SOCKET_UDP,
		.states = SOCK_DIAG_STATES_ALL,
		.callback = callback,
		.context = context,
	};

	if (protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE)
		return -EPROTONOSUPPORT;
	if (local_port == 0) /* would be no filter at all */
		return -EINVAL;
	return list_inet(&listing, protocol, false, local_port);
}

static bool is_wild(const struct inet_address *address)
{
	static const struct inet_address zero;

	return inet_equal(address, &zero);
}

/* AF_INET finds IPv4 on dual-stack sockets as well. No peer is all zeros in both families. */
static int family_of(const struct tuple *tuple)
{
	if (!inet_is_v4(&tuple->source))
		return AF_INET6;
	return inet_is_v4(&tuple->destination) || is_wild(&tuple->destination) ? AF_INET : AF_INET6;
}

static void set_address(uint32_t words[4], const struct inet_address *address, int family)
{
	if (family == AF_INET)
		memcpy(words, address->bytes + 12, 4);
	else
		memcpy(words, address->bytes, 16);
}

/* source and destination as the kernel wants them, see udp_dump_one in net/ipv4/udp_diag.c. */
static void set_ends(struct inet_diag_req_v2 *request, const struct tuple *tuple)
{
	const bool swap = tuple->protocol != IPPROTO_TCP;
	const struct inet_address *source = swap ? &tuple->destination : &tuple->source;
	const struct inet_address *destination = swap ? &tuple->source : &tuple->destination;

	set_address(request->id.idiag_src, source, request->sdiag_family);
	set_address(request->id.idiag_dst, destination, request->sdiag_family);
	request->id.idiag_sport = htons(swap ? tuple->destination_port : tuple->source_port);
	request->id.idiag_dport = htons(swap ? tuple->source_port : tuple->destination_port);
}

int sock_diag_find(struct sock_diag *diag, const struct tuple *tuple, uint32_t ifindex,
                   bool tcp_info, struct socket *socket)
{
	struct inet_diag_req_v2 request = {
		.sdiag_protocol = tuple->protocol,
		.idiag_states = UINT32_MAX,
		.id.idiag_if = ifindex,
		.id.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
	};
	_Alignas(4) char answer[1024]; /* about 400 bytes with tcp_info */
	size_t length = sizeof(answer);
	struct netlink *netlink;
	enum socket_kind kind;
	int result;

	if (tuple->protocol == IPPROTO_TCP)
		kind = SOCKET_TCP;
	else if (tuple->protocol == IPPROTO_UDP)
		kind = SOCKET_UDP;
	else if (tuple->protocol == IPPROTO_UDPLITE)
		kind = SOCKET_UDPLITE;
	else
		return -EPROTONOSUPPORT;
	if (tcp_info && kind == SOCKET_TCP)
		request.idiag_ext = 1 << (INET_DIAG_INFO - 1);
	request.sdiag_family = (uint8_t)family_of(tuple);
	set_ends(&request, tuple);
	result = netlink_slot_get(&diag->find, &netlink);
	if (result)
		return result;
	result = netlink_request(netlink, SOCK_DIAG_BY_FAMILY, &request, sizeof(request), answer,
	                         &length);
	if (result)
		return result;
	result = diag_message_parse(kind, answer, length, socket);
	socket->netns = diag->netns;
	return result;
}
