/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client sends before its ClientHello where a connection is not TLS from its first byte on: the
 * requests of PostgreSQL and MySQL, and lines of text as in SMTP, IMAP, POP3 and FTP (STARTTLS). Pure.
 */
#ifndef SOCKLINE_INSPECT_UPGRADE_H
#define SOCKLINE_INSPECT_UPGRADE_H

#include <stddef.h>
#include <stdint.h>

#define UPGRADE_MAX 8 /* such messages, one behind the other */
#define UPGRADE_TEXT_MAX                                                                           \
	512 /* bytes of lines in one of them: SMTP's longest command, RFC 5321 4.5.3.1.4 */

/* Returns how many of the first bytes are such a message; 0: they are something else. */
size_t upgrade_length(const uint8_t *bytes, size_t length);

#endif
