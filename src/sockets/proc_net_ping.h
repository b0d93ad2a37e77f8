/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ping sockets (ICMP datagrams, icmp(7)) as /proc/net/icmp and icmp6 have them. Both files walk one hash
 * table by buckets of ports. All sockets of a bucket but the first are printed without a look at their
 * family (ping_get_next in net/ipv4/ping.c, seen with Linux 6.18): one of IPv6 behind one of IPv4 stands in
 * both files, in the wrong one without its address.
 */
#ifndef SOCKLINE_SOCKETS_PROC_NET_PING_H
#define SOCKLINE_SOCKETS_PROC_NET_PING_H

#include <stddef.h>

#include "sockets/socket.h"

struct proc_net_ping {
	struct socket *sockets; /* in the order of the files */
	size_t count, room;
};

/* A socket_callback: keeps a copy. 0 or -ENOMEM. */
int proc_net_ping_add(void *ping, const struct socket *socket);
/* Calls back for each, once. Returns what the callback returned, if that is not 0. */
int proc_net_ping_report(const struct proc_net_ping *ping, socket_callback *callback,
                         void *context);
void proc_net_ping_fini(struct proc_net_ping *ping);

#endif
