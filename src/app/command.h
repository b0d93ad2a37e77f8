/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command behind "--". It is forked before anything else is opened, so that it inherits
 * nothing, and waits until it is released: no packet of it comes before the capture.
 */
#ifndef SOCKLINE_APP_COMMAND_H
#define SOCKLINE_APP_COMMAND_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"

struct command {
	pid_t pid;   /* 0 = there is none */
	int release; /* pipe that the child waits for; -1 = released */
	bool ended;
	int status; /* as a shell has it: of exit, or 128 + the signal */
};

/*
 * Forks the command. Run by sudo(8), it gets the user and the groups of who called sudo, and
 * otherwise no capability of ours. records_on_stdout: it writes to standard error instead.
 * 0 or -errno.
 */
int command_start(struct command *command, char *const *words, bool records_on_stdout,
                  struct error *error);
void command_release(struct command *command);
/* Looks whether it has ended; true once it has. */
bool command_has_ended(struct command *command);
void command_signal(const struct command *command, int signal_number);
/* SIGTERM for a command that has not ended, and SIGKILL when it has not a second later. */
void command_end(struct command *command);

#endif
