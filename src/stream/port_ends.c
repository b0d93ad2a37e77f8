/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/port_ends.h"

#include <netinet/in.h>
#include <stdlib.h>

#define SLOTS (1 << 16) /* power of two */

struct port_ends {
	struct hash_key key;
	struct {
		uint32_t count;
		int64_t time_ns;
	} ports[1 << 16]; /* UDP, in all namespaces */
	/* By protocol, namespace, port and, of connected ones, remote end: the latest of a slot. */
	int64_t last_ns[SLOTS];
	int64_t lost_since_ns, lost_ns; /* between the two any may have died; 0 = never */
	int64_t latest_ns;              /* of all that was told */
};

struct port_ends *port_ends_new(const struct hash_key *key)
{
	struct port_ends *ends = calloc(1, sizeof *ends); /* untouched pages cost nothing */

	if (ends)
		ends->key = *key;
	return ends;
}

void port_ends_free(struct port_ends *ends)
{
	free(ends);
}

/* Sockets bound to any local address and to one are not told apart. */
static uint64_t slot_of(const struct port_ends *ends, uint32_t netns, const struct tuple *tuple,
                        bool connected)
{
	struct tuple end = { .protocol = tuple->protocol, .source_port = tuple->source_port };

	if (connected) {
		end.destination = tuple->destination;
		end.destination_port = tuple->destination_port;
	}
	return tuple_hash(&ends->key, netns, &end) % SLOTS;
}

void port_ends_note(struct port_ends *ends, uint32_t netns, const struct tuple *dead,
                    int64_t now_ns)
{
	ends->latest_ns = now_ns;
	ends->last_ns[slot_of(ends, netns, dead, dead->destination_port != 0)] = now_ns;
	if (dead->protocol != IPPROTO_UDP)
		return;
	ends->ports[dead->source_port].count++;
	ends->ports[dead->source_port].time_ns = now_ns;
}

void port_ends_lost(struct port_ends *ends, int64_t since_ns, int64_t now_ns)
{
	/* Of two losses in a row those in between are not told apart. */
	if (ends->lost_ns == 0 || since_ns - ends->lost_ns > PORT_ENDS_BATCH_NS)
		ends->lost_since_ns = since_ns;
	ends->lost_ns = ends->latest_ns = now_ns;
	for (int port = 0; port < 1 << 16; port++) {
		ends->ports[port].count++;
		ends->ports[port].time_ns = now_ns;
	}
}

uint32_t port_ends_count(const struct port_ends *ends, uint16_t port)
{
	return ends->ports[port].count;
}

bool port_ends_since(const struct port_ends *ends, uint16_t port, int64_t since_ns)
{
	return ends->ports[port].time_ns > since_ns;
}

bool port_ends_any(const struct port_ends *ends, int64_t since_ns)
{
	return ends->latest_ns >= since_ns;
}

int64_t port_ends_last(const struct port_ends *ends, uint32_t netns, const struct tuple *tuple,
                       int64_t seen_ns)
{
	bool then = seen_ns >= ends->lost_since_ns && seen_ns < ends->lost_ns;
	int64_t last_ns = then ? seen_ns : ends->lost_ns;
	int64_t open_ns = ends->last_ns[slot_of(ends, netns, tuple, false)];
	int64_t connected_ns = ends->last_ns[slot_of(ends, netns, tuple, true)];

	if (open_ns > last_ns)
		last_ns = open_ns;
	return connected_ns > last_ns ? connected_ns : last_ns;
}
