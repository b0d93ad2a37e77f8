/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/heap.h"

#include <stdlib.h>

#ifdef __GLIBC__
#include <malloc.h>

#define KEPT (256u << 10) /* free at the end of the heap, for what comes next */
#endif

void heap_trim(void)
{
#ifdef __GLIBC__
	malloc_trim(KEPT);
#endif
}
