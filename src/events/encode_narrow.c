/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#define WRITER_NARROW 1
#include "events/encode_narrow.h"

#include <stdlib.h>

void encode_narrow_begin(struct record *record, const struct fields *fields)
{
	record->fields = fields;
	record->place = record->writer.at;
	record->writer.at = NULL;
	record->level = record->levels;
	record->level->node = &fields->nodes[0];
}

bool encode_narrow_wants(const struct record *record, const struct key *key)
{
	return writer_node(record->level, key) != &fields_none;
}

bool encode_narrow_take(struct writer *writer, const struct key *key)
{
	if (writer_node(writer->record->level, key) == &fields_none)
		return false;
	writer->at = writer->record->place;
	return true;
}

void encode_narrow_give(struct writer *writer)
{
	writer->record->place = writer->at;
	writer->at = NULL;
}

void encode_narrow_text(struct writer *outside, const struct key *key, const char *text,
                        size_t length)
{
	struct writer own = writer_own(outside);

	writer_text(&own, key, text, length);
	writer_return(outside, &own);
}

void encode_narrow_u64(struct writer *outside, const struct key *key, uint64_t value)
{
	struct writer own = writer_own(outside);

	if (value > UINT32_MAX && encode_narrow_take(outside, key)) {
		encode_writer_large(outside, key, value);
		encode_narrow_give(outside);
	} else if (value <= UINT32_MAX) {
		writer_u64(&own, key, value);
		writer_return(outside, &own);
	}
}

void encode_narrow_open(struct writer *outside, const struct key *key, bool array)
{
	struct writer own = writer_own(outside);

	writer_open_narrow(&own, key, array ? key->array : key->object);
	writer_return(outside, &own);
}

void encode_narrow_close(struct writer *outside, char bracket)
{
	struct writer own = writer_own(outside);

	writer_close(&own, bracket);
	writer_return(outside, &own);
}

void encode_narrow_memo(struct writer *outside, struct memo *memo, encode_builder *builder,
                        const void *object, int piece)
{
	struct writer own = writer_own(outside);

	encode_cache_memo(&own, memo, builder, object, piece);
	writer_return(outside, &own);
}

void encode_narrow_make(struct writer *writer, struct memo *memo, encode_builder *builder,
                        const void *object, int piece)
{
	struct record *record = writer->record;
	const struct writer_level *outside = record->level;
	const char *from = record->place;
	bool opens;
	size_t length;

	builder(writer, object, piece);
	length = (size_t)(record->place - from);
	if (record->place > record->end || record->raw_count > 0 || length > MEMO_MAX)
		return;
	opens = record->level > outside;
	memcpy(memo->bytes, from, length);
	memo->length = (uint16_t)length;
	memo->made = outside->node;
	memo->inside = opens ? record->level->node : NULL;
	memo->opened = opens ? (uint16_t)(record->level->begin - from) : 0;
}
