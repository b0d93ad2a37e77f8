/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "inspect/flows.h"

#include <stdlib.h>
#include <string.h>

#define WAYS      4
#define SETS      (FLOWS_MAX / WAYS)
#define NO_BUFFER (-1)
#define GAPS_MAX  24 /* pieces that came before those in front of them: clients of QUIC mix them */

/* What a tag has besides bits of the hash: 1 << side, that direction is done with; it is in use. */
#define TAG_DONE 3u
#define TAG_USED 4u

enum stage { STAGE_NONE, STAGE_FIRST, STAGE_MIDDLE, STAGE_DONE };

struct flow_direction {
	uint32_t next; /* sequence number of the first byte that was not looked at */
	int16_t buffer;
	uint8_t stage;    /* enum stage */
	uint8_t consumed; /* how often flows_wait() was done with bytes */
};

struct flow {
	uint32_t check;                      /* of the hash, besides the tag */
	uint32_t used;                       /* flows->clock, when it was used last */
	struct flow_direction directions[2]; /* by the side of their packets */
};

struct piece {
	uint16_t from, to;
};

struct buffer {
	struct flow_direction *direction; /* NULL: free */
	uint32_t used;
	bool cut;      /* what is behind the bytes was not captured */
	uint16_t have; /* bytes without a gap */
	struct piece later[GAPS_MAX];
	uint8_t bytes[FLOWS_BYTES];
};

struct flows {
	/* What most packets are compared with fits into the first cache; a set is in one line of it. */
	uint32_t tags[FLOWS_MAX];
	struct hash_key key;
	uint32_t clock;
	struct flow flows[FLOWS_MAX];
	struct buffer buffers[FLOWS_BUFFERS]; /* pages that are never touched cost nothing */
};

struct flows *flows_new(const struct hash_key *key)
{
	struct flows *flows = calloc(1, sizeof *flows);

	if (flows)
		flows->key = *key;
	return flows;
}

void flows_free(struct flows *flows)
{
	free(flows);
}

/* Networks that may have the same addresses: of a namespace, a tunnel, a VLAN. */
static uint64_t network_of(const struct packet *packet)
{
	return (uint64_t)packet_lane(packet) << 32 | packet->netns;
}

/* The hash of one end. */
static uint64_t hash_of(const struct hash_key *factors, const struct inet_address *address,
                        uint16_t port, uint64_t network)
{
	uint64_t words[2];

	memcpy(words, address, sizeof words);
	return hash_fold(words[0] ^ factors->k[0] ^ port, words[1] ^ factors->k[1] ^ network);
}

/*
 * The hash is alike for both directions. 61 of its bits stand for the connection: its place, its
 * tag, and what is checked then.
 */
struct flows_place flows_place_of(const struct flows *flows, const struct packet *packet)
{
	const struct hash_key factors = hash_factors(&flows->key);
	const struct tuple *tuple = &packet->tuple;
	uint64_t network = network_of(packet);
	uint64_t source = hash_of(&factors, &tuple->source, tuple->source_port, network);
	uint64_t destination =
		hash_of(&factors, &tuple->destination, tuple->destination_port, network);
	uint64_t hash = source + destination;

	return (struct flows_place){
		.first = (uint32_t)(hash % SETS) * WAYS,
		.tag = ((uint32_t)(hash >> 32) & ~TAG_DONE) | TAG_USED,
		.check = (uint32_t)hash,
		.side = source < destination,
	};
}

/* One bit for each way of the set that has the tag: without branches, as which way has it is random. */
static unsigned ways_of(const struct flows *flows, const struct flows_place *place)
{
	const uint32_t *tags = &flows->tags[place->first];
	unsigned ways = 0;

#pragma GCC unroll 4 /* WAYS */
	for (int way = 0; way < WAYS; way++)
		ways |= (unsigned)((tags[way] & ~TAG_DONE) == place->tag) << way;
	return ways;
}

enum flows_interest flows_interest(const struct flows *flows, const struct flows_place *place,
                                   const struct packet *packet)
{
	unsigned ways = ways_of(flows, place);
	uint32_t number;

	if (ways == 0)
		return packet->tcp_flags & TCP_FLAG_SYN ? FLOWS_WANTED : FLOWS_UNKNOWN;
	number = place->first + (uint32_t)__builtin_ctz(ways);
	if (flows->tags[number] >> place->side & 1 && !(packet->tcp_flags & TCP_FLAG_SYN))
		return FLOWS_DONE;
	__builtin_prefetch(&flows->flows[number], 1); /* for flows_add() */
	return FLOWS_WANTED;
}

static struct flow *find(struct flows *flows, const struct flows_place *place)
{
	for (unsigned ways = ways_of(flows, place); ways != 0; ways &= ways - 1) {
		struct flow *flow = &flows->flows[place->first + (uint32_t)__builtin_ctz(ways)];

		if (flow->check == place->check)
			return flow;
	}
	return NULL;
}

static void release(struct flows *flows, struct flow_direction *direction)
{
	if (direction->buffer != NO_BUFFER)
		flows->buffers[direction->buffer].direction = NULL;
	direction->buffer = NO_BUFFER;
}

void flows_done(struct flows *flows, struct flow_direction *direction)
{
	size_t number = (size_t)((char *)direction - (char *)flows->flows) / sizeof(struct flow);

	release(flows, direction);
	direction->stage = STAGE_DONE;
	flows->tags[number] |= 1u << (direction - flows->flows[number].directions);
}

static bool is_over(const struct flows *flows, uint32_t number)
{
	return (flows->tags[number] & TAG_DONE) == TAG_DONE;
}

/* In the place of a free one, of one that is done with, or of the one idle longest. */
static struct flow *open_flow(struct flows *flows, const struct flows_place *place)
{
	uint32_t best = place->first;

	for (uint32_t i = best + 1; i < place->first + WAYS && flows->tags[best] != 0; i++) {
		bool over = is_over(flows, i), best_over = is_over(flows, best);

		if (flows->tags[i] == 0 ||
		    (over != best_over ? over : flows->flows[i].used < flows->flows[best].used))
			best = i;
	}
	if (flows->tags[best] != 0)
		for (int side = 0; side < 2; side++)
			release(flows, &flows->flows[best].directions[side]);
	flows->tags[best] = place->tag;
	flows->flows[best] = (struct flow){
		.check = place->check,
		.directions = { { .buffer = NO_BUFFER }, { .buffer = NO_BUFFER } },
	};
	return &flows->flows[best];
}

static void begin_direction(struct flow_direction *direction, uint32_t next)
{
	if (direction->stage != STAGE_NONE)
		return;
	direction->stage = STAGE_FIRST;
	direction->next = next;
}

/* A SYN: the direction begins with what follows it. */
static struct flow *begin(struct flows *flows, const struct flows_place *place,
                          const struct packet *packet)
{
	struct flow *flow = find(flows, place);
	uint32_t next = packet->tcp_sequence + 1;

	if (flow && !(packet->tcp_flags & TCP_FLAG_ACK) &&
	    flow->directions[place->side].stage != STAGE_NONE &&
	    flow->directions[place->side].next != next) { /* another connection with this tuple */
		flows_done(flows, &flow->directions[0]);
		flows_done(flows, &flow->directions[1]);
		flows->tags[flow - flows->flows] = 0;
		flow = NULL;
	}
	if (!flow)
		flow = open_flow(flows, place);
	flow->used = flows->clock;
	begin_direction(&flow->directions[place->side], next);
	if (packet->tcp_flags & TCP_FLAG_ACK) /* where the SYN before it was not captured */
		begin_direction(&flow->directions[!place->side], packet->tcp_acknowledgement);
	return flow;
}

static struct buffer *buffer_of(struct flows *flows, struct flow_direction *direction)
{
	struct buffer *place = &flows->buffers[0];

	if (direction->buffer != NO_BUFFER)
		return &flows->buffers[direction->buffer];
	for (int i = 1; i < FLOWS_BUFFERS && place->direction; i++) {
		struct buffer *other = &flows->buffers[i];

		if (!other->direction || other->used < place->used)
			place = other;
	}
	if (place->direction)
		flows_done(flows, place->direction);
	place->direction = direction;
	place->have = 0;
	place->cut = false;
	memset(place->later, 0, sizeof place->later);
	direction->buffer = (int16_t)(place - flows->buffers);
	return place;
}

/* Those behind a gap that is filled now belong to what there is without one. */
static void join(struct buffer *buffer)
{
	for (int i = 0; i < GAPS_MAX; i++) {
		struct piece *piece = &buffer->later[i];

		if (piece->to == 0 || piece->from > buffer->have)
			continue;
		if (piece->to > buffer->have)
			buffer->have = piece->to;
		*piece = (struct piece){ 0 };
		i = -1; /* it may have filled the gap before another */
	}
}

/* offset + length <= FLOWS_BYTES */
static void store(struct buffer *buffer, size_t offset, const uint8_t *bytes, size_t length)
{
	struct piece piece = { (uint16_t)offset, (uint16_t)(offset + length) };

	if (offset > buffer->have) {
		int free_place = 0;

		while (free_place < GAPS_MAX && buffer->later[free_place].to != 0)
			free_place++;
		if (free_place == GAPS_MAX)
			return; /* it will come again, or not be looked at */
		buffer->later[free_place] = piece;
	} else if (piece.to > buffer->have) {
		buffer->have = piece.to;
	}
	memcpy(buffer->bytes + offset, bytes, length);
	join(buffer);
}

/* Payload that begins offset bytes behind what was looked at last. */
static void keep(struct flows *flows, struct flow_direction *direction, size_t offset,
                 const uint8_t *payload, size_t length, bool cut)
{
	struct buffer *buffer = buffer_of(flows, direction);

	buffer->used = flows->clock;
	if (offset >= FLOWS_BYTES)
		return;
	if (length > FLOWS_BYTES - offset) {
		length = FLOWS_BYTES - offset;
		cut = true;
	}
	store(buffer, offset, payload, length);
	/* With a gap before it this may be said too early: then less is found. */
	buffer->cut |= cut;
}

static bool look(struct flows *flows, struct flow_direction *direction, const struct packet *packet,
                 const uint8_t *payload, size_t captured, struct flow_view *view)
{
	bool cut = captured < packet->payload, syn = packet->tcp_flags & TCP_FLAG_SYN;
	int32_t offset = (int32_t)(packet->tcp_sequence + syn - direction->next);
	uint16_t before =
		direction->buffer == NO_BUFFER ? 0 : flows->buffers[direction->buffer].have;
	const struct buffer *buffer;

	if (offset < 0) { /* sent again, perhaps with more behind it */
		size_t known = (size_t) - (int64_t)offset;

		if (known >= captured)
			return false;
		payload += known;
		captured -= known;
		offset = 0;
	}
	view->initial = direction->stage == STAGE_FIRST && direction->consumed == 0;
	view->consumed = direction->consumed;
	view->direction = direction;
	if (offset == 0 && direction->buffer == NO_BUFFER && captured <= FLOWS_BYTES) {
		view->bytes = payload;
		view->length = captured;
		view->cut = cut;
		return captured > 0;
	}
	if (offset >= FLOWS_BYTES)
		return false;
	keep(flows, direction, (size_t)offset, payload, captured, cut);
	buffer = &flows->buffers[direction->buffer];
	if (buffer->have == before)
		return false; /* nothing new, or behind a gap */
	view->bytes = buffer->bytes;
	view->length = buffer->have;
	view->cut = buffer->cut || buffer->have == FLOWS_BYTES;
	return true;
}

bool flows_add(struct flows *flows, const struct flows_place *place, const struct packet *packet,
               const uint8_t *payload, size_t captured, bool starts, struct flow_view *view)
{
	struct flow_direction *direction;
	struct flow *flow;

	flows->clock++; /* after 2^32 packets the order is lost, once */
	if (packet->tcp_flags & TCP_FLAG_SYN) {
		flow = begin(flows, place, packet);
		if (captured == 0) /* as all but those of TCP Fast Open */
			return false;
	} else {
		flow = find(flows, place);
	}
	if (!flow) {
		if (!starts || captured == 0)
			return false;
		flow = open_flow(flows, place);
	}
	flow->used = flows->clock;
	direction = &flow->directions[place->side];
	if (direction->stage == STAGE_NONE && starts) {
		direction->stage = STAGE_MIDDLE;
		direction->next = packet->tcp_sequence;
	}
	if (direction->stage == STAGE_NONE || direction->stage == STAGE_DONE)
		return false;
	view->other = &flow->directions[!place->side];
	return look(flows, direction, packet, payload, captured, view);
}

void flows_wait(struct flows *flows, const struct flow_view *view, size_t consumed)
{
	struct flow_direction *direction = view->direction;
	struct buffer *buffer;
	bool empty;

	if (view->cut) {
		flows_done(flows, direction);
		return;
	}
	direction->next += (uint32_t)consumed;
	if (consumed > 0 && direction->consumed < UINT8_MAX)
		direction->consumed++;
	if (direction->buffer == NO_BUFFER) {
		if (consumed < view->length)
			keep(flows, direction, 0, view->bytes + consumed, view->length - consumed,
			     false);
		return;
	}
	if (consumed == 0)
		return;
	buffer = &flows->buffers[direction->buffer];
	memmove(buffer->bytes, buffer->bytes + consumed, FLOWS_BYTES - consumed);
	buffer->have = (uint16_t)(buffer->have - consumed);
	empty = buffer->have == 0;
	for (int i = 0; i < GAPS_MAX; i++) {
		struct piece *piece = &buffer->later[i];

		if (piece->to == 0)
			continue;
		*piece = (struct piece){ (uint16_t)(piece->from - consumed),
			                 (uint16_t)(piece->to - consumed) };
		empty = false;
	}
	if (empty)
		release(flows, direction);
}
