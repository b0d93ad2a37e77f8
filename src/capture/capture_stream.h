/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture file that comes through a pipe, as a stdio stream that ends, for the
 * time being, behind the last packet that has come whole. libpcap knows only
 * blocking reads: without this, a program that reads `tcpdump -w - |` could not
 * stop, nor keep its timers, until the next packet comes.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_STREAM_H
#define SOCKLINE_CAPTURE_CAPTURE_STREAM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "capture/capture_input.h"

struct capture_stream;

/* Do a file's first four bytes say that it is a pcap file, of either byte order? */
bool capture_stream_is_pcap(const uint8_t *bytes);

/*
 * Reads the input, which is borrowed. Reads wait until capture_stream_set_blocking(stream, false):
 * the header of the file must be there for libpcap to open it. NULL when memory is short.
 */
struct capture_stream *capture_stream_new(struct capture_input *input);
void capture_stream_free(
	struct capture_stream *stream); /* after the FILE is closed; NULL is fine */

/* The FILE for libpcap, to be closed by the caller; NULL and errno. */
FILE *capture_stream_open(struct capture_stream *stream);
void capture_stream_set_blocking(struct capture_stream *stream, bool blocking);

/*
 * When all was read: takes what the pipe has, without waiting. 0 or -errno with text. The
 * FILE stands at its end before: clearerr(3).
 */
int capture_stream_fill(struct capture_stream *stream, struct error *error);
/* The writer has closed the pipe, and the FILE has been given all that came. */
bool capture_stream_ended(const struct capture_stream *stream);

#endif
