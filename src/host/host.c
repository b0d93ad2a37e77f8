/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "host/host_private.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/clock.h"
#include "security/capabilities.h"
#include "sockets/netns.h"

/*
 * Events report new namespaces; those that no event reported are looked for so often. A look goes
 * through all processes: where there are very many, it is made less often, so that it takes one part
 * in so many of a processor.
 */
#define NAMESPACES_LOOK_NS     (2 * NS_PER_SECOND)
#define NAMESPACES_LOOK_MAX_NS (8 * NS_PER_SECOND) /* meanwhile those that nothing else uses stay */
#define NAMESPACES_LOOK_SHARE  2000
#define FEW_NAMESPACES         256
#define PROCESSES_MAX          65536
#define DESCRIPTORS_MAX        1048576

void host_degrade(struct host *host, const char *what, const char *cost)
{
	char *text;

	if (host->degraded_count == HOST_DEGRADED_MAX)
		return;
	text = host->degraded_text[host->degraded_count];
	snprintf(text, HOST_DEGRADED_TEXT, "%s: %s", what, cost);
	host->degraded[host->degraded_count++] = text;
}

static void on_namespace(void *context, uint32_t number, const char *path, int64_t made_ns)
{
	struct host *host = context;

	host_netns_set_offer(host->netns_set, number, path, made_ns);
}

/* It may be in a namespace that is not watched yet: a container has just started. */
static void note_program(struct host *host, int pid)
{
	struct process *process = process_table_find(host->processes, pid, 0);
	char path[48];

	if (process)
		process_details_want(host->details, process);
	if (!host->netns_watch || !process || process->netns == 0 ||
	    host_netns_set_is_open(host->netns_set, process->netns))
		return;
	host_netns_watch_look(host->netns_watch); /* which may know since when it is there */
	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	on_namespace(host, process->netns, path, 0);
}

/*
 * Without tracepoints: of processes that are known, or that are still there to be read. The program
 * that one runs after an exec is read before this is called.
 */
static void report_life(struct host *host, const struct proc_event *event)
{
	const struct host_callbacks *callbacks = &host->options.callbacks;
	struct process *process = process_table_find(host->processes, event->pid, 0);

	if (event->kind == PROC_EVENT_FORK && host->options.all_processes)
		process = process_table_get(host->processes, event->pid, NULL);
	if (!process)
		return;
	if (event->kind == PROC_EVENT_FORK)
		callbacks->process_lived(callbacks->context, HOST_PROCESS_STARTED, process,
		                         event->time_ns);
	else if (event->kind == PROC_EVENT_EXEC)
		callbacks->process_lived(callbacks->context, HOST_PROCESS_EXECUTED, process,
		                         event->time_ns);
	else if (event->kind == PROC_EVENT_EXIT)
		callbacks->process_lived(callbacks->context, HOST_PROCESS_ENDED, process,
		                         event->time_ns);
}

void host_on_process_event(void *context, const struct proc_event *event)
{
	struct host *host = context;

	switch (event->kind) {
	case PROC_EVENT_FORK:
		if (host->options.tree)
			process_tree_forked(host->options.tree, event->parent_pid, event->pid,
			                    event->time_ns);
		if (host->attribution) /* else none asks yet */
			attribution_forked(host->attribution, event->parent_pid, event->pid,
			                   event->time_ns);
		proc_fd_hint(host->fds, event->pid);
		break;
	case PROC_EVENT_EXEC:
		if (!host->trace_owners) /* which enter it themselves */
			process_table_exec(host->processes, event->pid, event->time_ns);
		note_program(host, event->pid);
		proc_fd_hint(host->fds, event->pid);
		break;
	case PROC_EVENT_EXIT:
		process_table_exited(host->processes, event->pid, event->time_ns);
		if (host->attribution)
			attribution_exited(host->attribution, event->pid, event->time_ns);
		proc_fd_exited(host->fds, event->pid);
		break;
	case PROC_EVENT_USER: /* followed where tracepoints are: host_events.c */
	case PROC_EVENT_GROUP:
	case PROC_EVENT_THREAD_EXIT:
		break;
	}
	if (!host->trace_owners && host->options.callbacks.process_lived)
		report_life(host, event);
}

void host_on_process_events_lost(struct host *host)
{
	/* Forks, executions and exits went by unseen: every process is looked at again. */
	process_table_execs_lost(host->processes);
	proc_fd_walk_start(host->fds, true);
	if (host->attribution)
		attribution_forks_lost(host->attribution);
	if (host->options.tree)
		process_tree_forks_lost(host->options.tree);
}

static void on_overrun(void *context, const char *where, uint64_t lost)
{
	struct host *host = context;

	host->options.callbacks.overrun(host->options.callbacks.context, where, lost);
}

static void on_destroyed(void *context, const struct socket *socket)
{
	struct host *host = context;

	host->options.callbacks.socket_destroyed(host->options.callbacks.context, socket);
}

static void on_sockets_lost(void *context, int64_t since_ns)
{
	struct host *host = context;

	host->options.callbacks.sockets_lost(host->options.callbacks.context, since_ns);
}

static void on_listed(void *context, const struct socket *socket)
{
	struct host *host = context;

	host->options.callbacks.socket_listed(host->options.callbacks.context, socket);
}

static void on_all_listed(void *context, uint32_t netns, int64_t began_ns)
{
	struct host *host = context;

	host->options.callbacks.sockets_listed(host->options.callbacks.context, netns, began_ns);
}

static void check_capabilities(struct host *host)
{
	uint64_t have = capabilities_effective();

	if (!capabilities_have(have, CAP_SYS_PTRACE) ||
	    !capabilities_have(have, CAP_DAC_READ_SEARCH))
		host_degrade(host, "cap_sys_ptrace and cap_dac_read_search are not both held",
		             "sockets of other users' processes have no owner");
	if (!process_table_sees_all(host->processes))
		host_degrade(
			host, "/proc does not show every process (pid namespace or hidepid)",
			"sockets of hidden processes have no owner, sockets of the kernel look "
			"like theirs");
}

/* Opens what is new on the host, closes what is gone. */
static void look_for_namespaces(struct host *host)
{
	int64_t began_ns = clock_thread_ns(), wait_ns;
	bool first = host->namespaces_look_ns == 0; /* it opens them, too */

	host_netns_set_look(host->netns_set);
	wait_ns = (clock_thread_ns() - began_ns) * NAMESPACES_LOOK_SHARE;
	if (first || wait_ns < NAMESPACES_LOOK_NS || host_netns_set_waits(host->netns_set) ||
	    host_netns_watch_fd(host->netns_watch) < 0)
		wait_ns = NAMESPACES_LOOK_NS;
	else if (wait_ns > NAMESPACES_LOOK_MAX_NS)
		wait_ns = NAMESPACES_LOOK_MAX_NS;
	host->namespaces_look_ns = clock_monotonic_ns() + wait_ns;
}

/* What is missing to enter namespaces; NULL: nothing is. */
static const char *missing_to_enter(bool capable)
{
	if (!capable)
		return "cap_sys_admin is missing";
	return netns_may_enter() ? NULL : "setns(2) is refused";
}

static int open_namespaces(struct host *host, struct error *error)
{
	const struct host_options *options = &host->options;
	bool capable = capabilities_have(capabilities_effective(), CAP_SYS_ADMIN);
	const char *missing = missing_to_enter(capable);
	struct error degraded = { 0 };
	char few[80];
	int result = 0;

	host->netns_mode = options->netns_mode;
	if (host->netns_mode == HOST_NETNS_PATHS) {
		for (int i = 0; result == 0 && i < options->netns_path_count; i++)
			result = host_netns_set_add_path(host->netns_set, options->netns_paths[i],
			                                 error);
		return result;
	}
	result = host_netns_set_add_own(host->netns_set, host->netns, &degraded, error);
	if (result != 0)
		return result;
	if (degraded.code != 0)
		host_degrade(host, degraded.text,
		             "sockets are looked up in /proc/net, or their end is not reported");
	if (host->netns_mode == HOST_NETNS_AUTO) {
		host->netns_mode = missing ? HOST_NETNS_SELF : HOST_NETNS_ALL;
		if (missing)
			host_degrade(host, missing, "only the own network namespace is seen");
	}
	if (host->netns_mode == HOST_NETNS_ALL && missing)
		return error_set(error, EPERM, "--netns all: %s",
		                 capable ? missing : "needs CAP_SYS_ADMIN");
	if (host->netns_mode != HOST_NETNS_ALL)
		return 0;
	/* Without events names and new programs are left, and a look now and then. */
	host->netns_watch = host_netns_watch_new(host->loop, on_namespace, host, &degraded);
	if (!host->netns_watch)
		return error_set(error, ENOMEM, "out of memory");
	host_netns_set_keep_net_admin(host->netns_set);
	look_for_namespaces(host);
	if (host_netns_set_max(host->netns_set) < FEW_NAMESPACES) {
		snprintf(few, sizeof few, "RLIMIT_NOFILE has room for %d network namespaces",
		         host_netns_set_max(host->netns_set));
		host_degrade(host, few, "others are not seen");
	}
	return 0;
}

static void on_namespace_found(void *context, uint32_t netns, int fd)
{
	struct host *host = context;

	host->options.callbacks.namespace_found(host->options.callbacks.context, netns, fd);
}

static void on_namespace_opened(void *context, uint32_t netns, int fd, int64_t age_ns,
                                uint64_t missed)
{
	struct host *host = context;

	host_relieve(host);
	host_method_add_namespace(host, netns, fd);
	host->options.callbacks.namespace_opened(host->options.callbacks.context, netns, age_ns,
	                                         missed);
}

static void on_namespace_closing(void *context, uint32_t netns)
{
	struct host *host = context;

	/* First the last packets, which still want their owners. */
	host->options.callbacks.namespace_closing(host->options.callbacks.context, netns);
	host_method_remove_namespace(host, netns);
}

static int compose_attribution(struct host *host, struct error *error)
{
	struct attribution_options options = {
		.key = host->options.key,
		.processes = host->processes,
		.fds = host->fds,
		.sentinel_owners = host->sentinel_owners,
		.trace_owners = host->trace_owners,
		.guess = host->options.guess,
		.sees_all_processes = process_table_sees_all(host->processes),
		.reports_forks = host->events || host->trace_owners,
	};
	struct host_netns_set_options netns_options = {
		.loop = host->loop,
		.sockets = host->options.sockets,
		.callbacks = {
			.destroyed = on_destroyed,
			.lost = on_sockets_lost,
			.listed = on_listed,
			.all_listed = on_all_listed,
			.overrun = on_overrun,
			.context = host,
		},
		.found = on_namespace_found,
		.opened = on_namespace_opened,
		.closing = on_namespace_closing,
		.context = host,
	};
	int result = attribution_new(&host->attribution, &options, error);

	if (result != 0)
		return result;
	netns_options.attribution = host->attribution;
	host->netns_set = host_netns_set_new(&netns_options);
	return host->netns_set ? 0
	                       : error_set(error, errno, "network namespaces: %s", strerror(errno));
}

int host_new(struct host **result, struct loop *loop, const struct host_options *options,
             struct error *error)
{
	struct host *host = calloc(1, sizeof *host);
	int code;

	if (!host)
		return error_set(error, ENOMEM, "out of memory");
	host->options = *options;
	host->loop = loop;
	host->netns = netns_self();
	code = process_table_new(&host->processes, "/proc", PROCESSES_MAX, &options->key, error);
	if (code != 0)
		goto failed;
	code = process_details_new(&host->details,
	                           &(struct process_details_options){
					   .loop = loop,
					   .processes = host->processes,
					   .root = "/",
					   .key = options->key,
					   .hash = options->hash,
					   .at_once = options->at_once,
				   },
	                           error);
	if (code != 0)
		goto failed;
	code = proc_fd_new(&host->fds, host->processes, DESCRIPTORS_MAX, &options->key, error);
	if (code != 0)
		goto failed;
	code = host_events_open(host, error);
	if (code != 0)
		goto failed;
	code = host_args_open(host, error);
	if (code != 0)
		goto failed;
	code = host_method_open(host, error);
	if (code != 0)
		goto failed;
	code = compose_attribution(host, error);
	if (code != 0)
		goto failed;
	code = open_namespaces(host, error);
	if (code != 0)
		goto failed;
	host_netns_set_begin(host->netns_set);
	check_capabilities(host);
	host_method_check(host);
	host_events_use(host);
	host_args_use(host);
	if (options->tree)
		process_tree_set_table(options->tree, host->processes);
	if (options->tree && !host->trace_owners && !host->events)
		process_tree_forks_lost(options->tree);
	*result = host;
	return 0;
failed:
	host_free(host);
	return code;
}

void host_free(struct host *host)
{
	if (!host)
		return;
	host_netns_watch_free(host->netns_watch);
	host_netns_set_free(host->netns_set);
	attribution_free(host->attribution);
	host_method_close(host);
	args_reader_close(host->args);
	host_events_close(host);
	proc_fd_free(host->fds);
	process_details_free(host->details);
	process_table_free(host->processes);
	free(host);
}

struct attribution *host_attribution(struct host *host)
{
	return host->attribution;
}

uint32_t host_netns(const struct host *host)
{
	return host->netns;
}

int host_namespaces(const struct host *host, uint32_t *numbers, int max)
{
	return host_netns_set_numbers(host->netns_set, numbers, max);
}

int host_namespace_fd(const struct host *host, uint32_t netns)
{
	return host_netns_set_fd(host->netns_set, netns);
}

void host_list_sockets(const struct host *host, uint32_t netns, socket_callback *callback,
                       void *context)
{
	host_netns_set_list(host->netns_set, netns, callback, context);
}

const char *const *host_degraded(const struct host *host, int *count)
{
	*count = host->degraded_count;
	return host->degraded;
}

void host_complete(struct host *host, struct process *process)
{
	process_details_want(host->details, process);
}

void host_walk_all(struct host *host)
{
	attribution_walk_all(host->attribution);
}

bool host_work(struct host *host, int64_t budget_ns)
{
	bool more = host_netns_set_step(host->netns_set);

	host->in_turn = false;
	return attribution_work(host->attribution, budget_ns) || more;
}

void host_tick(struct host *host)
{
	int64_t now = clock_monotonic_ns();

	process_table_expire(host->processes, now);
	attribution_tick(host->attribution);
	if (host->trace_owners) {
		host_events_read(host);
		trace_owners_expire(host->trace_owners);
	}
	host_report_losses(host);
	host_netns_set_tick(host->netns_set);
	if (host->netns_mode == HOST_NETNS_ALL && now >= host->namespaces_look_ns)
		look_for_namespaces(host);
}
