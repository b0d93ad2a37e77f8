/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/stated.h"

#include <string.h>

static const struct owner *find(const struct origin *origin, uint32_t number, bool guesses)
{
	const struct owner *owner = origin_owner(origin, number);

	return owner && (guesses || owner->method != ATTRIBUTION_GUESS) ? owner : NULL;
}

struct stated stated_find(const struct origin *origin, const struct packet *packet, bool guesses)
{
	const struct packet_owners *owners = &packet->owners;

	if (!origin || !packet_states_owners(packet) ||
	    (owners->has_depth && owners->tunnel_depth != packet->tunnel_depth))
		return (struct stated){ 0 };
	return (struct stated){
		.source = find(origin, owners->source, guesses),
		.destination = find(origin, owners->destination, guesses),
		.any = find(origin, owners->any, guesses),
	};
}

bool stated_is_any(const struct stated *stated)
{
	return stated->source || stated->destination || stated->any;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* Two texts can state one process: it is known by another method, or shares its socket meanwhile. */
static bool is_same(const struct process *a, const struct process *b)
{
	if (a == b)
		return true;
	return a->pid == b->pid && a->entity_id == b->entity_id && a->start_ns == b->start_ns &&
	       is_same_text(a->name, b->name) && is_same_text(a->executable, b->executable) &&
	       a->has_real_uid == b->has_real_uid && a->real_uid == b->real_uid &&
	       a->has_uid == b->has_uid && a->uid == b->uid;
}

static bool set(struct owner *owner, const struct owner *stated)
{
	if (owner->process && is_same(owner->process, stated->process))
		return false;
	return owner_copy(owner, stated) == 0;
}

static bool bind_end(struct connection *connection, enum connection_end end,
                     const struct owner *stated)
{
	if (!stated)
		return false;
	connection->local[end] = true;
	return stated->process && set(&connection->owners[end], stated);
}

/* Two processes, and no packet says which end is whose. */
static void forget(struct owner *owner)
{
	owner_clear(owner);
	owner->reason = ATTRIBUTION_AMBIGUOUS;
}

/* The process stands where the record of a connection without local ends has it. */
static bool bind_any(struct connection *connection, const struct owner *stated)
{
	struct owner *owner = &connection->owners[CONNECTION_SOURCE];

	if (!stated || !stated->process || connection->local[CONNECTION_SOURCE] ||
	    connection->local[CONNECTION_DESTINATION] || owner->reason == ATTRIBUTION_AMBIGUOUS)
		return false;
	if (!owner->process)
		return set(owner, stated);
	if (is_same(owner->process, stated->process))
		return false;
	forget(owner);
	return true;
}

bool stated_bind(const struct stated *stated, struct connection *connection,
                 enum connection_end from)
{
	bool sender = bind_end(connection, from, stated->source);
	bool receiver = bind_end(connection, !from, stated->destination);
	bool any = bind_any(connection, stated->any);

	return sender || receiver || any;
}
