/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "attribution/witness.h"
#include "base/clock.h"
#include "host_space.h"
#include "processes/proc_events.h"
#include "processes/proc_fd.h"
#include "processes/process_table.h"
#include "security/capabilities.h"
#include "sockets/netns.h"

/* New namespaces are looked for when a process event hints at one, and this often anyway. */
#define NAMESPACES_LOOK_NS (2 * NS_PER_SECOND)
#define PROCESSES_MAX   65536
#define DESCRIPTORS_MAX 1048576
#define DEGRADED_TEXT   384

struct host {
	struct host_options options;
	struct loop *loop;
	uint32_t netns;
	struct process_table *processes;
	struct proc_fd *fds;
	struct host_space **spaces; /* the own one first, unless only paths are asked for */
	int space_count;
	enum host_netns_mode netns_mode;
	int64_t namespaces_looked_ns;
	bool namespaces_changed; /* a process was seen in one that is not open */
	struct host_space_counters closed_spaces;
	struct proc_events *events;
	struct witness *witness; /* NULL: lookups alone */
	const char *method_why;
	struct attribution *attribution;
	struct loop_source *events_source, *witness_source;
	char degraded_text[HOST_DEGRADED_MAX][DEGRADED_TEXT];
	const char *degraded[HOST_DEGRADED_MAX];
	int degraded_count;
};

static void degrade(struct host *host, const char *what, const char *cost)
{
	char *text = host->degraded_text[host->degraded_count];

	if (host->degraded_count == HOST_DEGRADED_MAX)
		return;
	snprintf(text, DEGRADED_TEXT, "%s: %s", what, cost);
	host->degraded[host->degraded_count++] = text;
}

static bool is_open(const struct host *host, uint32_t netns)
{
	for (int i = 0; i < host->space_count; i++)
		if (host_space_number(host->spaces[i]) == netns)
			return true;
	return false;
}

/* A process in a namespace that is not watched yet: a container has just started. */
static void note_namespace(struct host *host, int pid)
{
	const struct process *process = process_table_find(host->processes, pid, 0);

	if (process && process->netns != 0 && !is_open(host, process->netns))
		host->namespaces_changed = true;
}

static void on_process_event(void *context, const struct proc_event *event)
{
	struct host *host = context;

	switch (event->kind) {
	case PROC_EVENT_FORK:
		process_table_forked(host->processes, event->parent_pid, event->time_ns);
		proc_fd_hint(host->fds, event->pid);
		break;
	case PROC_EVENT_EXEC:
		process_table_exec(host->processes, event->pid);
		note_namespace(host, event->pid);
		proc_fd_hint(host->fds, event->pid);
		break;
	case PROC_EVENT_EXIT:
		process_table_exited(host->processes, event->pid, event->time_ns);
		proc_fd_exited(host->fds, event->pid);
		break;
	}
}

static void on_process_events(void *context, uint32_t ready)
{
	struct host *host = context;

	(void)ready;
	if (proc_events_read(host->events, on_process_event, host) == -ENOBUFS) {
		/* Executions and exits went by unseen: every process is looked at again. */
		proc_fd_walk_start(host->fds, true);
		host->options.callbacks.overrun(host->options.callbacks.context, "proc_events",
		                                proc_events_counters(host->events)->lost);
	}
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

static void check_capabilities(struct host *host)
{
	uint64_t have = capabilities_effective();

	if (!capabilities_have(have, CAP_SYS_PTRACE) || !capabilities_have(have, CAP_DAC_READ_SEARCH))
		degrade(host, "cap_sys_ptrace and cap_dac_read_search are not both held",
		        "sockets of other users' processes have no owner");
	if (!process_table_sees_all(host->processes))
		degrade(host, "/proc does not show every process (pid namespace or hidepid)",
		        "sockets of hidden processes have no owner, sockets of the kernel are not told from them");
}

static void open_process_events(struct host *host)
{
	struct error error = {0};

	if (proc_events_open(&host->events, &error) != 0) {
		degrade(host, error.text, "short-lived processes are found later or not at all");
		return;
	}
	host->events_source = loop_add_fd(host->loop, proc_events_fd(host->events), EPOLLIN,
	                                  on_process_events, host);
}

/* Opens all there is in a namespace and tells attribution and the run of it. Takes fd over. */
static int add_space(struct host *host, int fd, uint32_t netns, struct error *error)
{
	struct host_space_callbacks callbacks = {
	    .destroyed = on_destroyed,
	    .overrun = on_overrun,
	    .context = host,
	};
	struct host_space **grown =
	    realloc(host->spaces, ((size_t)host->space_count + 1) * sizeof(struct host_space *));
	struct attribution_namespace view;
	struct error degraded = {0};
	int result;

	if (!grown) {
		if (fd >= 0)
			close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	host->spaces = grown;
	result = host_space_open(&host->spaces[host->space_count], host->loop, fd, netns,
	                         host->options.sockets, &callbacks, &degraded, error);
	if (result != 0)
		return result;
	view = host_space_view(host->spaces[host->space_count]);
	result = attribution_add_namespace(host->attribution, &view);
	if (result != 0) {
		host_space_close(host->spaces[host->space_count]);
		return error_set(error, -result, "too many network namespaces");
	}
	host->space_count++;
	if (degraded.code != 0 && host->space_count == 1)
		degrade(host, degraded.text, "sockets are looked up in /proc/net, or their end is not told");
	host->options.callbacks.namespace_opened(host->options.callbacks.context, netns, fd);
	return 0;
}

static void remove_space(struct host *host, int number)
{
	struct host_space *space = host->spaces[number];
	uint32_t netns = host_space_number(space);

	host->options.callbacks.namespace_closing(host->options.callbacks.context, netns);
	attribution_remove_namespace(host->attribution, netns);
	host_space_add_counters(space, &host->closed_spaces);
	host_space_close(space);
	memmove(&host->spaces[number], &host->spaces[number + 1],
	        (size_t)(--host->space_count - number) * sizeof(struct host_space *));
}

struct census {
	struct host *host;
	bool *alive; /* of the first `count` spaces */
	int count;
};

static void on_namespace(void *context, uint32_t netns, const char *path)
{
	struct census *census = context;
	struct host *host = census->host;
	struct error error = {0};
	uint32_t found;
	int fd;

	for (int i = 0; i < census->count; i++)
		if (host_space_number(host->spaces[i]) == netns)
			census->alive[i] = true;
	if (is_open(host, netns))
		return;
	fd = netns_open_path(path, &found, &error);
	if (fd >= 0 && found != netns) { /* the process moved or is another one by now */
		close(fd);
		return;
	}
	/* A namespace that cannot be opened is tried again at the next look. */
	if (fd >= 0)
		add_space(host, fd, netns, &error);
}

/* Opens what is new; closes what has neither process nor name any more. */
static void look_for_namespaces(struct host *host)
{
	struct census census = {.host = host, .count = host->space_count};

	host->namespaces_changed = false;
	host->namespaces_looked_ns = clock_monotonic_ns();
	census.alive = calloc((size_t)census.count + 1, sizeof *census.alive);
	if (!census.alive)
		return;
	if (netns_each(on_namespace, &census) == 0)
		for (int i = census.count - 1; i >= 0; i--)
			if (!census.alive[i] && host_space_fd(host->spaces[i]) >= 0)
				remove_space(host, i);
	free(census.alive);
}

static int open_paths(struct host *host, struct error *error)
{
	for (int i = 0; i < host->options.netns_path_count; i++) {
		uint32_t netns;
		int fd = netns_open_path(host->options.netns_paths[i], &netns, error);
		int result;

		if (fd < 0)
			return fd;
		if (is_open(host, netns)) {
			close(fd);
			continue;
		}
		result = add_space(host, fd, netns, error);
		if (result != 0)
			return result;
	}
	return 0;
}

static int open_namespaces(struct host *host, struct error *error)
{
	bool may_enter = capabilities_have(capabilities_effective(), CAP_SYS_ADMIN);
	int result;

	host->netns_mode = host->options.netns_mode;
	if (host->netns_mode == HOST_NETNS_PATHS)
		return open_paths(host, error);
	result = add_space(host, -1, host->netns, error);
	if (result != 0)
		return result;
	if (host->netns_mode == HOST_NETNS_AUTO) {
		host->netns_mode = may_enter ? HOST_NETNS_ALL : HOST_NETNS_SELF;
		if (!may_enter)
			degrade(host, "cap_sys_admin is missing", "only the own network namespace is seen");
	}
	if (host->netns_mode == HOST_NETNS_ALL && !may_enter)
		return error_set(error, EPERM, "--netns all: needs CAP_SYS_ADMIN");
	if (host->netns_mode == HOST_NETNS_ALL)
		look_for_namespaces(host);
	return 0;
}

static void on_lived(void *context, const struct fact *fact)
{
	struct proc_event event = {
	    .kind = fact->kind == FACT_FORK   ? PROC_EVENT_FORK
	            : fact->kind == FACT_EXIT ? PROC_EVENT_EXIT
	                                      : PROC_EVENT_EXEC,
	    .pid = fact->pid,
	    .parent_pid = fact->parent_pid,
	    .time_ns = fact->time_ns,
	};

	on_process_event(context, &event);
}

static void on_witness(void *context, uint32_t ready)
{
	struct host *host = context;

	(void)ready;
	witness_drain(host->witness);
}

/*
 * The first of tracepoints and lookup that can be had. What cannot is said once,
 * with the reason.
 */
static int choose_method(struct host *host, struct error *error)
{
	struct witness_options options = {
	    .key = host->options.key,
	    .processes = host->processes,
	    .namespaces = host->options.netns_mode != HOST_NETNS_SELF,
	    .context = host,
	    .lived = on_lived,
	};
	struct error refused = {0};

	host->method_why = "asked for";
	if (host->options.method == HOST_METHOD_LOOKUP)
		return 0;
	if (witness_open(&host->witness, &options, &refused) == 0) {
		if (host->options.method == HOST_METHOD_AUTO)
			host->method_why = "the kernel allows it, and it misses least";
		host->witness_source = loop_add_fd(host->loop, witness_fd(host->witness), EPOLLIN,
		                                   on_witness, host);
		return 0;
	}
	if (host->options.method == HOST_METHOD_TRACEPOINTS)
		return error_set(error, refused.code, "--attribution tracepoints: %s", refused.text);
	degrade(host, refused.text, "owners are looked up as packets arrive");
	host->method_why = "tracepoints are not to be had";
	return 0;
}

static int compose_attribution(struct host *host, struct error *error)
{
	struct attribution_options options = {
	    .key = host->options.key,
	    .processes = host->processes,
	    .fds = host->fds,
	    .witness = host->witness,
	    .sees_all_processes = process_table_sees_all(host->processes),
	};

	return attribution_new(&host->attribution, &options, error);
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
	code = proc_fd_new(&host->fds, host->processes, DESCRIPTORS_MAX, &options->key, error);
	if (code != 0)
		goto failed;
	code = choose_method(host, error);
	if (code != 0)
		goto failed;
	code = compose_attribution(host, error);
	if (code != 0)
		goto failed;
	code = open_namespaces(host, error);
	if (code != 0)
		goto failed;
	check_capabilities(host);
	if (!host->witness) /* whose facts tell of every process */
		open_process_events(host);
	proc_fd_walk_start(host->fds, false); /* in slices, while packets already come */
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
	loop_remove(host->events_source);
	for (int i = 0; i < host->space_count; i++)
		host_space_close(host->spaces[i]);
	free(host->spaces);
	attribution_free(host->attribution);
	loop_remove(host->witness_source);
	witness_close(host->witness);
	proc_events_close(host->events);
	proc_fd_free(host->fds);
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
	for (int i = 0; i < host->space_count && i < max; i++)
		numbers[i] = host_space_number(host->spaces[i]);
	return host->space_count;
}

int host_namespace_fd(const struct host *host, uint32_t netns)
{
	for (int i = 0; i < host->space_count; i++)
		if (host_space_number(host->spaces[i]) == netns)
			return host_space_fd(host->spaces[i]);
	return -1;
}

const char *host_method(const struct host *host, const char **why)
{
	*why = host->method_why;
	return host->witness ? "tracepoints" : "lookup";
}

void host_prepare(struct host *host)
{
	if (host->witness)
		witness_drain(host->witness);
}

const char *host_netns_mode(const struct host *host)
{
	static const char *const names[] = {"auto", "all", "self", "paths"};

	return names[host->netns_mode];
}

const char *const *host_degraded(const struct host *host, int *count)
{
	*count = host->degraded_count;
	return host->degraded;
}

void host_walk_all(struct host *host)
{
	attribution_walk_all(host->attribution);
}

bool host_work(struct host *host, int64_t budget_ns)
{
	return attribution_work(host->attribution, budget_ns);
}

void host_tick(struct host *host)
{
	int64_t now = clock_monotonic_ns();

	process_table_expire(host->processes, now);
	if (host->witness)
		witness_expire(host->witness);
	if (host->netns_mode == HOST_NETNS_ALL &&
	    (host->namespaces_changed || now - host->namespaces_looked_ns > NAMESPACES_LOOK_NS))
		look_for_namespaces(host);
}

void host_read_counters(struct host *host, struct host_counters *counters)
{
	const struct process_counters *processes = process_table_counters(host->processes);
	const struct proc_fd_counters *fds = proc_fd_counters(host->fds);
	struct host_space_counters spaces = host->closed_spaces;

	memset(counters, 0, sizeof *counters);
	counters->processes.tracked = process_table_count(host->processes);
	counters->processes.evicted = processes->evicted;
	counters->processes.scans = fds->scans;
	counters->processes.descriptors = fds->descriptors;
	counters->processes.vanished = processes->vanished + fds->vanished;
	counters->processes.permission_denied = processes->permission_denied + fds->permission_denied;
	for (int i = 0; i < host->space_count; i++)
		host_space_add_counters(host->spaces[i], &spaces);
	counters->netlink.interrupted = spaces.interrupted;
	counters->netlink.resyncs = spaces.resyncs;
	counters->netlink.overruns = spaces.overruns;
	counters->netlink.lost = spaces.lost;
	if (host->events) {
		counters->netlink.overruns += proc_events_counters(host->events)->overruns;
		counters->netlink.lost += proc_events_counters(host->events)->lost;
	}
	if (host->witness) {
		counters->tracepoints.present = true;
		counters->tracepoints.samples = witness_counters(host->witness)->samples;
		counters->tracepoints.lost = witness_counters(host->witness)->lost;
	}
	counters->sockets = proc_fd_count(host->fds);
}
