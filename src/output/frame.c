/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "output/frame.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

/* A frame of ours is shorter. Frames of another program are recognised up to this length. */
#define FRAME_MAX (2 * (size_t)FRAME_LINES_MAX)

struct frame {
	ZSTD_CCtx *context;
	char *bytes;
	size_t capacity, length, written; /* of bytes */
	size_t lines;                     /* bytes of lines that it stands for */
};

struct frame *frame_new(int level)
{
	struct frame *frame = calloc(1, sizeof *frame);

	if (!frame)
		return NULL;
	frame->capacity = ZSTD_compressBound(FRAME_LINES_MAX);
	frame->bytes = malloc(frame->capacity);
	frame->context = ZSTD_createCCtx();
	if (!frame->bytes || !frame->context ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(frame->context, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(frame->context, ZSTD_c_checksumFlag, 1))) {
		frame_free(frame);
		return NULL;
	}
	return frame;
}

void frame_free(struct frame *frame)
{
	if (!frame)
		return;
	ZSTD_freeCCtx(frame->context);
	free(frame->bytes);
	free(frame);
}

int frame_make(struct frame *frame, const char *bytes, size_t length)
{
	size_t lines = length, result;

	if (length > FRAME_LINES_MAX)
		lines = (size_t)((const char *)memrchr(bytes, '\n', FRAME_LINES_MAX) + 1 - bytes);
	frame->length = frame->written = frame->lines = 0;
	result = ZSTD_compress2(frame->context, frame->bytes, frame->capacity, bytes, lines);
	/* There is room for any result: memory is the only thing that can be short. */
	if (ZSTD_isError(result))
		return -ENOMEM;
	frame->length = result;
	frame->lines = lines;
	return 0;
}

const char *frame_rest(const struct frame *frame, size_t *length)
{
	*length = frame->length - frame->written;
	return frame->bytes + frame->written;
}

size_t frame_written(const struct frame *frame)
{
	return frame->written;
}

size_t frame_advance(struct frame *frame, size_t written)
{
	frame->written += written;
	if (frame->written < frame->length)
		return 0;
	frame->length = frame->written = 0;
	return frame->lines;
}

void frame_rewind(struct frame *frame)
{
	frame->written = 0;
}

/* As many bytes as there are, up to length. */
static ssize_t read_at(int fd, char *bytes, size_t length, off_t at)
{
	size_t sum = 0;

	while (sum < length) {
		ssize_t got = pread(fd, bytes + sum, length - sum, at + (off_t)sum);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		sum += (size_t)got;
	}
	return (ssize_t)sum;
}

/* The bytes of whole frames at the beginning. */
static size_t skip_frames(const char *bytes, size_t length)
{
	size_t sum = 0;

	while (sum < length) {
		size_t frame = ZSTD_findFrameCompressedSize(bytes + sum, length - sum);

		if (ZSTD_isError(frame))
			break;
		sum += frame;
	}
	return sum;
}

/* The beginning of a frame, or what a crash of the machine leaves. */
static bool is_torn(const char *bytes, size_t length)
{
	static const unsigned char magic[] = { 0x28, 0xb5, 0x2f, 0xfd };
	static const unsigned char zeros[sizeof magic];
	size_t known = length < sizeof magic ? length : sizeof magic;

	return memcmp(bytes, magic, known) == 0 || memcmp(bytes, zeros, known) == 0;
}

off_t frame_find_end(int fd)
{
	char *bytes = malloc(FRAME_MAX);
	off_t at = 0;
	ssize_t got;
	size_t used;

	if (!bytes)
		return -ENOMEM;
	do {
		got = read_at(fd, bytes, FRAME_MAX, at);
		used = got > 0 ? skip_frames(bytes, (size_t)got) : 0;
		at += (off_t)used;
	} while (used > 0);
	if (got < 0)
		at = got;
	else if (got == FRAME_MAX || !is_torn(bytes, (size_t)got))
		at = -EBADMSG;
	free(bytes);
	return at;
}
