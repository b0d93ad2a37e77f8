/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sentinel's threads saw, kept for a while by tuple: the loop's side of
 * sentinel.h. Bounded: the oldest sighting makes room.
 */
#ifndef SOCKLINE_ATTRIBUTION_SIGHTINGS_H
#define SOCKLINE_ATTRIBUTION_SIGHTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "base/hash.h"
#include "sentinel/sentinel.h"

struct sightings;

#define SIGHTINGS_KEEP_NS (INT64_C(30) * 1000000000)

/* sentinel and processes are borrowed. NULL: no memory. */
struct sightings *sightings_new(struct sentinel *sentinel, struct process_table *processes,
                                const struct hash_key *key);
void sightings_free(struct sightings *sightings);

/* Takes over what the threads have found. attribution looks on where they gave up. */
void sightings_drain(struct sightings *sightings, struct attribution *attribution);

/*
 * The owner of the end question->tuple.source as it was seen when the connection
 * began. False: not seen. *owner must be clear.
 */
bool sightings_find(struct sightings *sightings, const struct attribution_question *question,
                    struct owner *owner);

#endif
