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
#include <linux/tipc_sockets_diag.h>
#include <linux/unix_diag.h>
#include <linux/vm_sockets_diag.h>
#include <linux/xdp_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sockets/diag_families.h"
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
	unsigned int extra;
	socket_callback *callback;
	void (*reset)(void *context);
	void *context;
};

static int list_message(void *context, const struct netlink_message *message)
{
	const struct listing *listing = context;
	struct socket_details details;
	struct socket socket;

	if (message->type != SOCK_DIAG_BY_FAMILY && message->type != TCPDIAG_GETSOCK)
		return 0;
	if (diag_message_parse_all(listing->kind, message->payload, message->length, &socket,
	                           listing->extra & SOCK_DIAG_DETAILS ? &details : NULL) != 0)
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

static int dump_by(struct listing *listing, uint16_t type, const void *request, size_t length)
{
	struct netlink *netlink;
	int result = netlink_slot_get(&listing->diag->list, &netlink);

	if (result)
		return result;
	return netlink_dump(netlink, type, request, length, list_message, list_reset, listing);
}

static int dump(struct listing *listing, const void *request, size_t length)
{
	return dump_by(listing, SOCK_DIAG_BY_FAMILY, request, length);
}

/* struct tcp_info, and the name of the congestion control. */
#define TCP_EXTENSIONS (1 << (INET_DIAG_INFO - 1) | 1 << (INET_DIAG_CONG - 1))

/* Bits of extensions that the answers shall have. */
static uint8_t extensions_of(const struct listing *listing)
{
	uint8_t extensions = 0;

	if (listing->kind == SOCKET_TCP && listing->extra & SOCK_DIAG_TCP_INFO)
		extensions |= TCP_EXTENSIONS;
	if (listing->extra & SOCK_DIAG_DETAILS)
		extensions |= 1 << (INET_DIAG_SKMEMINFO - 1);
	if (listing->extra & SOCK_DIAG_DETAILS && listing->kind == SOCKET_TCP)
		extensions |= 1 << (INET_DIAG_CONG - 1);
	if (listing->extra & SOCK_DIAG_DETAILS && listing->kind == SOCKET_MPTCP)
		extensions |= 1 << (INET_DIAG_INFO - 1);
	return extensions;
}

/* MPTCP has a number that the request has no room for; the attribute stands for it. */
struct inet_request {
	struct inet_diag_req_v2 inet;
	struct nlattr header;
	uint32_t protocol;
};

/* Its half-open connections are kept apart by the kernel, but shown as SYN_RECEIVED. */
static uint32_t states_of(const struct listing *listing)
{
	uint32_t states = listing->states & STATES_KNOWN;

	return states & 1u << SOCKET_SYN_RECEIVED ? states | 1u << SOCKET_NEW_SYN_RECEIVED : states;
}

/*
 * The older request has no family, and shows both. Each dump goes through the connections of all
 * namespaces, some milliseconds however few there are: one in place of two.
 */
static int list_tcp(struct listing *listing)
{
	const struct inet_diag_req request = {
		.idiag_ext = extensions_of(listing),
		.idiag_states = states_of(listing),
	};

	return dump_by(listing, TCPDIAG_GETSOCK, &request, sizeof(request));
}

static int list_inet(struct listing *listing, unsigned int protocol, uint16_t local_port)
{
	struct inet_request request = {
		.inet.sdiag_family = AF_INET,
		/* 0 is no protocol: a kernel that does not know the attribute has no handler. */
		.inet.sdiag_protocol = protocol <= UINT8_MAX ? (uint8_t)protocol : 0,
		.inet.idiag_ext = extensions_of(listing),
		.inet.idiag_states = states_of(listing),
		/* The other fields of id are no filter in a dump. */
		.inet.id.idiag_sport = htons(local_port),
		.header.nla_type = INET_DIAG_REQ_PROTOCOL,
		.header.nla_len = NLA_HDRLEN + sizeof(request.protocol),
		.protocol = protocol,
	};
	size_t length = protocol <= UINT8_MAX ? sizeof(request.inet) : sizeof(request);
	int result;

	result = dump(listing, &request, length);
	if (result)
		return result;
	request.inet.sdiag_family = AF_INET6;
	result = dump(listing, &request, length);
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
		.pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_MEMINFO |
		              (listing->extra & SOCK_DIAG_DETAILS
		                       ? PACKET_SHOW_RING_CFG | PACKET_SHOW_FANOUT
		                       : 0),
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

static int list_vsock(struct listing *listing)
{
	const struct vsock_diag_req request = {
		.sdiag_family = AF_VSOCK,
		.vdiag_states = listing->states & STATES_KNOWN,
	};

	return dump(listing, &request, sizeof(request));
}

static int list_xdp(struct listing *listing)
{
	const struct xdp_diag_req request = {
		.sdiag_family = AF_XDP,
		.xdiag_show = XDP_SHOW_INFO | XDP_SHOW_RING_CFG | XDP_SHOW_UMEM | XDP_SHOW_MEMINFO,
	};

	return dump(listing, &request, sizeof(request));
}

static int list_tipc(struct listing *listing)
{
	const struct tipc_sock_diag_req request = {
		.sdiag_family = AF_TIPC,
		.tidiag_states = listing->states & STATES_KNOWN,
	};

	return dump(listing, &request, sizeof(request));
}

/* It has no states to ask for. */
static int list_smc(struct listing *listing)
{
	const struct diag_smc_request request = { .family = AF_SMC };

	return dump(listing, &request, sizeof(request));
}

/* Those of few hosts. */
static int list_family(struct listing *listing)
{
	switch (listing->kind) {
	case SOCKET_VSOCK:
		return list_vsock(listing);
	case SOCKET_XDP:
		return list_xdp(listing);
	case SOCKET_TIPC:
		return list_tipc(listing);
	case SOCKET_SMC:
		return list_smc(listing);
	default: /* ping sockets: the kernel has no handler */
		return -ENOENT;
	}
}

int sock_diag_list(struct sock_diag *diag, enum socket_kind kind, uint32_t states,
                   unsigned int extra, socket_callback *callback, void (*reset)(void *context),
                   void *context)
{
	struct listing listing = { diag, kind, states, extra, callback, reset, context };

	switch (kind) {
	case SOCKET_TCP:
		return list_tcp(&listing);
	case SOCKET_UDP:
		return list_inet(&listing, IPPROTO_UDP, 0);
	case SOCKET_UDPLITE:
		return list_inet(&listing, IPPROTO_UDPLITE, 0);
	case SOCKET_RAW:
		return list_inet(&listing, IPPROTO_RAW, 0);
	case SOCKET_MPTCP:
		return list_inet(&listing, IPPROTO_MPTCP, 0);
	case SOCKET_SCTP:
		return list_inet(&listing, IPPROTO_SCTP, 0);
	case SOCKET_DCCP:
		return list_inet(&listing, IPPROTO_DCCP, 0);
	case SOCKET_UNIX:
		return list_unix(&listing);
	case SOCKET_PACKET:
		return list_packet(&listing);
	case SOCKET_NETLINK:
		return list_netlink(&listing);
	default:
		return list_family(&listing);
	}
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
	return list_inet(&listing, protocol, local_port);
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
	const bool swap = tuple->protocol == IPPROTO_UDP || tuple->protocol == IPPROTO_UDPLITE;
	const struct inet_address *source = swap ? &tuple->destination : &tuple->source;
	const struct inet_address *destination = swap ? &tuple->source : &tuple->destination;

	set_address(request->id.idiag_src, source, request->sdiag_family);
	set_address(request->id.idiag_dst, destination, request->sdiag_family);
	request->id.idiag_sport = htons(swap ? tuple->destination_port : tuple->source_port);
	request->id.idiag_dport = htons(swap ? tuple->source_port : tuple->destination_port);
}

/* What a single socket can be asked for of; SOCKET_KIND_COUNT: nothing. */
static enum socket_kind findable_kind(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return SOCKET_TCP;
	case IPPROTO_UDP:
		return SOCKET_UDP;
	case IPPROTO_UDPLITE:
		return SOCKET_UDPLITE;
	case IPPROTO_SCTP:
		return SOCKET_SCTP;
	case IPPROTO_DCCP:
		return SOCKET_DCCP;
	default:
		return SOCKET_KIND_COUNT;
	}
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
	_Alignas(4) char answer[4096]; /* about 400 bytes with tcp_info; SCTP: 128 an address */
	size_t length = sizeof(answer);
	struct netlink *netlink;
	enum socket_kind kind = findable_kind(tuple->protocol);
	int result;

	if (kind == SOCKET_KIND_COUNT)
		return -EPROTONOSUPPORT;
	if (tcp_info && kind == SOCKET_TCP)
		request.idiag_ext = TCP_EXTENSIONS;
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
