/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_stream.h"

#include <byteswap.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_CAPACITY 65536
#define FRAME_MAX      (16u << 20) /* libpcap's limit for a block; a packet has 256 KiB */

/* draft-ietf-opsawg-pcap 4, 5; the last is Kuznetzov's, with eight bytes more a packet. */
#define PCAP_MICROSECONDS 0xa1b2c3d4u
#define PCAP_NANOSECONDS  0xa1b23c4du
#define PCAP_MODIFIED     0xa1b2cd34u
#define PCAP_FILE_HEADER  24
#define PCAP_CAPTURED     8 /* offset of the captured length in a packet's header */
/* draft-ietf-opsawg-pcapng 3.1, 4.1 */
#define PCAPNG_SECTION   0x0a0d0d0au /* the same in both byte orders */
#define PCAPNG_ORDER     0x1a2b3c4du
#define PCAPNG_BLOCK_MIN 12

enum format {
	FORMAT_UNDECIDED,
	FORMAT_PCAP,
	FORMAT_PCAPNG,
	FORMAT_OTHER, /* libpcap will say what is wrong with it */
};

struct capture_stream {
	int fd;
	bool blocking, ended;
	enum format format;
	bool swapped;         /* the file's byte order is not ours */
	size_t packet_header; /* of FORMAT_PCAP */

	/* bytes[start..granted) may be read, bytes[granted..end) is a part of a frame. */
	uint8_t *bytes;
	size_t capacity, start, granted, end;
	uint64_t offset; /* of bytes[start] in the file */
};

struct capture_stream *capture_stream_new(int fd)
{
	struct capture_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->fd = fd;
	stream->blocking = true;
	stream->capacity = FIRST_CAPACITY;
	stream->bytes = malloc(stream->capacity);
	if (stream->bytes == NULL) {
		free(stream);
		return NULL;
	}
	return stream;
}

void capture_stream_free(struct capture_stream *stream)
{
	if (stream == NULL)
		return;
	if (stream->fd != STDIN_FILENO)
		close(stream->fd);
	free(stream->bytes);
	free(stream);
}

int capture_stream_fd(const struct capture_stream *stream)
{
	return stream->fd;
}

void capture_stream_set_blocking(struct capture_stream *stream, bool blocking)
{
	stream->blocking = blocking;
}

bool capture_stream_ended(const struct capture_stream *stream)
{
	return stream->ended && stream->start == stream->end;
}

uint64_t capture_stream_offset(const struct capture_stream *stream)
{
	return stream->offset;
}

static uint32_t number_at(const struct capture_stream *stream, const uint8_t *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return stream->swapped ? bswap_32(number) : number;
}

/* Decides by the file's first four bytes. */
static void decide_format(struct capture_stream *stream, const uint8_t *bytes)
{
	uint32_t magic = number_at(stream, bytes);

	if (magic == PCAPNG_SECTION) {
		stream->format = FORMAT_PCAPNG;
		return;
	}
	stream->swapped = (magic & 0xffff) == 0xb2a1;
	magic = number_at(stream, bytes);
	stream->packet_header = magic == PCAP_MODIFIED ? 24 : 16;
	stream->format =
		magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS || magic == PCAP_MODIFIED
			? FORMAT_PCAP
			: FORMAT_OTHER;
}

/*
 * The length of the frame that begins at bytes: a file header, a packet, a block.
 * 0: more bytes are needed to know it. What makes no sense is a frame as it is, so
 * that libpcap can complain.
 */
static size_t frame_length(struct capture_stream *stream, const uint8_t *bytes, size_t available)
{
	bool first = stream->offset == 0 && bytes == stream->bytes + stream->start;
	uint32_t length;

	if (available < 4)
		return 0;
	if (stream->format == FORMAT_UNDECIDED)
		decide_format(stream, bytes);
	if (stream->format == FORMAT_PCAP) {
		if (first)
			return PCAP_FILE_HEADER;
		if (available < stream->packet_header)
			return 0;
		length = number_at(stream, bytes + PCAP_CAPTURED);
		return length > FRAME_MAX ? available : stream->packet_header + length;
	}
	if (stream->format == FORMAT_PCAPNG) {
		if (available < PCAPNG_BLOCK_MIN)
			return 0;
		/* Each section has a byte order of its own. */
		if (number_at(stream, bytes) == PCAPNG_SECTION &&
		    number_at(stream, bytes + 8) != PCAPNG_ORDER)
			stream->swapped = !stream->swapped;
		length = number_at(stream, bytes + 4);
		return length > FRAME_MAX || length < PCAPNG_BLOCK_MIN ? available : length;
	}
	return available;
}

/* Grants what has come whole; at the end everything. Returns the bytes that the next frame needs. */
static size_t grant(struct capture_stream *stream)
{
	size_t available, length;

	while (stream->granted < stream->end) {
		available = stream->end - stream->granted;
		length = frame_length(stream, stream->bytes + stream->granted, available);
		if (stream->ended)
			length = available;
		if (length == 0 || length > available)
			return length;
		stream->granted += length;
	}
	return 0;
}

/* All was read: makes room for a frame of `frame` bytes, and for some bytes in any case. */
static int make_room(struct capture_stream *stream, size_t frame)
{
	size_t wanted = frame > FIRST_CAPACITY ? frame : FIRST_CAPACITY;
	uint8_t *grown;

	stream->end -= stream->start;
	memmove(stream->bytes, stream->bytes + stream->start, stream->end);
	stream->start = stream->granted = 0;
	if (wanted <= stream->capacity)
		return 0;
	grown = realloc(stream->bytes, wanted);
	if (grown == NULL)
		return -ENOMEM;
	stream->bytes = grown;
	stream->capacity = wanted;
	return 0;
}

/* When all was read: one read(2), within timeout_ms (-1: for ever). */
static int take(struct capture_stream *stream, int timeout_ms)
{
	/* The pipe may have been made non-blocking by whoever shares it. */
	struct pollfd readable = { .fd = stream->fd, .events = POLLIN };
	ssize_t length;
	int result;

	if (poll(&readable, 1, timeout_ms) != 1)
		return 0;
	result = make_room(stream, grant(stream));
	if (result != 0)
		return result;
	length = read(stream->fd, stream->bytes + stream->end, stream->capacity - stream->end);
	if (length < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	stream->ended = length == 0;
	stream->end += (size_t)length;
	grant(stream);
	return 0;
}

int capture_stream_fill(struct capture_stream *stream)
{
	if (stream->ended || stream->start < stream->granted)
		return 0;
	return take(stream, 0);
}

static ssize_t cookie_read(void *cookie, char *bytes, size_t size)
{
	struct capture_stream *stream = cookie;
	size_t available;
	int result;

	while (stream->blocking && stream->start == stream->granted && !stream->ended) {
		result = take(stream, -1);
		if (result != 0) {
			errno = -result;
			return -1;
		}
	}
	available = stream->granted - stream->start;
	if (size > available)
		size = available;
	memcpy(bytes, stream->bytes + stream->start, size);
	stream->start += size;
	stream->offset += size;
	return (ssize_t)size;
}

FILE *capture_stream_open(struct capture_stream *stream)
{
	return fopencookie(stream, "r", (cookie_io_functions_t){ .read = cookie_read });
}
