/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic by process: what each sent and received since the start, and in the
 * last interval. IP bytes, copies of a packet on other interfaces not counted;
 * on loopback sender and receiver both count it.
 */
#ifndef SOCKLINE_STREAM_TRAFFIC_H
#define SOCKLINE_STREAM_TRAFFIC_H

#include <stdint.h>

#include "capture/packet.h"
#include "connections/connection_table.h"
#include "stream/emitter.h"

struct traffic;

struct traffic *traffic_new(uint32_t max_processes); /* NULL: no memory */
void traffic_free(struct traffic *traffic);

/* A packet that the end `from` sent. Ends that are not of this host count nowhere. */
void traffic_count(struct traffic *traffic, const struct connection *connection,
                   enum connection_end from, const struct packet *packet);
/*
 * One process_traffic record for each process that had traffic in the interval,
 * and one, without process, for what has no known owner. Forgets those that
 * have exited.
 */
void traffic_emit(struct traffic *traffic, const struct connection_table *connections,
                  struct emitter *emitter, int64_t time_ns, int64_t interval_ns);

#endif
