/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* --top: a table on the terminal, once a second and when a key or the size of the screen asks for it. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "app/run_private.h"
#include "app/tty.h"
#include "base/clock.h"
#include "display/top.h"

#define INTERVAL_NS  NS_PER_SECOND
#define FRAME_MAX    (2 * TOP_TEXT_MAX)
#define MESSAGE_MAX  512
#define KEYS_AT_ONCE 64

struct run_top {
	struct tty tty;
	struct top *top;
	struct buf text, frame;
	struct loop_source *timer, *keys, *signals;
	int64_t begun_ns, shown_ns; /* when the last interval ended */
	char message[MESSAGE_MAX];  /* the last one; NUL-terminated, without LF; "": none */
};

static void add_process(void *context, const struct traffic_share *share)
{
	top_add_process(context, share->process, share->sent.bytes, share->received.bytes,
	                share->connections);
}

static void add_connection(void *context, const struct connection *connection)
{
	top_add_connection(context, connection, connection_table_number(connection),
	                   connection_table_is_closed(connection));
}

/* interval_ns: one that has just ended; 0: none has. */
static void show(const struct run *run, int64_t interval_ns)
{
	struct run_top *shown = run->top;
	const struct connection_table *connections = stream_connections(run->stream);
	struct top_frame frame = {
		.elapsed_ns = clock_monotonic_ns() - shown->begun_ns,
		.packets = stream_counters(run->stream)->packets,
		.connections = connection_table_count(connections),
		.lost = report_captured(run->captures).dropped,
		.message = shown->message[0] ? shown->message : NULL,
	};

	if (!shown->tty.entered)
		return;
	top_begin(shown->top, interval_ns);
	if (interval_ns > 0)
		stream_take_traffic(run->stream, add_process, shown->top);
	connection_table_each(connections, add_connection, shown->top);
	tty_size(&shown->tty, &frame.rows, &frame.columns);
	buf_reset(&shown->text);
	top_render(shown->top, &frame, &shown->text);
	tty_draw(&shown->tty, &shown->text, TOP_TITLE_LINE, frame.rows, &shown->frame);
}

static void on_interval(void *context, uint32_t expirations)
{
	struct run *run = context;
	int64_t now = clock_monotonic_ns();

	(void)expirations;
	show(run, now - run->top->shown_ns);
	run->top->shown_ns = now;
}

static void on_keys(void *context, uint32_t events)
{
	struct run *run = context;
	char keys[KEYS_AT_ONCE];
	ssize_t count = tty_read(&run->top->tty, keys, sizeof keys);
	size_t place = 0;
	bool changed = false;
	char key;

	(void)events;
	if (count < 0) {
		run_stop(run, EVENT_STOP_READER_GONE);
		return;
	}
	while ((key = top_next_key(keys, (size_t)count, &place)) != '\0') {
		if (key == 'q')
			run_stop(run, EVENT_STOP_SIGNAL);
		changed |= top_press(run->top->top, key);
	}
	if (changed)
		show(run, 0);
}

/* Control-Z: the terminal is the shell's until the run goes on. */
static void on_signal(void *context, int signal_number)
{
	struct run *run = context;
	struct tty *tty = &run->top->tty;

	if (signal_number == SIGQUIT)
		run_stop(run, EVENT_STOP_SIGNAL);
	if (!tty->entered)
		return;
	if (signal_number == SIGTSTP) {
		tty_leave(tty);
		raise(SIGSTOP);
	}
	if (signal_number != SIGWINCH)
		tty_enter(tty);
	show(run, 0);
}

/* A message would be written over the table, and the table over it. */
static void on_message(void *context, const char *line, size_t length)
{
	struct run_top *shown = context;

	length = length < sizeof shown->message ? length : sizeof shown->message;
	memcpy(shown->message, line, length);
	shown->message[length > 0 ? length - 1 : 0] = '\0'; /* the LF, or what is too much */
}

static int out_of_memory(struct error *error)
{
	return error_set(error, ENOMEM, "out of memory");
}

int run_top_open(struct run *run, struct error *error)
{
	static const int signals[] = { SIGWINCH, SIGQUIT, SIGTSTP, SIGCONT, 0 };
	struct run_top *opened;
	int result;

	if (!run->options->top)
		return 0;
	run->top = opened = calloc(1, sizeof *opened);
	if (!opened)
		return out_of_memory(error);
	result = tty_open(&opened->tty, error);
	if (result != 0)
		return result;
	opened->top = top_new(&run->key, run->options->max_connections);
	if (!opened->top || buf_init(&opened->text, TOP_TEXT_MAX) != 0 ||
	    buf_init(&opened->frame, FRAME_MAX) != 0)
		return out_of_memory(error);
	opened->signals = loop_add_signals(run->loop, signals, on_signal, run);
	opened->keys = loop_add_fd(run->loop, opened->tty.fd, EPOLLIN, on_keys, run);
	opened->timer = loop_add_timer(run->loop, INTERVAL_NS, INTERVAL_NS, on_interval, run);
	if (!opened->signals || !opened->keys || !opened->timer)
		return error_set(error, errno, "--top: %s", strerror(errno));
	return 0;
}

void run_top_begin(struct run *run)
{
	if (!run->top)
		return;
	run->top->begun_ns = run->top->shown_ns = clock_monotonic_ns();
	if (isatty(STDERR_FILENO)) {
		run->terminal_log = *run->log;
		run->terminal_log.take = on_message;
		run->terminal_log.context = run->top;
		run->log = &run->terminal_log;
	}
	tty_enter(&run->top->tty);
	show(run, 0);
}

void run_top_close(struct run *run)
{
	struct run_top *closed = run->top;

	if (!closed)
		return;
	run->top = NULL;
	run->terminal_log.take = NULL;
	loop_remove(closed->signals);
	loop_remove(closed->keys);
	loop_remove(closed->timer);
	tty_close(&closed->tty);
	if (closed->message[0])
		dprintf(STDERR_FILENO, "%s\n", closed->message);
	top_free(closed->top);
	buf_free(&closed->text);
	buf_free(&closed->frame);
	free(closed);
}
