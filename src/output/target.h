/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Where a sink's bytes go, and how it is kept from blocking. Only sink uses it. */
#ifndef SOCKLINE_OUTPUT_TARGET_H
#define SOCKLINE_OUTPUT_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"
#include "output/file.h"
#include "output/pipe_room.h"

enum target_kind {
	TARGET_PIPE,
	TARGET_SOCKET,
	TARGET_FILE,
	TARGET_TERMINAL,
	TARGET_DEVICE, /* /dev/null, /dev/full, a disk */
	TARGET_ABSENT, /* none: nothing can be written now */
};

struct target {
	enum target_kind kind;
	int fd;
	bool owned;             /* reopened here: target_close closes it */
	bool poll_first;        /* could not be made non-blocking */
	bool watched;           /* epoll takes it; files and /dev/null are always ready */
	struct pipe_room room;  /* of a pipe that is not polled first */
	struct file_state file; /* which is cut before the first write, see file_cut() */
};

/* Borrows fd. 0, or -errno with *target unchanged. */
int target_open(struct target *target, int fd, struct error *error);
void target_close(const struct target *target);
/* What is broken of a file is cut. 0 or -errno. */
int target_cut(struct target *target);
/* One that is absent. */
struct target target_absent(void);

/*
 * How much one write may have now so that it is done whole or not at all, even
 * when kill -9 comes: what the pipe has room for, PIPE_BUF where that is not
 * known (pipe(7)). For anything else what is quick.
 */
size_t target_whole_max(struct target *target);
/* Bytes written (> 0), or -errno; -EAGAIN when it would have to wait. */
ssize_t target_write(struct target *target, const char *bytes, size_t length);

/*
 * What is written has no reader any more. False where that cannot be known. With `half`
 * an end that a socket's reader writes nothing more to means that it is gone: the kernel
 * does not report that it reads nothing more.
 */
bool target_hung_up(const struct target *target, bool half);

/*
 * Takes the last `length` bytes that were written to a file back. False where
 * that would hit what somebody else has written behind them, or is forbidden
 * (chattr +a): they stay.
 */
bool target_take_back(const struct target *target, size_t length);

#endif
