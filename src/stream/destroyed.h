/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets that the kernel reported as destroyed: their last numbers, and when one was that an
 * end of a connection could have been. Captures come in batches, a report comes at once: a
 * socket is mostly destroyed before the packets that it sent are read. Pure, bounded: a newer
 * report takes an older one's place.
 */
#ifndef SOCKLINE_STREAM_DESTROYED_H
#define SOCKLINE_STREAM_DESTROYED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/inet.h"
#include "connections/connection_table.h"
#include "sockets/socket.h"

struct destroyed;

struct destroyed *destroyed_new(const struct hash_key *key); /* NULL: no memory */
void destroyed_free(struct destroyed *destroyed);

/* Times are monotonic. tuple: the socket's own, without a remote port unless it was connected. */
void destroyed_add(struct destroyed *destroyed, uint32_t netns, const struct tuple *tuple,
                   int64_t now_ns);
/* Reports of that time were lost: any socket may have been destroyed. */
void destroyed_lost(struct destroyed *destroyed, int64_t since_ns, int64_t now_ns);

/* How many UDP sockets were destroyed on the port: quick, for each packet. */
uint32_t destroyed_count(const struct destroyed *destroyed, uint16_t port);
/* The last of them was reported after that time. */
bool destroyed_port_since(const struct destroyed *destroyed, uint16_t port, int64_t since_ns);
/* Any socket was reported at that time or later: quick, for each question. */
bool destroyed_any_since(const struct destroyed *destroyed, int64_t since_ns);

/* The last two reports. 0 = never; a later time than the right one is possible. */
struct destroyed_times {
	int64_t last_ns;
	int64_t previous_ns;
};
/*
 * Sockets that the local end tuple->source could have been: one that was connected
 * elsewhere could not. seen_ns: of the packet; where reports of that time were lost, the
 * socket may have been destroyed just then.
 */
struct destroyed_times destroyed_last(const struct destroyed *destroyed, uint32_t netns,
                                      const struct tuple *tuple, int64_t seen_ns);

/* A TCP socket's last numbers. key: of its connection, local end first. */
void destroyed_add_info(struct destroyed *destroyed, const struct connection_key *key,
                        const struct socket_tcp_info *info, int64_t now_ns);
/* False: no such socket was destroyed in the last moments. hash: of the key. */
bool destroyed_info(const struct destroyed *destroyed, uint64_t hash, const struct tuple *tuple,
                    int64_t now_ns, struct socket_tcp_info *info);
/* Was this very TCP socket reported after that time? */
bool destroyed_since(const struct destroyed *destroyed, uint64_t hash, const struct tuple *tuple,
                     int64_t since_ns);

/* One that was connected, for the connection that it was an end of. */
struct destroyed_socket {
	struct connection_key key; /* local end first */
	int64_t reported_ns;
	bool has_tcp_info;
	struct socket_tcp_info tcp_info;
};
#define DESTROYED_WAITING_MAX 16

/*
 * Reports come in numbers, and connections lie in slow memory: until one has come from there,
 * others are read. False when there is no room: destroyed_take first.
 */
bool destroyed_wait(struct destroyed *destroyed, const struct destroyed_socket *socket);
/* The one that waits longest; false: none does. */
bool destroyed_take(struct destroyed *destroyed, struct destroyed_socket *socket);

#endif
