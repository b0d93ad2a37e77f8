/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first packets of a QUIC client, versions 1 and 2: everybody on the way has the keys of an
 * Initial packet, since they are made of a connection id in it (RFC 9001 5.2, RFC 9369 3.3). Pure.
 */
#ifndef SOCKLINE_INSPECT_QUIC_H
#define SOCKLINE_INSPECT_QUIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUIC_PLAIN_MAX 4096 /* bytes of one packet; on most paths it has 1,200 to 1,472 */

/* A piece of the client's TLS messages. */
struct quic_crypto {
	uint64_t offset;
	const uint8_t *bytes;
	size_t length;
};

/* Could a datagram begin with an Initial packet? */
static inline bool quic_starts(const uint8_t *bytes, size_t length)
{
	return length > 0 && (bytes[0] & 0xc0) == 0xc0;
}

/*
 * Opens the Initial packet at the beginning of a datagram. Returns how many bytes of it there are
 * in plain, whose authentication code was right: a client sent it; or -EINVAL.
 */
int quic_open_initial(const uint8_t *bytes, size_t length, uint8_t plain[QUIC_PLAIN_MAX]);

/* The next CRYPTO frame from *at on, which then is behind it. False: there is no other. */
bool quic_next_crypto(const uint8_t *plain, size_t length, size_t *at, struct quic_crypto *crypto);

#endif
