/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets that are bound to a device get what comes from it, as the kernel has it. */
#include "attribution/attribution_private.h"
#include "interfaces/interfaces.h"

/*
 * Linux 6.18, __ip_route_output_key() in net/ipv4/route.c and ip6_rcv_core() in net/ipv6/ip6_input.c:
 * what is sent to an address of this host passes the loopback interface, but sockets get it as if it
 * came from the interface that has the address (findings/own-address-comes-from-eth0.sh).
 */
uint32_t attribution_device(const struct attribution_namespace *namespace,
                            const struct tuple *tuple, uint32_t ifindex, int64_t at_ns)
{
	const struct interface *interface =
		namespace && namespace->interfaces ? interfaces_find(namespace->interfaces, ifindex)
						   : NULL;
	uint32_t device = 0;

	/* The sentinel's senders of a link have the loopback interface. */
	if (interface && interface->loopback && !tuple_is_of_link(tuple))
		device = interfaces_had_address(namespace->interfaces, &tuple->source, at_ns);
	return device != 0 ? device : ifindex;
}
