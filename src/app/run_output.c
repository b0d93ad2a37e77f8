/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The output in a run: written in each turn, opened anew, and what is reported of that. */
#include <stdlib.h>
#include <string.h>

#include "app/run_private.h"
#include "base/clock.h"

#define STALL_REPORTED_NS (60 * NS_PER_SECOND)

void run_output_opened(struct run *run, uint64_t repaired)
{
	struct event_log content = {
		.level = "info",
		.message = "output opened",
		.path = run->options->output_file,
		.repaired_bytes = repaired,
	};

	run_emit_log(run, EVENT_OUTPUT_OPENED, &content);
	if (repaired > 0)
		log_warning(run->log, "%s: a broken last line of %llu bytes was removed",
		            run->options->output_file, (unsigned long long)repaired);
}

void run_output_reopen(struct run *run)
{
	struct error error = { 0 };
	uint64_t repaired = 0;

	if (!outlet_is_file(run->options->output_file))
		return;
	if (outlet_reopen(run->outlet, &repaired, &error) != 0)
		log_error(run->log, "%s; the old file stays in use", error.text);
	else
		run_output_opened(run, repaired);
}

/* Without it a run that waits for the disk looks like one that hangs. */
static void report_stall(struct run *run)
{
	int64_t now = clock_monotonic_ns();

	if (run->stall_reported_ns != 0 && now - run->stall_reported_ns < STALL_REPORTED_NS)
		return;
	run->stall_reported_ns = now;
	log_warning(run->log, "the disk is full: the output waits for room");
}

static void report_changes(struct run *run)
{
	const char *path = run->options->output_file;
	struct outlet_changes changes;

	if (!outlet_take_changes(run->outlet, &changes))
		return;
	if (changes.failed > 0 && outlet_is_file(path))
		log_error(run->log, "%s; the old file stays in use", changes.error.text);
	else if (changes.failed > 0)
		log_warning(run->log, "%s: %s; records wait for a new connection", path,
		            changes.error.text);
	if (changes.opened > 0)
		run_output_opened(run, changes.repaired);
}

void run_output_turn(struct run *run, bool busy)
{
	enum sink_state state = outlet_turn(run->outlet, busy);

	report_changes(run);
	switch (state) {
	case SINK_OPEN:
		if (sink_stalled(run->sink))
			report_stall(run);
		break;
	case SINK_READER_GONE:
		run_stop(run, EVENT_STOP_READER_GONE);
		break;
	case SINK_FAILED:
		log_error(run->log, "cannot write the output: %s", strerror(sink_error(run->sink)));
		run->status = EXIT_FAILURE;
		run_stop(run, EVENT_STOP_ERROR);
		break;
	}
}
