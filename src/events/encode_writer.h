/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One description of a record, two ways to make it: appended to a buffer, or as
 * a json-c tree. What builds records calls writer_*() once a member and does
 * not know which of the two it is, so that both always say the same.
 *
 * Appending: every member ends in a comma, and the bracket that closes an
 * object or array overwrites the last one. So a run of members is a piece of
 * text that fits between any two others, which is what makes pieces cacheable.
 */
#ifndef SOCKLINE_EVENTS_ENCODE_WRITER_H
#define SOCKLINE_EVENTS_ENCODE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/decimal.h"

#define WRITER_DEPTH_MAX 8
#define WRITER_RAW_MAX   32
#define WRITER_SLACK     32                        /* bytes behind a text that is spliced */
#define WRITER_COUNT_MAX ((UINT64_C(1) << 53) - 1) /* jq 1.6 and JavaScript round above */

/* A member is its constants and a few bytes between them: only in place are they constants. */
#define WRITER_INLINE static inline __attribute__((always_inline))

struct encoder;
struct json_object;

/* A member's name in all forms that are needed, made by the compiler. */
struct key {
	const char *name;   /* NULL: an element of an array */
	const char *quoted; /* "name":" with a quote at its end for strings */
	const char *object; /* "name":{ */
	const char *array;  /* "name":[ */
	size_t length;      /* of all three, without their last character */
};
#define KEY_INIT(name)                                                                             \
	{                                                                                          \
		name, "\"" name "\":\"", "\"" name "\":{", "\"" name "\":[", sizeof(name) + 2      \
	}
#define KEY(name) ((struct key)KEY_INIT(name))
#define ELEMENT   ((struct key){ NULL, "\"", "{", "[", 0 })

/* Strings that may hold any bytes, and so may need their exact bytes in sockline.raw. */
enum writer_raw {
	RAW_NONE, /* the exact bytes are not kept */
	RAW_HOST_NAME,
	RAW_INTERFACE_NAME,
	RAW_SOURCE_ADDRESS,
	RAW_PROCESS_NAME,
	RAW_PROCESS_EXECUTABLE,
	RAW_PROCESS_ARGS,
	RAW_PARENT_NAME,
	RAW_USER_NAME,
	RAW_CONTAINER_ID,
	RAW_CGROUP,
	RAW_PEER_PROCESS_NAME,
	RAW_PEER_PROCESS_EXECUTABLE,
	RAW_HOLDER_NAMES,
	RAW_CAPTURES,
	RAW_INTERFACES,
	RAW_FILE,
	RAW_FILTER,
	RAW_MESSAGE,
	RAW_ERROR_MESSAGE,
	RAW_FILE_PATH,
	RAW_COUNT
};

/* What can be left out of a record that is too long, in this order. */
enum writer_cut {
	CUT_DATA,
	CUT_ARGS,
	CUT_EXECUTABLE,
	CUT_PEER_EXECUTABLE,
	CUT_CGROUP,
	CUT_CONTAINER_ID,
	CUT_HOLDERS,
	CUT_CAPTURE,
	CUT_FILTER,
	CUT_INTERFACES,
	CUT_FILE,
	CUT_FILE_PATH,
	CUT_DEGRADED,
	CUT_ERROR_MESSAGE,
	CUT_MESSAGE,
	CUT_USER_NAME,
	CUT_RAW,
	CUT_COUNT
};

struct writer {
	struct encoder *encoder;
	char *at, *end; /* appended between the two; NULL: a tree is built */
	bool overflow;  /* something did not fit and is not there */
	bool caching;   /* pieces may be taken from and put into caches */
	bool failed;    /* tree: memory was short */
	bool raw_lost;  /* more than WRITER_RAW_MAX */
	uint32_t cut;   /* bits of enum writer_cut: leave these out */
	uint32_t met;   /* those that the record has, cut or not */
	int raw_count;
	int depth;
	struct json_object *path[WRITER_DEPTH_MAX]; /* tree: the open objects, outermost first */
	struct {
		enum writer_raw name;
		size_t length;
		const char *bytes;
	} raws[WRITER_RAW_MAX];
};

/* Begins a record. room NULL: as a tree; else size > 0 bytes there are appended to. */
void encode_writer_begin(struct writer *writer, struct encoder *encoder, char *room, size_t size);
/* Tree: appends the text; 0, -ENOMEM. The tree is gone afterwards, whatever happened. */
int encode_writer_print(struct writer *writer, struct buf *line);

/* A string from outside; any bytes. */
void encode_writer_string(struct writer *writer, struct key key, const char *bytes, size_t length,
                          enum writer_raw raw);
/* NULL is left out. */
void encode_writer_c_string(struct writer *writer, struct key key, const char *string,
                            enum writer_raw raw);
/* Keeps exact bytes, which must outlive the record, for sockline.raw. The two above do that by themselves. */
void encode_writer_keep_raw(struct writer *writer, const char *bytes, size_t length,
                            enum writer_raw raw);
void encode_writer_base64(struct writer *writer, struct key key, const void *bytes, size_t length);
/* "sockline.raw" and "sockline.truncated", where there is something to say. */
void encode_writer_raw(struct writer *writer);
void encode_writer_truncated(struct writer *writer);

/* RFC 3339 in UTC, nanoseconds since the epoch. */
void encode_writer_time(struct writer *writer, struct key key, int64_t time_ns);
/* Numbers that are rare, either way. */
void encode_writer_i64(struct writer *writer, struct key key, int64_t value);
void encode_writer_bool(struct writer *writer, struct key key, bool value);

/* Of the functions below the other way, and what is not usual. */
void encode_writer_tree_open(struct writer *writer, const char *name, bool array);
void encode_writer_tree_text(struct writer *writer, const char *name, const char *text,
                             size_t length);
void encode_writer_large(struct writer *writer, struct key key, uint64_t value);

/* Asks whether a member that can be cut is to be left out of this record. */
WRITER_INLINE bool writer_cuts(struct writer *writer, enum writer_cut member)
{
	writer->met |= 1u << member;
	return writer->cut & 1u << member;
}

/* Room for length bytes, taken; NULL when there is not as much. */
WRITER_INLINE char *writer_claim(struct writer *writer, size_t length)
{
	char *to = writer->at;

	if (length > (size_t)(writer->end - to)) {
		writer->overflow = true;
		return NULL;
	}
	writer->at = to + length;
	return to;
}

WRITER_INLINE void writer_append(struct writer *writer, const void *bytes, size_t length)
{
	char *to = writer_claim(writer, length);

	if (to)
		memcpy(to, bytes, length);
}

/*
 * Appends text of any length that is known only at run time, WRITER_SLACK bytes
 * at a time: as many behind its end must be readable. What that writes too much
 * the next member overwrites.
 */
WRITER_INLINE void writer_splice(struct writer *writer, const char *text, size_t length)
{
	char *to = writer->at;

	if (length + WRITER_SLACK > (size_t)(writer->end - to)) {
		writer_append(writer, text, length);
		return;
	}
	for (size_t i = 0; i < length; i += WRITER_SLACK)
		memcpy(to + i, text + i, WRITER_SLACK);
	writer->at = to + length;
}

/* The room that is left as a buffer, for formatters that want one; then the result is taken. */
WRITER_INLINE struct buf writer_room(const struct writer *writer)
{
	return (struct buf){ .data = writer->at, .capacity = (size_t)(writer->end - writer->at) };
}

WRITER_INLINE void writer_take(struct writer *writer, const struct buf *room)
{
	writer->at += room->length;
	writer->overflow |= room->overflow;
}

WRITER_INLINE void writer_object(struct writer *writer, struct key key)
{
	if (writer->at)
		writer_append(writer, key.object, key.length + 1);
	else
		encode_writer_tree_open(writer, key.name, false);
}

WRITER_INLINE void writer_array(struct writer *writer, struct key key)
{
	if (writer->at)
		writer_append(writer, key.array, key.length + 1);
	else
		encode_writer_tree_open(writer, key.name, true);
}

/* There is always something before at: what was opened. */
WRITER_INLINE void writer_close(struct writer *writer, char bracket)
{
	char *to;

	if (!writer->at) {
		writer->depth--;
		return;
	}
	if (writer->at[-1] == ',')
		writer->at--;
	to = writer_claim(writer, 2);
	if (to) {
		to[0] = bracket;
		to[1] = ',';
	}
}

WRITER_INLINE void writer_object_end(struct writer *writer)
{
	writer_close(writer, '}');
}

WRITER_INLINE void writer_array_end(struct writer *writer)
{
	writer_close(writer, ']');
}

/* Text that needs no escaping: ours, or made by a formatter. */
WRITER_INLINE void writer_text(struct writer *writer, struct key key, const char *text,
                               size_t length)
{
	char *to;

	if (!writer->at) {
		encode_writer_tree_text(writer, key.name, text, length);
		return;
	}
	to = writer_claim(writer, key.length + length + 3);
	if (to) {
		memcpy(to, key.quoted, key.length + 1);
		memcpy(to + key.length + 1, text, length);
		to += key.length + 1 + length;
		to[0] = '"';
		to[1] = ',';
	}
}

/* A name out of one of our tables. NULL is left out. */
WRITER_INLINE void writer_name(struct writer *writer, struct key key, const char *name)
{
	if (name)
		writer_text(writer, key, name, strlen(name));
}

/* Literals on both sides: one copy. */
#define writer_literal(writer, key, value)                                                         \
	do {                                                                                       \
		static const char member[] = "\"" key "\":\"" value "\",";                         \
		if ((writer)->at)                                                                  \
			writer_append((writer), member, sizeof member - 1);                        \
		else                                                                               \
			encode_writer_tree_text((writer), key, value, sizeof(value) - 1);          \
	} while (0)

WRITER_INLINE void writer_u64(struct writer *writer, struct key key, uint64_t value)
{
	size_t digits;
	char *to;

	if (!writer->at || value > UINT32_MAX) {
		encode_writer_large(writer, key, value);
		return;
	}
	digits = decimal_length_32((uint32_t)value);
	to = writer_claim(writer, key.length + digits + 1);
	if (to) {
		memcpy(to, key.quoted, key.length);
		to += key.length + digits;
		decimal_put_32(to, (uint32_t)value);
		*to = ',';
	}
}

/* Counts and sizes end at 2^53 - 1. */
WRITER_INLINE void writer_count(struct writer *writer, struct key key, uint64_t value)
{
	writer_u64(writer, key, value < WRITER_COUNT_MAX ? value : WRITER_COUNT_MAX);
}

/* A length of time in nanoseconds; one that would be negative is 0. */
WRITER_INLINE void writer_ns(struct writer *writer, struct key key, int64_t value)
{
	writer_u64(writer, key, value > 0 ? (uint64_t)value : 0);
}

/* Identifiers are strings: 16 hexadecimal digits, ... */
static inline void writer_id(struct writer *writer, struct key key, uint64_t value)
{
	char text[16];
	struct buf digits = { .data = text, .capacity = sizeof text };

	buf_append_hex(&digits, value, 16);
	writer_text(writer, key, text, digits.length);
}

/* ... or the kernel's number in decimal, ... */
static inline void writer_decimal(struct writer *writer, struct key key, uint64_t value)
{
	char text[DECIMAL_MAX];
	struct buf digits = { .data = text, .capacity = sizeof text };

	buf_append_u64(&digits, value);
	writer_text(writer, key, text, digits.length);
}

/* ... or in hexadecimal without leading zeros, as socket cookies are written. */
static inline void writer_hex(struct writer *writer, struct key key, uint64_t value)
{
	char text[16];
	struct buf digits = { .data = text, .capacity = sizeof text };
	int bits = value > 0 ? 64 - __builtin_clzll(value) : 1;

	buf_append_hex(&digits, value, (bits + 3) / 4);
	writer_text(writer, key, text, digits.length);
}

#endif
