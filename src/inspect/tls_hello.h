/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a TLS client says first: its ClientHello (RFC 8446 4.1.2, RFC 5246 7.4.1.2), with the
 * fingerprint JA4 of it. Pure: bytes in, a bounded struct out.
 */
#ifndef SOCKLINE_INSPECT_TLS_HELLO_H
#define SOCKLINE_INSPECT_TLS_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inspect/ja4.h"

#define TLS_HELLO_MAX          16384 /* bytes of the message that are looked at */
#define TLS_HELLO_VERSIONS_MAX 16

struct tls_hello {
	uint8_t server_name[255]; /* SNI, RFC 6066 3, as it was sent */
	uint8_t server_name_length;
	uint16_t alpn_length;
	uint8_t alpn[256]; /* whole names, each behind its length, RFC 7301 3.1 */
	uint8_t version_count;
	uint16_t versions[TLS_HELLO_VERSIONS_MAX]; /* offered; without GREASE, RFC 8701 */
	char ja4[JA4_SIZE];                        /* empty: not all of the message was there */
};

enum tls_hello_status {
	TLS_HELLO_NONE, /* it is none */
	TLS_HELLO_MORE, /* it goes on */
	TLS_HELLO_FOUND,
};

/* Could a TCP connection's first bytes be one? */
bool tls_hello_starts(const uint8_t *bytes, size_t length);

/*
 * Reads TLS records from the beginning of a connection. cut: nothing will follow; then a
 * beginning is enough, if it has the server's name.
 */
enum tls_hello_status tls_hello_read(const uint8_t *bytes, size_t length, bool cut,
                                     struct tls_hello *hello);

/* Reads a handshake message, such as QUIC's CRYPTO frames carry it; transport as in JA4. */
enum tls_hello_status tls_hello_read_message(const uint8_t *bytes, size_t length, bool cut,
                                             char transport, struct tls_hello *hello);

#endif
