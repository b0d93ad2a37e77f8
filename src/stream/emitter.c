/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/emitter.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

_Static_assert(ENCODER_SLACK <= SINK_SLACK, "what the encoder overwrites behind a line");

#define WAIT_NS (50 * NS_PER_MS) /* until it is asked again whether to wait */

struct emitter {
	struct emitter_options options;
	bool wants[EVENT_ACTION_COUNT];
	bool only_writes; /* packets: one line each and nothing else */
	uint64_t sequence;
	uint64_t announced; /* dropped records that a records_dropped record has counted */
	int64_t deadline_ns;
	struct emitter_counters counters;
};

/* What else there is always comes. */
static const unsigned wanted_with[EVENT_ACTION_COUNT] = {
	[EVENT_PACKET] = EMITTER_PACKET,
	[EVENT_CONNECTION_OPENED] = EMITTER_OPENED,
	[EVENT_CONNECTION_STATE_CHANGED] = EMITTER_STATE,
	[EVENT_CONNECTION_UPDATED] = EMITTER_UPDATED,
	[EVENT_CONNECTION_ATTRIBUTED] = EMITTER_ATTRIBUTED,
	[EVENT_CONNECTION_CLOSED] = EMITTER_CLOSED,
	[EVENT_DNS_TRANSACTION] = EMITTER_DNS,
	[EVENT_EXISTING_SOCKET] = EMITTER_SOCKET,
	[EVENT_SNAPSHOT_COMPLETED] = EMITTER_SOCKET,
	[EVENT_LISTENING_STARTED] = EMITTER_SOCKET,
	[EVENT_LISTENING_STOPPED] = EMITTER_SOCKET,
	[EVENT_PROCESS_TRAFFIC] = EMITTER_TRAFFIC,
	[EVENT_PROCESS_STARTED] = EMITTER_LIFECYCLE,
	[EVENT_PROCESS_EXECUTED] = EMITTER_LIFECYCLE,
	[EVENT_PROCESS_ENDED] = EMITTER_LIFECYCLE,
	[EVENT_CAPTURE_STATS] = EMITTER_STATS,
};

struct emitter *emitter_new(const struct emitter_options *options)
{
	struct emitter *emitter = calloc(1, sizeof *emitter);

	if (!emitter)
		return NULL;
	emitter->options = *options;
	for (int action = 0; action < EVENT_ACTION_COUNT; action++)
		emitter->wants[action] =
			(wanted_with[action] == 0 || (options->events & wanted_with[action])) &&
			encoder_has(options->encoder, (enum event_action)action);
	emitter->only_writes =
		emitter->wants[EVENT_PACKET] && !options->packets && !options->selection;
	return emitter;
}

void emitter_free(struct emitter *emitter)
{
	free(emitter);
}

bool emitter_wants(const struct emitter *emitter, enum event_action action)
{
	return emitter->wants[action];
}

bool emitter_takes_packets(const struct emitter *emitter)
{
	return emitter->options.packets || emitter_wants(emitter, EVENT_PACKET);
}

static bool waits(const struct emitter *emitter)
{
	return emitter->options.waits && emitter->options.waits(emitter->options.context) &&
	       sink_get_state(emitter->options.sink) == SINK_OPEN &&
	       !sink_stalled(emitter->options.sink);
}

/* For the longest of lines, since none is as long before it is made. NULL: there is too little. */
static char *room_for_line(struct emitter *emitter)
{
	struct sink *sink = emitter->options.sink;
	char *room = sink_reserve(sink, EVENT_LINE_MAX);

	while (!room && waits(emitter)) {
		sink_drain(sink, clock_monotonic_ns() + WAIT_NS);
		room = sink_reserve(sink, EVENT_LINE_MAX);
	}
	if (!room && emitter->deadline_ns != 0) {
		sink_drain(sink, emitter->deadline_ns);
		room = sink_reserve(sink, EVENT_LINE_MAX);
	}
	return room;
}

/* Those that own something in it. Returns how many. */
static int processes_of(const struct event *event, struct process *processes[3])
{
	const struct event_owners owners = event_owners(event);
	int count = 0;

	if (owners.process)
		processes[count++] = owners.process;
	for (int end = 0; end < 2; end++)
		if (owners.owners[end] && owners.owners[end]->process)
			processes[count++] = owners.owners[end]->process;
	return count;
}

static void complete(const struct emitter *emitter, const struct event *event)
{
	struct process *processes[3];
	int count = processes_of(event, processes);

	for (int i = 0; i < count; i++)
		emitter->options.complete(emitter->options.context, processes[i]);
}

static bool is_selected(const struct emitter *emitter, const struct event *event)
{
	return !emitter->options.selection || selection_matches(emitter->options.selection, event);
}

static void introduce(const struct emitter *emitter, const struct event *event)
{
	struct process *processes[3];
	int count = processes_of(event, processes);

	if (count == 0 || !is_selected(emitter, event))
		return;
	for (int i = 0; i < count; i++)
		emitter->options.named(emitter->options.context, processes[i],
		                       event_owner_ns(event));
}

static void write_line(struct emitter *emitter, struct event *event)
{
	struct buf line = { .capacity = ENCODER_ROOM };

	event->sequence = ++emitter->sequence;
	line.data = room_for_line(emitter);
	if (!line.data || encoder_encode(emitter->options.encoder, event, &line) != 0) {
		emitter->counters.dropped++;
		return;
	}
	sink_commit(emitter->options.sink, line.length);
	if (emitter->options.flush_each)
		sink_flush(emitter->options.sink);
}

void emitter_emit(struct emitter *emitter, struct event *event)
{
	bool wanted = emitter_wants(emitter, event->action);
	bool summed = emitter->options.summary && event->action == EVENT_CONNECTION_CLOSED;
	struct capture_writer *packets =
		event->action == EVENT_PACKET ? emitter->options.packets : NULL;
	unsigned lines;

	if (event->action == EVENT_PACKET && emitter->only_writes) {
		event->part = 0;
		write_line(emitter, event);
		return;
	}
	if (emitter->options.complete && event->action != EVENT_PACKET)
		complete(emitter, event);
	if (emitter->options.named && event->action != EVENT_PACKET && !event_is_of_life(event))
		introduce(emitter, event);
	if (!wanted && !packets && !summed)
		return;
	if (!is_selected(emitter, event)) {
		emitter->counters.deselected += wanted;
		return;
	}
	if (packets)
		capture_writer_add(packets, event);
	if (summed)
		summary_add(emitter->options.summary, event);
	if (!wanted)
		return;
	lines = encoder_lines(emitter->options.encoder, event);
	for (event->part = 0; event->part < lines; event->part++)
		write_line(emitter, event);
}

void emitter_set_deadline(struct emitter *emitter, int64_t deadline_ns)
{
	emitter->deadline_ns = deadline_ns;
}

void emitter_announce(struct emitter *emitter, int64_t time_ns)
{
	uint64_t lost = emitter->counters.dropped - emitter->announced;
	struct event event = { .action = EVENT_RECORDS_DROPPED, .time_ns = time_ns };
	char message[96];

	/* At the end of the run, when there is a deadline, it waits for room. */
	if (lost == 0 || (emitter->deadline_ns == 0 &&
	                  sink_room(emitter->options.sink) < 2 * (size_t)EVENT_LINE_MAX))
		return;
	emitter->announced += lost;
	snprintf(message, sizeof message,
	         "%llu records dropped: the reader of the output is too slow",
	         (unsigned long long)lost);
	event.log.level = "warning";
	event.log.message = message;
	event.log.count = lost;
	event.log.where = "output";
	emitter_emit(emitter, &event);
}

size_t emitter_room(const struct emitter *emitter)
{
	return sink_room(emitter->options.sink);
}

const struct emitter_counters *emitter_counters(const struct emitter *emitter)
{
	return &emitter->counters;
}
