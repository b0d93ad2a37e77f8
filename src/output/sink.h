/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole lines to a descriptor, through a bounded buffer, without ever blocking
 * the caller. What does not fit is refused, and the caller counts it. Writes to
 * a pipe end at a line's end and are of at most PIPE_BUF (4,096) bytes, so that
 * even kill -9 leaves whole lines (pipe(7)); a line longer than that is written
 * alone.
 */
#ifndef SOCKLINE_OUTPUT_SINK_H
#define SOCKLINE_OUTPUT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct sink;

struct sink_counters {
	uint64_t lines, bytes; /* written to the descriptor, whole lines */
	uint64_t refused;      /* lines that did not fit */
	uint64_t writes;       /* write(2) calls that wrote something */
};

enum sink_state {
	SINK_OPEN,
	SINK_READER_GONE, /* EPIPE, ECONNRESET: end quietly */
	SINK_FAILED,      /* any other error: sink_error says which */
};

/*
 * fd is borrowed. It is made non-blocking without touching the flags that a
 * shell shares: a pipe is reopened through /proc/self/fd, else the original is
 * used with poll(2) before each write. capacity: bytes buffered at most.
 */
int sink_new(struct sink **sink, int fd, size_t capacity, struct error *error);
void sink_free(struct sink *sink); /* what is still buffered is lost: sink_drain first */

/* Takes a line with its LF. 0; -ENOBUFS: no room, nothing taken, counted as refused. */
int sink_put(struct sink *sink, const char *line, size_t length);
/* Bytes that sink_put would take now. */
size_t sink_room(const struct sink *sink);
size_t sink_pending(const struct sink *sink);
/* Writes what the descriptor takes now. The state afterwards. */
enum sink_state sink_flush(struct sink *sink);
/* Writes everything, waiting for the reader until the monotonic deadline at most. */
enum sink_state sink_drain(struct sink *sink, int64_t deadline_ns);

int sink_fd(const struct sink *sink); /* for EPOLLOUT while sink_pending is > 0 */
enum sink_state sink_get_state(const struct sink *sink);
int sink_error(const struct sink *sink); /* errno of SINK_FAILED */
const struct sink_counters *sink_counters(const struct sink *sink);

/* Writes the rest to the old descriptor (as sink_drain), then goes on with fd. */
int sink_replace_fd(struct sink *sink, int fd, int64_t deadline_ns, struct error *error);

#endif
