/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Everything is open: of what the program was given, only what it goes on to use stays. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "app/run_private.h"
#include "output/peer.h"
#include "security/capabilities.h"
#include "security/syscall_filter.h"

bool run_output_needs_override(const char *path)
{
	if (outlet_is_file(path))
		return privileges_override_needed(path);
	return peer_unix_path(path) && privileges_override_needed_for(peer_unix_path(path), W_OK);
}

static void add_privileges(struct run *run)
{
	struct privileges *privileges = &run->privileges;
	const char *path = run->options->output_file;

	if (run->captures && !run_is_replay(run)) /* an interface that comes back */
		privileges_need(privileges, CAP_NET_RAW, "capture");
	if (run->host)
		host_add_privileges(run->host, privileges);
	if (run->options->snapshot_interval_ns > 0) /* the kernel shows marks of sockets with it */
		privileges_need(privileges, CAP_NET_ADMIN, "snapshot");
	if (run->command.pid != 0) /* it may have become another user, see command.c */
		privileges_need(privileges, CAP_KILL, "command");
	if (path && !run->helper_opens_output && !run->helper_connects_output &&
	    run_output_needs_override(path))
		privileges_need(privileges, CAP_DAC_OVERRIDE, "output");
}

/* Without it the run goes on: a kernel that has no filters is no reason to see nothing. */
static void limit_calls(struct run *run)
{
	static const char cost[] = "system calls are not limited";
	const struct syscall_filter_options options = {
		.live = run->host != NULL,
		.namespaces = !run->helper_enters &&
		              capabilities_have(privileges_set(&run->privileges), CAP_SYS_ADMIN),
		.tracepoints = run->host && !run->helper_opens_traces &&
		               host_method(run->host) == HOST_METHOD_TRACEPOINTS,
		.sentinel = run->host && host_method(run->host) == HOST_METHOD_SENTINEL,
		.arguments = run->host && host_reads_args(run->host),
		.command = run->command.pid != 0,
		.helper = run->helper != NULL,
		.output_file =
			!run->helper_opens_output && outlet_is_file(run->options->output_file),
		.peer = run->options->output_file && peer_is_address(run->options->output_file),
		.rotation =
			!run->helper_opens_output && rotation_is_wanted(&run->options->rotation),
	};
	int result = syscall_filter_load(&options);
	char what[64];

	if (result == 0)
		return;
	snprintf(what, sizeof what, "seccomp: %s", strerror(-result));
	log_warning(run->log, "%s: %s", what, cost);
	if (run->host)
		host_degrade(run->host, what, cost);
}

int run_confine(struct run *run, struct error *error)
{
	int result;

	run_helper_release(run);
	add_privileges(run);
	result = privileges_limit_thread(privileges_set(&run->privileges));
	if (result != 0)
		return error_set(error, -result, "capabilities cannot be dropped: %s",
		                 strerror(-result));
	result = privileges_protect_memory();
	if (result != 0)
		return error_set(error, -result, "the memory cannot be protected: %s",
		                 strerror(-result));
	limit_calls(run);
	return 0;
}
