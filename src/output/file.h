/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens an output file as a program that runs as root must: append, 0640 (less
 * the umask), O_CLOEXEC, O_NOFOLLOW; refuses symbolic links, anything but a
 * regular file, more than one hard link, and a file of another user.
 */
#ifndef SOCKLINE_OUTPUT_FILE_H
#define SOCKLINE_OUTPUT_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define FILE_COMPRESSED ".zst"

/* Does the name ask for frames of frame.h in place of lines? */
bool file_is_compressed(const char *path);

/*
 * Returns the descriptor or -errno with a text that names path. A last line
 * without LF, left by kill -9, is cut off; *repaired = bytes that were cut. It
 * must begin as our records do, or with the zero bytes that a crash of the
 * machine leaves: any other text without an end is not ours and is refused
 * (-EBADMSG), so that a mistyped path destroys no file. A compressed file is cut
 * behind its last whole frame by the same rule.
 */
int file_open(const char *path, uint64_t *repaired, struct error *error);

/*
 * The same for a pcapng file, which is to begin anew: the caller empties it when nothing can keep
 * the run from writing. What is there must be one, or empty, so that a mistyped path destroys
 * nothing else.
 */
int file_open_capture(const char *path, struct error *error);

/*
 * Could file_open open it, or file_open_capture? Nothing is made or changed. 0, or -errno with the
 * reason.
 */
int file_check(const char *path, bool capture, struct error *error);

#endif
