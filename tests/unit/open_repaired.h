/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Opens an output file and cuts its broken tail, as a run does with its first write. */
#ifndef SOCKLINE_TESTS_OPEN_REPAIRED_H
#define SOCKLINE_TESTS_OPEN_REPAIRED_H

#include "output/file.h"

static inline int open_repaired(const char *path, uint64_t *repaired, struct error *error)
{
	struct file_state state = { 0 };
	int fd = file_open(path, &state, error);

	if (fd < 0)
		return fd;
	*repaired = (uint64_t)(state.size - state.whole);
	if (file_cut(fd, &state) < 0)
		abort();
	return fd;
}

#endif
