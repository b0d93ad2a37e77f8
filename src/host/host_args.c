/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of programs (--args): what reads them, and when it is taken in. */
#include "host/host_private.h"

#include <errno.h>

int host_args_open(struct host *host, struct error *error)
{
	struct error refused = { 0 };

	if (!host->options.args)
		return 0;
	if (process_table_want_args(host->processes) < 0)
		return error_set(error, ENOMEM, "out of memory");
	if (host->options.method != HOST_METHOD_AUTO &&
	    host->options.method != HOST_METHOD_TRACEPOINTS)
		return 0;
	if (args_reader_open(&host->args, &refused) != 0)
		host_degrade(host, refused.text, "programs that begin have no arguments");
	return 0;
}

void host_args_use(struct host *host)
{
	if (!host->options.args)
		return;
	if (!host->trace_owners) {
		/* No exec is known by an event with its time: /proc has to do. */
		args_reader_close(host->args);
		host->args = NULL;
		host_degrade(host, "arguments are read from /proc",
		             "processes that end at once have none");
	} else if (host->args && !args_reader_is_sure(host->args)) {
		host_degrade(host, "cap_sys_nice and cap_sys_ptrace are not both in force",
		             "arguments of programs may be incomplete");
	}
}

static void on_args(void *context, int pid, int64_t time_ns, struct process_args *args)
{
	struct host *host = context;

	host_report_life(host, HOST_PROCESS_SETTLED,
	                 process_table_executed_with(host->processes, pid, time_ns, args), time_ns);
}

void host_args_drain(struct host *host)
{
	/* A report is younger than the event of its exec, which is then taken in before it. */
	if (host->args)
		args_reader_mark(host->args);
	trace_owners_drain(host->trace_owners);
	if (host->args)
		args_reader_drain(host->args, on_args, host);
}

bool host_reads_args(const struct host *host)
{
	return host->args != NULL;
}
