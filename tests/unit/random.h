/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Random cases that can be repeated: the seed is printed; SEED=N in the environment sets it. */
#ifndef SOCKLINE_TESTS_RANDOM_H
#define SOCKLINE_TESTS_RANDOM_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

struct random {
	uint64_t state;
};

static inline struct random random_begin(void)
{
	const char *given = getenv("SEED");
	uint64_t seed =
		given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL) << 20 ^ (uint64_t)getpid();

	printf("# SEED=%" PRIu64 "\n", seed);
	return (struct random){ .state = seed };
}

/* splitmix64 (Steele, Lea, Flood 2014): any seed is a good one. */
static inline uint64_t random_u64(struct random *random)
{
	uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* 0 to below - 1. */
static inline uint32_t random_below(struct random *random, uint32_t below)
{
	return (uint32_t)((random_u64(random) >> 32) * below >> 32);
}

static inline void random_bytes(struct random *random, void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		((uint8_t *)bytes)[i] = (uint8_t)(random_u64(random) >> 56);
}

#endif
