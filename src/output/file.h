/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens an output file as a program that runs as root must: append, 0640,
 * O_CLOEXEC, O_NOFOLLOW; refuses symbolic links, anything but a regular file,
 * more than one hard link, and a file of another user.
 */
#ifndef SOCKLINE_OUTPUT_FILE_H
#define SOCKLINE_OUTPUT_FILE_H

#include <stdint.h>

#include "base/error.h"

/*
 * Returns the descriptor or -errno with a text that names path. A tail without
 * LF, left by kill -9, is ended with LF-free truncation to the last whole line;
 * *repaired = bytes that were cut.
 */
int file_open(const char *path, uint64_t *repaired, struct error *error);

#endif
