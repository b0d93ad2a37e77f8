/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A byte buffer with a hard limit. Appending past the limit appends nothing,
 * sets `overflow` and stays that way until buf_reset: one check at the end of
 * a record replaces a check at each step.
 */
#ifndef SOCKLINE_BASE_BUF_H
#define SOCKLINE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct buf {
	char *data; /* owned; not NUL-terminated */
	size_t length;
	size_t capacity;
	bool overflow;
};

/* Allocates capacity bytes; 0 or -ENOMEM. The capacity never changes. */
int buf_init(struct buf *buf, size_t capacity);
void buf_free(struct buf *buf); /* zeroed or freed buffers are fine */

static inline void buf_reset(struct buf *buf)
{
	buf->length = 0;
	buf->overflow = false;
}

static inline void buf_append(struct buf *buf, const void *bytes, size_t length)
{
	if (length > buf->capacity - buf->length) {
		buf->overflow = true;
		return;
	}
	memcpy(buf->data + buf->length, bytes, length);
	buf->length += length;
}

static inline void buf_append_char(struct buf *buf, char c)
{
	buf_append(buf, &c, 1);
}

/* A string literal, its length known at compile time. */
#define buf_append_literal(buf, literal) buf_append((buf), "" literal, sizeof(literal) - 1)

void buf_append_string(struct buf *buf, const char *string);
void buf_append_u64(struct buf *buf, uint64_t value); /* decimal */
/* The lowest 1 to 16 digits, lower case, padded with zeros. */
void buf_append_hex(struct buf *buf, uint64_t value, int digits);
void buf_append_base64(struct buf *buf, const void *bytes, size_t length); /* RFC 4648 4, padded */

#define BUF_TIME_LENGTH 30

/* The text of the last second, for callers whose times come in order. Begins zeroed. */
struct buf_time_cache {
	uint64_t start_ns; /* of the second, since the epoch, modulo 2^64 */
	char text[20];
};

/*
 * Nanoseconds since the epoch, negative before it, as RFC 3339 in UTC, to
 * BUF_TIME_LENGTH bytes: "2026-11-22T10:11:12.123456789Z". 64 bits reach from 1677 to 2262.
 */
void buf_put_time(char *to, struct buf_time_cache *cache, int64_t time_ns);

#endif
