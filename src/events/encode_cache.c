/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "events/encode_narrow.h"
#include "events/encode_parts.h"

void encode_cache_make(struct writer *writer, struct memo *memo, encode_builder *builder,
                       const void *object, int piece)
{
	const char *from = writer->at;
	size_t length;

	if (writer->record->fields) {
		encode_narrow_memo(writer, memo, builder, object, piece);
		return;
	}
	builder(writer, object, piece);
	if (!writer->record->caching || writer_is_full(writer) || writer->record->raw_count > 0)
		return;
	length = (size_t)(writer->at - from);
	if (length > MEMO_MAX)
		return;
	memcpy(memo->bytes, from, length);
	memo->length = (uint16_t)length;
}

struct memo *encode_cache_interface(struct encoder *encoder, const struct interface *interface)
{
	struct interface_memo *slot = &encoder->interfaces[interface->ifindex % INTERFACE_MEMOS];

	if (slot->ifindex != interface->ifindex || slot->long_name != interface->long_name ||
	    memcmp(slot->name, interface->name, sizeof slot->name) != 0) {
		slot->ifindex = interface->ifindex;
		slot->long_name = interface->long_name;
		memcpy(slot->name, interface->name, sizeof slot->name);
		slot->memo.length = 0;
		slot->memo.made = NULL;
	}
	return &slot->memo;
}

/* Writes a piece; of a narrow record's as it is at its place. Returns its end. */
static char *write_piece(struct record *record, const struct fields *fields,
                         encode_builder *builder, const void *object, int piece, const char *place)
{
	struct writer *writer = &record->writer;

	if (!fields) {
		builder(writer, object, piece);
		return writer->at;
	}
	if (piece == 0)
		encode_narrow_begin(record, fields);
	record->level = record->levels;
	if (place) {
		record->level->node = fields_node(fields, place);
		builder(writer, object, piece);
	}
	return record->place;
}

static struct snippet *make(struct encoder *encoder, encode_builder *builder, const void *object,
                            const char *const *places)
{
	const size_t most = sizeof encoder->pieces - WRITER_SLACK;
	uint16_t ends[SNIPPET_PIECES];
	struct snippet *snippet;
	struct record *record = &encoder->pieces_record;
	char *end = encoder->pieces;
	size_t length;

	encode_writer_begin(record, encoder->pieces, most);
	for (int i = 0; i < SNIPPET_PIECES; i++) {
		end = write_piece(record, encoder->record.fields, builder, object, i, places[i]);
		ends[i] = (uint16_t)(end - encoder->pieces);
	}
	/*
	 * A string whose exact bytes must be kept belongs into sockline.raw too, and
	 * one that long may have to be cut: such an object gets an empty snippet,
	 * which says that it has to be built each time.
	 */
	length = ends[SNIPPET_PIECES - 1];
	if (end > record->end || record->raw_count > 0)
		length = 0;
	snippet = malloc(sizeof *snippet + length + WRITER_SLACK);
	if (!snippet)
		return NULL;
	snippet->length = (uint32_t)length;
	memcpy(snippet->split, ends, sizeof snippet->split);
	memcpy(snippet->bytes, encoder->pieces, length);
	return snippet;
}

const struct snippet *encode_cache_renew(struct encoder *encoder, struct snippet **slot,
                                         uint64_t generation, encode_builder *builder,
                                         const void *object, const char *const *places)
{
	struct snippet *snippet = make(encoder, builder, object, places);

	if (!snippet)
		return NULL;
	snippet->generation = generation;
	snippet_free(*slot);
	*slot = snippet;
	return snippet->length > 0 ? snippet : NULL;
}
