/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_args.h"

#include <stdlib.h>
#include <string.h>

#include "processes/redact.h"

_Static_assert(REDACT_MAX >= PROCESS_ARGS_MAX, "an argument that is kept");

struct process_args *process_args_new(const char *bytes, size_t length, uint32_t argc)
{
	struct process_args *args = malloc(sizeof *args + PROCESS_ARGS_MAX), *fitted;
	struct redact redact = { .value_next = false };
	struct buf strings;
	const char *end;

	if (!args)
		return NULL;
	*args = (struct process_args){ .argc = argc };
	strings = (struct buf){ .data = args->strings, .capacity = PROCESS_ARGS_MAX };
	while ((argc == 0 || args->count < argc) && (end = memchr(bytes, '\0', length))) {
		size_t size = (size_t)(end - bytes);

		redact_argument(&redact, bytes, size, &strings);
		buf_append_char(&strings, '\0');
		if (strings.overflow)
			break;
		args->length = (uint32_t)strings.length;
		args->count++;
		bytes += size + 1;
		length -= size + 1;
	}
	fitted = realloc(args, sizeof *args + args->length);
	return fitted ? fitted : args;
}

static uint64_t bytes_of(const struct process_args *args)
{
	return sizeof *args + args->length;
}

void process_args_free(struct process_args *args)
{
	if (!args)
		return;
	if (args->budget) {
		args->budget->used -= bytes_of(args);
		process_args_budget_unref(args->budget);
	}
	free(args);
}

bool process_args_same(const struct process_args *a, const struct process_args *b)
{
	return a->argc == b->argc && a->count == b->count && a->length == b->length &&
	       memcmp(a->strings, b->strings, a->length) == 0;
}

struct process_args_budget *process_args_budget_new(void)
{
	struct process_args_budget *budget = calloc(1, sizeof *budget);

	if (budget)
		budget->references = 1;
	return budget;
}

void process_args_budget_unref(struct process_args_budget *budget)
{
	if (budget && --budget->references == 0)
		free(budget);
}

struct process_image *process_image_new(void)
{
	struct process_image *image = calloc(1, sizeof *image);

	if (image)
		image->references = 1;
	return image;
}

struct process_image *process_image_ref(struct process_image *image)
{
	if (image)
		image->references++;
	return image;
}

void process_image_unref(struct process_image *image)
{
	if (!image || --image->references > 0)
		return;
	process_args_free(image->args);
	free(image);
}

void process_image_forget_args(struct process_image *image)
{
	process_args_free(image->args);
	image->args = NULL;
}

void process_image_set_args(struct process_image *image, struct process_args *args,
                            struct process_args_budget *budget)
{
	process_image_forget_args(image);
	if (bytes_of(args) > PROCESS_ARGS_TOTAL - budget->used) {
		process_args_free(args);
		return;
	}
	args->budget = budget;
	budget->references++;
	budget->used += bytes_of(args);
	image->args = args;
}
