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

struct capture_stream;

/*
 * Takes fd; standard input is not closed. Reads wait until capture_stream_set_blocking(stream,
 * false): the header of the file must be there for libpcap to open it. NULL when memory is short.
 */
struct capture_stream *capture_stream_new(int fd);
void capture_stream_free(
	struct capture_stream *stream); /* after the FILE is closed; NULL is fine */

/* The FILE for libpcap, to be closed by the caller; NULL and errno. */
FILE *capture_stream_open(struct capture_stream *stream);
void capture_stream_set_blocking(struct capture_stream *stream, bool blocking);

int capture_stream_fd(const struct capture_stream *stream); /* to poll for reading */
/*
 * When all was read: takes what the pipe has, without waiting. 0 or -errno. The
 * FILE stands at its end before: clearerr(3).
 */
int capture_stream_fill(struct capture_stream *stream);
/* The writer has closed the pipe, and the FILE has been given all that came. */
bool capture_stream_ended(const struct capture_stream *stream);
/* Where the FILE stands, when stdio has no more bytes of it. */
uint64_t capture_stream_offset(const struct capture_stream *stream);

#endif
