/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open UDP connections by the ports of their local ends: those that one socket may have, however
 * many, are found without a walk over all. And ports of which a socket was destroyed: their
 * connections are looked at in slices. Pure, bounded; an end is a number and memory of its own.
 */
#ifndef SOCKLINE_STREAM_LOCAL_PORTS_H
#define SOCKLINE_STREAM_LOCAL_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

struct local_ports;

struct local_port {
	uint32_t netns;
	uint16_t port;
};

/* connection: a number below max_connections, see connection_table_number. NULL: no memory. */
struct local_ports *local_ports_new(const struct hash_key *key, uint32_t max_connections);
void local_ports_free(struct local_ports *ports); /* NULL is fine */

/* The end of the connection has that port now, and no other. Without memory it has none. */
void local_ports_set(struct local_ports *ports, uint32_t connection, int end,
                     struct local_port port);
/* The connection has ended: neither end has one. */
void local_ports_remove(struct local_ports *ports, uint32_t connection);

/*
 * A socket of the port was destroyed (monotonic time): its connections wait to be looked at. A
 * port without any does not; where too many wait, it is left out.
 */
void local_ports_wait(struct local_ports *ports, struct local_port port, int64_t time_ns);
/* The port that waits longest, and since when. False: none waits. */
bool local_ports_waiting(const struct local_ports *ports, struct local_port *port,
                         int64_t *since_ns);
/* It waits no more: its connections are looked at next, or left out. */
void local_ports_begin(struct local_ports *ports, bool leave_out);
/* The next one, in any order; those that were opened meanwhile may be left out. False: none. */
bool local_ports_look(struct local_ports *ports, uint32_t *connection, int *end);

#endif
