/* SPDX-License-Identifier: Apache-2.0 */
#include "host.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "capture/interfaces.h"
#include "processes/proc_events.h"
#include "processes/proc_fd.h"
#include "processes/process_table.h"
#include "security/capabilities.h"
#include "sockets/listener_table.h"
#include "sockets/sock_destroy.h"
#include "sockets/sock_diag.h"

#define PROCESSES_MAX   65536
#define DESCRIPTORS_MAX 1048576
#define DESTROY_BUFFER  (4 << 20)
#define DEGRADED_TEXT   384

struct host {
	struct host_options options;
	struct loop *loop;
	uint32_t netns;
	struct process_table *processes;
	struct proc_fd *fds;
	struct sock_diag *diag;
	struct lister *lister;
	struct listener_table *listeners;
	struct interfaces *interfaces;
	struct proc_events *events;
	struct attribution *attribution;
	struct sock_destroy *destroy;
	struct loop_source *events_source, *interfaces_source, *destroy_source;
	uint64_t destroy_overruns;
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

static void on_process_event(void *context, const struct proc_event *event)
{
	struct host *host = context;

	switch (event->kind) {
	case PROC_EVENT_FORK:
		proc_fd_hint(host->fds, event->pid);
		break;
	case PROC_EVENT_EXEC:
		process_table_exec(host->processes, event->pid);
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

static int on_socket_destroyed(void *context, const struct socket *socket, int nsid)
{
	struct host *host = context;

	(void)nsid;
	host->options.callbacks.socket_destroyed(host->options.callbacks.context, socket);
	return 0;
}

static void on_destroyed(void *context, uint32_t ready)
{
	struct host *host = context;

	(void)ready;
	if (sock_destroy_read(host->destroy, on_socket_destroyed, host) == -ENOBUFS) {
		host->destroy_overruns++;
		host->options.callbacks.overrun(host->options.callbacks.context, "destroy",
		                                sock_destroy_drops(host->destroy));
	}
}

static void on_interfaces(void *context, uint32_t ready)
{
	struct host *host = context;

	(void)ready;
	interfaces_read(host->interfaces);
}

static uint32_t own_netns(void)
{
	struct stat status;

	return stat("/proc/self/ns/net", &status) == 0 ? (uint32_t)status.st_ino : 0;
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

static void open_destroyed(struct host *host)
{
	struct error error = {0};

	if (sock_destroy_open(&host->destroy, host->netns, &error) != 0) {
		degrade(host, error.text, "connection_closed lacks the kernel's final numbers");
		return;
	}
	sock_destroy_set_receive_buffer(host->destroy, DESTROY_BUFFER);
	host->destroy_source = loop_add_fd(host->loop, sock_destroy_fd(host->destroy), EPOLLIN,
	                                   on_destroyed, host);
}

static int open_sockets(struct host *host, struct error *error)
{
	int result = sock_diag_open(&host->diag, host->netns, error);

	if (result != 0 && host->options.sockets == LISTER_NETLINK)
		return result;
	if (result != 0) {
		host->diag = NULL;
		degrade(host, error->text, "sockets are looked up in /proc/net, which is slow");
	}
	return lister_new(&host->lister, host->options.sockets,
	                  host->options.sockets == LISTER_PROC ? NULL : host->diag, "/proc/self/net",
	                  host->netns, error);
}

static int open_interfaces(struct host *host, struct error *error)
{
	int result = interfaces_new(&host->interfaces, error);

	if (result != 0)
		return result;
	host->interfaces_source = loop_add_fd(host->loop, interfaces_fd(host->interfaces), EPOLLIN,
	                                      on_interfaces, host);
	return host->interfaces_source ? 0 : error_set(error, errno, "epoll: %s", strerror(errno));
}

static int compose_attribution(struct host *host, struct error *error)
{
	struct attribution_options options = {
	    .key = host->options.key,
	    .processes = host->processes,
	    .fds = host->fds,
	    .sees_all_processes = process_table_sees_all(host->processes),
	};
	struct attribution_namespace space = {
	    .netns = host->netns,
	    .diag = host->diag,
	    .lister = host->lister,
	    .interfaces = host->interfaces,
	    .listeners = host->listeners,
	};
	int result = attribution_new(&host->attribution, &options, error);

	if (result != 0)
		return result;
	result = attribution_add_namespace(host->attribution, &space);
	return result == 0 ? 0 : error_set(error, -result, "out of memory");
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
	host->netns = own_netns();
	code = process_table_new(&host->processes, "/proc", PROCESSES_MAX, &options->key, error);
	if (code != 0)
		goto failed;
	code = proc_fd_new(&host->fds, host->processes, DESCRIPTORS_MAX, &options->key, error);
	if (code != 0)
		goto failed;
	code = open_sockets(host, error);
	if (code != 0)
		goto failed;
	host->listeners = listener_table_new(host->lister);
	if (!host->listeners) {
		code = error_set(error, ENOMEM, "out of memory");
		goto failed;
	}
	code = open_interfaces(host, error);
	if (code != 0)
		goto failed;
	code = compose_attribution(host, error);
	if (code != 0)
		goto failed;
	check_capabilities(host);
	open_process_events(host);
	open_destroyed(host);
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
	loop_remove(host->destroy_source);
	loop_remove(host->events_source);
	loop_remove(host->interfaces_source);
	attribution_free(host->attribution);
	sock_destroy_close(host->destroy);
	proc_events_close(host->events);
	interfaces_free(host->interfaces);
	listener_table_free(host->listeners);
	lister_free(host->lister);
	sock_diag_close(host->diag);
	proc_fd_free(host->fds);
	process_table_free(host->processes);
	free(host);
}

struct attribution *host_attribution(struct host *host)
{
	return host->attribution;
}

struct lister *host_lister(struct host *host)
{
	return host->lister;
}

uint32_t host_netns(const struct host *host)
{
	return host->netns;
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
	process_table_expire(host->processes, clock_monotonic_ns());
}

void host_read_counters(struct host *host, struct host_counters *counters)
{
	const struct process_counters *processes = process_table_counters(host->processes);
	const struct proc_fd_counters *fds = proc_fd_counters(host->fds);

	memset(counters, 0, sizeof *counters);
	counters->processes.tracked = process_table_count(host->processes);
	counters->processes.evicted = processes->evicted;
	counters->processes.scans = fds->scans;
	counters->processes.descriptors = fds->descriptors;
	counters->processes.vanished = processes->vanished + fds->vanished;
	counters->processes.permission_denied = processes->permission_denied + fds->permission_denied;
	counters->netlink.interrupted = lister_counters(host->lister)->interrupted;
	counters->netlink.resyncs = interfaces_resyncs(host->interfaces);
	if (host->events) {
		counters->netlink.overruns = proc_events_counters(host->events)->overruns;
		counters->netlink.lost = proc_events_counters(host->events)->lost;
	}
	if (host->destroy) {
		counters->netlink.overruns += host->destroy_overruns;
		counters->netlink.lost += sock_destroy_drops(host->destroy);
	}
	counters->sockets = proc_fd_count(host->fds);
}
