/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ties later fragments, which have no transport header, to the connection of
 * their first one (RFC 791 3.2, RFC 8200 4.5: by addresses, protocol and
 * identification). Bounded: a newer datagram takes an older one's place.
 */
#ifndef SOCKLINE_STREAM_FRAGMENTS_H
#define SOCKLINE_STREAM_FRAGMENTS_H

#include <stdint.h>

#include "base/hash.h"
#include "decode/packet.h"
#include "connections/connection_table.h"

struct fragments;

struct fragments *fragments_new(const struct hash_key *key); /* NULL: no memory */
void fragments_free(struct fragments *fragments);

/* A first fragment: its connection, and which end sent it. */
void fragments_put(struct fragments *fragments, const struct packet *packet,
                   const struct connection *connection, enum connection_end from);
/* A later fragment: the connection, or NULL when the first was not seen. */
struct connection *fragments_find(const struct fragments *fragments, const struct packet *packet,
                                  const struct connection_table *connections,
                                  enum connection_end *from);

#endif
