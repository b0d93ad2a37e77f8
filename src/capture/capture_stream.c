/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/capture_stream.h"

#include <byteswap.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FRAME_MAX (16u << 20) /* a packet has 256 KiB */

/* draft-ietf-opsawg-pcap 4, 5; the last is Kuznetzov's, with eight bytes more a packet. */
#define PCAP_MICROSECONDS 0xa1b2c3d4u
#define PCAP_NANOSECONDS  0xa1b23c4du
#define PCAP_MODIFIED     0xa1b2cd34u
#define PCAP_FILE_HEADER  24
#define PCAP_CAPTURED     8 /* offset of the captured length in a packet's header */

enum format {
	FORMAT_UNDECIDED,
	FORMAT_PCAP,
	FORMAT_OTHER, /* libpcap will say what is wrong with it */
};

struct capture_stream {
	struct capture_input *input;
	bool blocking;
	enum format format;
	bool swapped;         /* the file's byte order is not ours */
	size_t packet_header; /* of FORMAT_PCAP */
	size_t granted;       /* of the window: whole frames */
};

struct capture_stream *capture_stream_new(struct capture_input *input)
{
	struct capture_stream *stream = calloc(1, sizeof(*stream));

	if (stream == NULL)
		return NULL;
	stream->input = input;
	stream->blocking = true;
	return stream;
}

void capture_stream_free(struct capture_stream *stream)
{
	free(stream);
}

void capture_stream_set_blocking(struct capture_stream *stream, bool blocking)
{
	stream->blocking = blocking;
}

bool capture_stream_ended(const struct capture_stream *stream)
{
	size_t available;

	capture_input_window(stream->input, &available);
	return capture_input_ended(stream->input) && available == 0;
}

static uint32_t number_at(const struct capture_stream *stream, const uint8_t *bytes)
{
	uint32_t number;

	memcpy(&number, bytes, sizeof(number));
	return stream->swapped ? bswap_32(number) : number;
}

static bool is_pcap(uint32_t magic)
{
	return magic == PCAP_MICROSECONDS || magic == PCAP_NANOSECONDS || magic == PCAP_MODIFIED;
}

bool capture_stream_is_pcap(const uint8_t *bytes)
{
	uint32_t magic;

	memcpy(&magic, bytes, sizeof(magic));
	return is_pcap(magic) || is_pcap(bswap_32(magic));
}

/* Decides by the file's first four bytes. */
static void decide_format(struct capture_stream *stream, const uint8_t *bytes)
{
	uint32_t magic = number_at(stream, bytes);

	stream->swapped = (magic & 0xffff) == 0xb2a1;
	magic = number_at(stream, bytes);
	stream->packet_header = magic == PCAP_MODIFIED ? 24 : 16;
	stream->format = is_pcap(magic) ? FORMAT_PCAP : FORMAT_OTHER;
}

/*
 * The length of the frame that begins at bytes: a file header, a packet.
 * 0: more bytes are needed to know it. What makes no sense is a frame as it is, so
 * that libpcap can complain.
 */
static size_t frame_length(struct capture_stream *stream, const uint8_t *bytes, size_t available)
{
	bool first = stream->granted == 0 && capture_input_offset(stream->input) == 0;
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
	return available;
}

/* Grants what has come whole; at the end everything. Returns the bytes that the next frame needs. */
static size_t grant(struct capture_stream *stream)
{
	size_t available, length;
	const uint8_t *bytes = capture_input_window(stream->input, &available);

	if (capture_input_ended(stream->input))
		stream->granted = available;
	while (stream->granted < available) {
		length = frame_length(stream, bytes + stream->granted, available - stream->granted);
		if (length == 0 || length > available - stream->granted)
			return length;
		stream->granted += length;
	}
	return 0;
}

/* When all that was granted was read: grants at least one frame, if it comes. */
static int take(struct capture_stream *stream, bool wait, struct error *error)
{
	size_t frame, available;
	int result = 0;

	while (stream->granted == 0 && result == 0 && !capture_stream_ended(stream)) {
		frame = grant(stream);
		if (stream->granted > 0)
			break;
		capture_input_window(stream->input, &available);
		result = capture_input_fill(stream->input,
		                            frame > available ? frame : available + 1, wait, error);
	}
	return result == -EAGAIN ? 0 : result;
}

int capture_stream_fill(struct capture_stream *stream, struct error *error)
{
	return take(stream, false, error);
}

static ssize_t cookie_read(void *cookie, char *bytes, size_t size)
{
	struct capture_stream *stream = cookie;
	const uint8_t *window;
	size_t available;
	int result;

	if (stream->blocking) {
		result = take(stream, true, NULL);
		if (result != 0) {
			errno = -result;
			return -1;
		}
	}
	window = capture_input_window(stream->input, &available);
	if (size > stream->granted)
		size = stream->granted;
	memcpy(bytes, window, size);
	capture_input_skip(stream->input, size);
	stream->granted -= size;
	return (ssize_t)size;
}

FILE *capture_stream_open(struct capture_stream *stream)
{
	return fopencookie(stream, "r", (cookie_io_functions_t){ .read = cookie_read });
}
