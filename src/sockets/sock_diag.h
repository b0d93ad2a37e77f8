/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of one network namespace by sock_diag(7): dumps and the exact query.
 * With diag_*.c, the only includer of linux/inet_diag.h and its relatives.
 */
#ifndef SOCKLINE_SOCKETS_SOCK_DIAG_H
#define SOCKLINE_SOCKETS_SOCK_DIAG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/inet.h"
#include "sockets/socket.h"

struct sock_diag;

/* netns: the number put into each socket. Opened in the calling thread's namespace. */
int sock_diag_open(struct sock_diag **diag, uint32_t netns, struct error *error);
/* The same, its sockets of a pool; netns_fd as netlink_slot_open. */
struct netlink_pool;
int sock_diag_open_pooled(struct sock_diag **diag, uint32_t netns, struct netlink_pool *pool,
                          int netns_fd, struct error *error);
void sock_diag_close(struct sock_diag *diag); /* NULL is fine */

#define SOCK_DIAG_STATES_ALL UINT32_MAX
#define SOCK_DIAG_LISTEN     (1u << SOCKET_LISTEN)

/* What a listing shows besides. */
enum {
	SOCK_DIAG_TCP_INFO = 1, /* of TCP; not of listeners */
	SOCK_DIAG_DETAILS = 2,  /* struct socket_details, too: valid during the callback */
};

/*
 * Lists one kind, v4 and v6. states: bits of 1 << enum socket_state, for inet and
 * unix sockets; the others have none. 0; -ENOENT: the kernel has no handler for
 * the kind (use proc_net); -EAGAIN as netlink_dump; other -errno; what the
 * callback returned. extra: SOCK_DIAG_TCP_INFO and others. A repeated dump calls reset first. The
 * callback may call sock_diag_find.
 *
 * A socket may come twice, with one cookie: when it changes its state meanwhile,
 * and netlink sockets with groups, which the kernel lists by these too.
 */
int sock_diag_list(struct sock_diag *diag, enum socket_kind kind, uint32_t states,
                   unsigned int extra, socket_callback *callback, void (*reset)(void *context),
                   void *context);

/*
 * The one TCP, UDP, UDP-Lite, SCTP or DCCP socket whose local end is tuple->source and
 * whose peer is tuple->destination (all zeros: a listener, wildcard UDP). An association of SCTP
 * is found by any of its addresses.
 * ifindex: the packet's interface, never 0 for packets (a socket bound to a
 * device is found only with it). 0; -ENOENT no such socket; -EPROTONOSUPPORT;
 * other -errno of netlink_request. Takes 3 to 5 us, however many sockets there are.
 *
 * What comes back may be less exact than what was asked, as the kernel looks
 * up as if a packet arrived: a listener for a TCP or DCCP miss, a wildcard or
 * unconnected socket for UDP. The caller looks at state and tuple. The UDP
 * request has its ends swapped (udp_dump_one in net/ipv4/udp_diag.c); this
 * function does that.
 */
int sock_diag_find(struct sock_diag *diag, const struct tuple *tuple, uint32_t ifindex,
                   bool tcp_info, struct socket *socket);

/* All UDP (or UDP-Lite) sockets on a local port, v4 and v6, filtered in the kernel. */
int sock_diag_list_port(struct sock_diag *diag, uint8_t protocol, uint16_t local_port,
                        socket_callback *callback, void *context);

#endif
