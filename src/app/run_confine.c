/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is open: of what the program was given, only what it goes on to use stays. */
#include <errno.h>
#include <string.h>

#include "app/run_private.h"
#include "security/capabilities.h"

static void add_privileges(struct run *run)
{
	struct privileges *privileges = &run->privileges;
	const char *path = run->options->output_file;

	if (run->captures && !run_is_replay(run)) /* an interface that comes back */
		privileges_need(privileges, CAP_NET_RAW, "capture");
	if (run->host)
		host_add_privileges(run->host, privileges);
	if (run->command.pid != 0) /* it may have become another user, see command.c */
		privileges_need(privileges, CAP_KILL, "command");
	if (path && privileges_override_needed(path)) /* it is opened again at SIGHUP */
		privileges_need(privileges, CAP_DAC_OVERRIDE, "output");
}

int run_confine(struct run *run, struct error *error)
{
	int result;

	add_privileges(run);
	result = privileges_limit_thread(privileges_set(&run->privileges));
	if (result != 0)
		return error_set(error, -result, "capabilities cannot be dropped: %s",
		                 strerror(-result));
	result = privileges_protect_memory();
	return result == 0 ? 0
	                   : error_set(error, -result, "the memory cannot be protected: %s",
	                               strerror(-result));
}
