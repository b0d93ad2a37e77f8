/* SPDX-FileCopyrightText: The sockline authors */
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
#include "events/encode.h"

#define WRITER_DEPTH_MAX 8
#define WRITER_RAW_MAX   32
#define WRITER_SLACK     ENCODER_SLACK             /* bytes behind a text are read, too */
#define WRITER_COUNT_MAX ((UINT64_C(1) << 53) - 1) /* jq 1.6 and JavaScript round above */

/* A member is its constants and a few bytes between them: only in place are they constants. */
#define WRITER_INLINE static inline __attribute__((always_inline))

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
#define KEY(name)                                                                                  \
	({                                                                                         \
		static const struct key constant = KEY_INIT(name);                                 \
		&constant;                                                                         \
	})

/* What an array has instead. */
static const struct key writer_element = { NULL, "\"", "{", "[", 0 };
#define ELEMENT (&writer_element)

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
	RAW_PARENT_EXECUTABLE,
	RAW_USER_NAME,
	RAW_EFFECTIVE_USER_NAME,
	RAW_CONTAINER_ID,
	RAW_CGROUP,
	RAW_PEER_PROCESS_NAME,
	RAW_PEER_PROCESS_EXECUTABLE,
	RAW_SERVER_NAME,
	RAW_ALPN,
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
	CUT_COMMAND_LINE,
	CUT_ARGS,
	CUT_ANSWERS,
	CUT_PARENT_EXECUTABLE,
	CUT_EXECUTABLE,
	CUT_PEER_EXECUTABLE,
	CUT_CGROUP,
	CUT_CONTAINER_ID,
	CUT_HOLDERS,
	CUT_CAPTURE,
	CUT_FILTER,
	CUT_INTERFACES,
	CUT_NETNS_PATHS,
	CUT_SELECTION,
	CUT_COMMAND,
	CUT_FILE,
	CUT_FILE_PATH,
	CUT_DEGRADED,
	CUT_ERROR_MESSAGE,
	CUT_MESSAGE,
	CUT_USER_NAME,
	CUT_RAW,
	CUT_COUNT
};

struct record;

/*
 * Where the next member goes; at NULL: into a tree. Stores through a char pointer
 * may change anything that others can see. So what writes many members does it
 * with a writer of its own, which then stays in a register (see writer_call). Room
 * is asked for once a member: those of known length may begin before the end and
 * reach into the WRITER_SLACK bytes behind it. Once at is behind the end nothing
 * is written any more.
 */
struct writer {
	char *at;
	struct record *record;
};

/* What is known of the record at hand. */
struct record {
	struct encoder *encoder;
	struct writer writer; /* with which it was begun, and which is lent */
	char *end;            /* of the room */
	bool caching;         /* pieces may be taken from and put into caches */
	bool failed;          /* tree: memory was short */
	bool too_long;        /* tree: a string is longer than any line */
	bool raw_lost;        /* more than WRITER_RAW_MAX */
	uint32_t cut;         /* bits of enum writer_cut: leave these out */
	uint32_t met;         /* those that the record has, cut or not */
	uint32_t marked;      /* those that are incomplete, cut or not */
	int raw_count;
	int depth;
	struct json_object *path[WRITER_DEPTH_MAX]; /* tree: the open objects, outermost first */
	struct {
		enum writer_raw name;
		size_t length;
		const char *bytes;
	} raws[WRITER_RAW_MAX];
};

/*
 * Calls a function that is not inline with the record's writer, so that our own's address goes
 * nowhere.
 */
#define writer_call(own, function, ...)                                                            \
	do {                                                                                       \
		struct writer *lent = &(own)->record->writer;                                      \
		lent->at = (own)->at;                                                              \
		function(lent, __VA_ARGS__);                                                       \
		(own)->at = lent->at;                                                              \
	} while (0)

/*
 * Begins a record, and returns its writer. room NULL: as a tree; else size > 0 bytes there
 * are appended to, and WRITER_SLACK more may be overwritten.
 */
struct writer *encode_writer_begin(struct record *record, char *room, size_t size);
/* Tree: appends the text; 0, -ENOMEM. The tree is gone afterwards, whatever happened. */
int encode_writer_print(struct writer *writer, struct buf *line);

/* A string from outside; any bytes. */
void encode_writer_string(struct writer *writer, const struct key *key, const char *bytes,
                          size_t length, enum writer_raw raw);
/* NULL is left out. */
void encode_writer_c_string(struct writer *writer, const struct key *key, const char *string,
                            enum writer_raw raw);
/*
 * Keeps exact bytes, which must outlive the record, for sockline.raw. The two above do that by
 * themselves.
 */
void encode_writer_keep_raw(struct writer *writer, const char *bytes, size_t length,
                            enum writer_raw raw);
void encode_writer_base64(struct writer *writer, const struct key *key, const void *bytes,
                          size_t length);
/* "sockline.raw" and "sockline.truncated", where there is something to say. */
void encode_writer_raw(struct writer *writer);
void encode_writer_truncated(struct writer *writer);

/* Numbers that are rare, either way. */
void encode_writer_i64(struct writer *writer, const struct key *key, int64_t value);
/* Seconds with six places, the one number that is no integer; not in a tree. */
void encode_writer_seconds(struct writer *writer, const struct key *key, int64_t time_ns);
void encode_writer_bool(struct writer *writer, const struct key *key, bool value);

/* What is not usual, for which the functions below are called. */
void encode_writer_tree_open(struct writer *writer, const char *name, bool array);
void encode_writer_tree_text(struct writer *writer, const char *name, const char *text,
                             size_t length);
void encode_writer_large(struct writer *writer, const char *name, uint64_t value);

/* Asks whether a member that can be cut is to be left out of this record. */
/* The member is shorter than it should be, whatever is cut. */
WRITER_INLINE void writer_marks(struct writer *writer, enum writer_cut member)
{
	writer->record->marked |= 1u << member;
}

WRITER_INLINE bool writer_cuts(struct writer *writer, enum writer_cut member)
{
	writer->record->met |= 1u << member;
	return writer->record->cut & 1u << member;
}

/* Seldom, by a hint to the compiler: what is appended lies in one straight line then. */
WRITER_INLINE bool writer_is_tree(const struct writer *writer)
{
	return __builtin_expect(!writer->at, false);
}

/* Something did not fit and is not there. */
WRITER_INLINE bool writer_is_full(const struct writer *writer)
{
	return __builtin_expect(writer->at > writer->record->end, false);
}

WRITER_INLINE void writer_fill(struct writer *writer)
{
	writer->at = writer->record->end + 1;
}

/* Room for a member of at most so many bytes, which is a constant: then there are two instructions. */
WRITER_INLINE bool writer_has_room(struct writer *writer, size_t most)
{
	return !writer_is_full(writer) && most <= WRITER_SLACK;
}

/* Room for so many bytes and a member's constants. Otherwise the writer is full. */
WRITER_INLINE bool writer_takes(struct writer *writer, size_t length)
{
	if (__builtin_expect((ptrdiff_t)length <= writer->record->end - writer->at, true))
		return true;
	writer_fill(writer);
	return false;
}

/* Where there is room, as was asked. */
WRITER_INLINE void writer_put(struct writer *writer, const void *bytes, size_t length)
{
	memcpy(writer->at, bytes, length);
	writer->at += length;
}

/* Constants. */
WRITER_INLINE void writer_append(struct writer *writer, const void *bytes, size_t length)
{
	if (writer_has_room(writer, length))
		writer_put(writer, bytes, length);
}

/*
 * Appends text of any length that is known only at run time, WRITER_SLACK bytes
 * at a time, which mostly is once: as many behind its end must be readable. What
 * that writes too much the next member overwrites.
 */
WRITER_INLINE void writer_splice(struct writer *writer, const char *text, size_t length)
{
	size_t i = 0;

	if (!writer_takes(writer, length))
		return;
	do {
		memcpy(writer->at + i, text + i, WRITER_SLACK);
		i += WRITER_SLACK;
	} while (i < length);
	writer->at += length;
}

/* The room that is left as a buffer, for formatters that want one; then the result is taken. */
WRITER_INLINE struct buf writer_room(const struct writer *writer)
{
	return (struct buf){
		.data = writer->at,
		.capacity = writer_is_full(writer) ? 0 : (size_t)(writer->record->end - writer->at),
	};
}

WRITER_INLINE void writer_take(struct writer *writer, const struct buf *room)
{
	writer->at += room->length;
	if (room->overflow)
		writer_fill(writer);
}

WRITER_INLINE void writer_object(struct writer *writer, const struct key *key)
{
	if (writer_is_tree(writer))
		writer_call(writer, encode_writer_tree_open, key->name, false);
	else
		writer_append(writer, key->object, key->length + 1);
}

WRITER_INLINE void writer_array(struct writer *writer, const struct key *key)
{
	if (writer_is_tree(writer))
		writer_call(writer, encode_writer_tree_open, key->name, true);
	else
		writer_append(writer, key->array, key->length + 1);
}

/* There is always something before at: what was opened. */
WRITER_INLINE void writer_close(struct writer *writer, char bracket)
{
	if (writer_is_tree(writer)) {
		writer->record->depth--;
	} else if (writer_has_room(writer, 2)) {
		if (__builtin_expect(writer->at[-1] == ',', true))
			writer->at--;
		writer->at[0] = bracket;
		writer->at[1] = ',';
		writer->at += 2;
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
WRITER_INLINE void writer_text(struct writer *writer, const struct key *key, const char *text,
                               size_t length)
{
	if (writer_is_tree(writer)) {
		writer_call(writer, encode_writer_tree_text, key->name, text, length);
	} else if (writer_takes(writer, key->length + length)) {
		writer_put(writer, key->quoted, key->length + 1);
		writer_put(writer, text, length);
		writer_put(writer, "\",", 2);
	}
}

/* A name out of one of our tables. NULL is left out. */
WRITER_INLINE void writer_name(struct writer *writer, const struct key *key, const char *name)
{
	if (name)
		writer_text(writer, key, name, strlen(name));
}

/* Literals on both sides: one copy. */
#define writer_literal(writer, key, value)                                                         \
	do {                                                                                       \
		static const char member[] = "\"" key "\":\"" value "\",";                         \
		if (writer_is_tree(writer))                                                        \
			writer_call((writer), encode_writer_tree_text, key, value,                 \
			            sizeof(value) - 1);                                            \
		else                                                                               \
			writer_append((writer), member, sizeof member - 1);                        \
	} while (0)

WRITER_INLINE void writer_u64(struct writer *writer, const struct key *key, uint64_t value)
{
	if (writer_is_tree(writer) || __builtin_expect(value > UINT32_MAX, false)) {
		writer_call(writer, encode_writer_large, key->name, value);
	} else if (writer_has_room(writer, key->length + DECIMAL_MAX_32 + 1)) {
		writer_put(writer, key->quoted, key->length);
		writer->at = decimal_put_32(writer->at, (uint32_t)value);
		*writer->at++ = ',';
	}
}

/* Counts and sizes end at 2^53 - 1. */
WRITER_INLINE void writer_count(struct writer *writer, const struct key *key, uint64_t value)
{
	writer_u64(writer, key, value < WRITER_COUNT_MAX ? value : WRITER_COUNT_MAX);
}

/* A length of time in nanoseconds; one that would be negative is 0. */
WRITER_INLINE void writer_ns(struct writer *writer, const struct key *key, int64_t value)
{
	writer_u64(writer, key, value > 0 ? (uint64_t)value : 0);
}

/* RFC 3339 in UTC, nanoseconds since the epoch. */
WRITER_INLINE void writer_time(struct writer *writer, const struct key *key,
                               struct buf_time_cache *cache, int64_t time_ns)
{
	char text[BUF_TIME_LENGTH];

	if (writer_is_tree(writer)) {
		buf_put_time(text, cache, time_ns);
		writer_call(writer, encode_writer_tree_text, key->name, text, sizeof text);
	} else if (writer_has_room(writer, key->length + 1 + BUF_TIME_LENGTH + 2)) {
		writer_put(writer, key->quoted, key->length + 1);
		buf_put_time(writer->at, cache, time_ns);
		writer->at += BUF_TIME_LENGTH;
		writer_put(writer, "\",", 2);
	}
}

/* Identifiers are strings: 16 hexadecimal digits, ... */
WRITER_INLINE void writer_id(struct writer *writer, const struct key *key, uint64_t value)
{
	char text[16];
	struct buf digits = { .data = text, .capacity = sizeof text };

	buf_append_hex(&digits, value, 16);
	writer_text(writer, key, text, digits.length);
}

/* ... or the kernel's number in decimal, ... */
WRITER_INLINE void writer_decimal(struct writer *writer, const struct key *key, uint64_t value)
{
	char text[DECIMAL_MAX];
	struct buf digits = { .data = text, .capacity = sizeof text };

	buf_append_u64(&digits, value);
	writer_text(writer, key, text, digits.length);
}

/* ... or in hexadecimal without leading zeros, as socket cookies are written. */
WRITER_INLINE void writer_hex(struct writer *writer, const struct key *key, uint64_t value)
{
	char text[16];
	struct buf digits = { .data = text, .capacity = sizeof text };
	int bits = value > 0 ? 64 - __builtin_clzll(value) : 1;

	buf_append_hex(&digits, value, (bits + 3) / 4);
	writer_text(writer, key, text, digits.length);
}

#endif
