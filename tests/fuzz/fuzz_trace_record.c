/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: the first byte has the cgroup switch, the rest is one record of a
 * perf ring (its length is put right). Events go on to the histories of sockets and processes,
 * which live as long as the fuzzer.
 */
#include "tracepoints/trace_record.h"

#include <stdlib.h>
#include <string.h>

#include "attribution/process_history.h"
#include "attribution/socket_history.h"
#include "trace_formats.h"

#define RECORD_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct state {
	struct trace_record_layout layout;
	struct socket_history *sockets;
	struct process_history history;
	int64_t now_ns;
};

static void learn(struct state *state, enum trace_record_event event, const char *format)
{
	if (trace_record_learn(&state->layout, event, format, strlen(format)) != 0)
		abort();
}

static void start(struct state *state)
{
	static const struct hash_key key = { { 1, 2 } };

	learn(state, TRACE_RECORD_ROUTE_V4, FORMAT_ROUTE_V4);
	learn(state, TRACE_RECORD_ROUTE_V6, FORMAT_ROUTE_V6);
	learn(state, TRACE_RECORD_STATE, FORMAT_STATE);
	learn(state, TRACE_RECORD_RECEIVE, FORMAT_RECEIVE);
	learn(state, TRACE_RECORD_EXIT, FORMAT_EXIT);
	state->sockets = socket_history_new(64, &key);
	state->history.follows_namespaces = true;
	/* Any folder without processes. */
	if (!state->sockets ||
	    process_table_new(&state->history.processes, "/dev", 64, &key, NULL) != 0)
		abort();
}

static void use(struct state *state, struct trace_event *event, const uint8_t *record, size_t size)
{
	struct socket_history_question question = { .tuple = event->tuple,
		                                    .kinds = SOCKET_HISTORY_USED };
	struct socket_history_match match;

	if (event->text_length > 0 &&
	    ((const uint8_t *)event->text < record ||
	     (const uint8_t *)event->text + event->text_length > record + size))
		abort();
	/* The kernel's clock never goes back. */
	state->now_ns += 1000000;
	event->time_ns = event->boottime_ns = state->now_ns;
	event->since_ns = state->now_ns - 1;
	socket_history_add(state->sockets, event, process_history_add(&state->history, event));
	question.to_ns = state->now_ns;
	socket_history_find(state->sockets, &question, &match);
	process_table_expire(state->history.processes, state->now_ns);
	socket_history_expire(state->sockets, state->now_ns);
	if (socket_history_count(state->sockets) > 64 ||
	    process_table_count(state->history.processes) > 64)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct state state;
	struct perf_event_header *record;
	struct trace_event event;

	if (!state.sockets)
		start(&state);
	if (size < 1 + sizeof *record || size > RECORD_MAX)
		return 0;
	state.layout.has_cgroup = data[0] & 1;
	size = (size - 1) / 8 * 8;
	record = malloc(size);
	if (record == NULL)
		abort();
	memcpy(record, data + 1, size);
	record->size = (uint16_t)size;
	trace_record_time(record);
	if (trace_record_decode(&state.layout, record, &event) == TRACE_RECORD_DECODED)
		use(&state, &event, (const uint8_t *)record, size);
	free(record);
	return 0;
}
