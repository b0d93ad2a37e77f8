/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pages.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE /* Linux 5.14, glibc 2.35 */
#define MADV_POPULATE_WRITE 23
#endif

static size_t round_up(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

/* mmap(2) aligns to small pages: what is too much before and behind is given back. */
static void *map_aligned(size_t bytes, int advice)
{
	size_t mapped = bytes + PAGES_HUGE, before, behind;
	char *from = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *aligned;

	if (from == MAP_FAILED)
		return NULL;
	before = round_up((uintptr_t)from, PAGES_HUGE) - (uintptr_t)from;
	behind = PAGES_HUGE - before;
	aligned = from + before;
	/* Refused, it is as slow as it was. */
	madvise(aligned, bytes, advice);
	if (behind > 0)
		munmap(aligned + bytes, behind);
	if (before > 0)
		munmap(from, before);
	return aligned;
}

/* From here on pages of its own, which come zeroed, and only when they are touched. */
#define MAPPED_MIN ((size_t)64 << 10)

static void *map(size_t bytes)
{
	void *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED)
		return NULL;
	return pages;
}

static void *new_of(size_t bytes, int advice)
{
	void *pages;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	if (bytes >= PAGES_HUGE)
		return map_aligned(round_up(bytes, PAGES_HUGE), advice);
	if (bytes >= MAPPED_MIN)
		return map(bytes);
	bytes = round_up(bytes, PAGES_LINE);
	pages = aligned_alloc(PAGES_LINE, bytes);
	return pages ? memset(pages, 0, bytes) : NULL;
}

void *pages_new(size_t bytes)
{
	return new_of(bytes, MADV_HUGEPAGE);
}

void *pages_new_small(size_t bytes)
{
	return new_of(bytes, MADV_NOHUGEPAGE);
}

void pages_populate(void *memory, size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), before = (uintptr_t)memory % page;

	madvise((char *)memory - before, round_up(before + bytes, page), MADV_POPULATE_WRITE);
}

void pages_free(void *pages, size_t bytes)
{
	if (pages && bytes >= PAGES_HUGE)
		munmap(pages, round_up(bytes, PAGES_HUGE));
	else if (pages && bytes >= MAPPED_MIN)
		munmap(pages, bytes);
	else
		free(pages);
}
