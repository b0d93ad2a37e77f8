/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers of sock_diag(7) into struct socket. Pure: bytes in, a value out.
 * Layouts: linux/inet_diag.h, unix_diag.h, packet_diag.h, netlink_diag.h, vm_sockets_diag.h,
 * xdp_diag.h, tipc_sockets_diag.h, smc_diag.h.
 */
#ifndef SOCKLINE_SOCKETS_DIAG_MESSAGE_H
#define SOCKLINE_SOCKETS_DIAG_MESSAGE_H

#include <stddef.h>

#include "sockets/socket.h"

/*
 * payload: what follows struct nlmsghdr, 4-byte aligned. Fills all of *socket;
 * netns stays 0. 0; -EINVAL: too short for the kind, or a kind without handler
 * (SOCKET_ICMP).
 */
int diag_message_parse(enum socket_kind kind, const void *payload, size_t length,
                       struct socket *socket);
/* The same; details, unless NULL, is filled too, and *socket has it. */
int diag_message_parse_all(enum socket_kind kind, const void *payload, size_t length,
                           struct socket *socket, struct socket_details *details);

/* The IPPROTO_* of a message to a SKNLGRP_*_DESTROY group (INET_DIAG_PROTOCOL); 0 without. */
unsigned diag_message_protocol(const void *payload, size_t length);

/*
 * A classic BPF program for a multicast socket: everything but reports of
 * the server's end (port < 32768) of a TCP connection of an address with itself.
 */
struct sock_filter;
const struct sock_filter *diag_message_without_servers(size_t *count);

#endif
