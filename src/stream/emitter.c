/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/emitter.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

_Static_assert(ENCODER_SLACK <= SINK_SLACK, "what the encoder overwrites behind a line");

#define WAIT_NS (50 * NS_PER_MS) /* until it is asked again whether to wait */

struct emitter {
	struct emitter_options options;
	uint64_t sequence;
	uint64_t announced; /* dropped records that a records_dropped record has told of */
	int64_t deadline_ns;
	struct emitter_counters counters;
};

struct emitter *emitter_new(const struct emitter_options *options)
{
	struct emitter *emitter = calloc(1, sizeof *emitter);

	if (emitter)
		emitter->options = *options;
	return emitter;
}

void emitter_free(struct emitter *emitter)
{
	free(emitter);
}

bool emitter_wants(const struct emitter *emitter, enum event_action action)
{
	unsigned events = emitter->options.events;

	switch (action) {
	case EVENT_PACKET:
		return events & EMITTER_PACKET;
	case EVENT_CONNECTION_OPENED:
	case EVENT_CONNECTION_UPDATED:
	case EVENT_CONNECTION_ATTRIBUTED:
	case EVENT_CONNECTION_CLOSED:
		return events & EMITTER_CONNECTION;
	case EVENT_EXISTING_SOCKET:
	case EVENT_SNAPSHOT_COMPLETED:
	case EVENT_LISTENING_STARTED:
	case EVENT_LISTENING_STOPPED:
		return events & EMITTER_SOCKET;
	case EVENT_CONNECTION_STATE_CHANGED:
		return events & EMITTER_STATE;
	case EVENT_PROCESS_TRAFFIC:
		return events & EMITTER_PROCESS;
	case EVENT_CAPTURE_STATS:
		return events & EMITTER_STATS;
	case EVENT_RUN_STARTED:
	case EVENT_RUN_STOPPED:
	case EVENT_OUTPUT_OPENED:
	case EVENT_RECORDS_DROPPED:
	case EVENT_NETLINK_OVERRUN:
	case EVENT_CAPTURE_LOST:
	case EVENT_CAPTURE_RESUMED:
	case EVENT_CLOCK_STEP:
	case EVENT_ACTION_COUNT:
		break;
	}
	return true;
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

void emitter_emit(struct emitter *emitter, struct event *event)
{
	struct buf line = { .capacity = ENCODER_ROOM };

	if (!emitter_wants(emitter, event->action))
		return;
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

void emitter_set_deadline(struct emitter *emitter, int64_t deadline_ns)
{
	emitter->deadline_ns = deadline_ns;
}

void emitter_announce(struct emitter *emitter, int64_t time_ns)
{
	uint64_t lost = emitter->counters.dropped - emitter->announced;
	struct event event = { .action = EVENT_RECORDS_DROPPED, .time_ns = time_ns };
	char message[96];

	if (lost == 0 || sink_room(emitter->options.sink) < 2 * (size_t)EVENT_LINE_MAX)
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
