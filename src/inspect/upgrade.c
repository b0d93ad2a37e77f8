/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/upgrade.h"

#include <stdbool.h>
#include <string.h>

#define POSTGRESQL_SIZE 8
#define MYSQL_SIZE      36
#define MYSQL_SSL       0x08 /* CLIENT_SSL, in the second byte of the capabilities */

/* SSLRequest and GSSENCRequest: a length, and a code that is no version of the protocol. */
static bool is_postgresql(const uint8_t *bytes, size_t length)
{
	static const uint8_t request[] = { 0, 0, 0, 8, 0x04, 0xd2, 0x16 };

	return length >= POSTGRESQL_SIZE && memcmp(bytes, request, sizeof request) == 0 &&
	       (bytes[7] == 0x2f || bytes[7] == 0x30);
}

/* SSLRequest: the first packet of the client, 32 bytes; 19 after the character set are zeros. */
static bool is_mysql(const uint8_t *bytes, size_t length)
{
	static const uint8_t header[] = { MYSQL_SIZE - 4, 0, 0, 1 }, zeros[19];

	return length >= MYSQL_SIZE && memcmp(bytes, header, sizeof header) == 0 &&
	       bytes[5] & MYSQL_SSL && memcmp(bytes + 13, zeros, sizeof zeros) == 0;
}

static bool is_text(uint8_t byte)
{
	return (byte >= ' ' && byte < 0x7f) || byte == '\r' || byte == '\n' || byte == '\t';
}

/* Whole lines, up to the first byte that is no text. */
static size_t length_of_lines(const uint8_t *bytes, size_t length)
{
	size_t used = 0, most = length < UPGRADE_TEXT_MAX ? length : UPGRADE_TEXT_MAX;

	if (!memchr(bytes, '\n', most)) /* quick: most that begins a connection has none */
		return 0;
	while (used < length && used <= UPGRADE_TEXT_MAX && is_text(bytes[used]))
		used++;
	return used > 0 && used <= UPGRADE_TEXT_MAX && bytes[used - 1] == '\n' ? used : 0;
}

size_t upgrade_length(const uint8_t *bytes, size_t length)
{
	if (is_postgresql(bytes, length))
		return POSTGRESQL_SIZE;
	if (is_mysql(bytes, length))
		return MYSQL_SIZE;
	return length_of_lines(bytes, length);
}
