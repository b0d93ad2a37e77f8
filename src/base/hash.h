/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keyed hashes for tables that strangers can fill: SipHash-1-3 (Aumasson and
 * Bernstein, "SipHash: a fast short-input PRF") where 64 bits stand for what was
 * hashed, a few multiplications where that is compared. The key comes from the app,
 * so that live runs differ and replays repeat.
 */
#ifndef SOCKLINE_BASE_HASH_H
#define SOCKLINE_BASE_HASH_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hash_key {
	uint64_t k[2];
};

/* From getrandom(2); 0 or -errno. */
int hash_key_random(struct hash_key *key);

/* Length in bytes; bytes need no alignment. */
uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t length);

static inline uint64_t hash_rotate(uint64_t x, int bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void hash_rounds(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[1] = hash_rotate(v[1], 13) ^ v[0];
		v[0] = hash_rotate(v[0], 32);
		v[2] += v[3];
		v[3] = hash_rotate(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = hash_rotate(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = hash_rotate(v[1], 17) ^ v[2];
		v[2] = hash_rotate(v[2], 32);
	}
}

/*
 * SipHash-c-d. Here so that a caller with a fixed length gets straight code,
 * and so that the published SipHash-2-4 vectors test the code that runs.
 */
static inline __attribute__((always_inline)) uint64_t
hash_siphash(const struct hash_key *key, const void *bytes, size_t length, int c, int d)
{
	const uint8_t *from = bytes;
	uint64_t last = (uint64_t)length << 56;
	/* "somepseudorandomlygeneratedbytes", the constants of the paper. */
	uint64_t v[4] = {
		key->k[0] ^ UINT64_C(0x736f6d6570736575),
		key->k[1] ^ UINT64_C(0x646f72616e646f6d),
		key->k[0] ^ UINT64_C(0x6c7967656e657261),
		key->k[1] ^ UINT64_C(0x7465646279746573),
	};

	for (; length >= 8; from += 8, length -= 8) {
		uint64_t word;

		memcpy(&word, from, sizeof word);
		word = le64toh(word);
		v[3] ^= word;
		hash_rounds(v, c);
		v[0] ^= word;
	}
	for (size_t i = 0; i < length; i++)
		last |= (uint64_t)from[i] << (8 * i);
	v[3] ^= last;
	hash_rounds(v, c);
	v[0] ^= last;
	v[2] ^= 0xff;
	hash_rounds(v, d);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/*
 * The product of 128 bits, its halves folded: the step of which wyhash (Wang Yi) and its
 * kin are made. Factors must be secret, and zero by chance alone.
 */
static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
	__extension__ const unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
	uint64_t low_low = (a & UINT32_MAX) * (b & UINT32_MAX),
		 low_high = (a & UINT32_MAX) * (b >> 32);
	uint64_t high_low = (a >> 32) * (b & UINT32_MAX), high_high = (a >> 32) * (b >> 32);
	uint64_t middle = (low_low >> 32) + (low_high & UINT32_MAX) + (high_low & UINT32_MAX);
	uint64_t high = high_high + (low_high >> 32) + (high_low >> 32) + (middle >> 32);

	return a * b ^ high;
#endif
}

/* A key may be zero, a factor should not: hence the square roots of 2 and 3. */
static inline struct hash_key hash_factors(const struct hash_key *key)
{
	return (struct hash_key){ { key->k[0] ^ UINT64_C(0x6a09e667f3bcc908),
		                    key->k[1] ^ UINT64_C(0xbb67ae8584caa73b) } };
}

/* The hash of a number, such as a pid, for a table that compares them. */
static inline uint64_t hash_number(const struct hash_key *key, uint64_t number)
{
	const struct hash_key factors = hash_factors(key);

	return hash_fold(hash_fold(number ^ factors.k[0], factors.k[1]), factors.k[0]);
}

#endif
