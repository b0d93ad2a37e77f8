/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One existing_socket record for each socket, then snapshot_completed. Emitted
 * in pieces, as far as the sink has room, so that it neither blocks nor drops.
 */
#ifndef SOCKLINE_STREAM_SNAPSHOT_H
#define SOCKLINE_STREAM_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "base/error.h"
#include "base/hash.h"
#include "stream/emitter.h"
#include "stream/stream.h"

struct snapshot;

struct snapshot_options {
	struct stream *stream;           /* borrowed; NULL: no connections are followed */
	struct attribution *attribution; /* borrowed */
	struct emitter *emitter;         /* borrowed */
	struct hash_key key;
	uint32_t kinds; /* SOCKET_KIND_BIT */
	bool listening; /* only what waits for peers */
};

/* Lists the sockets of the namespaces now; owners are asked for as records are made. */
int snapshot_new(struct snapshot **result, const struct snapshot_options *options,
                 const uint32_t *netns, int netns_count, uint64_t id, struct error *error);
void snapshot_free(struct snapshot *snapshot);

/* Emits while the sink has at least `room` bytes; true when the last record is out. */
bool snapshot_emit(struct snapshot *snapshot, size_t room);

#endif
