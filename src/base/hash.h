/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed hash for tables that strangers can fill (SipHash-1-3, Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF"). The key comes from the app, so
 * that live runs differ and replays repeat.
 */
#ifndef SOCKLINE_BASE_HASH_H
#define SOCKLINE_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

struct hash_key {
	uint64_t k[2];
};

/* From getrandom(2); 0 or -errno. */
int hash_key_random(struct hash_key *key);

/* Length in bytes; bytes need no alignment. */
uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t length);

#endif
