/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include "check.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OTHER_MALLOC
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__)
#define OTHER_MALLOC
#endif

#ifdef OTHER_MALLOC
int main(void)
{
	puts("1..0 # SKIP another malloc than that of glibc");
	return EXIT_SUCCESS;
}
#else

#define BLOCKS 20000
#define SIZE   1000 /* as a process with its names */

static void *blocks[BLOCKS];

/* The last block stays, so that the heap cannot end before it. */
static void burst(void)
{
	for (int i = 0; i < BLOCKS; i++) {
		blocks[i] = malloc(SIZE);
		if (blocks[i])
			memset(blocks[i], 'x', SIZE);
	}
	for (int i = 0; i < BLOCKS - 1; i++)
		free(blocks[i]);
}

static void test_burst(void)
{
	long before, after;

	burst();
	before = check_resident_kib();
	heap_trim();
	after = check_resident_kib();
	CHECK(before - after > BLOCKS / 1024 * SIZE / 2, "of %ld KiB, %ld are left after a burst",
	      before, after);
	CHECK(((char *)blocks[BLOCKS - 1])[SIZE - 1] == 'x', "and what lives is as it was");
	free(blocks[BLOCKS - 1]);
}

int main(void)
{
	test_burst();
	return check_done();
}
#endif
