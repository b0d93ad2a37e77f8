/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of this host at addresses that it does not have: transparent proxies
 * (IP_TRANSPARENT, ip(7)) accept what was meant for others, and connect in the name
 * of their clients. On a router almost all that looks so is forwarded.
 */
#include <netinet/in.h>

#include "attribution/attribution_private.h"
#include "attribution/trace_owners.h"
#include "interfaces/interfaces.h"
#include "sockets/sock_diag.h"

/* Questions a second to the kernel, 4 us each. */
#define PER_SECOND 500

/* The socket of this very connection: a listener or one that waits for any would fit each. */
static bool is_exact(const struct socket *socket, const struct tuple *tuple)
{
	return socket->state != SOCKET_LISTEN &&
	       inet_equal(&socket->tuple.source, &tuple->source) &&
	       inet_equal(&socket->tuple.destination, &tuple->destination) &&
	       socket->tuple.source_port == tuple->source_port &&
	       socket->tuple.destination_port == tuple->destination_port;
}

/* The kernel gives lo its addresses when it is set up: before that a namespace has none of 127/8. */
enum trace_owners_address attribution_has_address(const struct attribution *attribution,
                                                  uint32_t netns,
                                                  const struct inet_address *address, int64_t at_ns)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, netns);
	struct inet_address loopback;
	bool has;

	if (!namespace || !namespace->interfaces)
		return TRACE_OWNERS_ADDRESS_UNKNOWN;
	if (inet_is_loopback(address)) {
		inet_parse(inet_is_v4(address) ? "127.0.0.1" : "::1", &loopback);
		has = interfaces_had_address(namespace->interfaces, &loopback, at_ns) != 0;
	} else {
		has = interfaces_was_local(namespace->interfaces, address, at_ns);
	}
	return has ? TRACE_OWNERS_ADDRESS_PRESENT : TRACE_OWNERS_ADDRESS_ABSENT;
}

static bool was_seen(struct attribution *attribution, const struct attribution_question *question)
{
	struct process *process;

	return attribution->options.trace_owners && question->tuple.protocol == IPPROTO_TCP &&
	       trace_owners_find(attribution->options.trace_owners, question, &process);
}

bool attribution_is_of_host(struct attribution *attribution,
                            const struct attribution_question *question)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, question->netns);
	uint8_t protocol = question->tuple.protocol;
	struct socket socket;

	if (!namespace || question->fanned_out ||
	    (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE))
		return false;
	if (was_seen(attribution, question))
		return true;
	return namespace->diag && attribution_spend(&attribution->foreign, PER_SECOND) &&
	       sock_diag_find(namespace->diag, &question->tuple, question->ifindex, false,
	                      &socket) == 0 &&
	       is_exact(&socket, &question->tuple);
}
