/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* How owners of new connections are caught: by tracepoints, by the sentinel, or by lookups alone. */
#include "host/host_private.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "security/capabilities.h"
#include "sockets/netns.h"

void host_report_life(const struct host *host, enum host_life life, struct process *process,
                      int64_t time_ns)
{
	const struct host_callbacks *callbacks = &host->options.callbacks;

	if (process && callbacks->process_lived)
		callbacks->process_lived(callbacks->context, life, process, time_ns);
}

static void report_life(const struct host *host, const struct trace_event *event,
                        struct process *process)
{
	enum host_life life = event->kind == TRACE_EVENT_FORK      ? HOST_PROCESS_STARTED
	                      : event->kind == TRACE_EVENT_NAME    ? HOST_PROCESS_EXECUTED
	                      : event->kind == TRACE_EVENT_SETTLED ? HOST_PROCESS_SETTLED
	                                                           : HOST_PROCESS_ENDED;

	/* With arguments it is settled when they are there: host_args.c. */
	if (life != HOST_PROCESS_SETTLED || !host->args)
		host_report_life(host, life, process, event->time_ns);
}

static void on_lived(void *context, const struct trace_event *event, struct process *process)
{
	struct host *host = context;
	struct proc_event process_event = {
		.kind = event->kind == TRACE_EVENT_FORK   ? PROC_EVENT_FORK
		        : event->kind == TRACE_EVENT_EXIT ? PROC_EVENT_EXIT
		                                          : PROC_EVENT_EXEC,
		.pid = event->pid,
		.parent_pid = event->parent_pid,
		.time_ns = event->time_ns,
	};

	if (event->kind == TRACE_EVENT_LOST_PROCESSES) {
		host_on_process_events_lost(host);
		return;
	}
	report_life(host, event, process);
	if (event->kind != TRACE_EVENT_SETTLED)
		host_on_process_event(host, &process_event);
}

static void on_listens(void *context, int pid)
{
	struct host *host = context;

	if (host->attribution) /* its first walk finds those that listen before */
		attribution_listens(host->attribution, pid);
}

static enum trace_owners_address on_address(void *context, uint32_t netns,
                                            const struct inet_address *address, int64_t at_ns)
{
	const struct host *host = context;

	return host->attribution ? attribution_has_address(host->attribution, netns, address, at_ns)
	                         : TRACE_OWNERS_ADDRESS_UNKNOWN;
}

static void on_trace_owners(void *context, uint32_t ready)
{
	struct host *host = context;

	(void)ready;
	trace_owners_drain(host->trace_owners);
}

static void resolve_socket(void *context, const struct socket *socket, int64_t seen_ns,
                           struct owner *owner)
{
	attribution_resolve_socket(context, socket, seen_ns, owner, NULL);
}

void host_method_drain_sentinel(struct host *host)
{
	sentinel_owners_drain(host->sentinel_owners, resolve_socket, host->attribution);
}

static void on_sentinel(void *context, uint32_t ready)
{
	(void)ready;
	host_method_drain_sentinel(context);
}

static int open_sentinel(struct host *host, struct error *error)
{
	struct error refused = { 0 };

	if (sentinel_open(&host->sentinel, &refused) != 0) {
		if (host->options.method == HOST_METHOD_SENTINEL)
			return error_set(error, refused.code, "--attribution sentinel: %s",
			                 refused.text);
		host_degrade(host, refused.text, "owners are looked up as packets arrive");
		host->method_why = "neither tracepoints nor the sentinel are to be had";
		return 0;
	}
	host->sentinel_owners =
		sentinel_owners_new(host->sentinel, host->processes, &host->options.key);
	if (!host->sentinel_owners)
		return error_set(error, ENOMEM, "out of memory");
	host->sentinel_source =
		loop_add_fd(host->loop, sentinel_fd(host->sentinel), EPOLLIN, on_sentinel, host);
	return 0;
}

static void count_namespace(void *context, uint32_t netns, const char *path)
{
	(void)netns;
	(void)path;
	++*(int *)context;
}

static int count_namespaces(void)
{
	int count = 0;

	return netns_each(count_namespace, &count) == 0 ? count : 0;
}

static int watch_trace_owners(struct host *host)
{
	loop_remove(host->trace_owners_source);
	host->trace_owners_source = loop_add_fd(host->loop, trace_owners_fd(host->trace_owners),
	                                        EPOLLIN, on_trace_owners, host);
	return host->trace_owners_source ? 0 : -errno;
}

static int open_trace_owners(struct host *host, struct error *error)
{
	const struct trace_owners_options options = {
		.key = host->options.key,
		.processes = host->processes,
		.changes = host->changes,
		.namespaces = count_namespaces() > 1,
		.helper = host->options.trace_helper,
		.context = host,
		.lived = on_lived,
		.listens = on_listens,
		.address = on_address,
	};

	return trace_owners_open(&host->trace_owners, &options, error);
}

/*
 * The first of tracepoints, sentinel and lookup that can be had. What cannot is said once,
 * with the reason.
 */
int host_method_open(struct host *host, struct error *error)
{
	struct error refused = { 0 };

	host->method_why = host->options.once && host->options.method == HOST_METHOD_LOOKUP
	                           ? "a snapshot looks for the holders of sockets that are there"
	                           : "asked for";
	if (host->options.method == HOST_METHOD_LOOKUP)
		return 0;
	if (host->options.method == HOST_METHOD_SENTINEL)
		return open_sentinel(host, error);
	if (open_trace_owners(host, &refused) == 0) {
		if (host->options.method == HOST_METHOD_AUTO)
			host->method_why = "the kernel allows it, and it misses least";
		watch_trace_owners(host);
		return 0;
	}
	if (host->options.method == HOST_METHOD_TRACEPOINTS)
		return error_set(error, refused.code, "--attribution tracepoints: %s",
		                 refused.text);
	host_degrade(host, refused.text, "owners are caught by the sentinel or looked up");
	host->method_why = "tracepoints are not to be had";
	return open_sentinel(host, error);
}

void host_method_add_namespace(struct host *host, uint32_t netns, int fd)
{
	struct error error = { 0 };

	if (host->sentinel && sentinel_watch(host->sentinel, fd, netns, &error) != 0)
		host_degrade(host, error.text, "owners in a network namespace are looked up");
	if (host->trace_owners && fd >= 0) {
		/* Its watch goes first: the descriptor is another one afterwards. */
		loop_remove(host->trace_owners_source);
		host->trace_owners_source = NULL;
		trace_owners_follow_namespaces(host->trace_owners, &error);
		watch_trace_owners(host);
	}
}

void host_method_remove_namespace(struct host *host, uint32_t netns)
{
	if (host->sentinel)
		sentinel_unwatch(host->sentinel, netns);
}

/* Its threads are there once the namespaces are. */
void host_method_check(struct host *host)
{
	if (host->sentinel && !sentinel_is_urgent(host->sentinel))
		host_degrade(host,
		             capabilities_have(capabilities_effective(), CAP_SYS_NICE)
		                     ? "no real-time priority (cpu.rt_runtime_us of a cgroup)"
		                     : "cap_sys_nice is missing",
		             "the sentinel may miss owners that exit at once");
}

void host_method_close(struct host *host)
{
	loop_remove(host->sentinel_source);
	sentinel_owners_free(host->sentinel_owners);
	sentinel_close(host->sentinel);
	loop_remove(host->trace_owners_source);
	trace_owners_close(host->trace_owners);
}

enum host_method host_method(const struct host *host)
{
	return host->sentinel       ? HOST_METHOD_SENTINEL
	       : host->trace_owners ? HOST_METHOD_TRACEPOINTS
	                            : HOST_METHOD_LOOKUP;
}

const char *host_method_why(struct host *host)
{
	if (!host->sentinel)
		return host->method_why;
	snprintf(host->sentinel_why, sizeof host->sentinel_why, "%s; %s", host->method_why,
	         sentinel_mode(host->sentinel));
	return host->sentinel_why;
}

bool host_may_wait(const struct host *host, int fds[HOST_URGENT_MAX], int *count)
{
	int watch = host->netns_watch ? host_netns_watch_fd(host->netns_watch) : -1;

	*count = 0;
	if (host->trace_owners)
		fds[(*count)++] = trace_owners_fd(host->trace_owners);
	if (watch >= 0)
		fds[(*count)++] = watch;
	return host->trace_owners != NULL;
}

void host_relieve(struct host *host)
{
	if (!host->trace_owners || host->relieving || !trace_owners_is_urgent(host->trace_owners))
		return;
	/* What is taken in can name a namespace, which is opened then. */
	host->relieving = true;
	host_args_drain(host);
	host->relieving = false;
}
