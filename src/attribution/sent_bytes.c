/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/sent_bytes.h"

#include <stdlib.h>

#include "base/pages.h"
#include "base/table.h"

#define STREAMS_MAX 2048
#define TURNS_MAX   32 /* the latest of a stream */

struct turn {
	uint64_t from; /* the first byte of the process */
	struct sent_bytes_sender sender;
};

struct entry {
	struct sent_bytes_stream stream;
	uint64_t total; /* bytes that are reported */
	uint32_t number;
	uint32_t
		turned; /* how often another process sent; the turn before stands at the place before */
	struct turn first;
	struct turn *turns; /* TURNS_MAX with the first one; NULL: there was no other */
};

/* A ring: in the course of hours each place is used, so all are there from the start. */
struct sent_bytes {
	struct table *index;
	struct entry *entries;
	uint32_t next; /* number of the next stream; its place is the rest by STREAMS_MAX */
};

struct sent_bytes *sent_bytes_new(void)
{
	struct sent_bytes *bytes = calloc(1, sizeof *bytes);

	if (!bytes)
		return NULL;
	bytes->next = 1;
	bytes->index = table_new(STREAMS_MAX);
	bytes->entries = calloc(STREAMS_MAX, sizeof *bytes->entries);
	if (!bytes->index || !bytes->entries) {
		sent_bytes_free(bytes);
		return NULL;
	}
	pages_populate(bytes->entries, STREAMS_MAX * sizeof *bytes->entries);
	return bytes;
}

void sent_bytes_free(struct sent_bytes *bytes)
{
	if (!bytes)
		return;
	for (uint32_t place = 0; bytes->entries && place < STREAMS_MAX; place++)
		free(bytes->entries[place].turns);
	table_free(bytes->index);
	free(bytes->entries);
	free(bytes);
}

void sent_bytes_clear(struct sent_bytes *bytes)
{
	table_clear(bytes->index);
	for (uint32_t place = 0; place < bytes->next && place < STREAMS_MAX; place++)
		bytes->entries[place].number = 0;
}

static struct turn *turn_of(struct entry *entry, uint32_t number)
{
	return entry->turns ? &entry->turns[number % TURNS_MAX] : &entry->first;
}

/* Few streams have more than one process. False: out of memory, the stream is not known any more. */
static bool turn_to(struct entry *entry, const struct turn *turn)
{
	if (!entry->turns) {
		entry->turns = malloc(TURNS_MAX * sizeof *entry->turns);
		if (!entry->turns)
			return false;
		entry->turns[0] = entry->first;
	}
	entry->turns[++entry->turned % TURNS_MAX] = *turn;
	return true;
}

static void forget(struct sent_bytes *bytes, uint32_t place)
{
	table_remove(bytes->index, bytes->entries[place].stream.hash, place);
	bytes->entries[place].number = 0;
}

uint32_t sent_bytes_open(struct sent_bytes *bytes, const struct sent_bytes_stream *stream,
                         const struct sent_bytes_sender *first)
{
	uint32_t place = bytes->next % STREAMS_MAX;
	struct entry *entry = &bytes->entries[place];

	if (entry->number != 0)
		forget(bytes, place);
	free(entry->turns);
	*entry = (struct entry){
		.stream = *stream,
		.first = { .sender = *first },
		.number = bytes->next,
	};
	if (table_insert(bytes->index, stream->hash, place) != 0)
		entry->number = 0; /* out of memory */
	bytes->next += bytes->next == UINT32_MAX ? 2 : 1;
	return entry->number;
}

bool sent_bytes_add(struct sent_bytes *bytes, uint32_t number,
                    const struct sent_bytes_sender *sender, uint64_t from, uint64_t to)
{
	struct entry *entry = &bytes->entries[number % STREAMS_MAX];
	struct turn turn = { .from = from, .sender = *sender };
	struct turn *latest;

	if (number == 0 || entry->number != number)
		return false;
	entry->total = to;
	latest = turn_of(entry, entry->turned);
	if (latest->sender.pid == sender->pid)
		return true;
	if (latest->from == from) { /* it has sent nothing */
		*latest = turn;
		return true;
	}
	if (turn_to(entry, &turn))
		return true;
	forget(bytes, number % STREAMS_MAX);
	return false;
}

static enum sent_bytes_answer find_turn(struct entry *entry, uint32_t offset,
                                        struct sent_bytes_sender *sender)
{
	/* It is near the end of what is reported, before it or behind it. */
	int64_t at = (int64_t)entry->total + (int32_t)(offset - (uint32_t)entry->total);

	if (at >= (int64_t)entry->total)
		return SENT_BYTES_BEYOND;
	for (uint32_t back = 0; back < TURNS_MAX && back <= entry->turned; back++) {
		const struct turn *turn = turn_of(entry, entry->turned - back);

		if ((int64_t)turn->from > at)
			continue;
		*sender = turn->sender;
		return SENT_BYTES_FOUND;
	}
	return SENT_BYTES_NONE;
}

static bool is_of(const struct sent_bytes_stream *one, const struct sent_bytes_stream *other)
{
	return one->hash == other->hash && one->reversed == other->reversed &&
	       inet_may_equal(&one->source, &other->source) &&
	       (one->netns == other->netns || one->netns == 0 || other->netns == 0);
}

enum sent_bytes_answer sent_bytes_find(const struct sent_bytes *bytes,
                                       const struct sent_bytes_stream *stream, int64_t since_ns,
                                       uint32_t offset, struct sent_bytes_sender *sender)
{
	struct table_cursor cursor = table_cursor(bytes->index, stream->hash);
	struct entry *found = NULL;
	uint32_t place;

	while (table_next(&cursor, &place)) {
		struct entry *entry = &bytes->entries[place];

		if (!is_of(&entry->stream, stream) || entry->stream.opened_ns < since_ns)
			continue;
		if (found) /* connections with the same ends, one after the other */
			return SENT_BYTES_NONE;
		found = entry;
	}
	return found ? find_turn(found, offset, sender) : SENT_BYTES_NONE;
}
