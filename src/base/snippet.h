/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoded JSON that hangs on the object it describes and is freed with it: a
 * cache of bytes and nothing else, so that the owners of processes and
 * connections need no knowledge of the encoder. One allocation.
 */
#ifndef SOCKLINE_BASE_SNIPPET_H
#define SOCKLINE_BASE_SNIPPET_H

#include <stdint.h>
#include <stdlib.h>

#define SNIPPET_PIECES 7

struct snippet {
	uint64_t generation; /* of the object when it was encoded */
	uint32_t length;
	uint16_t split[SNIPPET_PIECES]; /* where in bytes each piece ends */
	char bytes[];
};

#define SNIPPET_PREFETCH 320 /* bytes: most are no longer */

/* Fetches what is likely to be read soon. NULL is fine. */
static inline void snippet_prefetch(const struct snippet *snippet)
{
	for (int at = 0; snippet && at < SNIPPET_PREFETCH; at += 64)
		__builtin_prefetch((const char *)snippet + at);
}

static inline void snippet_free(struct snippet *snippet)
{
	free(snippet);
}

/* It is encoded anew when it is wanted again. */
static inline void snippet_drop(struct snippet **snippet)
{
	snippet_free(*snippet);
	*snippet = NULL;
}

#endif
