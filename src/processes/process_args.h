/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arguments of a program, as far as they are known, without their secrets. They belong to an
 * image: to what one exec brought, and to the processes that were forked from it since. Pure.
 */
#ifndef SOCKLINE_PROCESSES_PROCESS_ARGS_H
#define SOCKLINE_PROCESSES_PROCESS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROCESS_ARGS_MAX   4096                 /* bytes that are kept of one program */
#define PROCESS_ARGS_RAW   8192                 /* bytes that are read of one program */
#define PROCESS_ARGS_TOTAL (UINT64_C(16) << 20) /* bytes of all programs: then others have none */

/* Immutable. One thread at a time. */
struct process_args {
	uint32_t argc;                      /* how many there are; 0 = not known */
	uint32_t count;                     /* the first of them, which are kept */
	uint32_t length;                    /* of strings */
	struct process_args_budget *budget; /* from which they have their bytes; NULL = none */
	char strings[];                     /* each with its NUL */
};

/* How much all programs have together. A counted reference of each, and of who made it. */
struct process_args_budget {
	uint32_t references;
	uint64_t used;
};
struct process_args_budget *process_args_budget_new(void);          /* NULL when memory is short */
void process_args_budget_unref(struct process_args_budget *budget); /* NULL is fine */

/*
 * bytes: the first arguments, each with its NUL; what follows the last NUL is none. argc: how
 * many there are, 0 = not known. NULL when memory is short.
 */
struct process_args *process_args_new(const char *bytes, size_t length, uint32_t argc);
void process_args_free(struct process_args *args); /* NULL is fine */

static inline bool process_args_complete(const struct process_args *args)
{
	return args->argc > 0 && args->count == args->argc;
}

bool process_args_same(const struct process_args *a, const struct process_args *b);

/* Counted references, by the states of a process and by its children. */
struct process_image {
	uint32_t references;
	struct process_args *args; /* NULL = not known (yet) */
	int64_t read_ns;           /* monotonic: read from /proc then; 0 = known by the exec */
	int64_t since_wall_ns;     /* of earlier times they are not known; 0 = of all are */
};

struct process_image *process_image_new(void); /* NULL when memory is short */
struct process_image *process_image_ref(struct process_image *image); /* NULL is fine */
void process_image_unref(struct process_image *image);                /* NULL is fine */
/* Takes args over, which are freed where the budget has no room for them. */
void process_image_set_args(struct process_image *image, struct process_args *args,
                            struct process_args_budget *budget);
void process_image_forget_args(struct process_image *image);

#endif
