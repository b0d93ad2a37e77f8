/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines compressed to Zstandard frames (RFC 8878), each complete in itself: a
 * file of them can be read while it grows, and kill -9 costs the last one. A
 * frame stays here until all of it is written.
 */
#ifndef SOCKLINE_OUTPUT_FRAME_H
#define SOCKLINE_OUTPUT_FRAME_H

#include <stddef.h>
#include <sys/types.h>

#define FRAME_LINES_MAX (1u << 20) /* bytes of lines in one frame */
#define FRAME_LEVEL_MAX 19         /* zstd(1): what is above takes much memory of the reader, too */

struct frame;

/* level: 1 to FRAME_LEVEL_MAX. NULL when memory is short. */
struct frame *frame_new(int level);
void frame_free(struct frame *frame);

/*
 * Compresses the whole lines at the beginning of bytes, FRAME_LINES_MAX bytes at
 * most, to a frame that replaces the former one. length > 0, and the last byte or
 * one of the first FRAME_LINES_MAX is LF. 0, or -ENOMEM and there is no frame.
 */
int frame_make(struct frame *frame, const char *bytes, size_t length);
/* What is left to be written of it: *length bytes; 0 = there is no frame. */
const char *frame_rest(const struct frame *frame, size_t *length);
size_t frame_written(const struct frame *frame); /* bytes of it that are written */
/*
 * So many bytes more are written. The number of bytes of lines that are in the
 * frame when that was all of it, and there is no frame then; otherwise 0.
 */
size_t frame_advance(struct frame *frame, size_t written);
/* Nothing of it is written: the file was cut, or is another one. */
void frame_rewind(struct frame *frame);

/*
 * The length of the whole frames at the beginning of a file: all of it, but for a
 * last one that is cut off, or zero bytes. -EBADMSG when something else is there,
 * or a frame of more than twice FRAME_LINES_MAX bytes; -ENOMEM, or -errno of
 * pread(2). Reads all of the file: frames cannot be found from its end.
 */
off_t frame_find_end(int fd);

#endif
