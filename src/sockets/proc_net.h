/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets from /proc/PID/net/{tcp,tcp6,udp,udp6,udplite,udplite6,raw,raw6,icmp,
 * icmp6,unix,packet,netlink} (proc(5)): the fallback where a sock_diag handler
 * is missing, the supplement for raw and ping sockets, and a cross-check.
 *
 * What these files do not say stays 0: cookie, cgroup_id, ifindex and v6only of
 * inet sockets, a listener's send_queue (its limit), tcp_info, a unix socket's
 * peer, queues and uid, a netlink socket's type.
 */
#ifndef SOCKLINE_SOCKETS_PROC_NET_H
#define SOCKLINE_SOCKETS_PROC_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sockets/socket.h"

struct proc_net_counters {
	uint64_t malformed; /* lines that were skipped */
};

/*
 * Lists one kind from the files below net_dir ("/proc/self/net"), v4 and v6.
 * states as in sock_diag_list. An absent file (no IPv6, no module) is empty, not
 * an error. 0, -errno (-ENOENT, -ESRCH, ...: net_dir is gone), or what the
 * callback returned. The files are made while they are read: a socket that moves
 * meanwhile may be missed or come twice.
 */
int proc_net_list(const char *net_dir, uint32_t netns, enum socket_kind kind, uint32_t states,
                  socket_callback *callback, void *context, struct proc_net_counters *counters);

/* Is there a file for the kind? */
bool proc_net_has(enum socket_kind kind);
/*
 * How many sockets of a kind there are by the file "protocols", those in TIME_WAIT left out; of kinds
 * that it does not count: 0. -errno: it cannot be read.
 */
int64_t proc_net_count(const char *net_dir, enum socket_kind kind);

/*
 * The pure part: one line, without its LF, of the file for kind and family
 * (AF_INET, AF_INET6; others ignored) into *socket. -EINVAL: not such a line
 * (the heading too). Addresses are host-order words of network-order memory.
 *
 * A unix name that begins with '@' is taken as abstract: a path such as "@x"
 * looks the same here, and NULs inside an abstract name are shown as '@'.
 */
int proc_net_parse_line(enum socket_kind kind, int family, const char *line, size_t length,
                        struct socket *socket);

#endif
