/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal of standard output, while a table fills it: its second screen, without a cursor, and
 * keys that come one by one. Nothing here waits for it.
 */
#ifndef SOCKLINE_APP_TTY_H
#define SOCKLINE_APP_TTY_H

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

#include "base/buf.h"
#include "base/error.h"

struct tty {
	int fd; /* to poll for keys; its O_NONBLOCK is no matter to others */
	bool entered;
	struct termios before;
};

/* -ENOTTY: standard output is none, or one without a cursor; or -errno. */
int tty_open(struct tty *tty, struct error *error);
void tty_close(struct tty *tty); /* and leaves it */

/* A program that crashes meanwhile leaves it, too. */
void tty_enter(struct tty *tty);
void tty_leave(struct tty *tty);

void tty_size(const struct tty *tty, int *rows, int *columns);
/*
 * Lines of text, with a LF between two, none of which is too long; that of the number is shown in
 * reverse. frame is where it is put together. What the terminal does not take is not shown.
 */
void tty_draw(const struct tty *tty, const struct buf *text, int reversed, int rows,
              struct buf *frame);
/* Keys; 0: none now; -errno when the terminal is gone. */
ssize_t tty_read(const struct tty *tty, char *keys, size_t size);

#endif
