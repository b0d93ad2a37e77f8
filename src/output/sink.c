/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/sink.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "output/frame.h"
#include "output/target.h"

#define STALL_RETRY_NS (100 * NS_PER_MS)

/*
 * bytes[kept, begin) is written, and kept for sink_reconnect(); without that kept is begin.
 * bytes[begin, end) is pending; the first `partial` bytes of it are written
 * already, the beginning of a line. They stay until the line is complete, so
 * that it can be taken back or said again. Compressed lines stay until all of
 * their frame is written; partial is 0 then.
 */
struct sink {
	struct target target;
	struct frame *frame; /* NULL: lines are written as they are */
	char *bytes;
	size_t capacity, kept, begin, end, partial;
	size_t resend;     /* begin - kept is not more */
	size_t resend_max; /* of the capacity: resend may grow up to it */
	sink_connect_fn *connect;
	void *connect_context;
	enum sink_state state;
	int error;
	bool blocks; /* of pcapng files, in place of lines */
	bool stalled;
	int64_t retry_at_ns; /* when stalled */
	sink_write_begins_fn *begins;
	void *context; /* for begins */
	struct sink_counters counters;
};

int sink_new(struct sink **sink, int fd, size_t capacity, struct error *error)
{
	struct sink *fresh = calloc(1, sizeof *fresh);
	int result;

	if (!fresh)
		goto no_memory;
	/* Twice: then a byte is moved to the front at most once on its way through. */
	if (capacity < SIZE_MAX / 2 - SINK_SLACK)
		fresh->bytes = malloc(2 * capacity + SINK_SLACK);
	if (!fresh->bytes)
		goto no_memory;
	fresh->target = target_absent();
	result = fd >= 0 ? target_open(&fresh->target, fd, error) : 0;
	if (result < 0)
		goto fail;
	fresh->capacity = capacity;
	*sink = fresh;
	return 0;
no_memory:
	result = error_set(error, ENOMEM, "no memory for the output buffer");
fail:
	if (fresh)
		free(fresh->bytes);
	free(fresh);
	return result;
}

void sink_free(struct sink *sink)
{
	if (!sink)
		return;
	target_close(&sink->target);
	frame_free(sink->frame);
	free(sink->bytes);
	free(sink);
}

int sink_compress(struct sink *sink, int level)
{
	sink->frame = frame_new(level);
	return sink->frame ? 0 : -ENOMEM;
}

void sink_take_blocks(struct sink *sink)
{
	sink->blocks = true;
}

static void move_to_front(struct sink *sink)
{
	memmove(sink->bytes, sink->bytes + sink->kept, sink->end - sink->kept);
	sink->end -= sink->kept;
	sink->begin -= sink->kept;
	sink->kept = 0;
}

char *sink_reserve(struct sink *sink, size_t most)
{
	if (most > sink_room(sink))
		return NULL;
	if (most > 2 * sink->capacity - sink->end)
		move_to_front(sink);
	return sink->bytes + sink->end;
}

void sink_commit(struct sink *sink, size_t length)
{
	sink->end += length;
	sink->counters.taken++;
}

size_t sink_room(const struct sink *sink)
{
	size_t pending = sink_pending(sink), most = sink->capacity - sink->resend_max;

	return pending < most ? most - pending : 0; /* more: what was kept is pending again */
}

size_t sink_pending(const struct sink *sink)
{
	return sink->end - sink->begin;
}

void sink_cut_first(struct sink *sink, const struct file_state *state)
{
	sink->target.file = *state;
}

int sink_cut(struct sink *sink)
{
	return target_cut(&sink->target);
}

void sink_on_write(struct sink *sink, sink_write_begins_fn *begins, void *context)
{
	sink->begins = begins;
	sink->context = context;
}

/* So many bytes may be written at once. */
static size_t most_bytes(struct sink *sink, const char *bytes, size_t length)
{
	size_t most = PIPE_BUF, limit;
	const char *newline;

	if (length > most)
		most = target_whole_max(&sink->target);
	if (!sink->begins || sink->partial > 0)
		return most;
	newline = memchr(bytes, '\n', length);
	limit = sink->begins(sink->context, newline ? (size_t)(newline + 1 - bytes) : length);
	return limit < most ? limit : most;
}

/* The length of the block that begins there. */
static size_t block_length(const char *block)
{
	uint32_t length;

	memcpy(&length, block + 4, sizeof length);
	return length;
}

/* Bytes of the whole blocks at the front. */
static size_t whole_blocks(const char *bytes, size_t length)
{
	size_t whole = 0;

	while (length - whole >= 8 && block_length(bytes + whole) <= length - whole)
		whole += block_length(bytes + whole);
	return whole;
}

/* The rest of a block that is partly written; else as many whole ones as fit, at least one. */
static size_t next_blocks(const struct sink *sink, const char *bytes, size_t most)
{
	size_t whole;

	if (sink->partial > 0)
		return block_length(bytes - sink->partial) - sink->partial;
	whole = whole_blocks(bytes, most);
	return whole > 0 ? whole : block_length(bytes);
}

/* As many whole lines as one write may have; at least one line. */
static size_t next_length(struct sink *sink, const char *bytes, size_t length)
{
	size_t most = most_bytes(sink, bytes, length);
	const char *newline;

	if (length <= most)
		return length;
	if (sink->blocks)
		return next_blocks(sink, bytes, most);
	newline = memrchr(bytes, '\n', most);
	if (!newline)
		newline = memchr(bytes + most, '\n', length - most);
	return newline ? (size_t)(newline + 1 - bytes) : length;
}

/* Keeps what may have to be written again, in whole lines and near the front of the buffer. */
static void keep_written(struct sink *sink)
{
	const char *newline;

	if (sink->begin - sink->kept > sink->resend) {
		sink->kept = sink->begin - sink->resend;
		newline = memchr(sink->bytes + sink->kept, '\n', sink->resend);
		sink->kept = newline ? (size_t)(newline + 1 - sink->bytes) : sink->begin;
	}
	if (sink->kept > 2 * sink->resend)
		move_to_front(sink);
}

/* So many bytes of whole lines are written. */
static void consume(struct sink *sink, size_t whole)
{
	sink->counters.bytes += whole;
	sink->begin += whole;
	if (sink->resend > 0) {
		keep_written(sink);
	} else {
		if (sink->begin == sink->end)
			sink->begin = sink->end = 0; /* these pages are in the cache */
		sink->kept = sink->begin;
	}
	/* Room for a part of a line, which is taken back, would not end a stall. */
	sink->stalled = false;
}

static void written(struct sink *sink, size_t length)
{
	char *at = sink->bytes + sink->begin;
	const char *newline;
	size_t whole;

	sink->partial += length;
	if (sink->blocks) {
		whole = whole_blocks(at, sink->partial);
	} else {
		newline = memrchr(at + sink->partial - length, '\n', length); /* none is before */
		whole = newline ? (size_t)(newline + 1 - at) : 0;
	}
	sink->partial -= whole;
	if (whole > 0)
		consume(sink, whole);
}

/* Bytes written, or -errno. */
static ssize_t write_lines(struct sink *sink)
{
	const char *bytes = sink->bytes + sink->begin + sink->partial;
	size_t length = sink_pending(sink) - sink->partial;
	ssize_t result = target_write(&sink->target, bytes, next_length(sink, bytes, length));

	if (result > 0)
		written(sink, (size_t)result);
	return result;
}

/* The same of the frame at hand, or of one that is made of the next lines. */
static ssize_t write_frame(struct sink *sink)
{
	const char *bytes;
	size_t length, lines;
	ssize_t result;

	frame_rest(sink->frame, &length);
	if (length == 0) {
		int code = frame_make(sink->frame, sink->bytes + sink->begin, sink_pending(sink));

		if (code != 0)
			return code;
	}
	bytes = frame_rest(sink->frame, &length);
	if (sink->begins && frame_written(sink->frame) == 0)
		sink->begins(sink->context, length);
	result = target_write(&sink->target, bytes, length);
	lines = result > 0 ? frame_advance(sink->frame, (size_t)result) : 0;
	if (lines > 0)
		consume(sink, lines);
	return result;
}

/* Cuts off what is written of a line or a frame that is not complete. */
static void take_back(struct sink *sink)
{
	size_t length = sink->frame ? frame_written(sink->frame) : sink->partial;

	if (length == 0 || !target_take_back(&sink->target, length))
		return;
	sink->partial = 0;
	if (sink->frame)
		frame_rewind(sink->frame);
}

/* What is kept, and what was written in part, is pending again. */
static void detach(struct sink *sink)
{
	target_close(&sink->target);
	sink->target = target_absent();
	sink->begin = sink->kept;
	sink->partial = 0;
}

static void failed(struct sink *sink, int error)
{
	bool file = sink->target.kind == TARGET_FILE;

	if (error == EAGAIN)
		return;
	if (sink->connect) {
		detach(sink);
		return;
	}
	if (file)
		take_back(sink);
	if (file && (error == ENOSPC || error == EDQUOT)) {
		sink->counters.stalls += !sink->stalled;
		sink->stalled = true;
		sink->retry_at_ns = clock_monotonic_ns() + STALL_RETRY_NS;
	} else if (error == EPIPE || error == ECONNRESET ||
	           (error == EIO && sink->target.kind == TARGET_TERMINAL)) {
		sink->state = SINK_READER_GONE;
	} else {
		sink->state = SINK_FAILED;
		sink->error = error;
	}
}

void sink_reconnect(struct sink *sink, sink_connect_fn *connect, void *context, size_t resend_max)
{
	sink->connect = connect;
	sink->connect_context = context;
	sink->resend_max = resend_max;
}

void sink_keep(struct sink *sink, size_t resend)
{
	if (resend > sink->resend_max)
		resend = sink->resend_max;
	if (resend > sink->resend)
		sink->resend = resend;
}

bool sink_is_absent(const struct sink *sink)
{
	return sink->target.kind == TARGET_ABSENT;
}

static bool attach(struct sink *sink)
{
	int fd = sink->connect(sink->connect_context);

	if (fd < 0)
		return false;
	if (sink_switch_fd(sink, fd, NULL) == 0)
		return true;
	detach(sink);
	return false;
}

enum sink_state sink_flush(struct sink *sink)
{
	if (sink->state != SINK_OPEN || (sink->stalled && clock_monotonic_ns() < sink->retry_at_ns))
		return sink->state;
	if (sink_is_absent(sink) && !attach(sink))
		return sink->state;
	while (sink_pending(sink) > 0) {
		ssize_t result = sink->frame ? write_frame(sink) : write_lines(sink);

		if (result < 0) {
			failed(sink, (int)-result);
			break;
		}
		sink->counters.writes++;
	}
	return sink->state;
}

/* Until the descriptor may take more, a stall may be over, or the deadline. */
static void wait_for_room(const struct sink *sink, int64_t left_ns)
{
	struct pollfd ready = { .fd = sink->target.fd, .events = POLLOUT };
	int64_t most_ns = sink->stalled && left_ns > STALL_RETRY_NS ? STALL_RETRY_NS : left_ns;
	int64_t most_ms = (most_ns + NS_PER_MS - 1) / NS_PER_MS;

	/* A file is always ready for poll, also on a full disk. */
	poll(&ready, sink->stalled ? 0 : 1, most_ms > INT_MAX ? INT_MAX : (int)most_ms);
}

enum sink_state sink_drain(struct sink *sink, int64_t deadline_ns)
{
	while (sink_flush(sink) == SINK_OPEN && sink_pending(sink) > 0) {
		int64_t left_ns = deadline_ns - clock_monotonic_ns();

		if (left_ns <= 0)
			break;
		wait_for_room(sink, left_ns);
	}
	return sink->state;
}

int sink_fd(const struct sink *sink)
{
	return sink->target.watched ? sink->target.fd : -1;
}

enum sink_state sink_check(struct sink *sink)
{
	if (sink->state != SINK_OPEN || !target_hung_up(&sink->target, sink->connect != NULL))
		return sink->state;
	if (sink->connect)
		detach(sink);
	else
		sink->state = SINK_READER_GONE;
	return sink->state;
}

enum sink_state sink_get_state(const struct sink *sink)
{
	return sink->state;
}

int sink_error(const struct sink *sink)
{
	return sink->error;
}

bool sink_stalled(const struct sink *sink)
{
	return sink->stalled;
}

/* Lines are counted where they are few: in what is left. */
struct sink_counters sink_counters(const struct sink *sink)
{
	struct sink_counters counters = sink->counters;
	const char *at = sink->bytes + sink->begin, *end = sink->bytes + sink->end;

	counters.lines = counters.taken;
	for (; sink->blocks && at < end; at += block_length(at))
		counters.lines--;
	while (!sink->blocks && (at = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		at++;
		counters.lines--;
	}
	return counters;
}

int sink_switch_fd(struct sink *sink, int fd, struct error *error)
{
	struct target fresh;
	int result = target_open(&fresh, fd, error);

	if (result < 0)
		return result;
	target_close(&sink->target);
	sink->target = fresh;
	sink->partial = 0;
	if (sink->frame)
		frame_rewind(sink->frame);
	sink->state = SINK_OPEN;
	sink->error = 0;
	sink->stalled = false;
	return 0;
}

int sink_replace_fd(struct sink *sink, int fd, int64_t deadline_ns, struct error *error)
{
	sink_drain(sink, deadline_ns);
	return sink_switch_fd(sink, fd, error);
}
