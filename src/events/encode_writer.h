/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One description of a record, three ways to make it: appended to a buffer, as a
 * json-c tree, or narrow: appended as far as its fields are wanted. What builds
 * records calls writer_*() once a member and does not know which of them it is, so
 * that all always say the same.
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
#include "events/encode_cut.h"
#include "events/fields.h"

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

struct record;

/* An object or array of a narrow record that is open. */
struct writer_level {
	char *begin; /* where its text begins */
	const struct fields_node *node;
};

/*
 * Where the next member goes; at NULL: into a tree, or to the place of a narrow record
 * (encode_narrow.h). So a whole record that is appended pays nothing for the other two. Stores
 * through a char pointer may change anything that others can see. So what writes many members
 * does it with a writer of its own, which then stays in a register (see writer_call). Room is
 * asked for once a member: those of known length may begin before the end and reach into the
 * WRITER_SLACK bytes behind it. Once at is behind the end nothing is written any more.
 */
struct writer {
	char *at;
	struct record *record;
	struct writer_level *level; /* WRITER_NARROW: the innermost open object */
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
	/*
	 * Narrow: which fields are wanted, else NULL; where the next goes; the innermost open
	 * object; all that are open, from what stands around the record on.
	 */
	const struct fields *fields;
	char *place;
	struct writer_level *level;
	struct writer_level levels[1 + WRITER_DEPTH_MAX];
	struct {
		enum writer_raw name;
		size_t length;
		const char *bytes;
	} raws[WRITER_RAW_MAX];
};

/*
 * 1: the file is compiled for narrow records alone. Its functions are inline, with a writer of
 * their own that has the place; others are called by writer_call, for which narrow records are
 * what is not usual, at NULL.
 */
#ifndef WRITER_NARROW
#define WRITER_NARROW 0
#endif

/*
 * Calls a function that is not inline with the record's writer, so that our own's address goes
 * nowhere.
 */
#define writer_call(own, function, ...)                                                            \
	do {                                                                                       \
		struct writer *lent = &(own)->record->writer;                                      \
		writer_return(lent, (own));                                                        \
		function(lent, ##__VA_ARGS__);                                                     \
		*(own) = writer_own(lent);                                                         \
	} while (0)

/* A writer of one's own, in a register: see struct writer. */
WRITER_INLINE struct writer writer_own(const struct writer *lent)
{
	return (struct writer){
		.at = WRITER_NARROW ? lent->record->place : lent->at,
		.record = lent->record,
		.level = WRITER_NARROW ? lent->record->level : NULL,
	};
}

WRITER_INLINE void writer_return(struct writer *lent, const struct writer *own)
{
	if (WRITER_NARROW) {
		lent->record->place = own->at;
		lent->record->level = own->level;
	} else {
		lent->at = own->at;
	}
}

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

/* What is not usual, for which the functions below are called: trees and narrow records. */
void encode_writer_open(struct writer *writer, const struct key *key, bool array);
void encode_writer_close(struct writer *writer, char bracket);
void encode_writer_text(struct writer *writer, const struct key *key, const char *text,
                        size_t length);
void encode_writer_large(struct writer *writer, const struct key *key, uint64_t value);
void encode_writer_time(struct writer *writer, const struct key *key, struct buf_time_cache *cache,
                        int64_t time_ns);
bool encode_writer_wants(const struct record *record, const struct key *key);

/* The member is shorter than it should be, whatever is cut. */
WRITER_INLINE void writer_marks(struct writer *writer, enum writer_cut member)
{
	writer->record->marked |= 1u << member;
}

/* Asks whether a member that can be cut is to be left out of this record. */
WRITER_INLINE bool writer_cuts(struct writer *writer, enum writer_cut member)
{
	writer->record->met |= 1u << member;
	return writer->record->cut & 1u << member;
}

/* Seldom, by a hint to the compiler: what is appended lies in one straight line then. */
WRITER_INLINE bool writer_is_indirect(const struct writer *writer)
{
	return !WRITER_NARROW && __builtin_expect(!writer->at, false);
}

/* Narrow: the node of a member of what is open. */
WRITER_INLINE const struct fields_node *writer_node(const struct writer_level *level,
                                                    const struct key *key)
{
	if (!key->name)
		return level->node;
	return fields_member(level->node, fields_tag(key->quoted + 1, key->length - 3));
}

/*
 * Is a member of this name wanted? Sometimes yes where it is not. Writing one that is not wanted
 * does no harm: to ask saves what it takes to make its value.
 */
WRITER_INLINE bool writer_wants(struct writer *writer, const struct key *key)
{
	if (WRITER_NARROW)
		return fields_may_want(writer->level->node,
		                       fields_tag(key->quoted + 1, key->length - 3));
	return !writer_is_indirect(writer) || encode_writer_wants(writer->record, key);
}

/* Is the member to be appended? What is indirect asks for itself. */
WRITER_INLINE bool writer_admits(struct writer *writer, const struct key *key)
{
	return !WRITER_NARROW || writer_node(writer->level, key) != &fields_none;
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

/* Narrow; opener is key->object or key->array. */
WRITER_INLINE void writer_open_narrow(struct writer *writer, const struct key *key,
                                      const char *opener)
{
	const struct fields_node *node = writer_node(writer->level, key);

	*++writer->level = (struct writer_level){ .begin = writer->at, .node = node };
	if (node != &fields_none)
		writer_append(writer, opener, key->length + 1);
}

/* What is wanted in part and has nothing that is wanted is left out. */
WRITER_INLINE bool writer_leaves_out(struct writer *writer, char bracket)
{
	const struct writer_level *level = writer->level--;

	if (level->node == &fields_none)
		return true;
	if (__builtin_expect(writer->at[-1] != (bracket == '}' ? '{' : '['), true) ||
	    level->node == &fields_all || writer_is_full(writer))
		return false;
	writer->at = level->begin;
	return true;
}

WRITER_INLINE void writer_object(struct writer *writer, const struct key *key)
{
	if (WRITER_NARROW)
		writer_open_narrow(writer, key, key->object);
	else if (writer_is_indirect(writer))
		writer_call(writer, encode_writer_open, key, false);
	else
		writer_append(writer, key->object, key->length + 1);
}

WRITER_INLINE void writer_array(struct writer *writer, const struct key *key)
{
	if (WRITER_NARROW)
		writer_open_narrow(writer, key, key->array);
	else if (writer_is_indirect(writer))
		writer_call(writer, encode_writer_open, key, true);
	else
		writer_append(writer, key->array, key->length + 1);
}

/* There is always something before at: what was opened. */
WRITER_INLINE void writer_close(struct writer *writer, char bracket)
{
	if (WRITER_NARROW && writer_leaves_out(writer, bracket))
		return;
	if (writer_is_indirect(writer)) {
		writer_call(writer, encode_writer_close, bracket);
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
	if (!writer_admits(writer, key))
		return;
	if (writer_is_indirect(writer)) {
		writer_call(writer, encode_writer_text, key, text, length);
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
		if (!writer_admits(writer, KEY(key)))                                              \
			break;                                                                     \
		if (writer_is_indirect(writer))                                                    \
			writer_call((writer), encode_writer_text, KEY(key), value,                 \
			            sizeof(value) - 1);                                            \
		else                                                                               \
			writer_append((writer), member, sizeof member - 1);                        \
	} while (0)

WRITER_INLINE void writer_u64(struct writer *writer, const struct key *key, uint64_t value)
{
	if (!writer_admits(writer, key))
		return;
	if (writer_is_indirect(writer) || __builtin_expect(value > UINT32_MAX, false)) {
		writer_call(writer, encode_writer_large, key, value);
	} else if (writer_has_room(writer, key->length + DECIMAL_MAX_32 + 1)) {
		writer_put(writer, key->quoted, key->length);
		writer->at = value < 1000 ? decimal_put_short(writer->at, (uint32_t)value)
		                          : decimal_put_32(writer->at, (uint32_t)value);
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
	if (!writer_admits(writer, key))
		return;
	if (writer_is_indirect(writer)) {
		writer_call(writer, encode_writer_time, key, cache, time_ns);
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

	if (!writer_wants(writer, key))
		return;
	buf_append_hex(&digits, value, 16);
	writer_text(writer, key, text, digits.length);
}

/* ... or the kernel's number in decimal, ... */
WRITER_INLINE void writer_decimal(struct writer *writer, const struct key *key, uint64_t value)
{
	char text[DECIMAL_MAX];
	struct buf digits = { .data = text, .capacity = sizeof text };

	if (!writer_wants(writer, key))
		return;
	buf_append_u64(&digits, value);
	writer_text(writer, key, text, digits.length);
}

/* ... or in hexadecimal without leading zeros, as socket cookies are written. */
WRITER_INLINE void writer_hex(struct writer *writer, const struct key *key, uint64_t value)
{
	char text[16];
	struct buf digits = { .data = text, .capacity = sizeof text };
	int bits = value > 0 ? 64 - __builtin_clzll(value) : 1;

	if (!writer_wants(writer, key))
		return;
	buf_append_hex(&digits, value, (bits + 3) / 4);
	writer_text(writer, key, text, digits.length);
}

#endif
