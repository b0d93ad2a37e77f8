/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>

/*
 * Decodes the sequence at the front of length > 0 bytes. Returns its length and
 * sets *code_point, or 0 when no valid sequence begins there. The second byte's
 * range excludes overlong forms, surrogates and what is above U+10FFFF (RFC
 * 3629 4, UTF8-3 and UTF8-4).
 */
static size_t decode(const uint8_t *bytes, size_t length, uint32_t *code_point)
{
	uint8_t first = bytes[0], low = 0x80, high = 0xbf;
	uint32_t point;
	size_t size;

	if (first < 0x80) {
		*code_point = first;
		return 1;
	}
	if (first < 0xc2 || first > 0xf4)
		return 0;
	if (first < 0xe0) {
		size = 2;
		point = first & 0x1fu;
	} else if (first < 0xf0) {
		size = 3;
		point = first & 0x0fu;
		low = first == 0xe0 ? 0xa0 : low;
		high = first == 0xed ? 0x9f : high;
	} else {
		size = 4;
		point = first & 0x07u;
		low = first == 0xf0 ? 0x90 : low;
		high = first == 0xf4 ? 0x8f : high;
	}
	if (length < size)
		return 0;
	for (size_t i = 1; i < size; i++) {
		if (bytes[i] < low || bytes[i] > high)
			return 0;
		point = point << 6 | (bytes[i] & 0x3fu);
		low = 0x80;
		high = 0xbf;
	}
	*code_point = point;
	return size;
}

bool utf8_valid(const char *bytes, size_t length)
{
	const uint8_t *at = (const uint8_t *)bytes;
	uint32_t point;

	while (length > 0) {
		size_t size = decode(at, length, &point);

		if (size == 0)
			return false;
		at += size;
		length -= size;
	}
	return true;
}

/* Characters that can change how a terminal or a viewer shows the rest of the line. */
static bool is_control(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point <= 0x9f) || point == 0x61c ||
	       point == 0x200e || point == 0x200f || (point >= 0x2028 && point <= 0x202e) ||
	       (point >= 0x2066 && point <= 0x2069);
}

/* Bytes that stand for themselves both in JSON and on a terminal. */
static inline bool is_plain(uint8_t byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

bool utf8_append_json(struct buf *buf, const char *bytes, size_t length)
{
	const uint8_t *at = (const uint8_t *)bytes, *end = at + length;
	bool intact = true;

	while (at < end) {
		const uint8_t *run = at;
		uint32_t point;
		size_t size;

		while (at < end && is_plain(*at))
			at++;
		if (at > run)
			buf_append(buf, run, (size_t)(at - run));
		if (at == end)
			break;
		size = decode(at, (size_t)(end - at), &point);
		if (size == 0) {
			buf_append_literal(buf, "\xef\xbf\xbd");
			intact = false;
			size = 1;
		} else if (is_control(point)) {
			buf_append_literal(buf, "\\u");
			buf_append_hex(buf, point, 4);
		} else if (point == '"' || point == '\\') {
			buf_append_char(buf, '\\');
			buf_append_char(buf, (char)point);
		} else {
			buf_append(buf, at, size);
		}
		at += size;
	}
	return intact;
}

void utf8_append_log(struct buf *buf, const char *bytes, size_t length)
{
	const uint8_t *at = (const uint8_t *)bytes, *end = at + length;

	while (at < end) {
		uint32_t point;
		size_t size = decode(at, (size_t)(end - at), &point);

		if (size == 0) {
			buf_append_literal(buf, "\\x");
			buf_append_hex(buf, *at, 2);
			size = 1;
		} else if (is_control(point)) {
			buf_append_literal(buf, "\\u");
			buf_append_hex(buf, point, 4);
		} else {
			buf_append(buf, at, size);
		}
		at += size;
	}
}
