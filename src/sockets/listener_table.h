/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets of one network namespace that wait for peers: listening TCP and
 * unconnected, bound UDP and UDP-Lite, and on demand connected UDP as well. Refreshed on
 * demand; reports what came and went.
 */
#ifndef SOCKLINE_SOCKETS_LISTENER_TABLE_H
#define SOCKLINE_SOCKETS_LISTENER_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "sockets/lister.h"
#include "sockets/socket.h"

struct listener_table;

enum listener_change { LISTENER_STARTED, LISTENER_STOPPED };
typedef void listener_callback(void *context, enum listener_change change,
                               const struct socket *socket);

/*
 * kinds: SOCKET_KIND_BIT of SOCKET_TCP, SOCKET_UDP and SOCKET_UDPLITE. connected: UDP sockets that
 * are connected, too, for listener_table_port. lister is borrowed. NULL when memory is short.
 */
struct listener_table *listener_table_new(struct lister *lister, unsigned int kinds,
                                          bool connected);
void listener_table_free(struct listener_table *table);

/*
 * Lists again. callback (NULL is allowed) hears of each difference to the last
 * time. 0 or -errno; the table is unchanged on failure.
 */
int listener_table_refresh(struct listener_table *table, listener_callback *callback,
                           void *context);
/* When the last listing began, monotonic; 0 = never. And how long it took. */
int64_t listener_table_refreshed_ns(const struct listener_table *table);
int64_t listener_table_took_ns(const struct listener_table *table);
/* When the first of the listings began that have had the socket, which is one that was found. */
int64_t listener_table_since_ns(const struct listener_table *table, const struct socket *socket);

/*
 * Those that what comes in on ifindex to tuple->source (the local end) may belong
 * to: the ones bound most exactly, so more than one only with SO_REUSEPORT or,
 * UDP, SO_REUSEADDR. Fills at most max pointers, valid until the next refresh; returns
 * how many there are.
 */
int listener_table_find(const struct listener_table *table, const struct tuple *tuple,
                        uint32_t ifindex, const struct socket **found, int max);

/*
 * All sockets of a local port, connected ones too if the table has them: the first, valid until
 * the next refresh, and how many follow it.
 */
const struct socket *listener_table_port(const struct listener_table *table, uint16_t port,
                                         size_t *count);

/* How exactly a socket bound as `bound` matches a local end; 0 = not at all. Pure. */
int listener_score(const struct socket *bound, const struct inet_address *local, uint16_t port,
                   uint32_t ifindex);

#endif
