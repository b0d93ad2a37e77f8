/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* JA4: the fingerprint of a TLS client by FoxIO (technical_details/JA4.md there). */
#ifndef SOCKLINE_INSPECT_JA4_H
#define SOCKLINE_INSPECT_JA4_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JA4_SIZE     37  /* 36 characters and a NUL */
#define JA4_LIST_MAX 256 /* of ciphers and others; clients have some dozens */

/* Values without GREASE, in the order of the message. */
struct ja4_list {
	int count;
	bool overflow; /* there were more: no fingerprint */
	uint16_t values[JA4_LIST_MAX];
};

struct ja4_client {
	char transport;   /* 't' over TCP, 'q' over QUIC */
	uint16_t version; /* the highest that is offered */
	bool has_server_name;
	const uint8_t *alpn; /* the first protocol */
	size_t alpn_length;
	struct ja4_list ciphers, extensions, signatures;
};

/* 0x0a0a, 0x1a1a, ...: values that mean nothing, RFC 8701 2. */
static inline bool ja4_is_grease(uint16_t value)
{
	return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

void ja4_add(struct ja4_list *list, uint16_t value); /* unless it is GREASE */
/* Sorts the lists of ciphers and extensions. Empty: one has too many values. */
void ja4_make(struct ja4_client *client, char text[JA4_SIZE]);

#endif
