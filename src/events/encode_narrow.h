/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Narrow records: the description of a record runs as for every other, but a member
 * is appended only where fields.h wants it. What is not wanted costs a look into the
 * open object's node. An object of which nothing is left is left out as well.
 */
#ifndef SOCKLINE_EVENTS_ENCODE_NARROW_H
#define SOCKLINE_EVENTS_ENCODE_NARROW_H

#include "events/encode_parts.h"

/* Begins a narrow record in a record that was begun to be appended to. */
void encode_narrow_begin(struct record *record, const struct fields *fields);
/* Its text ends where the writer is then. */
static inline void encode_narrow_end(struct record *record)
{
	record->writer.at = record->place;
}

bool encode_narrow_wants(const struct record *record, const struct key *key);
/* Where the member is wanted: true, and writer->at is the place until _give. */
bool encode_narrow_take(struct writer *writer, const struct key *key);
void encode_narrow_give(struct writer *writer);

void encode_narrow_text(struct writer *writer, const struct key *key, const char *text,
                        size_t length);
void encode_narrow_u64(struct writer *writer, const struct key *key, uint64_t value);
void encode_narrow_open(struct writer *writer, const struct key *key, bool array);
void encode_narrow_close(struct writer *writer, char bracket);

/* As encode_cache_memo. A memo is good for the node at which it was made. */
void encode_narrow_memo(struct writer *writer, struct memo *memo, encode_builder *builder,
                        const void *object, int piece);
/* Whole records: encode_packet.c and encode_connection.c, compiled once more. */
void encode_narrow_packet(struct writer *writer, const struct event *any);
void encode_narrow_connection(struct writer *writer, const struct event *any);

#endif
