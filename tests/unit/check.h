/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Unit tests in TAP (testanything.org), one test point a CHECK; buffers that end at a guard page. */
#ifndef SOCKLINE_TESTS_CHECK_H
#define SOCKLINE_TESTS_CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

static int check_count, check_failures;

/*
 * One test point: a title in printf form says what holds; the function comes before it, so that
 * it can be read alone. Evaluates to the condition.
 */
#define CHECK(condition, ...)                                                                      \
	check_point(__FILE__, __LINE__, __func__, #condition, (condition), __VA_ARGS__)

/* Equal integers or enumerations, and texts, of which each may be NULL: both are shown if not. */
#define CHECK_EQUAL(found, expected, ...)                                                          \
	check_equal(__FILE__, __LINE__, __func__, #found " == " #expected, (int64_t)(found),       \
	            (int64_t)(expected), __VA_ARGS__)
#define CHECK_TEXT(found, expected, ...)                                                           \
	check_text(__FILE__, __LINE__, __func__, #found, (found), (expected), __VA_ARGS__)

/* Bounds of time are multiplied by $SLOWDOWN, as those of the integration tests: emulated machines. */
static inline int check_slowdown(void)
{
	const char *text = getenv("SLOWDOWN");
	int factor = text ? atoi(text) : 1;

	return factor > 1 ? factor : 1;
}

/* Memory of this process; -1 without /proc. */
static inline long check_resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long pages = -1;

	if (file && fscanf(file, "%*d %ld", &pages) != 1)
		pages = -1;
	if (file)
		fclose(file);
	return pages < 0 ? -1 : pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Pages that were touched for the first time. Exact: what is resident is counted in batches. */
static inline long check_pages_touched(void)
{
	struct rusage usage;

	return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_minflt : -1;
}

static inline bool __attribute__((format(printf, 3, 0)))
check_title(bool holds, const char *function, const char *format, va_list arguments)
{
	printf("%sok %d - %s: ", holds ? "" : "not ", ++check_count, function);
	vprintf(format, arguments);
	putchar('\n');
	check_failures += !holds;
	return holds;
}

static inline bool __attribute__((format(printf, 6, 7)))
check_point(const char *file, int line, const char *function, const char *condition, bool holds,
            const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	check_title(holds, function, format, arguments);
	va_end(arguments);
	if (!holds)
		printf("# %s:%d: %s\n", file, line, condition);
	return holds;
}

static inline bool __attribute__((format(printf, 7, 8)))
check_equal(const char *file, int line, const char *function, const char *condition, int64_t found,
            int64_t expected, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	check_title(found == expected, function, format, arguments);
	va_end(arguments);
	if (found != expected)
		printf("# %s:%d: %s: %" PRId64 " is not %" PRId64 "\n", file, line, condition,
		       found, expected);
	return found == expected;
}

static inline bool __attribute__((format(printf, 7, 8)))
check_text(const char *file, int line, const char *function, const char *condition,
           const char *found, const char *expected, const char *format, ...)
{
	bool equal = found == expected || (found && expected && strcmp(found, expected) == 0);
	va_list arguments;

	va_start(arguments, format);
	check_title(equal, function, format, arguments);
	va_end(arguments);
	if (!equal)
		printf("# %s:%d: %s is \"%s\", not \"%s\"\n", file, line, condition,
		       found ? found : "(null)", expected ? expected : "(null)");
	return equal;
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
