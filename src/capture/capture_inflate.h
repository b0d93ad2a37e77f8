/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompresses gzip (RFC 1952), zstd (RFC 8878) and lz4 frames, piece by piece: memory is bounded by
 * the format's window, which is 128 MiB at most, however much the data grows.
 */
#ifndef SOCKLINE_CAPTURE_CAPTURE_INFLATE_H
#define SOCKLINE_CAPTURE_CAPTURE_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct capture_inflate;

/* Longest beginning that a compression is known by. */
#define CAPTURE_INFLATE_MAGIC_MAX 6

/* What a file that begins so is compressed with; NULL: not compressed. */
const char *capture_inflate_name(const uint8_t *bytes, size_t length);

/*
 * Bytes of the skippable frame that a file of zstd or lz4 begins with; 0: it begins otherwise. Both
 * formats have the same ones, so that the next frame names the format.
 */
#define CAPTURE_INFLATE_SKIPPABLE_HEAD 8
uint64_t capture_inflate_skippable(const uint8_t *bytes, size_t length);

/* name as capture_inflate_name returns it. 0, -ENOMEM, -ENOTSUP for one that is only known. */
int capture_inflate_new(struct capture_inflate **inflate, const char *name);
void capture_inflate_free(struct capture_inflate *inflate); /* NULL is fine */

struct capture_inflate_step {
	const uint8_t *in; /* moves on */
	size_t in_length;
	uint8_t *out;
	size_t out_length; /* room; what is left of it */
};
/*
 * Goes on as far as there is input and room. 0, or -EBADMSG when the data are damaged:
 * capture_inflate_problem says how.
 */
int capture_inflate_run(struct capture_inflate *inflate, struct capture_inflate_step *step);
const char *capture_inflate_problem(const struct capture_inflate *inflate);
/* The input may end here: between two of its parts, or behind the last. */
bool capture_inflate_may_end(const struct capture_inflate *inflate);

#endif
