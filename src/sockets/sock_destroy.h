/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP and UDP sockets that die, as the kernel reports them to the SKNLGRP_*_DESTROY groups
 * of sock_diag(7) (what `ss -E` joins; no capability needed). It reports when the
 * full socket goes, so a TCP connection before its TIME_WAIT. UDP-Lite and raw
 * sockets are not reported. A TCP connection of an address with itself is reported by the
 * end with a client's port alone, when the other end has a server's (< 32768).
 */
#ifndef SOCKLINE_SOCKETS_SOCK_DESTROY_H
#define SOCKLINE_SOCKETS_SOCK_DESTROY_H

#include <stdint.h>

#include "base/error.h"
#include "sockets/socket.h"

struct sock_destroy;

/*
 * *socket: tuple as it was, cookie, state SOCKET_CLOSED, for TCP the final
 * tcp_info. There is no inode, uid or cgroup any more: join by cookie, or by
 * tuple.
 * A return value != 0 ends the reading and is returned.
 */
typedef int sock_destroy_callback(void *context, const struct socket *socket);

/* In the calling thread's network namespace, whose inode number is netns. */
int sock_destroy_open(struct sock_destroy **destroy, uint32_t netns, struct error *error);
void sock_destroy_close(struct sock_destroy *destroy); /* NULL is fine */
/* In bytes; about 400 of them a socket at the least. 0 or -errno. */
int sock_destroy_set_receive_buffer(struct sock_destroy *destroy, int bytes);

int sock_destroy_fd(const struct sock_destroy *destroy);
/* Number of sockets; -ENOBUFS: some were missed, see sock_destroy_drops; other -errno. */
int sock_destroy_read(struct sock_destroy *destroy, sock_destroy_callback *callback, void *context);
/* How many were missed since it was opened. */
uint64_t sock_destroy_drops(struct sock_destroy *destroy);

#endif
