/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Every socket, once or at intervals. */
#include <errno.h>
#include <stdlib.h>

#include "app/run_private.h"

int run_take_snapshot(struct run *run, struct error *error)
{
	struct snapshot_options options = {
		.stream = run->stream,
		.attribution = host_attribution(run->host),
		.emitter = run->emitter,
		.key = run->key,
		.kinds = run->options->kinds,
		.listening = run->options->listening,
	};
	int count = host_namespaces(run->host, NULL, 0), result;
	uint32_t *namespaces = calloc((size_t)count + 1, sizeof *namespaces);

	if (!namespaces)
		return error_set(error, ENOMEM, "out of memory");
	host_namespaces(run->host, namespaces, count);
	result = snapshot_new(&run->snapshot, &options, namespaces, count, run->snapshots + 1,
	                      error);
	free(namespaces);
	if (result != 0)
		return result;
	run->snapshots++;
	host_walk_all(run->host);
	return 0;
}

void run_advance_snapshot(struct run *run, size_t room)
{
	if (!run->snapshot || !snapshot_emit(run->snapshot, room))
		return;
	snapshot_free(run->snapshot);
	run->snapshot = NULL;
	if (run->options->mode == OPTIONS_SNAPSHOT && run->options->snapshot_interval_ns == 0)
		run_stop(run, EVENT_STOP_SNAPSHOT);
}

/* One that its reader has not taken as yet is not overtaken by the next. */
void run_on_interval(void *context, uint32_t expirations)
{
	struct run *run = context;
	struct error error = { 0 };

	(void)expirations;
	if (run->snapshot || run_take_snapshot(run, &error) == 0)
		return;
	log_error(run->log, "%s", error.text);
	run->status = EXIT_FAILURE;
	run_stop(run, EVENT_STOP_ERROR);
}
