/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Strings from outside, made safe for a JSON string: strict UTF-8 (RFC 3629: no
 * overlong forms, no surrogates, nothing over U+10FFFF), each bad byte becomes
 * U+FFFD; C0, DEL, C1, U+2028/9 and the bidirectional controls (U+061C,
 * U+200E/F, U+202A-E, U+2066-9) are escaped as \u00XX or \uXXXX, quote and
 * backslash as usual. json-c does none of this.
 */
#ifndef SOCKLINE_BASE_UTF8_H
#define SOCKLINE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* True when the bytes are strictly valid UTF-8. */
bool utf8_valid(const char *bytes, size_t length);

/*
 * Appends the bytes as the inside of a JSON string, without quotes. Returns
 * false when a byte had to be replaced: the caller then adds sockline.raw.
 */
bool utf8_append_json(struct buf *buf, const char *bytes, size_t length);

/* Appends for a terminal or log: controls as above, a bad byte as \xNN, quote and backslash bare. */
void utf8_append_log(struct buf *buf, const char *bytes, size_t length);

#endif
