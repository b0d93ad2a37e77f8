/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "events/encode_parts.h"

bool encode_cache_replay(struct writer *writer, const struct memo *memo)
{
	if (!writer->caching || memo->length == 0)
		return false;
	writer_splice(writer, memo->bytes, memo->length);
	return true;
}

const char *encode_cache_from(const struct writer *writer)
{
	return writer->at;
}

void encode_cache_keep(struct writer *writer, struct memo *memo, const char *from)
{
	size_t length;

	if (!writer->caching || writer->overflow || writer->raw_count > 0)
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

	if (slot->ifindex != interface->ifindex ||
	    memcmp(slot->name, interface->name, sizeof slot->name) != 0) {
		slot->ifindex = interface->ifindex;
		memcpy(slot->name, interface->name, sizeof slot->name);
		slot->memo.length = 0;
	}
	return &slot->memo;
}

static struct fragment *make(struct encoder *encoder, encode_piece_builder *builder,
                             const void *object)
{
	struct writer *writer = &encoder->pieces_writer;
	char *text = encoder->pieces;
	uint32_t ends[FRAGMENT_PIECES];
	struct fragment *fragment;
	size_t length;

	encode_writer_begin(writer, encoder, text, sizeof encoder->pieces);
	for (int i = 0; i < FRAGMENT_PIECES; i++) {
		builder(writer, object, i);
		ends[i] = (uint32_t)(writer->at - text);
	}
	/*
	 * A string whose exact bytes must be kept belongs into sockline.raw too, and
	 * one that long may have to be cut: such an object gets an empty fragment,
	 * which says that it has to be built each time.
	 */
	length = writer->overflow || writer->raw_count > 0 ? 0 : ends[FRAGMENT_PIECES - 1];
	fragment = malloc(sizeof *fragment + length + WRITER_SLACK);
	if (!fragment)
		return NULL;
	fragment->length = (uint32_t)length;
	memcpy(fragment->split, ends, sizeof fragment->split);
	memcpy(fragment->bytes, text, length);
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
