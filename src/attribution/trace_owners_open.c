/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Opens, extends and closes what the tracepoints report of owners. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "attribution/trace_owners_private.h"
#include "base/clock.h"

#define SENTINEL_OWNERS_MAX 131072

void trace_owners_seed(struct trace_owners *owners)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	if (!proc)
		return;
	while ((entry = readdir(proc))) {
		struct process *process;
		int64_t now = clock_monotonic_ns();

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		process = process_table_get(owners->options.processes,
		                            (int)strtol(entry->d_name, NULL, 10), NULL);
		if (process)
			process_table_seed(owners->options.processes, process, now);
		if (trace_owners_is_urgent(owners))
			trace_owners_drain(owners);
	}
	closedir(proc);
}

/* Opens the tracepoints, then reads all processes: events report those that begin meanwhile. */
static int start(struct trace_owners *owners, struct error *error)
{
	struct tracepoints_options tracing = {
		.namespaces = owners->options.namespaces,
		.ids = !owners->options.changes, /* else those that are inherited, and changes */
		.like = owners->tracepoints,
		.helper = owners->options.helper,
	};
	int code = tracepoints_open(&owners->tracepoints, &tracing, error);

	if (code == 0) {
		owners->process_history.follows_namespaces = tracing.namespaces;
		process_table_walk_cgroups(owners->options.processes);
		trace_owners_seed(owners);
	}
	return code;
}

int trace_owners_open(struct trace_owners **result, const struct trace_owners_options *options,
                      struct error *error)
{
	struct trace_owners *owners = calloc(1, sizeof *owners);
	int code;

	if (!owners)
		return error_set(error, ENOMEM, "out of memory");
	owners->options = *options;
	owners->process_history.processes = options->processes;
	owners->process_history.changes = options->changes;
	owners->socket_history = socket_history_new(SENTINEL_OWNERS_MAX, &options->key);
	code = owners->socket_history ? start(owners, error)
	                              : error_set(error, ENOMEM, "out of memory");
	if (code != 0) {
		trace_owners_close(owners);
		return code;
	}
	*result = owners;
	return 0;
}

int trace_owners_follow_namespaces(struct trace_owners *owners, struct error *error)
{
	struct tracepoints *before = owners->tracepoints;
	int code;

	if (owners->options.namespaces)
		return 0;
	trace_owners_drain(owners);
	owners->options.namespaces = true;
	/* What happens until the new ones are open is reported by neither. */
	process_table_lost(owners->options.processes, clock_monotonic_ns());
	code = start(owners, error);
	if (code != 0) { /* the old ones go on */
		owners->tracepoints = before;
		owners->options.namespaces = false;
		trace_owners_seed(owners);
		return code;
	}
	tracepoints_close(before);
	return 0;
}

void trace_owners_close(struct trace_owners *owners)
{
	if (!owners)
		return;
	tracepoints_close(owners->tracepoints);
	socket_history_free(owners->socket_history);
	free(owners);
}

int trace_owners_fd(const struct trace_owners *owners)
{
	return tracepoints_fd(owners->tracepoints);
}

bool trace_owners_is_urgent(const struct trace_owners *owners)
{
	struct pollfd ring = { .fd = tracepoints_fd(owners->tracepoints), .events = POLLIN };

	return poll(&ring, 1, 0) > 0;
}

struct trace_flood_source trace_owners_take_flood(struct trace_owners *owners)
{
	return trace_flood_take(&owners->flood, owners->options.processes);
}

uint32_t trace_owners_changes(const struct trace_owners *owners)
{
	return socket_history_changes(owners->socket_history);
}

bool trace_owners_changed_since(const struct trace_owners *owners, int64_t since_ns)
{
	return socket_history_changed_ns(owners->socket_history) >= since_ns;
}

struct trace_owners_counters trace_owners_counters(const struct trace_owners *owners)
{
	const struct tracepoints_counters *tracepoints = tracepoints_counters(owners->tracepoints);

	return (struct trace_owners_counters){
		.samples = tracepoints->samples,
		.lost = tracepoints->lost,
		.evicted = socket_history_counters(owners->socket_history)->evicted,
	};
}
