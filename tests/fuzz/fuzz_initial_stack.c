/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: the first byte says how long a word is, and what is to be done with the rest: to parse
 * it as a stack, as a sample of exec with one, or as the arguments themselves.
 */
#include "tracepoints/initial_stack.h"

#include <stdlib.h>
#include <string.h>

#include "processes/process_args.h"
#include "tracepoints/exec_sample.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *bytes, size_t length, size_t word)
{
	struct initial_stack stack;
	struct initial_args args;

	initial_stack_parse(bytes, length, word, &stack);
	if (!initial_stack_find_args(bytes, length, word, &args))
		return;
	if (args.argc == 0 || (args.from == 0) != (args.to == 0) || args.from > args.to)
		abort();
}

static void sample(const uint8_t *bytes, size_t length)
{
	struct exec_sample found;

	if (exec_sample_find_stack(bytes, length, &found) != EXEC_SAMPLE_FOUND)
		return;
	if (found.bytes < bytes || found.bytes + found.length > bytes + length)
		abort();
	parse(found.bytes, found.length, found.word);
}

/* What is kept is whole arguments, no longer than it may be, and twice the same. */
static void keep(const uint8_t *bytes, size_t length)
{
	struct process_args *args = process_args_new((const char *)bytes, length, 0);
	struct process_args *again = process_args_new((const char *)bytes, length, 0);

	if (!args || !again || !process_args_same(args, again) || args->length > PROCESS_ARGS_MAX ||
	    (args->length > 0 && args->strings[args->length - 1] != '\0'))
		abort();
	process_args_free(args);
	process_args_free(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes;

	if (size == 0)
		return 0;
	/* A copy, so that the sanitizer sees both ends; never NULL. */
	bytes = malloc(size);
	if (!bytes)
		abort();
	memcpy(bytes, data + 1, size - 1);
	if (data[0] % 4 < 2)
		parse(bytes, size - 1, data[0] % 2 ? 8 : 4);
	else if (data[0] % 4 == 2)
		sample(bytes, size - 1);
	else
		keep(bytes, size - 1);
	free(bytes);
	return 0;
}
