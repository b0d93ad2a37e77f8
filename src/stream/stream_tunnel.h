/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets in packets. One that carries another is two, or more: each has its connection, the
 * innermost alone is a packet in records and in the traffic of processes.
 *
 * On the host where a tunnel ends its interface shows what is inside, and is what sockets are
 * behind: the packet inside the one below is the same packet again. Where a tunnel of this host
 * ends in no interface, but a socket has its port, it is that socket's payload, and is not looked
 * into. All others pass by: no address in them is known to be of this host.
 */
#ifndef SOCKLINE_STREAM_STREAM_TUNNEL_H
#define SOCKLINE_STREAM_STREAM_TUNNEL_H

#include "stream/stream_private.h"

/*
 * Fills layers after the first, which is a packet that may be a tunnel's, and marks those that
 * carry others. Returns how many there are.
 */
int stream_tunnel_open(const struct stream *stream, struct packet layers[STREAM_LAYERS_MAX],
                       const uint8_t *bytes);

/*
 * The packet, of that connection (NULL: of none, as ARP and most of ICMP) and from that end of it,
 * was in a tunnel; outer as of tunnel_of.
 */
void stream_tunnel_found(struct connection *connection, enum connection_end from,
                         const struct packet *packet, const struct packet *outer,
                         struct connection *outer_connection);

#endif
