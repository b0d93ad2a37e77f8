/* SPDX-FileCopyrightText: The sockline authors */
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
/*
 * The same of small pages: where tables stay small. A huge page is cleared at
 * once when it is first touched, which takes a fifth of a millisecond, and
 * several where the machine is a virtual one whose host has to find the memory.
 */
void *pages_new_small(size_t bytes);
/*
 * Makes memory present now, of whatever allocation it is, where its use would touch page after page
 * in the course of hours. Refused (before Linux 5.14), it comes when it is touched.
 */
void pages_populate(void *memory, size_t bytes);
void pages_free(void *pages, size_t bytes); /* bytes as they were asked for; NULL is fine */

#endif
