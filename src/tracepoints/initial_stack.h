/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack of a program that has just been executed and did not run yet: argc, the pointers of
 * argv and envp, and the auxiliary vector, getauxval(3), in which the kernel says with which ids
 * the program starts. The program cannot have forged that. Pure.
 */
#ifndef SOCKLINE_TRACEPOINTS_INITIAL_STACK_H
#define SOCKLINE_TRACEPOINTS_INITIAL_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In terms of the process's own user namespace. */
struct initial_stack {
	uint32_t uid, euid, gid, egid;
	bool secure; /* set-user-ID, set-group-ID, or with capabilities of the file */
	uint64_t argc;
};

/*
 * bytes: from the stack pointer on, as far as they are known. word: 4 or 8, the size of a
 * pointer. False, and *stack unchanged: the ids lie beyond, with some 460 arguments and
 * variables in 4 KiB, or it is no such stack.
 */
bool initial_stack_parse(const uint8_t *bytes, size_t length, size_t word,
                         struct initial_stack *stack);

/*
 * Where the strings of argv are: in one piece, each with its NUL. Those of the environment, which
 * are none of anyone's business, follow it and are no part of it.
 */
struct initial_args {
	uint32_t argc;
	uint64_t from, to; /* addresses; 0 and 0: not known */
	uint64_t random;   /* of 16 bytes that no other exec has, AT_RANDOM; 0 = not known */
};
#define INITIAL_ARGS_RANDOM 16

/* The same bytes. False: not even argc is known. */
bool initial_stack_find_args(const uint8_t *bytes, size_t length, size_t word,
                             struct initial_args *args);

#endif
