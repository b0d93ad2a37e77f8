/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that wait in the kernel, made at once: they take as long as the longest of them. */
#ifndef SOCKLINE_BASE_PARALLEL_H
#define SOCKLINE_BASE_PARALLEL_H

/*
 * Calls work(context, 0) to work(context, count - 1), in any order and in several threads, of
 * which the caller is one, and returns when all have returned. Where a thread cannot be had, the
 * others do its share.
 */
void parallel_run(void (*work)(void *context, int number), void *context, int count);

#endif
