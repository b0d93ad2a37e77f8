/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Records of packets. */
#include "attribution/windows.h"
#include "events/community_id.h"
#include "stream/flow_key.h"
#include "stream/passage.h"

static const struct owner nobody = { .reason = ATTRIBUTION_NO_SOCKET };
static const struct owner one_of_several = { .reason = ATTRIBUTION_AMBIGUOUS };
static const struct owner not_yet_known = { .reason = ATTRIBUTION_PENDING };
static const struct owner exited = { .reason = ATTRIBUTION_EXITED };
static const struct owner not_stated = { .reason = ATTRIBUTION_REPLAY };

/*
 * Without tracepoints, a process that began later is known by its fork alone, and before that is
 * reported by its start time, which is that of a tick. Few are so young that a clock is read.
 */
static bool began_after(const struct stream *stream, const struct passage *passage,
                        enum connection_end end)
{
	const struct process *process = passage->connection->owners[end].process;

	if (!process || passage->seen_ns == 0 || process->forked_ns != 0)
		return false;
	return attribution_forked_after(stream->options.attribution, process->pid,
	                                passage->seen_ns) ||
	       (process->start_ns > passage->packet->time_ns - WINDOW_START_ROUNDED_NS &&
	        process_began_after(process, passage->seen_ns));
}

/* Its sockets are closed soon after: until then there is one, that none reads from. */
static bool is_exiting(const struct passage *passage, enum connection_end end)
{
	const struct process *process = passage->connection->owners[end].process;

	return process && passage->seen_ns < process->exited_ns + WINDOW_EXITING_NS;
}

/* *of_packet (clear) is for an owner of this packet alone. */
static const struct owner *owner_of(const struct stream *stream, const struct passage *passage,
                                    enum connection_end end, struct owner *of_packet)
{
	if (passage->doubtful & BINDER_GONE << end)
		return is_exiting(passage, end) ? &exited : &nobody;
	if (passage->doubtful & BINDER_AMBIGUOUS << end)
		return &one_of_several;
	if (passage->doubtful & BINDER_PENDING << end || began_after(stream, passage, end))
		return &not_yet_known;
	if (!binder_is_unborn(passage->connection, end, passage->seen_ns))
		return &passage->connection->owners[end];
	return binder_find_listening(stream->binder, passage->connection, end, passage->seen_ns,
	                             of_packet)
	               ? of_packet
	               : &not_yet_known;
}

/* ARP, and ICMP that is neither an echo nor an error, which the host sent. */
static bool find_maker(const struct stream *stream, const struct passage *passage,
                       struct owner *owner)
{
	const struct packet *packet = passage->packet;
	bool of_link = packet->network == PACKET_ARP;
	struct attribution_question question = {
		.netns = packet->netns,
		.tuple = packet->tuple,
		.ifindex = packet->ifindex,
		.sender = true,
		.since_ns = passage->seen_ns,
		.seen_ns = passage->seen_ns,
		.asked_ns = passage->now_ns,
	};

	if (passage->locality.direction != PACKET_EGRESS ||
	    !(of_link || flow_key_is_message(packet)))
		return false;
	attribution_find_maker(stream->options.attribution, &question, of_link,
	                       flow_key_is_by_hand(packet), owner);
	return true;
}

static void set_owners(const struct stream *stream, const struct passage *passage,
                       struct event_packet *event, struct owner *of_packet)
{
	const struct connection *connection = passage->connection;
	enum connection_end from = passage->from, to = !from;

	if (!stream->options.attribution) {
		event->source = &not_stated;
		if (packet_states_owners(passage->packet))
			stream_set_stated(stream, passage->packet, event);
	} else if (connection) {
		if (connection->local[from] || !connection->local[to])
			event->source = owner_of(stream, passage, from, of_packet);
		if (connection->local[to])
			event->destination = owner_of(stream, passage, to, of_packet);
	} else {
		event->source = find_maker(stream, passage, of_packet) ? of_packet : &nobody;
	}
}

static void set_payload(const struct stream *stream, const struct packet *packet,
                        struct event_packet *event)
{
	struct payload kept =
		payload_store_get(&stream->payloads, (uint32_t)(packet - stream->batch));
	struct payload payload =
		payload_within(&stream->payloads, packet, kept, stream->options.payload_max);

	event->payload = payload.bytes;
	event->payload_length = payload.length;
	if (stream->payloads.whole) {
		event->frame = kept.bytes;
		event->frame_length = kept.length;
	}
}

void stream_emit_packet(struct stream *stream, const struct passage *passage, uint64_t duplicate_of)
{
	const struct packet *packet = passage->packet;
	struct connection *connection = passage->connection;
	struct owner of_packet;
	struct event event;
	char text[COMMUNITY_ID_SIZE];
	struct tunnel tunnel;

	event.action = EVENT_PACKET;
	event.time_ns = packet->time_ns;
	event.packet = (struct event_packet){
		.packet = packet,
		.connection = connection,
		.direction = passage->locality.direction,
		.from_source = passage->from == CONNECTION_SOURCE,
		.duplicate_of = duplicate_of,
	};
	if (stream->payloads.max > 0)
		set_payload(stream, packet, &event.packet);
	if (packet->netns != stream->options.netns)
		event.packet.netns = packet->netns;
	event.packet.interface = passage->interface;
	if (packet->tunnel != PACKET_NO_TUNNEL) {
		tunnel = tunnel_of(packet, passage->outer ? passage->outer->packet : NULL);
		event.packet.tunnel = &tunnel;
		event.packet.outer = stream_outer_connection(stream, passage);
		if (packet->ends_here)
			event.packet.interface = stream_captured_at(passage);
	}
	if (stream->options.attribution)
		of_packet = (struct owner){ .reason = ATTRIBUTION_REASON_NONE };
	set_owners(stream, passage, &event.packet, &of_packet);
	if (!connection && !stream->options.no_community_ids && flow_key_has_community_id(packet)) {
		flow_key_community_id(packet, stream->options.community_id_seed, text);
		event.packet.community_id = text;
	}
	emitter_emit(stream->options.emitter, &event);
	if (stream->options.attribution)
		owner_clear(&of_packet);
}
