/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last step: an event gets its sequence number, is encoded and put into the
 * sink. What finds no room there has used its number up, so a gap proves the loss;
 * the loss is counted and announced as soon as there is room.
 */
#ifndef SOCKLINE_STREAM_EMITTER_H
#define SOCKLINE_STREAM_EMITTER_H

#include <stdbool.h>
#include <stdint.h>

#include "events/encode.h"
#include "events/event.h"
#include "output/sink.h"
#include "stream/capture_writer.h"
#include "stream/selection.h"
#include "stream/summary.h"

struct emitter;

/* What -e asks for; run and log records always come. */
#define EMITTER_PACKET     1u
#define EMITTER_OPENED     2u
#define EMITTER_UPDATED    4u
#define EMITTER_ATTRIBUTED 8u
#define EMITTER_CLOSED     16u
#define EMITTER_CONNECTION (EMITTER_OPENED | EMITTER_UPDATED | EMITTER_ATTRIBUTED | EMITTER_CLOSED)
#define EMITTER_STATE      32u
#define EMITTER_SOCKET     64u
#define EMITTER_TRAFFIC    128u
#define EMITTER_STATS      256u
#define EMITTER_DNS        512u
#define EMITTER_LIFECYCLE  1024u
#define EMITTER_PROCESS    (EMITTER_TRAFFIC | EMITTER_LIFECYCLE)
#define EMITTER_ALL        2047u

struct emitter_options {
	struct encoder *encoder; /* borrowed */
	struct sink *sink;       /* borrowed */
	unsigned events;         /* EMITTER_* */
	bool flush_each;         /* -l, -U */
	/* A record that finds no room waits for the reader while this says so. NULL: it is dropped. */
	bool (*waits)(void *context);
	const struct selection *selection; /* which records are written; NULL = all. Borrowed. */
	struct capture_writer *packets;    /* has the packets themselves; NULL = none. Borrowed. */
	/* Has the ends of connections, also where -e asks for no record of them. NULL: none. Borrowed. */
	struct summary *summary;
	/*
	 * Called for each process that a record names, but those of packets: their
	 * connection_opened has come first. NULL: never.
	 */
	void (*complete)(void *context, struct process *process);
	/*
	 * Called before such a record is written, or would be if it were asked for: it names the
	 * process as it was at that time, since the epoch. NULL: never.
	 */
	void (*named)(void *context, struct process *process, int64_t wall_ns);
	void *context;
};

struct emitter_counters {
	uint64_t dropped;    /* records that found no room */
	uint64_t deselected; /* records of others: they have no number */
};

struct emitter *emitter_new(const struct emitter_options *options); /* NULL: no memory */
void emitter_free(struct emitter *emitter);

bool emitter_wants(const struct emitter *emitter, enum event_action action);
/* Packets are emitted for their records, or to be written themselves. */
bool emitter_takes_packets(const struct emitter *emitter);
/* Numbers and writes the event, unless it is not wanted. */
void emitter_emit(struct emitter *emitter, struct event *event);
/* While a deadline is set, emit waits for the reader until then instead of dropping. */
void emitter_set_deadline(struct emitter *emitter, int64_t deadline_ns);

/* Announces what was dropped, when there is room again. */
void emitter_announce(struct emitter *emitter, int64_t time_ns);
/* Bytes that may still be emitted before records are dropped. */
size_t emitter_room(const struct emitter *emitter);
const struct emitter_counters *emitter_counters(const struct emitter *emitter);

#endif
