/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for large tables. From the size of a huge page on it is made of those
 * where the kernel has them (transparent huge pages, madvise(2)): a lookup in a
 * table of a million then costs one cache miss and not one of the TLB as well.
 */
#ifndef SOCKLINE_BASE_PAGES_H
#define SOCKLINE_BASE_PAGES_H

#include <stddef.h>

#define PAGES_HUGE ((size_t)2 << 20) /* bytes */
#define PAGES_LINE 64                /* bytes: what this is aligned to at least */

/* Zeroed; NULL when memory is short. Pages that are not touched cost nothing. */
void *pages_new(size_t bytes);
void pages_free(void *pages, size_t bytes); /* bytes as they were asked for; NULL is fine */

#endif
