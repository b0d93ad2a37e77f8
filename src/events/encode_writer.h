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

#define WRITER_DEPTH_MAX 8
#define WRITER_RAW_MAX   32
#define WRITER_COUNT_MAX ((UINT64_C(1) << 53) - 1) /* jq 1.6 and JavaScript round above */

struct encoder;
struct json_object;

/* A member's name in all forms that are needed, made by the compiler. */
struct key {
	const char *name;   /* NULL: an element of an array */
	const char *quoted; /* "name":" with a quote at its end for strings */
	size_t length;      /* of quoted, without that quote */
};
#define KEY(name) ((struct key){ name, "\"" name "\":\"", sizeof(name) + 2 })
#define ELEMENT   ((struct key){ NULL, "\"", 0 })

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
	struct buf *line;        /* appended to; NULL: a tree is built */
	bool caching;            /* pieces may be taken from and put into caches */
	bool failed;             /* tree: memory was short */
	bool too_long;           /* tree: a string alone is longer than a line */
	uint32_t cut;            /* bits of enum writer_cut: leave these out */
	uint32_t met;            /* those that the record has, cut or not */
	int raw_count;
	bool raw_lost;           /* more than WRITER_RAW_MAX */
	int depth;
	struct json_object *path[WRITER_DEPTH_MAX]; /* tree: the open objects, outermost first */
	struct {
		enum writer_raw name;
		size_t length;
		const char *bytes;
	} raws[WRITER_RAW_MAX];
};

/* line NULL: a tree. Everything else as at a record's beginning. */
void encode_writer_begin(struct writer *writer, struct encoder *encoder, struct buf *line);
/* Tree: appends the text; 0, -ENOMEM, -ENOBUFS. The tree is gone afterwards, whatever happened. */
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

/* The other way of the functions below. */
void encode_writer_tree_open(struct writer *writer, const char *name, bool array);
void encode_writer_tree_text(struct writer *writer, const char *name, const char *text, size_t length);
void encode_writer_tree_u64(struct writer *writer, const char *name, uint64_t value);
void encode_writer_tree_i64(struct writer *writer, const char *name, int64_t value);
void encode_writer_tree_bool(struct writer *writer, const char *name, bool value);

/* Asks whether a member that can be cut is to be left out of this record. */
static inline bool writer_cuts(struct writer *writer, enum writer_cut member)
{
	writer->met |= 1u << member;
	return writer->cut & 1u << member;
}

static inline void writer_object(struct writer *writer, struct key key)
{
	if (!writer->line) {
		encode_writer_tree_open(writer, key.name, false);
		return;
	}
	buf_append(writer->line, key.quoted, key.length);
	buf_append_char(writer->line, '{');
}

static inline void writer_array(struct writer *writer, struct key key)
{
	if (!writer->line) {
		encode_writer_tree_open(writer, key.name, true);
		return;
	}
	buf_append(writer->line, key.quoted, key.length);
	buf_append_char(writer->line, '[');
}

static inline void writer_close(struct writer *writer, char bracket)
{
	struct buf *line = writer->line;
	char end[2] = { bracket, ',' };

	if (!line) {
		writer->depth--;
		return;
	}
	if (line->length > 0 && line->data[line->length - 1] == ',')
		line->length--;
	buf_append(line, end, sizeof end);
}

static inline void writer_object_end(struct writer *writer)
{
	writer_close(writer, '}');
}

static inline void writer_array_end(struct writer *writer)
{
	writer_close(writer, ']');
}

/* Text that needs no escaping: ours, or made by a formatter. */
static inline void writer_text(struct writer *writer, struct key key, const char *text, size_t length)
{
	if (!writer->line) {
		encode_writer_tree_text(writer, key.name, text, length);
		return;
	}
	buf_append(writer->line, key.quoted, key.length + 1);
	buf_append(writer->line, text, length);
	buf_append_literal(writer->line, "\",");
}

/* A name out of one of our tables. NULL is left out. */
static inline void writer_name(struct writer *writer, struct key key, const char *name)
{
	if (name)
		writer_text(writer, key, name, strlen(name));
}

/* Literals on both sides: one copy. */
#define writer_literal(writer, key, value)                                                 \
	do {                                                                               \
		if ((writer)->line)                                                        \
			buf_append_literal((writer)->line, "\"" key "\":\"" value "\",");  \
		else                                                                       \
			encode_writer_tree_text((writer), key, value, sizeof(value) - 1);  \
	} while (0)

static inline void writer_u64(struct writer *writer, struct key key, uint64_t value)
{
	if (!writer->line) {
		encode_writer_tree_u64(writer, key.name, value);
		return;
	}
	buf_append(writer->line, key.quoted, key.length);
	buf_append_u64(writer->line, value);
	buf_append_char(writer->line, ',');
}

/* Counts and sizes end at 2^53 - 1. */
static inline void writer_count(struct writer *writer, struct key key, uint64_t value)
{
	writer_u64(writer, key, value < WRITER_COUNT_MAX ? value : WRITER_COUNT_MAX);
}

/* A length of time in nanoseconds; one that would be negative is 0. */
static inline void writer_ns(struct writer *writer, struct key key, int64_t value)
{
	writer_u64(writer, key, value > 0 ? (uint64_t)value : 0);
}

static inline void writer_i64(struct writer *writer, struct key key, int64_t value)
{
	if (!writer->line) {
		encode_writer_tree_i64(writer, key.name, value);
		return;
	}
	buf_append(writer->line, key.quoted, key.length);
	if (value < 0)
		buf_append_char(writer->line, '-');
	buf_append_u64(writer->line, value < 0 ? -(uint64_t)value : (uint64_t)value);
	buf_append_char(writer->line, ',');
}

static inline void writer_bool(struct writer *writer, struct key key, bool value)
{
	if (!writer->line) {
		encode_writer_tree_bool(writer, key.name, value);
		return;
	}
	buf_append(writer->line, key.quoted, key.length);
	if (value)
		buf_append_literal(writer->line, "true,");
	else
		buf_append_literal(writer->line, "false,");
}

/* Identifiers are strings: 16 hexadecimal digits, ... */
static inline void writer_id(struct writer *writer, struct key key, uint64_t value)
{
	char text[16];
	struct buf digits = { .data = text, .capacity = sizeof text };

	buf_append_hex(&digits, value, 16);
	writer_text(writer, key, text, digits.length);
}

/* ... or the kernel's number in decimal. */
static inline void writer_decimal(struct writer *writer, struct key key, uint64_t value)
{
	char text[20];
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

static inline void writer_time(struct writer *writer, struct key key, int64_t time_ns)
{
	char text[BUF_TIME_LENGTH];
	struct buf digits = { .data = text, .capacity = sizeof text };

	buf_append_time(&digits, time_ns);
	writer_text(writer, key, text, digits.length);
}

#endif
