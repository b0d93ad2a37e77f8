/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Records about processes: what they sent and received, and how they started and ended. */
#include "base/clock.h"
#include "events/encode_parts.h"

static void write_traffic(struct writer *writer, const struct key *key,
                          const struct event_traffic *traffic)
{
	writer_object(writer, key);
	writer_count(writer, KEY("bytes"), traffic->bytes);
	writer_count(writer, KEY("packets"), traffic->packets);
	writer_object_end(writer);
}

/*
 * Digit by digit as on paper, because bytes times nanoseconds a second pass 64 bits
 * at 18 GB, and 32-bit machines have no integer of 128.
 */
static uint64_t per_second(uint64_t amount, int64_t interval_ns)
{
	uint64_t divisor = (uint64_t)interval_ns;
	uint64_t rate = amount / divisor, rest = amount % divisor;

	for (int64_t scale = NS_PER_SECOND; scale > 1; scale /= 10) {
		rest *= 10;
		rate = rate * 10 + rest / divisor;
		rest %= divisor;
	}
	return rate;
}

static void write_rate(struct writer *writer, const struct key *key,
                       const struct event_traffic *traffic, int64_t interval_ns)
{
	writer_object(writer, key);
	writer_count(writer, KEY("bytes"), traffic->bytes);
	writer_count(writer, KEY("packets"), traffic->packets);
	if (interval_ns > 0) {
		writer_count(writer, KEY("bytes_per_s"), per_second(traffic->bytes, interval_ns));
		writer_count(writer, KEY("packets_per_s"),
		             per_second(traffic->packets, interval_ns));
	}
	writer_object_end(writer);
}

void encode_process_traffic(struct writer *writer, const struct event *any)
{
	const struct event_process *event = &any->process;
	struct owner owner = { .process = event->process };

	encode_record_host(writer, NULL);
	encode_owner_full(writer, &owner);
	encode_record_sockline(writer);
	writer_object(writer, KEY("traffic"));
	write_traffic(writer, KEY("sent"), &event->sent);
	write_traffic(writer, KEY("received"), &event->received);
	writer_count(writer, KEY("connections"), event->connections);
	writer_object_end(writer);
	writer_object(writer, KEY("interval"));
	writer_ns(writer, KEY("duration_ns"), event->interval_ns);
	write_rate(writer, KEY("sent"), &event->interval_sent, event->interval_ns);
	write_rate(writer, KEY("received"), &event->interval_received, event->interval_ns);
	writer_object_end(writer);
	encode_owner_cgroup(writer, &owner);
}

void encode_process_life(struct writer *writer, const struct event *any)
{
	struct owner owner = { .process = any->life.process };

	encode_record_host(writer, NULL);
	encode_owner_full(writer, &owner);
	encode_record_sockline(writer);
	encode_owner_cgroup(writer, &owner);
}
