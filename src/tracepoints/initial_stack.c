/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/initial_stack.h"

#include <string.h>

/* linux/auxvec.h */
#define AUX_END    0
#define AUX_UID    11
#define AUX_EUID   12
#define AUX_GID    13
#define AUX_EGID   14
#define AUX_SECURE 23
#define AUX_RANDOM 25
#define AUX_EXECFN 31

struct words {
	const uint8_t *at, *end;
	size_t size;
};

static bool take_word(struct words *words, uint64_t *value)
{
	uint32_t small;

	if ((size_t)(words->end - words->at) < words->size)
		return false;
	if (words->size == sizeof small) {
		memcpy(&small, words->at, sizeof small);
		*value = small;
	} else {
		memcpy(value, words->at, sizeof *value);
	}
	words->at += words->size;
	return true;
}

bool initial_stack_parse(const uint8_t *bytes, size_t length, size_t word,
                         struct initial_stack *stack)
{
	struct words words = { bytes, bytes + length, word };
	struct initial_stack found = { 0 };
	unsigned seen = 0;
	uint64_t key, value;

	if (!take_word(&words, &found.argc) || found.argc > length / word)
		return false;
	words.at += found.argc * word;
	/* The arguments end with NULL, the environment as well. */
	if (words.at > words.end || !take_word(&words, &value) || value != 0)
		return false;
	do
		if (!take_word(&words, &value))
			return false;
	while (value != 0);
	while (seen != 0x1f && take_word(&words, &key) && take_word(&words, &value)) {
		switch (key) {
		case AUX_END:
			return false;
		case AUX_UID:
			found.uid = (uint32_t)value;
			seen |= 1u;
			break;
		case AUX_EUID:
			found.euid = (uint32_t)value;
			seen |= 2u;
			break;
		case AUX_GID:
			found.gid = (uint32_t)value;
			seen |= 4u;
			break;
		case AUX_EGID:
			found.egid = (uint32_t)value;
			seen |= 8u;
			break;
		case AUX_SECURE:
			found.secure = value != 0;
			seen |= 16u;
			break;
		}
	}
	if (seen != 0x1f)
		return false;
	*stack = found;
	return true;
}

/* The auxiliary vector, which follows the environment. False: it does not end within the bytes. */
static bool find_addresses(struct words *words, uint64_t *random, uint64_t *file)
{
	uint64_t key, value;

	*random = *file = 0;
	while (take_word(words, &key) && take_word(words, &value)) {
		if (key == AUX_RANDOM)
			*random = value;
		else if (key == AUX_EXECFN)
			*file = value;
		else if (key == AUX_END)
			return true;
	}
	return false;
}

/* The pointers stand in the order of the strings, and each points behind the one before. */
static bool take_pointers(struct words *words, uint64_t count, uint64_t *first, uint64_t *last)
{
	*first = *last = 0;
	for (uint64_t i = 0; i < count; i++) {
		uint64_t pointer;

		if (!take_word(words, &pointer) || pointer <= *last)
			return false;
		if (i == 0)
			*first = pointer;
		*last = pointer;
	}
	return true;
}

bool initial_stack_find_args(const uint8_t *bytes, size_t length, size_t word,
                             struct initial_args *args)
{
	struct words words = { bytes, bytes + length, word };
	uint64_t argc, from, last, to, end, random, file;

	if (!take_word(&words, &argc) || argc == 0 || argc > INT32_MAX)
		return false;
	*args = (struct initial_args){ .argc = (uint32_t)argc };
	if (argc > length / word || !take_pointers(&words, argc, &from, &last) ||
	    !take_word(&words, &end) || end != 0 || !take_word(&words, &to))
		return true;
	for (end = to; end != 0;)
		if (!take_word(&words, &end))
			return true;
	if (!find_addresses(&words, &random, &file))
		return true;
	/* The strings of the environment come next; without any, the name of the file. */
	if (to == 0)
		to = file;
	if (to <= last)
		return true;
	args->from = from;
	args->to = to;
	args->random = random;
	return true;
}
