/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/local_ports.h"

#include <stdlib.h>

#include "base/ring.h"
#include "base/table.h"

#define NONE        UINT32_MAX
#define WAITING_MAX 8192 /* a power of two */

/* An end of a connection, in a ring with the others of its port; all zero: in none. */
struct link {
	uint32_t next_up1, previous; /* next + 1: fresh pages are free links */
	uint32_t netns;
	uint16_t port;
	bool waits; /* the port does; stands in the first one, which the index has */
};

struct waiting {
	struct local_port port;
	int64_t time_ns;
};

struct local_ports {
	struct hash_key key;
	struct table *index; /* the first end of each port */
	struct link *links;  /* [2 * connection + end], touched as they are used */
	struct ring ring;
	struct waiting waiting[WAITING_MAX]; /* in the ring, in the order of time */
	uint32_t look,
		last; /* which is looked at next (NONE: none is), and which is the last one */
};

struct local_ports *local_ports_new(const struct hash_key *key, uint32_t max_connections)
{
	struct local_ports *ports = calloc(1, sizeof *ports);

	if (!ports)
		return NULL;
	ports->key = *key;
	ports->look = NONE;
	ports->ring = ring_of(WAITING_MAX);
	ports->index = table_new(2 * max_connections);
	ports->links = calloc(max_connections, 2 * sizeof *ports->links);
	if (!ports->index || !ports->links) {
		local_ports_free(ports);
		return NULL;
	}
	return ports;
}

void local_ports_free(struct local_ports *ports)
{
	if (!ports)
		return;
	table_free(ports->index);
	free(ports->links);
	free(ports);
}

static uint64_t hash_of(const struct local_ports *ports, struct local_port port)
{
	uint64_t bytes = (uint64_t)port.netns << 16 | port.port;

	return hash_bytes(&ports->key, &bytes, sizeof bytes);
}

static uint32_t first_of(const struct local_ports *ports, uint64_t hash, struct local_port port)
{
	struct table_cursor cursor = table_cursor(ports->index, hash);
	uint32_t number;

	while (table_next(&cursor, &number))
		if (ports->links[number].netns == port.netns &&
		    ports->links[number].port == port.port)
			return number;
	return NONE;
}

static uint32_t next_of(const struct local_ports *ports, uint32_t number)
{
	return ports->links[number].next_up1 - 1;
}

static void connect(struct local_ports *ports, uint32_t previous, uint32_t next)
{
	ports->links[previous].next_up1 = next + 1;
	ports->links[next].previous = previous;
}

/* The walk does not stand on it any more. */
static void step_off(struct local_ports *ports, uint32_t number)
{
	if (ports->look == NONE)
		return;
	if (number == ports->last && number == ports->look)
		ports->look = NONE;
	else if (number == ports->look)
		ports->look = next_of(ports, number);
	else if (number == ports->last)
		ports->last = ports->links[number].previous;
}

static void unlink_end(struct local_ports *ports, uint32_t number)
{
	struct link *link = &ports->links[number];
	struct local_port port = { link->netns, link->port };
	uint64_t hash;
	uint32_t next;

	if (link->next_up1 == 0)
		return;
	hash = hash_of(ports, port);
	next = next_of(ports, number);
	step_off(ports, number);
	connect(ports, link->previous, next);
	if (table_remove(ports->index, hash, number) && next != number) {
		ports->links[next].waits = link->waits;
		table_insert(ports->index, hash, next); /* in the room that was just made */
	}
	*link = (struct link){ 0 };
}

void local_ports_set(struct local_ports *ports, uint32_t connection, int end,
                     struct local_port port)
{
	uint32_t number = 2 * connection + (uint32_t)end, first;
	struct link *link = &ports->links[number];
	uint64_t hash;

	if (link->next_up1 != 0 && link->netns == port.netns && link->port == port.port)
		return;
	unlink_end(ports, number);
	hash = hash_of(ports, port);
	first = first_of(ports, hash, port);
	if (first == NONE && table_insert(ports->index, hash, number) != 0)
		return;
	*link = (struct link){ .netns = port.netns, .port = port.port };
	if (first == NONE) {
		connect(ports, number, number);
		return;
	}
	connect(ports, number, next_of(ports, first));
	connect(ports, first, number);
}

void local_ports_remove(struct local_ports *ports, uint32_t connection)
{
	unlink_end(ports, 2 * connection);
	unlink_end(ports, 2 * connection + 1);
}

void local_ports_wait(struct local_ports *ports, struct local_port port, int64_t time_ns)
{
	uint32_t first = first_of(ports, hash_of(ports, port), port);

	if (first == NONE || ports->links[first].waits ||
	    !ring_reserve(&ports->ring, ports->waiting, sizeof *ports->waiting))
		return;
	ports->links[first].waits = true;
	ports->waiting[ring_place(&ports->ring, ports->ring.next++)] =
		(struct waiting){ port, time_ns };
}

static const struct waiting *longest_waiting(const struct local_ports *ports)
{
	return &ports->waiting[ring_place(&ports->ring, ports->ring.first)];
}

bool local_ports_waiting(const struct local_ports *ports, struct local_port *port,
                         int64_t *since_ns)
{
	const struct waiting *waiting = longest_waiting(ports);

	if (ring_count(&ports->ring) == 0)
		return false;
	*port = waiting->port;
	*since_ns = waiting->time_ns;
	return true;
}

void local_ports_begin(struct local_ports *ports, bool leave_out)
{
	struct local_port port = longest_waiting(ports)->port;
	uint32_t first = first_of(ports, hash_of(ports, port), port);

	ports->ring.first++;
	ports->look = leave_out ? NONE : first;
	if (first == NONE)
		return;
	ports->links[first].waits = false;
	ports->last = ports->links[first].previous;
}

bool local_ports_look(struct local_ports *ports, uint32_t *connection, int *end)
{
	uint32_t number = ports->look;

	if (number == NONE)
		return false;
	ports->look = number == ports->last ? NONE : next_of(ports, number);
	*connection = number / 2;
	*end = (int)(number % 2);
	return true;
}
