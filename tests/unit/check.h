/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests in TAP (testanything.org), one test point a CHECK; buffers that end at a guard page. */
#ifndef SOCKLINE_TESTS_CHECK_H
#define SOCKLINE_TESTS_CHECK_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int check_count, check_failures;

/* One test point: a name in printf form says what holds. Evaluates to the condition. */
#define CHECK(condition, ...) check_point((condition), __FILE__, __LINE__, #condition, __VA_ARGS__)

static inline bool __attribute__((format(printf, 5, 6)))
check_point(bool holds, const char *file, int line, const char *condition, const char *format, ...)
{
	va_list arguments;

	printf("%sok %d - ", holds ? "" : "not ", ++check_count);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
	if (!holds) {
		check_failures++;
		printf("# %s:%d: %s\n", file, line, condition);
	}
	return holds;
}

/* The last statement of main: prints the plan and gives the exit status. */
static inline int check_done(void)
{
	printf("1..%d\n", check_count);
	return check_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Returns a copy of bytes that ends where an unmapped page begins, so that
 * reading one byte too far crashes in every build. Never freed.
 */
static inline uint8_t *check_guarded(const void *bytes, size_t length)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (length + page - 1) / page * page;
	uint8_t *map =
		mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (map == MAP_FAILED || mprotect(map + size, page, PROT_NONE) != 0) {
		perror("mmap");
		exit(EXIT_FAILURE);
	}
	if (length > 0)
		memcpy(map + size - length, bytes, length);
	return map + size - length;
}

#endif
