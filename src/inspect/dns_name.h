/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain name in a DNS message, which may be compressed (RFC 1035 3.1, 4.1.4), as text:
 * what is not printable, and a dot or backslash inside a label, is written as in zone files
 * (RFC 1035 5.1: \DDD, \X). So it is ASCII, and one text stands for one name. libresolv's own
 * conversions differ here: that of musl escapes nothing.
 */
#ifndef SOCKLINE_INSPECT_DNS_NAME_H
#define SOCKLINE_INSPECT_DNS_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_NAME_MAX (4 * 255) /* bytes of text, NUL included: each octet as \DDD */

/*
 * Reads the name at offset; the root is ".". Returns the length of the text without its NUL;
 * -EINVAL: it ends outside the message, points forward, or is longer than 255 octets;
 * -ENOSPC: the text does not fit into size bytes.
 */
int dns_name_read(const uint8_t *message, size_t length, size_t offset, char *text, size_t size);

/* Names are equal whatever the case of ASCII letters (RFC 4343). */
bool dns_name_equal(const char *a, const char *b);
/* Copies with small letters; length includes the NUL. */
void dns_name_lower(char *to, const char *from, size_t length);

#endif
