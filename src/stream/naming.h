/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What connections are about: puts what inspection found in packets where the connection is,
 * ties answers of DNS to their queries, and connections to the names that were answered.
 */
#ifndef SOCKLINE_STREAM_NAMING_H
#define SOCKLINE_STREAM_NAMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "decode/packet.h"
#include "connections/connection_table.h"
#include "inspect/inspector.h"
#include "stream/emitter.h"

#define NAMING_FINDINGS_MAX  32 /* of a batch; a power of two */
#define NAMING_FINDINGS_EACH 8  /* of one packet; those over it are not looked at */

struct naming;

/* A ring in the order of packets: what was found is there from head on and before tail. */
struct naming_queue {
	uint32_t head, tail;
	uint64_t next; /* number of the packet that the first is of; UINT64_MAX: there is none */
};

/* The table and the emitter are borrowed. NULL: no memory. */
struct naming *naming_new(const struct hash_key *key, struct connection_table *connections,
                          struct emitter *emitter);
void naming_free(struct naming *naming); /* NULL is fine */

/* Most packets need no look. */
static inline bool naming_wants(const struct packet *packet)
{
	return inspector_wants(packet);
}
/* The first member of a struct naming, for what is asked for each packet. */
static inline const struct naming_queue *naming_queue(const struct naming *naming)
{
	return (const struct naming_queue *)naming;
}
static inline bool naming_is_full(const struct naming *naming)
{
	const struct naming_queue *queue = naming_queue(naming);

	return queue->tail - queue->head > NAMING_FINDINGS_MAX - NAMING_FINDINGS_EACH;
}
/* False for most packets: nothing was found in this one. */
static inline bool naming_may_have_found(const struct naming *naming, const struct packet *packet)
{
	return packet->number >= naming_queue(naming)->next;
}
/* Looks into such a packet; what is found is kept until it passes. When full, others must pass first. */
void naming_look(struct naming *naming, const struct packet *packet, const uint8_t *bytes);
/*
 * A batch of packets is about to pass: what naming_found() needs is brought into the cache.
 * connections: those that they probably belong to, some of them NULL.
 */
void naming_prefetch(const struct naming *naming, const struct packet *packets, int count,
                     const struct connection *const *connections);
/*
 * The packet passes: what was found in it stands in its connection now, and in records. Without
 * a connection it is forgotten.
 */
void naming_found(struct naming *naming, const struct packet *packet, struct connection *connection,
                  enum connection_end from);

/* A connection begins, its owner is known if it is at once: its destination may have a name. */
void naming_opened(struct naming *naming, struct connection *connection);
/* Emits the queries from before that time which had no answer; INT64_MAX: at the end, all. */
void naming_expire(struct naming *naming, int64_t before_ns);

#endif
