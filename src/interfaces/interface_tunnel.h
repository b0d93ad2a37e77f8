/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces in which tunnels end: what the kernel takes out of them, and puts in. Pure. */
#ifndef SOCKLINE_INTERFACES_INTERFACE_TUNNEL_H
#define SOCKLINE_INTERFACES_INTERFACE_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/inet.h"
#include "decode/packet.h"
#include "interfaces/interfaces.h"

/* kind and data: IFLA_INFO_KIND, NUL-terminated, and IFLA_INFO_DATA. Other kinds end no tunnel. */
void interface_tunnel_read(const char *kind, const void *data, size_t length,
                           struct interface_tunnel *tunnel);
/* Is inner, which came in a packet of that tuple, in the tunnel that ends there? */
bool interface_tunnel_has(const struct interface_tunnel *tunnel, const struct packet *inner,
                          const struct tuple *outer);
/* The kernel takes the one that says most of its ends, of several that have it. */
int interface_tunnel_exactness(const struct interface_tunnel *tunnel);

#endif
