/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of a capture file or pipe, decompressed where they are compressed. Readers look at a
 * window of them, which grows to what they need, and skip what they have done with.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_INPUT_H
#define SOCKLINE_CAPTURE_CAPTURE_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

struct capture_input;

/* Enough to say what a file is. */
#define CAPTURE_INPUT_HEAD 24

/*
 * Opens path ("-" = standard input, which is never closed), and waits for its head, so far as it has
 * one. 0 or -errno; texts name the file.
 */
int capture_input_open(struct capture_input **input, const char *path, struct error *error);
void capture_input_close(struct capture_input *input); /* NULL is fine */

const char *capture_input_name(const struct capture_input *input); /* for messages */
int capture_input_fd(const struct capture_input *input);
bool capture_input_is_pipe(const struct capture_input *input); /* it can be polled */
/* When the file was last written to, since the epoch; of a pipe: by now. */
int64_t capture_input_modified_ns(const struct capture_input *input);

/*
 * Reads until the window has `needed` bytes. 0 also at the end of the file, with fewer. -EAGAIN:
 * not without waiting. Else -errno with text: damaged compression, a failed read.
 */
int capture_input_fill(struct capture_input *input, size_t needed, bool wait, struct error *error);
uint8_t *capture_input_window(struct capture_input *input, size_t *available);
void capture_input_skip(struct capture_input *input, size_t length);
/* Nothing follows the window. */
bool capture_input_ended(const struct capture_input *input);

/*
 * How many bytes of the file were read, and how many it has, compressed or not. False: it is a
 * pipe, and has no length.
 */
bool capture_input_progress(const struct capture_input *input, uint64_t *done, uint64_t *total);

/* Past the window, once that is empty. The number of bytes, 0 at the end, or as above. */
ssize_t capture_input_read(struct capture_input *input, uint8_t *bytes, size_t size,
                           struct error *error);

/* Where the window begins in the file, or in what it was before it was compressed. */
uint64_t capture_input_offset(const struct capture_input *input);
/* "at byte 24", and of what, for messages. */
void capture_input_place(const struct capture_input *input, uint64_t offset, char text[64]);

#endif
