/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traffic by process: what each sent and received since the start, and in the
 * last interval. IP bytes, copies of a packet on other interfaces not counted;
 * on loopback sender and receiver both count it.
 */
#ifndef SOCKLINE_STREAM_TRAFFIC_H
#define SOCKLINE_STREAM_TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/packet.h"
#include "connections/connection_table.h"
#include "stream/emitter.h"

struct traffic;

struct traffic *traffic_new(uint32_t max_processes, uint32_t max_connections); /* NULL: no memory */
void traffic_free(struct traffic *traffic);

/* A connection is new. */
void traffic_opened(struct traffic *traffic, const struct connection *connection);
/* None of its ends was known as local, and one is: what it carried so far counts. */
void traffic_found_local(struct traffic *traffic, const struct connection *connection);
/* Its owners may be known by now: what it carried before moves to them from the unknown. */
void traffic_attributed(struct traffic *traffic, const struct connection *connection);
/*
 * A packet that the end `from` sent. Ends that are not of this host count nowhere; one that is in
 * `gone` (1 << end) had no socket any more, and it stays with the unknown.
 */
void traffic_count(struct traffic *traffic, const struct connection *connection,
                   enum connection_end from, unsigned gone, const struct packet *packet);
/* A packet of no connection, such as an ICMP error: this host sent it, received it, or both. */
void traffic_count_unconnected(struct traffic *traffic, bool sent, bool received,
                               const struct packet *packet);
/*
 * Begins the records of an interval: one process_traffic record for each process that
 * had traffic in it, and one, without process, for what has no known owner. False: those
 * of an earlier interval are still to be emitted; nothing has changed.
 */
bool traffic_begin(struct traffic *traffic, const struct connection_table *connections,
                   int64_t time_ns, int64_t interval_ns);
/*
 * Emits what was begun while ready (NULL: always) returns true. True when it is done,
 * also when nothing was begun. Processes that have exited are forgotten then.
 */
bool traffic_emit(struct traffic *traffic, struct emitter *emitter, bool (*ready)(void *context),
                  void *context);
/* Emits what was begun, and of each process that became an owner since. */
void traffic_finish(struct traffic *traffic, struct emitter *emitter);

/* What a process, or all without a known owner, had since it was taken last. */
struct traffic_share {
	const struct process *process; /* NULL: no known owner */
	struct event_traffic sent, received;
	uint64_t connections; /* open now */
};
typedef void traffic_taker(void *context, const struct traffic_share *share);

/* For a reader beside the records: calls back for each process, also where it had nothing. */
void traffic_take(struct traffic *traffic, const struct connection_table *connections,
                  traffic_taker *taker, void *context);
/* Where no records are emitted: processes that have exited, and were taken. */
void traffic_forget_exited(struct traffic *traffic);

#endif
