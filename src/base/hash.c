/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>

int hash_key_random(struct hash_key *key)
{
	struct hash_key fresh;
	ssize_t got;

	/*
	 * Up to 256 bytes come whole once the pool is ready, getrandom(2); before, a signal may
	 * end it.
	 */
	do
		got = getrandom(&fresh, sizeof fresh, 0);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	if ((size_t)got != sizeof fresh)
		return -EIO;
	*key = fresh;
	return 0;
}

uint64_t hash_bytes(const struct hash_key *key, const void *bytes, size_t length)
{
	return hash_siphash(key, bytes, length, 1, 3);
}
