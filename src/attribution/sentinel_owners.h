/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sentinel's threads saw, kept for a while by tuple: the loop's side of
 * sentinel.h. Bounded: the oldest sighting makes room.
 */
#ifndef SOCKLINE_ATTRIBUTION_SENTINEL_OWNERS_H
#define SOCKLINE_ATTRIBUTION_SENTINEL_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/owner.h"
#include "attribution/question.h"
#include "base/hash.h"
#include "sentinel/sentinel.h"
#include "sockets/socket.h"

struct process_table;
struct sentinel_owners;

/* sentinel and processes are borrowed. NULL: no memory. */
struct sentinel_owners *sentinel_owners_new(struct sentinel *sentinel,
                                            struct process_table *processes,
                                            const struct hash_key *key);
void sentinel_owners_free(struct sentinel_owners *owners);

/* Looks for the owner of a socket whose holder a thread did not find in its time. *owner is clear. */
typedef void sentinel_owners_resolve(void *context, const struct socket *socket, int64_t seen_ns,
                                     struct owner *owner);

/* Takes over what the threads have found; resolve is called where they gave up. */
void sentinel_owners_drain(struct sentinel_owners *owners, sentinel_owners_resolve *resolve,
                           void *context);

/*
 * The owner of the end question->tuple.source as it was seen when the connection
 * began. False: not seen. *owner must be clear.
 */
bool sentinel_owners_find(struct sentinel_owners *owners,
                          const struct attribution_question *question, struct owner *owner);

/* How often the threads named another process for an end than before. */
uint32_t sentinel_owners_changes(const struct sentinel_owners *owners);
/* Did they so since the connection of the question began? */
bool sentinel_owners_is_contested(const struct sentinel_owners *owners,
                                  const struct attribution_question *question);

#endif
