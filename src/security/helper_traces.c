/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Perf events of the helper process. Their tracepoints are known by the ids that it read itself,
 * before anything was asked of it.
 */
#include <errno.h>
#include <unistd.h>

#include "security/helper_message.h"
#include "tracepoints/trace_group.h"
#include "tracepoints/tracefs.h"

void helper_traces_learn(uint16_t ids[TRACE_RECORD_EVENTS])
{
	char format[TRACEFS_FORMAT_MAX];
	struct error error;
	int tracefs = tracefs_open(&error);

	for (int event = 0; event < TRACE_RECORD_EVENTS; event++) {
		const char *name = trace_record_event_name((enum trace_record_event)event);
		long length = tracefs < 0 ? -1 : tracefs_read_format(tracefs, name, format);

		if (length < 0 || !tracefs_parse_id(format, (size_t)length, &ids[event]))
			ids[event] = HELPER_NO_TRACE;
	}
	if (tracefs >= 0)
		close(tracefs);
}

/* Those of the loop: what reads arguments, with longer pieces of the stack, opens once, at the start. */
int helper_traces_open(const uint16_t ids[TRACE_RECORD_EVENTS], const struct trace_open *wanted)
{
	if (wanted->group >= TRACE_GROUPS || wanted->event > TRACE_RECORD_EVENTS)
		return -EACCES;
	if (wanted->event == TRACE_RECORD_EVENTS)
		return trace_open(wanted, HELPER_NO_TRACE);
	return ids[wanted->event] == HELPER_NO_TRACE ? -ENOENT
	                                             : trace_open(wanted, ids[wanted->event]);
}
