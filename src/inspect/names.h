/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The names that inspection found in one connection: one allocation, texts of any bytes. */
#ifndef SOCKLINE_INSPECT_NAMES_H
#define SOCKLINE_INSPECT_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a connection carries. */
enum names_protocol {
	NAMES_PROTOCOL_NONE,
	NAMES_DNS,
	NAMES_MDNS,
	NAMES_LLMNR,
	NAMES_TLS,
	NAMES_QUIC,
	NAMES_HTTP,
	NAMES_SSH,
};

/* How the domain of the destination is known. */
enum names_source { NAMES_SOURCE_NONE, NAMES_FROM_DNS, NAMES_FROM_TLS, NAMES_FROM_HTTP };

enum names_text {
	NAMES_DOMAIN,
	NAMES_SERVER_NAME,
	NAMES_ALPN,     /* each behind a byte of length */
	NAMES_VERSIONS, /* of TLS: each of two bytes, the higher one first */
	NAMES_JA4,
	NAMES_METHOD,
	NAMES_HOST,
	NAMES_SSH_CLIENT,
	NAMES_SSH_SERVER,
	NAMES_TEXTS
};

struct names {
	enum names_source source : 8;
	uint16_t length; /* of bytes */
	struct {
		uint16_t offset, length; /* length 0: there is none */
	} texts[NAMES_TEXTS];
	char bytes[];
};

void names_free(struct names *names); /* NULL is fine */

/*
 * Both make *names if it is NULL; without memory they change nothing. A text and the domain
 * stay as they were set first.
 */
void names_set_domain(struct names **names, enum names_source source, const char *domain);
void names_set_text(struct names **names, enum names_text text, const void *bytes, size_t length);

#endif
