/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses are the namespace's own: those that bind(2) takes. It costs 1.5 us and
 * waits for nobody, where a question by rtnetlink(7), which is the way where sockets of AF_INET
 * are refused (RestrictAddressFamilies= of systemd.exec(5)), may wait for a change of interfaces.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "sentinel/sentinel_netns.h"
#include "sockets/netlink.h"

/* Addresses of no host, by 240/4 (RFC 1112, 4) and 100::/64 (RFC 6666). */
static const struct inet_address nobody_v4 = { { [10] = 0xff, 0xff, 240, 0, 0, 1 } };
static const struct inet_address nobody_v6 = { { [0] = 1, [15] = 1 } };

static bool is_link_local(const struct inet_address *address)
{
	return address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

static bool can_bind(const int probes[2], const struct inet_address *address, uint32_t ifindex)
{
	static const struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	bool is_v4 = inet_is_v4(address);
	int probe = probes[is_v4 ? 0 : 1], result;

	memcpy(&v4.sin_addr, address->bytes + 12, 4);
	memcpy(&v6.sin6_addr, address->bytes, 16);
	if (is_link_local(address))
		v6.sin6_scope_id = ifindex;
	result = is_v4 ? bind(probe, (const void *)&v4, sizeof v4)
	               : bind(probe, (const void *)&v6, sizeof v6);
	if (result != 0)
		return false;
	/* Gives the port back, so that the socket can be bound again. */
	return connect(probe, &none, sizeof none) == 0;
}

static bool is_routed_here(struct netlink *routes, const struct inet_address *address,
                           uint32_t ifindex)
{
	bool is_v4 = inet_is_v4(address);
	unsigned length = is_v4 ? 4 : 16;
	struct {
		struct rtmsg route;
		struct rtattr interface;
		uint32_t ifindex;
		struct rtattr destination;
		uint8_t bytes[16];
	} request = {
		.route = { .rtm_family = is_v4 ? AF_INET : AF_INET6,
		           .rtm_dst_len = (unsigned char)(8 * length) },
		.interface = { .rta_type = RTA_OIF, .rta_len = RTA_LENGTH(sizeof ifindex) },
		.ifindex = is_link_local(address) ? ifindex : 0,
		.destination = { .rta_type = RTA_DST,
		                 .rta_len = (unsigned short)RTA_LENGTH(length) },
	};
	union {
		struct rtmsg route;
		uint8_t bytes[1024];
	} answer;
	size_t size = sizeof answer;

	memcpy(request.bytes, address->bytes + (is_v4 ? 12 : 0), length);
	return netlink_request(routes, RTM_GETROUTE, &request, sizeof request - 16 + length,
	                       &answer, &size) == 0 &&
	       size >= sizeof answer.route && answer.route.rtm_type == RTN_LOCAL;
}

int sentinel_netns_open_local(struct sentinel_netns *netns, struct error *error)
{
	netns->routes = NULL;
	netns->probes[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	netns->probes[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* fails without IPv6 */
	return netns->probes[0] < 0 ? netlink_open(&netns->routes, NETLINK_ROUTE, error) : 0;
}

void sentinel_netns_close_local(struct sentinel_netns *netns)
{
	for (int i = 0; i < 2; i++)
		if (netns->probes[i] >= 0)
			close(netns->probes[i]);
	netlink_close(netns->routes);
	netns->routes = NULL;
}

/* With net.ipv4.ip_nonlocal_bind anything can be bound, and nothing is known. */
static bool is_bound_here(const struct sentinel_netns *netns, const struct inet_address *address,
                          uint32_t ifindex)
{
	return can_bind(netns->probes, address, ifindex) &&
	       !can_bind(netns->probes, inet_is_v4(address) ? &nobody_v4 : &nobody_v6, ifindex);
}

bool sentinel_netns_is_local(struct sentinel_netns *netns, const struct inet_address *address,
                             uint32_t ifindex, int64_t now_ns)
{
	unsigned at;

	for (at = 0; at < SENTINEL_NETNS_LOCALS; at++)
		if (now_ns < netns->locals[at].until_ns &&
		    inet_equal(&netns->locals[at].address, address))
			return netns->locals[at].local;
	at = netns->next_local++ % SENTINEL_NETNS_LOCALS;
	netns->locals[at].address = *address;
	netns->locals[at].until_ns = now_ns + WINDOW_SENTINEL_LOCAL_NS;
	netns->locals[at].local = !inet_is_unspecified(address) &&
	                          (netns->routes ? is_routed_here(netns->routes, address, ifindex)
	                                         : is_bound_here(netns, address, ifindex));
	return netns->locals[at].local;
}
