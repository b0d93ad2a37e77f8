/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Packets as they come: what is in them is looked at while their bytes are there. */
#include "decode/decode_tunnel.h"
#include "stream/stream_tunnel.h"

static inline void gather_one(struct stream *stream, const struct packet *packet,
                              struct payload payload)
{
	if (stream->payloads.max > 0)
		payload_store_put(&stream->payloads, (uint32_t)stream->batched, payload);
	stream->batch_ns[stream->batched] = stream->replay_ns;
	stream->batch[stream->batched++] = *packet;
	if (stream->batched == STREAM_BATCH)
		stream_pass_packets(stream);
}

void stream_gather(struct stream *stream, const struct packet *layers, int count,
                   struct payload payload)
{
	/* They pass together. */
	if (count > STREAM_BATCH - stream->batched)
		stream_pass_packets(stream);
	for (int i = 0; i < count - 1; i++)
		gather_one(stream, &layers[i], (struct payload){ .length = 0 });
	gather_one(stream, &layers[count - 1], payload);
}

static inline void add(struct stream *stream, const struct packet *layers, int count,
                       const uint8_t *bytes)
{
	const struct packet *packet = &layers[count - 1];
	struct payload payload = { .length = 0 };

	if (stream->payloads.max > 0)
		payload = payload_of(&stream->payloads, packet, bytes);
	if (stream->naming && naming_wants(packet)) {
		if (naming_is_full(stream->naming))
			stream_pass_packets(stream);
		naming_look(stream->naming, packet, bytes);
	}
	if (stream->options.replay && !stream_replay_advance(stream, layers, count, payload))
		return;
	if (count == 1)
		gather_one(stream, packet, payload);
	else
		stream_gather(stream, layers, count, payload);
}

/* Apart, as most packets need no such room. */
static __attribute__((noinline)) void add_tunnel(struct stream *stream, const struct packet *packet,
                                                 const uint8_t *bytes)
{
	struct packet layers[STREAM_LAYERS_MAX] = { *packet };
	int count = stream_tunnel_open(stream, layers, bytes);

	add(stream, layers, count, bytes);
}

void stream_add_packet(struct stream *stream, const struct packet *packet, const uint8_t *bytes)
{
	/* TCP first, as most packets are. */
	if (packet->has_tcp || decode_tunnel_of(packet) == PACKET_NO_TUNNEL ||
	    !stream->options.tunnels || !bytes)
		add(stream, packet, 1, bytes);
	else
		add_tunnel(stream, packet, bytes);
}
