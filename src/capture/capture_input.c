/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_input.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/capture_inflate.h"

#define CHUNK 65536

struct capture_input {
	int fd;
	char *name;
	bool is_pipe, ended;
	int64_t modified_ns;
	uint64_t offset; /* of bytes[start] */
	uint8_t *bytes;
	size_t capacity, start, end;

	const char *compression; /* NULL: none */
	struct capture_inflate *inflate;
	uint8_t *raw;
	size_t raw_start, raw_end;
	bool raw_ended;
	uint64_t raw_offset; /* of raw[raw_start] */
};

static int open_path(struct capture_input *input, const char *path)
{
	bool is_stdin = strcmp(path, "-") == 0;
	struct stat status;

	input->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (input->fd < 0 || fstat(input->fd, &status) != 0)
		return -errno;
	if (S_ISDIR(status.st_mode))
		return -EISDIR;
	input->is_pipe =
		S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode) || S_ISCHR(status.st_mode);
	input->modified_ns = input->is_pipe ? clock_realtime_ns()
	                                    : (int64_t)status.st_mtim.tv_sec * NS_PER_SECOND +
	                                              status.st_mtim.tv_nsec;
	return 0;
}

void capture_input_close(struct capture_input *input)
{
	if (!input)
		return;
	if (input->fd > STDIN_FILENO)
		close(input->fd);
	capture_inflate_free(input->inflate);
	free(input->raw);
	free(input->bytes);
	free(input->name);
	free(input);
}

/* One read(2) of the file itself. The pipe may have been made non-blocking by whoever shares it. */
static ssize_t read_file(struct capture_input *input, uint8_t *bytes, size_t size, bool wait)
{
	struct pollfd readable = { .fd = input->fd, .events = POLLIN };
	ssize_t length;

	for (;;) {
		if (input->is_pipe && poll(&readable, 1, wait ? -1 : 0) != 1) {
			if (!wait)
				return -EAGAIN;
			continue;
		}
		length = read(input->fd, bytes, size);
		if (length >= 0)
			return length;
		if (errno != EINTR && (errno != EAGAIN || !wait))
			return -errno;
	}
}

static int refill_raw(struct capture_input *input, bool wait)
{
	ssize_t length = read_file(input, input->raw, CHUNK, wait);

	if (length < 0)
		return (int)length;
	input->raw_start = 0;
	input->raw_end = (size_t)length;
	input->raw_ended = length == 0;
	return 0;
}

static int damaged(const struct capture_input *input, const char *problem, struct error *error)
{
	return error_set(error, EIO, "%s: %s, at byte %" PRIu64 " of the compressed file: %s",
	                 input->name, input->compression, input->raw_offset, problem);
}

static ssize_t read_inflated(struct capture_input *input, uint8_t *bytes, size_t size, bool wait,
                             struct error *error)
{
	struct capture_inflate_step step = { .out = bytes, .out_length = size };

	while (step.out_length == size) {
		size_t available = input->raw_end - input->raw_start;
		int result;

		step.in = input->raw + input->raw_start;
		step.in_length = available;
		result = capture_inflate_run(input->inflate, &step);
		input->raw_start += available - step.in_length;
		input->raw_offset += available - step.in_length;
		if (step.out_length < size)
			break; /* what is damaged comes next */
		if (result != 0)
			return damaged(input, capture_inflate_problem(input->inflate), error);
		if (input->raw_ended && !capture_inflate_may_end(input->inflate))
			return damaged(input, "it ends in the middle", error);
		if (input->raw_ended)
			return 0;
		result = refill_raw(input, wait);
		if (result != 0)
			return result == -EAGAIN ? result
			                         : error_set(error, -result, "%s: %s", input->name,
			                                     strerror(-result));
	}
	return (ssize_t)(size - step.out_length);
}

static ssize_t read_bytes(struct capture_input *input, uint8_t *bytes, size_t size, bool wait,
                          struct error *error)
{
	ssize_t length;

	if (input->inflate)
		return read_inflated(input, bytes, size, wait, error);
	length = read_file(input, bytes, size, wait);
	if (length < 0 && length != -EAGAIN)
		return error_set(error, (int)-length, "%s: %s", input->name,
		                 strerror((int)-length));
	return length;
}

/* Room for `needed` bytes in the window, and for some more in any case. */
static int make_room(struct capture_input *input, size_t needed)
{
	size_t wanted = needed > CHUNK ? needed : CHUNK;
	uint8_t *grown;

	if (input->capacity - input->start >= wanted && input->end < input->capacity)
		return 0;
	input->end -= input->start;
	if (input->end > 0)
		memmove(input->bytes, input->bytes + input->start, input->end);
	input->start = 0;
	if (wanted <= input->capacity && input->end < input->capacity)
		return 0;
	grown = realloc(input->bytes, wanted);
	if (!grown)
		return -ENOMEM;
	input->bytes = grown;
	input->capacity = wanted;
	return 0;
}

int capture_input_fill(struct capture_input *input, size_t needed, bool wait, struct error *error)
{
	while (input->end - input->start < needed && !input->ended) {
		ssize_t length;

		if (make_room(input, needed) != 0)
			return error_set(error, ENOMEM, "%s: out of memory", input->name);
		length = read_bytes(input, input->bytes + input->end, input->capacity - input->end,
		                    wait, error);
		if (length < 0)
			return (int)length;
		input->ended = length == 0;
		input->end += (size_t)length;
	}
	return 0;
}

uint8_t *capture_input_window(struct capture_input *input, size_t *available)
{
	*available = input->end - input->start;
	return input->bytes + input->start;
}

void capture_input_skip(struct capture_input *input, size_t length)
{
	input->start += length;
	input->offset += length;
}

bool capture_input_ended(const struct capture_input *input)
{
	return input->ended;
}

ssize_t capture_input_read(struct capture_input *input, uint8_t *bytes, size_t size,
                           struct error *error)
{
	size_t available = input->end - input->start;
	ssize_t length;

	if (available > 0) {
		if (size > available)
			size = available;
		memcpy(bytes, input->bytes + input->start, size);
		capture_input_skip(input, size);
		return (ssize_t)size;
	}
	length = input->ended ? 0 : read_bytes(input, bytes, size, true, error);
	if (length > 0)
		input->offset += (uint64_t)length;
	return length;
}

/* The head turned out to be compressed: it is the first of what is to be decompressed. */
static int begin_inflate(struct capture_input *input, struct error *error)
{
	int result = capture_inflate_new(&input->inflate, input->compression);

	if (result == -ENOTSUP)
		return error_set(error, EINVAL, "%s: compressed with %s; decompress it first",
		                 input->name, input->compression);
	input->raw = input->bytes;
	input->raw_start = input->start;
	input->raw_end = input->end;
	input->raw_ended = input->ended;
	input->bytes = NULL;
	input->capacity = input->start = input->end = 0;
	input->ended = false;
	if (result != 0)
		return error_set(error, -result, "%s: out of memory", input->name);
	return capture_input_fill(input, CAPTURE_INPUT_HEAD, true, error);
}

/* Takes `length` bytes out of the window, which may be more than it ever holds. */
static int pass_over(struct capture_input *input, uint64_t length, struct error *error)
{
	while (length > 0) {
		int result = capture_input_fill(input, 1, true, error);
		size_t part = input->end - input->start;

		if (result != 0)
			return result;
		if (part == 0)
			return error_set(error, EIO,
			                 "%s: it ends in the middle of a skippable frame",
			                 input->name);
		if (part > length)
			part = (size_t)length;
		capture_input_skip(input, part);
		length -= part;
	}
	return capture_input_fill(input, CAPTURE_INPUT_HEAD, true, error);
}

/* pzstd(1) puts a skippable frame before each of its frames, and so before the first. */
static int pass_over_skippable(struct capture_input *input, struct error *error)
{
	uint64_t length;
	int result = 0;

	while (result == 0 && (length = capture_inflate_skippable(input->bytes + input->start,
	                                                          input->end - input->start)) > 0)
		result = pass_over(input, length, error);
	input->raw_offset = input->offset;
	input->offset = 0;
	return result;
}

static int read_head(struct capture_input *input, struct error *error)
{
	int result = capture_input_fill(input, CAPTURE_INPUT_HEAD, true, error);

	if (result == 0)
		result = pass_over_skippable(input, error);
	if (result != 0)
		return result;
	if (input->end == input->start)
		return error_set(error, EIO, "%s: empty, not a capture file", input->name);
	input->compression =
		capture_inflate_name(input->bytes + input->start, input->end - input->start);
	if (input->compression)
		return begin_inflate(input, error);
	return input->raw_offset == 0
	               ? 0
	               : error_set(error, EINVAL, "%s: no compressed data behind a skippable frame",
	                           input->name);
}

int capture_input_open(struct capture_input **input, const char *path, struct error *error)
{
	struct capture_input *opened = calloc(1, sizeof *opened);
	int result;

	if (!opened)
		return error_set(error, ENOMEM, "out of memory");
	opened->fd = -1;
	opened->name = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
	if (!opened->name) {
		capture_input_close(opened);
		return error_set(error, ENOMEM, "out of memory");
	}
	result = open_path(opened, path);
	if (result != 0)
		result = error_set(error, -result, "%s: %s", opened->name, strerror(-result));
	if (result == 0)
		result = read_head(opened, error);
	if (result != 0) {
		capture_input_close(opened);
		return result;
	}
	*input = opened;
	return 0;
}

const char *capture_input_name(const struct capture_input *input)
{
	return input->name;
}

int capture_input_fd(const struct capture_input *input)
{
	return input->fd;
}

bool capture_input_is_pipe(const struct capture_input *input)
{
	return input->is_pipe;
}

int64_t capture_input_modified_ns(const struct capture_input *input)
{
	return input->modified_ns;
}

uint64_t capture_input_offset(const struct capture_input *input)
{
	return input->offset;
}

bool capture_input_progress(const struct capture_input *input, uint64_t *done, uint64_t *total)
{
	off_t place = input->is_pipe ? -1 : lseek(input->fd, 0, SEEK_CUR);
	struct stat status;

	if (place < 0 || fstat(input->fd, &status) != 0 || !S_ISREG(status.st_mode))
		return false;
	*done = (uint64_t)place;
	*total = (uint64_t)status.st_size;
	return true;
}

void capture_input_place(const struct capture_input *input, uint64_t offset, char text[64])
{
	snprintf(text, 64, "at byte %" PRIu64 "%s", offset,
	         input->inflate ? " of what was compressed" : "");
}
