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
#include <sys/types.h>
#include <time.h>

#include "base/error.h"

#define FILE_COMPRESSED ".zst"

/* Does the name ask for frames of frame.h in place of lines? */
bool file_is_compressed(const char *path);

/* A file as it was found. */
struct file_state {
	bool created; /* it was not there */
	/* Where its last whole line ends. What is behind is a line that kill -9 left broken. */
	off_t whole, size;
	struct timespec modified;
};

static inline bool file_is_broken(const struct file_state *state)
{
	return state->whole < state->size;
}

/*
 * Returns the descriptor or -errno with a text that names path. A last line
 * without LF must begin as our records do, or with the zero bytes that a crash of
 * the machine leaves: any other text without an end is not ours and is refused
 * (-EBADMSG), so that a mistyped path destroys no file. A compressed file ends
 * behind its last whole frame by the same rule.
 */
int file_open(const char *path, struct file_state *state, struct error *error);
/*
 * The same in two steps, of which the first alone needs the right to make the file, and the second
 * reads what others may have written. _take takes the descriptor over, and returns it or -errno.
 */
int file_open_unread(const char *path, bool *created, struct error *error);
int file_take(int fd, const char *path, struct file_state *state, struct error *error);
/*
 * Cuts off what is broken, unless the file has changed since. Right before the record that
 * reports it is written: a run that is killed in between leaves it to the next one. When several runs
 * found it broken, one cuts it, before any of them writes. 0 or -errno.
 */
int file_cut(int fd, const struct file_state *state);
/* Removes a file that was created, if nothing was written to it. */
void file_discard(const char *path, int fd);

/*
 * The same for a pcapng file, which is to begin anew: the caller empties it when nothing can keep
 * the run from writing. What is there must be one, or empty, so that a mistyped path destroys
 * nothing else.
 */
int file_open_capture(const char *path, bool *created, struct error *error);

/*
 * Could file_open open it, or file_open_capture? Nothing is made or changed. 0, or -errno with the
 * reason.
 */
int file_check(const char *path, bool capture, struct error *error);

#endif
