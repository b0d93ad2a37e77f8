/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where nftables or iptables rewrite addresses, the packets of a connection have
 * another tuple than its socket: the kernel's connection tracking has both. The
 * socket may be in another namespace, as a container's behind its host's addresses is.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "attribution/attribution_private.h"
#include "interfaces/interfaces.h"
#include "sockets/conntrack.h"

/*
 * No socket has the tuple, or one has that waits for any: a listener's port may be
 * redirected to another one, and what it would have received is not its own.
 */
static bool is_worth_asking(const struct attribution_question *question, const struct owner *owner)
{
	uint8_t protocol = question->tuple.protocol;

	if (question->fanned_out)
		return false;
	if (protocol != IPPROTO_TCP && protocol != IPPROTO_UDP && protocol != IPPROTO_UDPLITE &&
	    protocol != IPPROTO_SCTP && protocol != IPPROTO_DCCP)
		return false;
	switch (owner->method) {
	case ATTRIBUTION_UNKNOWN:
	case ATTRIBUTION_LISTENER:
		return true;
	case ATTRIBUTION_SOCKET:
		return protocol != IPPROTO_TCP && question->responder;
	case ATTRIBUTION_RECENT:
	case ATTRIBUTION_KERNEL:
	case ATTRIBUTION_GUESS:
	case ATTRIBUTION_CAPTURE:
	case ATTRIBUTION_TRACEPOINT:
		break;
	}
	return false;
}

/* The one namespace that has the address: NULL when none has, or several do. */
static const struct attribution_namespace *find_home(const struct attribution *attribution,
                                                     const struct attribution_namespace *namespace,
                                                     const struct inet_address *address)
{
	const struct attribution_namespace *home = NULL;

	if (interfaces_is_local(namespace->interfaces, address))
		return namespace;
	for (int i = 0; i < attribution->namespace_count; i++) {
		const struct attribution_namespace *other = &attribution->namespaces[i];

		if (!interfaces_is_local(other->interfaces, address))
			continue;
		if (home)
			return NULL;
		home = other;
	}
	return home;
}

bool attribution_nat_translate(struct attribution *attribution,
                               const struct attribution_namespace *namespace,
                               const struct attribution_question *question,
                               const struct owner *owner, struct attribution_question *translated)
{
	struct tuple socket;

	if (!namespace->conntrack || !is_worth_asking(question, owner) ||
	    conntrack_find(namespace->conntrack, &question->tuple, question->seen_ns, &socket) != 0)
		return false;
	namespace = find_home(attribution, namespace, &socket.source);
	*translated = *question;
	translated->tuple = socket;
	translated->netns = namespace ? namespace->netns : 0;
	return true;
}

bool attribution_nat_socket(const struct attribution *attribution, uint32_t netns,
                            const struct tuple *wire, int64_t seen_ns, struct tuple *socket)
{
	const struct attribution_namespace *namespace =
		attribution_find_namespace(attribution, netns);

	return namespace && namespace->conntrack &&
	       conntrack_find(namespace->conntrack, wire, seen_ns, socket) == 0;
}
