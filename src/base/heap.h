/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap of malloc(3). What a burst took and gave back stays with glibc while one living
 * block lies behind it: 27,000 processes of a few seconds cost 17 MiB for good.
 */
#ifndef SOCKLINE_BASE_HEAP_H
#define SOCKLINE_BASE_HEAP_H

/* Gives free pages of the heap back to the system, wherever they are. For now and then: it walks. */
void heap_trim(void);

#endif
