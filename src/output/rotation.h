/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An output file that has become large or old moves to another name: FILE to FILE.1,
 * and what is there to FILE.2, and so on; a compressed FILE.zst moves to FILE.1.zst.
 * Several processes that write and rotate one file do not disturb each other.
 */
#ifndef SOCKLINE_OUTPUT_ROTATION_H
#define SOCKLINE_OUTPUT_ROTATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/error.h"

#define ROTATION_KEEP_MAX 999

struct rotation {
	uint64_t size;       /* bytes; 0 = of any size */
	int64_t interval_ns; /* of wall-clock time, in whole ones since 1970 (UTC); 0 = of any age */
	int keep;            /* files of former times, at least 1 */
};

bool rotation_is_wanted(const struct rotation *rotation);

/*
 * The interval that a file belongs to: for one with records, as fstat(2) has just
 * described it, that of its last change; for an empty one that of now_ns, a time
 * since 1970. Always 0 without intervals.
 */
int64_t rotation_period(const struct rotation *rotation, const struct stat *file, int64_t now_ns);

/*
 * Is the file to move before `length` bytes more are written? `period` is its
 * interval. An empty file never moves.
 */
bool rotation_is_due(const struct rotation *rotation, const struct stat *file, int64_t period,
                     size_t length, int64_t now_ns);

/*
 * Moves the file at path, which is open as fd, and removes what had the last of the
 * `keep` names. 0, also when there is another file at path by now or none: then
 * another process has moved it. -EAGAIN: another process is just doing that.
 * -errno with a text that names the file; the file is where it was.
 */
int rotation_move(const struct rotation *rotation, const char *path, int fd, struct error *error);

/* Gives the file its name back when no new one could be made in its place. */
void rotation_undo(const char *path);

#endif
