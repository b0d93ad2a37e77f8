/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "app/run_private.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define GRACE_NS (2 * NS_PER_SECOND) /* for a command to end after a signal */
/* The last packets of its connections come after it: the other end has yet to answer its FIN. */
#define LAST_PACKETS_NS (100 * NS_PER_MS)
/* For what is still in the capture rings. It is bounded, and all of a command was asked for. */
#define DRAIN_NS         (300 * NS_PER_MS)
#define DRAIN_COMMAND_NS (10 * NS_PER_SECOND)

int run_command_start(struct run *run, struct error *error)
{
	const struct options *options = run->options;

	if (!options->command)
		return 0;
	return command_start(&run->command, options->command, options->output_file == NULL, error);
}

int run_command_follow(struct run *run, struct error *error)
{
	run->selection = run->options->selection;
	if (run->command.pid == 0)
		return 0;
	run->tree = process_tree_new(run->command.pid, &run->key);
	run->selection.tree = run->tree;
	return run->tree ? 0 : error_set(error, ENOMEM, "out of memory");
}

void run_command_begin(struct run *run)
{
	command_release(&run->command);
	run_command_look(run); /* it may have been killed before SIGCHLD was waited for */
}

static void on_last_packets(void *context, uint32_t expirations)
{
	struct run *run = context;

	(void)expirations;
	run_stop(run, run->signalled ? EVENT_STOP_SIGNAL : EVENT_STOP_COMMAND);
}

void run_command_look(struct run *run)
{
	if (run->command.pid == 0 || run->command_over || !command_has_ended(&run->command))
		return;
	run->command_over = true;
	if (!loop_add_timer(run->loop, LAST_PACKETS_NS, 0, on_last_packets, run))
		on_last_packets(run, 1);
}

/* Control-C at the terminal is sent to all processes in the foreground, the command too. */
static bool is_in_foreground(void)
{
	int terminal = open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	bool is = terminal >= 0 && tcgetpgrp(terminal) == getpgrp();

	if (terminal >= 0)
		close(terminal);
	return is;
}

static void on_grace(void *context, uint32_t expirations)
{
	(void)expirations;
	run_stop(context, EVENT_STOP_SIGNAL);
}

void run_command_signal(struct run *run, int signal_number)
{
	bool again = run->signalled;

	run->signalled = true;
	if (run->command.pid == 0 || again) {
		run_stop(run, EVENT_STOP_SIGNAL);
		return;
	}
	if (signal_number != SIGINT || !is_in_foreground())
		command_signal(&run->command, signal_number);
	/* Its last packets are recorded as well, if it ends soon. */
	if (!loop_add_timer(run->loop, GRACE_NS, 0, on_grace, run))
		run_stop(run, EVENT_STOP_SIGNAL);
}

int64_t run_drain_ns(const struct run *run)
{
	return run->stop == EVENT_STOP_COMMAND ? DRAIN_COMMAND_NS : DRAIN_NS;
}

int run_command_end(struct run *run)
{
	command_end(&run->command);
	if (run->command.pid == 0 || (run->command.status == 0 && run->status != EXIT_SUCCESS))
		return run->status;
	return run->command.status;
}
