/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the file of -r is read, in one line on standard error. The cursor waits at the line's
 * beginning, and each message clears the line first: what comes next begins on an empty line.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/run_private.h"
#include "base/clock.h"
#include "display/progress.h"

#define FIRST_NS      (NS_PER_SECOND / 2) /* what is read sooner needs none */
#define INTERVAL_NS   (NS_PER_SECOND / 4)
#define PREFIX        "sockline: "
#define CLEAR_LINE    "\r\033[K"
#define COLUMNS_LEAST 20
#define COLUMNS_USUAL 80

/* A reader behind a pipe may print on the same terminal. */
static bool shares_terminal(const struct options *options)
{
	bool takes_stdout = !options->output_file ||
	                    (options->write_file && strcmp(options->write_file, "-") == 0);
	struct stat status;

	return takes_stdout && (isatty(STDOUT_FILENO) || fstat(STDOUT_FILENO, &status) != 0 ||
	                        S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode));
}

static bool is_wanted(const struct run *run)
{
	const char *terminal = getenv("TERM");

	if (!run_is_replay(run) || !run_is_shown(run, run->options->progress))
		return false;
	return run->options->progress == OPTIONS_SHOWN ||
	       (terminal && strcmp(terminal, "dumb") != 0 && !shares_terminal(run->options));
}

static size_t columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return COLUMNS_USUAL;
	return size.ws_col < COLUMNS_LEAST ? COLUMNS_LEAST : size.ws_col;
}

/* In one write(2). The last column stays free: some terminals wrap once it is written to. */
static void put_line(const char *text)
{
	char bytes[sizeof CLEAR_LINE + sizeof PREFIX + PROGRESS_TEXT_MAX + 1];
	struct buf line = { .data = bytes, .capacity = sizeof bytes };
	size_t length = strlen(text), room = columns() - sizeof PREFIX;

	buf_append_literal(&line, CLEAR_LINE PREFIX);
	buf_append(&line, text, length < room ? length : room);
	buf_append_char(&line, '\r');
	/* There is nowhere left to report that standard error is gone. */
	(void)!write(STDERR_FILENO, line.data, line.length);
}

static void on_interval(void *context, uint32_t expirations)
{
	const struct run *run = context;
	struct progress progress = { .elapsed_ns = clock_monotonic_ns() - run->progress_since_ns };
	struct capture_counters counters;
	char text[PROGRESS_TEXT_MAX];

	(void)expirations;
	capture_set_progress(run->captures, &progress.done, &progress.total);
	capture_set_counters(run->captures, 0, &counters);
	progress.packets = counters.delivered;
	progress_format(text, &progress);
	if (run->terminal_log.take)
		put_line(text);
	else
		log_info(run->log, "%s", text);
}

static void print_on_empty_line(void *context, const char *line, size_t length)
{
	(void)context;
	(void)!write(STDERR_FILENO, CLEAR_LINE, sizeof CLEAR_LINE - 1);
	if (length > 0)
		(void)!write(STDERR_FILENO, line, length);
}

int run_progress_open(struct run *run, struct error *error)
{
	if (!is_wanted(run))
		return 0;
	run->progress_since_ns = clock_monotonic_ns();
	run->terminal_log = *run->log;
	if (isatty(STDERR_FILENO))
		run->terminal_log.take = print_on_empty_line;
	run->log = &run->terminal_log;
	run->progress = loop_add_timer(run->loop, FIRST_NS, INTERVAL_NS, on_interval, run);
	return run->progress ? 0 : error_set(error, errno, "timers: %s", strerror(errno));
}

void run_progress_close(struct run *run)
{
	if (!run->progress)
		return;
	loop_remove(run->progress);
	run->progress = NULL;
	if (run->terminal_log.take)
		print_on_empty_line(NULL, "", 0);
	run->terminal_log.take = NULL;
}
