/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets as a pcapng file (-w), each with the owners of its record as a comment. A packet is
 * written when its record is made, so that both say the same. What finds no room in the sink is
 * counted, and the next packet of the interface says how many are missing.
 */
#ifndef SOCKLINE_STREAM_CAPTURE_WRITER_H
#define SOCKLINE_STREAM_CAPTURE_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "events/event.h"
#include "output/sink.h"

#define CAPTURE_WRITER_SNAPLEN_MAX 262144 /* bytes of a packet; libpcap reads no longer ones */

struct capture_writer;

struct capture_writer_options {
	struct sink *sink; /* borrowed; of blocks */
	struct hash_key key;
	uint32_t snaplen; /* that interfaces are said to have */
	int64_t start_ns; /* since the epoch; 0: that of the first packet */
	bool flush_each;
	const char *hardware, *os, *application, *comment; /* for the header; NULL = not known */
	/* A packet that finds no room waits for the reader while this says so. NULL: it is dropped. */
	bool (*waits)(void *context);
	void *context;
};

struct capture_writer_counters {
	uint64_t packets, dropped; /* written; lost */
};

/* Writes the header. 0 or -errno. */
int capture_writer_new(struct capture_writer **writer, const struct capture_writer_options *options,
                       struct error *error);
void capture_writer_free(struct capture_writer *writer); /* NULL is fine */

/* event: EVENT_PACKET with its frame. */
void capture_writer_add(struct capture_writer *writer, const struct event *event);

/* What the kernel counted of a capture, for the statistics at the end. */
struct capture_writer_capture {
	const char *name;
	uint32_t netns;
	int link_type;
	uint64_t received, dropped, interface_dropped, delivered;
};
/* Waits for room until deadline_ns (monotonic). */
void capture_writer_finish(struct capture_writer *writer, int64_t time_ns,
                           const struct capture_writer_capture *captures, int count,
                           int64_t deadline_ns);

const struct capture_writer_counters *capture_writer_counters(const struct capture_writer *writer);

#endif
