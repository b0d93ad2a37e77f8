/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The clock of a replay: the packets' times, without those that are wrong. A machine whose clock
 * was a day ahead for one packet must not end all connections there. A packet that is far ahead of
 * those before waits for the next ones: when one of them is back, the packet's time was wrong, and
 * when none is, there was silence.
 */
#include <string.h>

#include "base/clock.h"
#include "stream/stream_private.h"

/* No idle timer of a connection that had an answer is shorter. */
#define AHEAD_NS CONNECTION_OTHER_IDLE_NS
/* Timers add up to hours to the clock: a file's times can be of 2262, where 64 bits end. */
#define CLOCK_MAX_NS (INT64_MAX - 7 * INT64_C(86400) * NS_PER_SECOND)

static int64_t clock_of(const struct packet *packet)
{
	return packet->time_ns < CLOCK_MAX_NS ? packet->time_ns : CLOCK_MAX_NS;
}

static bool is_far_ahead(const struct stream *stream, const struct packet *packet)
{
	/* The first packet begins the time. */
	return clock_of(packet) > stream->replay_ns + AHEAD_NS && stream->replay_ns > 0;
}

static struct payload held_payload(const struct stream *stream, int number)
{
	return payload_store_get(&stream->payloads, (uint32_t)(STREAM_BATCH + number));
}

/* The clock does not move: their times are wrong. */
static void disbelieve(struct stream *stream)
{
	for (int i = 0; i < stream->held_count; i++)
		stream_gather(stream, stream->held[i].layers, stream->held[i].count,
		              held_payload(stream, i));
	stream->held_count = 0;
}

/* There was silence up to the earliest of them. Some may be far ahead of that one, too. */
static void accept_silence(struct stream *stream)
{
	struct held held[STREAM_HELD_MAX];
	int count = stream->held_count;

	stream->replay_ns = clock_of(stream->held[0].layers);
	for (int i = 0; i < count; i++) {
		held[i] = stream->held[i];
		if (clock_of(held[i].layers) < stream->replay_ns)
			stream->replay_ns = clock_of(held[i].layers);
	}
	stream->held_count = 0;
	/* One that is held again takes its own place, or that of one before. */
	for (int i = 0; i < count; i++)
		if (stream_replay_advance(stream, held[i].layers, held[i].count,
		                          held_payload(stream, i)))
			stream_gather(stream, held[i].layers, held[i].count,
			              held_payload(stream, i));
}

static __attribute__((noinline)) void hold(struct stream *stream, const struct packet *layers,
                                           int count, struct payload payload)
{
	int number = stream->held_count++;
	struct held *held = &stream->held[number];

	payload_store_put(&stream->payloads, (uint32_t)(STREAM_BATCH + number), payload);
	memcpy(held->layers, layers, (size_t)count * sizeof *layers);
	held->count = count;
	if (stream->held_count == STREAM_HELD_MAX)
		accept_silence(stream);
}

bool stream_replay_advance(struct stream *stream, const struct packet *layers, int count,
                           struct payload payload)
{
	if (is_far_ahead(stream, layers)) {
		hold(stream, layers, count, payload);
		return false;
	}
	if (stream->held_count > 0)
		disbelieve(stream);
	if (clock_of(layers) > stream->replay_ns)
		stream->replay_ns = clock_of(layers);
	return true;
}

bool stream_holds_packets(const struct stream *stream)
{
	return stream->held_count > 0;
}

void stream_release_packets(struct stream *stream)
{
	while (stream->held_count > 0)
		accept_silence(stream);
}
