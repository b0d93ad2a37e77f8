/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "events/encode_parts.h"

void encode_cache_make(struct writer *writer, struct memo *memo, encode_builder *builder,
                       const void *object, int piece)
{
	const char *from = writer->at;
	size_t length;

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
	}
	return &slot->memo;
}

static struct snippet *make(struct encoder *encoder, encode_builder *builder, const void *object)
{
	const size_t most = sizeof encoder->pieces - WRITER_SLACK;
	uint16_t ends[SNIPPET_PIECES];
	struct snippet *snippet;
	struct writer *writer = encode_writer_begin(&encoder->pieces_record, encoder->pieces, most);
	size_t length;

	for (int i = 0; i < SNIPPET_PIECES; i++) {
		builder(writer, object, i);
		ends[i] = (uint16_t)(writer->at - encoder->pieces);
	}
	/*
	 * A string whose exact bytes must be kept belongs into sockline.raw too, and
	 * one that long may have to be cut: such an object gets an empty snippet,
	 * which says that it has to be built each time.
	 */
	length = ends[SNIPPET_PIECES - 1];
	if (writer_is_full(writer) || encoder->pieces_record.raw_count > 0)
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
                                         const void *object)
{
	struct snippet *snippet = make(encoder, builder, object);

	if (!snippet)
		return NULL;
	snippet->generation = generation;
	snippet_free(*slot);
	*slot = snippet;
	return snippet->length > 0 ? snippet : NULL;
}
