/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which addresses are the namespace's own: those that bind(2) takes. It costs 1.5 us and
 * waits for nobody, where a question by rtnetlink(7) may wait for who changes interfaces.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "sentinel/sentinel_netns.h"

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

int sentinel_netns_open_probes(int probes[2])
{
	probes[0] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	probes[1] = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0); /* fails without IPv6 */
	return probes[0] < 0 ? -errno : 0;
}

void sentinel_netns_close_probes(int probes[2])
{
	for (int i = 0; i < 2; i++)
		if (probes[i] >= 0)
			close(probes[i]);
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
	/* With net.ipv4.ip_nonlocal_bind anything can be bound, and nothing is known. */
	netns->locals[at].local =
		!inet_is_unspecified(address) && can_bind(netns->probes, address, ifindex) &&
		!can_bind(netns->probes, inet_is_v4(address) ? &nobody_v4 : &nobody_v6, ifindex);
	return netns->locals[at].local;
}
