/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole lines to a descriptor, through a bounded buffer, without ever blocking
 * the caller. What does not fit is refused, and the caller counts it. A write to
 * a pipe ends at a line's end and has no more bytes than the pipe has room for, so
 * that even kill -9 leaves whole lines; where the room is not known it has PIPE_BUF
 * (4,096) bytes at most, and a longer line is written alone: that takes 0.93 us of
 * processor time a packet instead of 0.77 in a replay into cat, and of cat's 0.29
 * instead of 0.18 (tests/bench, replay; medians of 12). A full disk keeps the buffer,
 * not half a line: see sink_stalled. With sink_take_blocks the same holds for blocks
 * of pcapng files in place of lines.
 *
 * The program ignores SIGPIPE and SIGXFSZ, so that EPIPE and EFBIG come instead.
 */
#ifndef SOCKLINE_OUTPUT_SINK_H
#define SOCKLINE_OUTPUT_SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "output/file.h"

#define SINK_SLACK 64

struct sink;

struct sink_counters {
	uint64_t taken; /* lines that were committed: taken - lines are still to be written */
	uint64_t lines, bytes; /* written to the descriptor, whole lines */
	uint64_t writes;       /* write(2) calls that wrote something */
	uint64_t stalls;       /* times that the disk became full */
};

enum sink_state {
	SINK_OPEN,
	SINK_READER_GONE, /* EPIPE, ECONNRESET, a terminal that hung up: end quietly */
	SINK_FAILED,      /* any other error: sink_error says which */
};

/*
 * fd is borrowed; -1: there is none yet, see sink_reconnect. It is made non-blocking without
 * touching the flags that a shell shares: a pipe or terminal is reopened through /proc/self/fd (before
 * privileges are given up: it takes the right to open it), a socket is written
 * with MSG_DONTWAIT, else the original is used with poll(2) before each write.
 * capacity: bytes buffered at most; twice as much is allocated.
 */
int sink_new(struct sink **sink, int fd, size_t capacity, struct error *error);
void sink_free(struct sink *sink); /* what is still buffered is lost: sink_drain first */

/*
 * From now on lines are written as the frames of frame.h, one for each flush and
 * MiB; counters go on counting lines. For a file, before the first line. 0 or -ENOMEM.
 */
int sink_compress(struct sink *sink, int level);

/* The file, as it was found, is cut before the first write to it; sink_cut does it now. 0 or -errno. */
void sink_cut_first(struct sink *sink, const struct file_state *state);
int sink_cut(struct sink *sink);

/* From now on blocks of pcapng files are written, in this machine's byte order. Before the first. */
void sink_take_blocks(struct sink *sink);

/*
 * Room for a line of up to most bytes, to write it in place; NULL when there is
 * less. SINK_SLACK bytes behind it may be overwritten. sink_commit takes the length bytes that
 * were written there, LF included; without it nothing has happened.
 */
char *sink_reserve(struct sink *sink, size_t most);
void sink_commit(struct sink *sink, size_t length);
/* Bytes that may be reserved now. */
size_t sink_room(const struct sink *sink);
size_t sink_pending(const struct sink *sink);
/* Writes what the descriptor takes now. The state afterwards. */
enum sink_state sink_flush(struct sink *sink);
/* Writes everything, waiting for the reader until the monotonic deadline at most. */
enum sink_state sink_drain(struct sink *sink, int64_t deadline_ns);

/*
 * For EPOLLOUT while sink_pending is > 0, and for EPOLLERR and EPOLLHUP always
 * (then sink_check). -1: a file, which needs no watch. Changes with sink_replace_fd.
 */
int sink_fd(const struct sink *sink);
/* Asks whether the reader is still there, without writing. The state afterwards. */
enum sink_state sink_check(struct sink *sink);
enum sink_state sink_get_state(const struct sink *sink);
int sink_error(const struct sink *sink); /* errno of SINK_FAILED */
/*
 * The disk is full. The file ends with a whole line, the buffer is kept, and
 * sink_flush tries again, ten times a second at most.
 */
bool sink_stalled(const struct sink *sink);
struct sink_counters sink_counters(const struct sink *sink);

/*
 * Called before each write that begins with a whole line, or is a whole frame; `least`
 * is the length of that line or frame. Returns how many bytes the write may have, at
 * least so many. It may call sink_switch_fd.
 */
typedef size_t sink_write_begins_fn(void *context, size_t least);
void sink_on_write(struct sink *sink, sink_write_begins_fn *begins, void *context);

/*
 * A descriptor that fails, or whose reader is gone, is no end from now on: its lines wait,
 * and sink_flush asks connect for another one, which may close the former one first. It
 * returns a descriptor, or -EAGAIN as long as there is none. The last bytes that were written,
 * see sink_keep, and what was written in part, are written again there, from the beginning
 * of a line on: that the kernel took them does not mean that the reader did. resend_max bytes
 * of the capacity are for them alone. Not for files.
 */
typedef int sink_connect_fn(void *context);
void sink_reconnect(struct sink *sink, sink_connect_fn *connect, void *context, size_t resend_max);
/* So many bytes are kept from now on, resend_max at most; fewer than before: as many as before. */
void sink_keep(struct sink *sink, size_t resend);
/* Waits for connect: there is no descriptor. */
bool sink_is_absent(const struct sink *sink);

/* Goes on with fd at once, with the first line that is not written. 0, or -errno as sink_new. */
int sink_switch_fd(struct sink *sink, int fd, struct error *error);

/*
 * Writes the rest to the old descriptor (as sink_drain), then goes on with fd,
 * also after a failure. A line that the old one took in part comes again, whole.
 * 0, or -errno as sink_switch_fd.
 */
int sink_replace_fd(struct sink *sink, int fd, int64_t deadline_ns, struct error *error);

#endif
