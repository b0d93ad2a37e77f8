/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "events/encode_parts.h"

bool encode_cache_replay(struct writer *writer, const struct memo *memo)
{
	if (!writer->caching || memo->length == 0)
		return false;
	buf_append(writer->line, memo->bytes, memo->length);
	return true;
}

size_t encode_cache_from(const struct writer *writer)
{
	return writer->caching ? writer->line->length : 0;
}

void encode_cache_keep(struct writer *writer, struct memo *memo, size_t from)
{
	size_t length;

	if (!writer->caching || writer->line->overflow || writer->raw_count > 0)
		return;
	length = writer->line->length - from;
	if (length > sizeof memo->bytes)
		return;
	memcpy(memo->bytes, writer->line->data + from, length);
	memo->length = (uint16_t)length;
}

struct memo *encode_cache_interface(struct encoder *encoder, const struct interface *interface)
{
	struct interface_memo *slot = &encoder->interfaces[interface->ifindex % INTERFACE_MEMOS];

	if (slot->ifindex != interface->ifindex ||
	    strncmp(slot->name, interface->name, sizeof slot->name) != 0) {
		slot->ifindex = interface->ifindex;
		memcpy(slot->name, interface->name, sizeof slot->name);
		slot->memo.length = 0;
	}
	return &slot->memo;
}

static struct fragment *make(struct encoder *encoder, encode_piece_builder *builder, const void *object)
{
	struct writer *writer = &encoder->pieces_writer;
	struct buf *pieces = &encoder->pieces;
	struct fragment *fragment;
	uint32_t splits[FRAGMENT_PIECES];

	buf_reset(pieces);
	encode_writer_begin(writer, encoder, pieces);
	for (int i = 0; i < FRAGMENT_PIECES; i++) {
		builder(writer, object, i);
		splits[i] = (uint32_t)pieces->length;
	}
	/*
	 * A string whose exact bytes must be kept belongs into sockline.raw too, and
	 * one that long may have to be cut: such an object gets an empty fragment,
	 * which says that it has to be built each time.
	 */
	if (pieces->overflow || writer->raw_count > 0)
		pieces->length = 0;
	fragment = malloc(sizeof *fragment + pieces->length);
	if (!fragment)
		return NULL;
	fragment->length = (uint32_t)pieces->length;
	memcpy(fragment->split, splits, sizeof fragment->split);
	memcpy(fragment->bytes, pieces->data, pieces->length);
	return fragment;
}

const struct fragment *encode_cache_fragment(struct writer *writer, struct fragment **slot,
                                             uint64_t generation, encode_piece_builder *builder,
                                             const void *object)
{
	struct fragment *fragment = *slot;

	if (!writer->caching)
		return NULL;
	if (!fragment || fragment->generation != generation) {
		fragment = make(writer->encoder, builder, object);
		if (!fragment)
			return NULL;
		fragment->generation = generation;
		fragment_free(*slot);
		*slot = fragment;
	}
	return fragment->length > 0 ? fragment : NULL;
}
