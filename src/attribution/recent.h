/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners of TCP sockets that were verified once, remembered for a while after
 * the socket is gone: what makes TIME_WAIT and the last packets nameable. Pure,
 * bounded: the oldest entry makes room.
 */
#ifndef SOCKLINE_ATTRIBUTION_RECENT_H
#define SOCKLINE_ATTRIBUTION_RECENT_H

#include <stdint.h>

#include "attribution/owner.h"
#include "base/hash.h"
#include "base/inet.h"

struct recent;

struct recent *recent_new(uint32_t max_entries, const struct hash_key *key); /* NULL: no memory */
void recent_free(struct recent *recent);

/* tuple: local end first. Copies owner. now_ns: monotonic, when it was verified. */
void recent_put(struct recent *recent, uint32_t netns, const struct tuple *tuple,
                const struct owner *owner, int64_t now_ns);
/* Lets go of some owners that are too old to be found. For once a second: each keeps a process. */
void recent_expire(struct recent *recent, int64_t now_ns);
/*
 * The owner verified at or after since_ns (monotonic: when the connection began,
 * so that a reused tuple is never given its predecessor's owner) and not too long
 * ago. NULL = none. Valid until the next recent_put.
 */
const struct owner *recent_find(const struct recent *recent, uint32_t netns,
                                const struct tuple *tuple, int64_t since_ns, int64_t now_ns);

#endif
