/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The captures of a run: "any", several named interfaces, or one file. Decodes and
 * numbers their packets. Watches them in the loop, opens a lost interface again by name
 * when it is back, and reports both.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_SET_H
#define SOCKLINE_CAPTURE_CAPTURE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "capture/capture.h"
#include "decode/packet.h"

struct capture_set;

/* A decoded packet, with its number in the run, and its captured bytes; valid during the call. */
typedef void capture_set_packet(void *context, const struct packet *packet, const uint8_t *bytes);
/* back false: the interface went, with the reason; true: it is captured again. */
typedef void capture_set_change(void *context, const char *interface, bool back,
                                const char *reason);
/* May packets be taken now? False while the output has no room. */
typedef bool capture_set_ready(void *context);

struct capture_set_options {
	struct capture_options capture;
	int grown_kib, grown_max; /* of these, so many that are busy get a ring of that size */
	size_t queue_bytes;       /* for other namespaces' captures of "any" together; 0: rings */
	capture_set_packet *packet;
	capture_set_change *change;
	capture_set_ready *ready;
	void *context;
};

/* options are copied, the strings in them borrowed. NULL when memory is short. */
struct capture_set *capture_set_new(struct loop *loop, const struct capture_set_options *options);
void capture_set_free(struct capture_set *set);

/*
 * Opens interface in the network namespace of netns_fd (borrowed until it is
 * removed; -1: the caller's), of which netns is the number. 0 or -errno.
 * buffer_kib overrides the options; 0 = as there.
 */
int capture_set_add_live(struct capture_set *set, const char *interface, uint32_t netns,
                         int netns_fd, int buffer_kib, struct error *error);
/* Another descriptor in place of netns_fd, which may be closed then. */
void capture_set_set_namespace(struct capture_set *set, uint32_t netns, int netns_fd);
/*
 * Closes the captures of a namespace that is going away, after what is in their
 * rings was handed over. capture_set_removed has their counts from then on.
 */
void capture_set_remove(struct capture_set *set, uint32_t netns);
int capture_set_add_file(struct capture_set *set, const char *path, struct error *error);

/*
 * A turn: hands over what is there, at most `limit` packets of each capture.
 * True when there may be more at once. For files it is the only way to read;
 * *ended is set at the end of the file, a damaged one gives -EIO in *result.
 */
bool capture_set_dispatch(struct capture_set *set, int limit, bool *ended, int *result,
                          struct error *error);
/* Milliseconds to the next turn that is needed without a readable fd, -1 = none. */
int capture_set_timeout_ms(const struct capture_set *set);
/* Watches the descriptors, or stops it while the output has no room. */
void capture_set_watch(struct capture_set *set, bool watch);

/* Called once a second. */
void capture_set_tick(struct capture_set *set);

/* Ends the running dispatch; no packet is handed over after it. */
void capture_set_break(struct capture_set *set);
/* Stops the flow, hands over what is in the rings (within deadline), and makes counters exact. */
void capture_set_stop(struct capture_set *set, int64_t deadline_ns);

/* What the file says of where its packets come from; NULL: nothing. */
const struct origin *capture_set_origin(const struct capture_set *set);

/* Bytes of the file that were read, and that it has; false: it is none, or a pipe. */
bool capture_set_progress(const struct capture_set *set, uint64_t *done, uint64_t *total);

int capture_set_count(const struct capture_set *set);
const char *capture_set_name(const struct capture_set *set, int number);
size_t capture_set_buffer(const struct capture_set *set, int number); /* bytes; 0: none now */
int capture_set_link_type(const struct capture_set *set, int number); /* DLT_*; -1: not known */
uint32_t capture_set_netns(const struct capture_set *set, int number);
/* How many were removed so far, and the sum of what they had counted. */
int capture_set_removed(const struct capture_set *set, struct capture_counters *counters);
/* Totals, those of earlier openings of the same interface included. */
void capture_set_counters(struct capture_set *set, int number, struct capture_counters *counters);

#endif
