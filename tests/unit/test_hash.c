/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "check.h"
#include "hash_spread.h"
#include "random.h"

/*
 * SipHash-2-4 of 00 01 02 ... with the key 00 01 .. 0f, by length, low byte
 * first: from the test vectors that Aumasson and Bernstein publish; the one for
 * 15 bytes is the worked example of their paper, appendix A.
 */
static const struct {
	size_t length;
	uint64_t hash;
} vectors_2_4[] = {
	{ 0, UINT64_C(0x726fdb47dd0e0e31) }, { 1, UINT64_C(0x74f839c593dc67fd) },
	{ 2, UINT64_C(0x0d6c8009d9a94f5a) }, { 3, UINT64_C(0x85676696d7fb7e2d) },
	{ 4, UINT64_C(0xcf2794e0277187b7) }, { 5, UINT64_C(0x18765564cd99a68d) },
	{ 6, UINT64_C(0xcbc9466e58fee3ce) }, { 7, UINT64_C(0xab0200f58b01d137) },
	{ 8, UINT64_C(0x93f5f5799a932462) }, { 15, UINT64_C(0xa129ca6149be45e5) },
};

static struct hash_key test_key(void)
{
	/* The bytes 00 to 0f read as two little-endian words. */
	return (struct hash_key){ { UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908) } };
}

static void test_vectors(void)
{
	struct hash_key key = test_key();
	uint8_t bytes[64];

	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)i;
	for (size_t i = 0; i < sizeof vectors_2_4 / sizeof *vectors_2_4; i++) {
		size_t length = vectors_2_4[i].length;
		const uint8_t *guarded = check_guarded(bytes, length);

		CHECK_EQUAL(hash_siphash(&key, guarded, length, 2, 4), vectors_2_4[i].hash,
		            "SipHash-2-4 of %zu bytes", length);
	}
}

/* Written from the paper's pseudo code, one byte and one step at a time, to be slow and plain. */
static uint64_t plain_siphash_1_3(const struct hash_key *key, const uint8_t *bytes, size_t length)
{
	uint64_t v0 = key->k[0] ^ UINT64_C(0x736f6d6570736575);
	uint64_t v1 = key->k[1] ^ UINT64_C(0x646f72616e646f6d);
	uint64_t v2 = key->k[0] ^ UINT64_C(0x6c7967656e657261);
	uint64_t v3 = key->k[1] ^ UINT64_C(0x7465646279746573);
	size_t words = length / 8 + 1;

	for (size_t word = 0; word < words + 3; word++) {
		uint64_t m = 0;

		for (size_t i = 0; word < words && i < 8; i++) {
			uint8_t byte = word * 8 + i < length ? bytes[word * 8 + i] : 0;

			if (word == words - 1 && i == 7)
				byte = (uint8_t)length;
			m |= (uint64_t)byte << (8 * i);
		}
		if (word == words)
			v2 ^= 0xff;
		v3 ^= m;
		v0 += v1, v1 = v1 << 13 | v1 >> 51, v1 ^= v0, v0 = v0 << 32 | v0 >> 32;
		v2 += v3, v3 = v3 << 16 | v3 >> 48, v3 ^= v2;
		v0 += v3, v3 = v3 << 21 | v3 >> 43, v3 ^= v0;
		v2 += v1, v1 = v1 << 17 | v1 >> 47, v1 ^= v2, v2 = v2 << 32 | v2 >> 32;
		v0 ^= m;
	}
	return v0 ^ v1 ^ v2 ^ v3;
}

static void test_hash_bytes(struct random *random)
{
	struct hash_key key = test_key();
	uint8_t bytes[128];
	int wrong = 0;

	for (int i = 0; i < 20000; i++) {
		size_t length = random_below(random, sizeof bytes - 7),
		       shift = random_below(random, 8);

		random_bytes(random, &key, sizeof key);
		random_bytes(random, bytes, sizeof bytes);
		wrong += hash_bytes(&key, bytes + shift, length) !=
		         plain_siphash_1_3(&key, bytes + shift, length);
	}
	CHECK_EQUAL(wrong, 0, "hash_bytes is SipHash-1-3 at any length and alignment");
	wrong = 0;
	for (size_t length = 0; length < 80; length++)
		wrong += hash_bytes(&key, check_guarded(bytes, length), length) !=
		         plain_siphash_1_3(&key, bytes, length);
	CHECK_EQUAL(wrong, 0, "and reads no byte past the end");
}

/* Flipping any bit of a 40-byte tuple, or of the key, flips half of the hash. */
static void test_avalanche(struct random *random)
{
	uint8_t tuple[40];
	int flips = 0, low = 64, cases = 0;

	for (int round = 0; round < 20; round++) {
		struct hash_key key;
		uint64_t before;

		random_bytes(random, &key, sizeof key);
		random_bytes(random, tuple, sizeof tuple);
		before = hash_bytes(&key, tuple, sizeof tuple);
		for (size_t bit = 0; bit < 8 * (sizeof tuple + sizeof key); bit++) {
			uint8_t *byte = bit < 8 * sizeof tuple
			                        ? tuple + bit / 8
			                        : (uint8_t *)&key + bit / 8 - sizeof tuple;
			int changed;

			*byte ^= (uint8_t)(1u << bit % 8);
			changed = __builtin_popcountll(before ^
			                               hash_bytes(&key, tuple, sizeof tuple));
			*byte ^= (uint8_t)(1u << bit % 8);
			flips += changed;
			cases++;
			low = changed < low ? changed : low;
		}
	}
	/* 8,960 cases of 64 fair coins: the mean strays from 32 by 0.04, and 8 heads have 1e-10. */
	CHECK(flips > cases * 31.5 && flips < cases * 32.5, "on average %.2f of 64 bits flip",
	      (double)flips / cases);
	CHECK(low >= 8, "never fewer than 8");
}

static void test_fold(void)
{
	/* By hand: the high and the low half of the product. */
	CHECK_EQUAL(hash_fold(UINT64_MAX, UINT64_MAX), ((UINT64_MAX - 1) ^ 1),
	            "the largest factors");
	CHECK_EQUAL(hash_fold(UINT64_C(1) << 32, UINT64_C(1) << 32), 1, "only a high half");
	CHECK_EQUAL(hash_fold(UINT64_C(0x123456789abcdef0), 16), (UINT64_C(0x23456789abcdef00) ^ 1),
	            "both halves");
	CHECK_EQUAL(hash_fold(UINT64_C(0xffffffff), UINT64_C(0x100000001)), UINT64_MAX, "no carry");
}

/* Pids, inodes, addresses of objects. */
static void test_numbers(struct random *random)
{
	static uint64_t hashes[HASH_SPREAD_COUNT];

	for (int stride = 1; stride <= 4096; stride *= 8) {
		uint64_t start = random_u64(random);
		struct hash_key key;

		random_bytes(random, &key, sizeof key);
		for (int i = 0; i < HASH_SPREAD_COUNT; i++)
			hashes[i] = hash_number(&key, start + (uint64_t)i * (uint64_t)stride);
		hash_spread_check(hashes, "numbers with a distance of", stride);
	}
}

static void test_random_key(void)
{
	struct hash_key a = { { 0, 0 } }, b = a;

	CHECK(hash_key_random(&a) == 0 && hash_key_random(&b) == 0, "keys from the kernel");
	CHECK(memcmp(&a, &b, sizeof a) != 0 && a.k[0] != a.k[1], "no two are the same");
}

int main(void)
{
	struct random random = random_begin();

	test_vectors();
	test_hash_bytes(&random);
	test_avalanche(&random);
	test_fold();
	test_numbers(&random);
	test_random_key();
	return check_done();
}
