/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* A line into a sink, for the tests of what comes after. */
#ifndef SOCKLINE_TESTS_PUT_LINE_H
#define SOCKLINE_TESTS_PUT_LINE_H

#include <errno.h>
#include <string.h>

#include "output/sink.h"

/* 0, or -ENOBUFS: there is no room. */
static inline int put_line(struct sink *sink, const char *line, size_t length)
{
	char *room = sink_reserve(sink, length);

	if (!room)
		return -ENOBUFS;
	memcpy(room, line, length);
	sink_commit(sink, length);
	return 0;
}

#endif
