/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define ROWS_USUAL    24
#define COLUMNS_USUAL 80
#define LEAVE_MS      200 /* a terminal that was stopped with control-S takes no more */

/* The second screen, no cursor, no wrapping; and back. xterm and all who follow it know these. */
#define ENTER "\033[?1049h\033[?25l\033[?7l"
#define LEAVE "\033[?7h\033[?25h\033[?1049l"

static const int crashes[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

int tty_open(struct tty *tty, struct error *error)
{
	const char *type = getenv("TERM");

	*tty = (struct tty){ .fd = -1 };
	if (!isatty(STDOUT_FILENO))
		return error_set(error, ENOTTY, "--top: standard output is no terminal");
	if (!type || strcmp(type, "dumb") == 0)
		return error_set(error, ENOTTY,
		                 "--top: the terminal has no cursor to move (TERM is %s)",
		                 type ? type : "not set");
	/* A file description of our own: others share that of standard output. */
	tty->fd = open("/proc/self/fd/1", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (tty->fd < 0)
		tty->fd = open("/dev/tty", O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (tty->fd < 0 || tcgetattr(tty->fd, &tty->before) != 0)
		return error_set(error, errno, "--top: the terminal: %s", strerror(errno));
	return 0;
}

void tty_close(struct tty *tty)
{
	tty_leave(tty);
	if (tty->fd >= 0)
		close(tty->fd);
	tty->fd = -1;
}

/* What it was is out of reach here; but for these two nothing was changed. */
static void leave_and_crash(int signal_number)
{
	struct termios terminal;

	if (tcgetattr(STDOUT_FILENO, &terminal) == 0) {
		terminal.c_lflag |= ICANON | ECHO;
		tcsetattr(STDOUT_FILENO, TCSANOW, &terminal);
	}
	(void)!write(STDOUT_FILENO, LEAVE, sizeof LEAVE - 1);
	raise(signal_number); /* SA_RESETHAND: what it does by default */
}

static void handle_crashes(bool handle)
{
	struct sigaction action = { .sa_flags = handle ? (int)SA_RESETHAND : 0,
		                    .sa_handler = handle ? leave_and_crash : SIG_DFL };

	for (size_t i = 0; i < sizeof crashes / sizeof *crashes; i++)
		sigaction(crashes[i], &action, NULL);
}

void tty_enter(struct tty *tty)
{
	struct termios raw = tty->before;

	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	handle_crashes(true);
	tty->entered = true;
	tcsetattr(tty->fd, TCSANOW, &raw);
	(void)!write(tty->fd, ENTER, sizeof ENTER - 1);
}

void tty_leave(struct tty *tty)
{
	struct pollfd writable = { .fd = tty->fd, .events = POLLOUT };

	if (!tty->entered)
		return;
	tcsetattr(tty->fd, TCSANOW, &tty->before);
	poll(&writable, 1, LEAVE_MS);
	(void)!write(tty->fd, LEAVE, sizeof LEAVE - 1);
	tty->entered = false;
	handle_crashes(false);
}

void tty_size(const struct tty *tty, int *rows, int *columns)
{
	struct winsize size;
	bool known = ioctl(tty->fd, TIOCGWINSZ, &size) == 0;

	*rows = known && size.ws_row > 0 ? size.ws_row : ROWS_USUAL;
	*columns = known && size.ws_col > 0 ? size.ws_col : COLUMNS_USUAL;
}

/* Each line is cleared before it is written: behind its last column there is nothing to clear. */
static int put_lines(const struct buf *text, int reversed, struct buf *frame)
{
	const char *line = text->data, *end = text->data + text->length;
	int count = 0;

	while (line <= end) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		size_t length = (size_t)((stop ? stop : end) - line);

		if (count > 0)
			buf_append_literal(frame, "\r\n");
		buf_append_literal(frame, "\033[K");
		if (count == reversed)
			buf_append_literal(frame, "\033[7m");
		buf_append(frame, line, length);
		if (count == reversed)
			buf_append_literal(frame, "\033[m");
		line += length + 1;
		count++;
	}
	return count;
}

void tty_draw(const struct tty *tty, const struct buf *text, int reversed, int rows,
              struct buf *frame)
{
	buf_reset(frame);
	buf_append_literal(frame, "\033[H");
	if (put_lines(text, reversed, frame) < rows)
		buf_append_literal(frame, "\r\n\033[J");
	(void)!write(tty->fd, frame->data, frame->length);
}

ssize_t tty_read(const struct tty *tty, char *keys, size_t size)
{
	ssize_t length = read(tty->fd, keys, size);

	if (length > 0)
		return length;
	return length < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : length < 0 ? -errno : -EIO;
}
