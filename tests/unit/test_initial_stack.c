/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/initial_stack.h"

#include "check.h"
#include "random.h"

/* argc 2; two arguments, NULL; one variable, NULL; the auxiliary vector. */
static const uint64_t words[] = {
	2,    0x7ff1, 0x7ff2, 0,  0x7ff3, 0,  33,   0x7000, 23,     1, 11,
	1000, 12,     0,      13, 1001,   14, 1002, 25,     0x7ff4, 0, 0
};
#define COUNT (sizeof words / sizeof *words)

static size_t write_words(uint8_t *bytes, size_t size)
{
	for (size_t i = 0; i < COUNT; i++) {
		uint32_t small = (uint32_t)words[i];

		if (size == 4)
			memcpy(bytes + i * size, &small, size);
		else
			memcpy(bytes + i * size, &words[i], size);
	}
	return COUNT * size;
}

static void test_word(size_t size)
{
	struct initial_stack stack = { 0 }, before;
	uint8_t bytes[COUNT * 8];
	size_t length = write_words(bytes, size), needed = 18 * size;
	int wrong = 0;

	CHECK(initial_stack_parse(bytes, length, size, &stack) && stack.argc == 2 &&
	              stack.uid == 1000 && stack.euid == 0 && stack.gid == 1001 &&
	              stack.egid == 1002 && stack.secure,
	      "%zu bytes a word: the ids", size);
	before = stack;
	for (size_t cut = 0; cut < length; cut++) {
		/* A copy of the exact size: a sanitizer sees each byte beyond. */
		uint8_t *part = malloc(cut + (cut == 0));

		memcpy(part, bytes, cut);
		wrong += initial_stack_parse(part, cut, size, &stack) != (cut >= needed);
		free(part);
	}
	CHECK(wrong == 0 && memcmp(&stack, &before, sizeof stack) == 0,
	      "%zu bytes a word: a stack that ends too early has none", size);
}

/* As above; the strings of the arguments end where those of the environment begin. */
static void test_args_word(size_t size)
{
	struct initial_args args;
	uint8_t bytes[COUNT * 8];
	size_t length = write_words(bytes, size), known = 0, found = 0;

	CHECK(initial_stack_find_args(bytes, length, size, &args) && args.argc == 2 &&
	              args.from == 0x7ff1 && args.to == 0x7ff3 && args.random == 0x7ff4,
	      "%zu bytes a word: the arguments, and nothing of the environment", size);
	for (size_t cut = 0; cut < length; cut++) {
		uint8_t *part = (uint8_t *)check_guarded(bytes, cut);

		known += initial_stack_find_args(part, cut, size, &args);
		found += known > 0 && args.from != 0;
	}
	CHECK(known == length - size && found <= size,
	      "%zu bytes a word: their number, where the stack ends too early", size);
}

static void test_args(void)
{
	/* No environment: the name of the file stands behind the arguments. */
	static const uint64_t none[] = { 1, 0x7ff1, 0, 0, 31, 0x7ff9, 25, 0x7f00, 0, 0 };
	static const uint64_t wrong[][10] = {
		{ 2, 0x7ff2, 0x7ff1, 0, 0, 31, 0x7ff9, 0, 0, 0 }, /* they run backwards */
		{ 1, 0x7ff1, 0, 0x7000, 0, 31, 0x7ff9, 0, 0, 0 }, /* the environment comes first */
		{ 1, 0x7ff1, 1, 0, 31, 0x7ff9, 0, 0, 0, 0 },      /* without an end */
		{ 1, 0x7ff1, 0, 0, 25, 0x7f00, 0, 0, 0, 0 },      /* without a file */
		{ 9, 0x7ff1, 0x7ff2, 0, 0, 31, 0x7ff9, 0, 0, 0 }, /* more than there are */
	};
	struct initial_args args;

	CHECK(initial_stack_find_args((const uint8_t *)none, sizeof none, 8, &args) &&
	              args.from == 0x7ff1 && args.to == 0x7ff9,
	      "without an environment");
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
		CHECK(initial_stack_find_args((const uint8_t *)wrong[i], sizeof wrong[i], 8,
		                              &args) &&
		              args.argc == wrong[i][0] && args.from == 0 && args.to == 0,
		      "a stack that contradicts itself: number %zu", i);
	memset(&args, 0xff, sizeof args);
	CHECK(!initial_stack_find_args((const uint8_t *)&args, 8, 8, &args) &&
	              !initial_stack_find_args((const uint8_t *)(none + 8), 8, 8, &args),
	      "no stack has so many arguments, and none has none");
}

static void test_hostile(void)
{
	struct random random = random_begin();
	uint64_t stack_words[64];
	struct initial_stack stack;
	struct initial_args args;
	int parsed = 0;

	memset(stack_words, 0xff, sizeof stack_words);
	CHECK(!initial_stack_parse((uint8_t *)stack_words, sizeof stack_words, 8, &stack),
	      "a count that no stack can hold");
	memset(stack_words, 0, sizeof stack_words);
	CHECK(!initial_stack_parse((uint8_t *)stack_words, sizeof stack_words, 8, &stack),
	      "a vector that ends at once");
	for (int i = 0; i < 20000; i++) {
		for (size_t word = 0; word < 64; word++)
			stack_words[word] = random_below(&random, 30);
		parsed += initial_stack_parse((uint8_t *)stack_words, sizeof stack_words,
		                              i % 2 ? 8 : 4, &stack);
		parsed += initial_stack_find_args((uint8_t *)stack_words, sizeof stack_words,
		                                  i % 2 ? 8 : 4, &args) &&
		          args.from > args.to;
	}
	CHECK(parsed >= 0, "twenty thousand random ones: %d parsed", parsed);
}

int main(void)
{
	test_word(8);
	test_word(4);
	test_args_word(8);
	test_args_word(4);
	test_args();
	test_hostile();
	return check_done();
}
