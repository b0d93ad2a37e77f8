/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/pages.h"
#include "check.h"

static bool is_zero(const unsigned char *bytes, size_t length)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, length - 1) == 0;
}

static void test_size(void *make(size_t bytes), size_t bytes)
{
	unsigned char *pages = make(bytes);

	CHECK(pages && (uintptr_t)pages % PAGES_LINE == 0 &&
	              (bytes < PAGES_HUGE || (uintptr_t)pages % PAGES_HUGE == 0),
	      "%zu bytes are aligned", bytes);
	CHECK(is_zero(pages, bytes), "and zero");
	memset(pages, 0xa5, bytes);
	pages_free(pages, bytes);
	pages = make(bytes);
	CHECK(pages && is_zero(pages, bytes), "and zero again after others wrote there");
	pages_free(pages, bytes);
}

/* proc(5): all that is mapped, in pages. */
static long mapped(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	long pages = -1;

	if (statm && fscanf(statm, "%ld", &pages) != 1)
		pages = -1;
	if (statm)
		fclose(statm);
	return pages;
}

static void test_returned(void *make(size_t bytes))
{
	const size_t bytes = ((size_t)64 << 20) + 1;
	bool there = true;
	long before;

	pages_free(make(bytes), bytes);
	before = mapped();
	for (int i = 0; i < 100; i++) {
		void *pages = make(bytes);

		there = there && pages;
		pages_free(pages, bytes);
	}
	CHECK(there && mapped() - before < 4096, "what is freed is not mapped any more");
}

/* A part of an allocation, which begins and ends within pages. */
static void test_populate(void)
{
	enum { SIZE = 1 << 20, FROM = 100, LENGTH = SIZE - 300 };
	unsigned char *memory = pages_new_small(SIZE);
	bool is_there;
	long before;

	if (!CHECK(memory, "memory"))
		return;
	memory[FROM] = 42;
	errno = 0;
	pages_populate(memory + FROM, LENGTH);
	is_there = errno == 0; /* a kernel that has it */
	before = check_pages_touched();
	for (size_t i = FROM; i < FROM + LENGTH; i += 1024)
		memory[i] ^= 1;
	if (is_there) /* of 256 pages; sanitizers have 32 about them */
		CHECK(check_pages_touched() - before < 64, "and is present: %ld pages are not",
		      check_pages_touched() - before);
	CHECK(memory[FROM] == (42 ^ 1), "what was there stays as it was");
	pages_free(memory, SIZE);
}

int main(void)
{
	static const size_t sizes[] = {
		1, 64, 512, PAGES_HUGE - 1, PAGES_HUGE, PAGES_HUGE + 1, 5 * PAGES_HUGE
	};
	static void *(*const makers[])(size_t bytes) = { pages_new, pages_new_small };

	for (size_t m = 0; m < sizeof makers / sizeof *makers; m++) {
		for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
			test_size(makers[m], sizes[i]);
		CHECK(!makers[m](SIZE_MAX), "no size overflows");
		test_returned(makers[m]);
	}
	test_populate();
	pages_free(NULL, 1);
	pages_free(NULL, PAGES_HUGE);
	return check_done();
}
