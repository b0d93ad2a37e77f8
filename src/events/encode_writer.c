/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <json.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "events/encode_narrow.h"
#include "events/encode_parts.h"
#include "events/fields.h"

static const struct {
	struct key key;
	bool list; /* the field is an array: raw is one too */
} raws[RAW_COUNT] = {
	[RAW_HOST_NAME] = { KEY_INIT("host_name"), false },
	[RAW_INTERFACE_NAME] = { KEY_INIT("interface_name"), false },
	[RAW_SOURCE_ADDRESS] = { KEY_INIT("source_address"), false },
	[RAW_PROCESS_NAME] = { KEY_INIT("process_name"), false },
	[RAW_PROCESS_EXECUTABLE] = { KEY_INIT("process_executable"), false },
	[RAW_PROCESS_ARGS] = { KEY_INIT("process_args"), true },
	[RAW_PARENT_NAME] = { KEY_INIT("parent_name"), false },
	[RAW_PARENT_EXECUTABLE] = { KEY_INIT("parent_executable"), false },
	[RAW_USER_NAME] = { KEY_INIT("user_name"), false },
	[RAW_EFFECTIVE_USER_NAME] = { KEY_INIT("effective_user_name"), false },
	[RAW_CONTAINER_ID] = { KEY_INIT("container_id"), false },
	[RAW_CGROUP] = { KEY_INIT("cgroup"), false },
	[RAW_PEER_PROCESS_NAME] = { KEY_INIT("peer_process_name"), false },
	[RAW_PEER_PROCESS_EXECUTABLE] = { KEY_INIT("peer_process_executable"), false },
	[RAW_SERVER_NAME] = { KEY_INIT("server_name"), false },
	[RAW_ALPN] = { KEY_INIT("alpn"), true },
	[RAW_HOLDER_NAMES] = { KEY_INIT("holder_names"), true },
	[RAW_CAPTURES] = { KEY_INIT("captures"), true },
	[RAW_INTERFACES] = { KEY_INIT("interfaces"), true },
	[RAW_FILE] = { KEY_INIT("file"), false },
	[RAW_FILTER] = { KEY_INIT("filter"), false },
	[RAW_MESSAGE] = { KEY_INIT("message"), false },
	[RAW_ERROR_MESSAGE] = { KEY_INIT("error_message"), false },
	[RAW_FILE_PATH] = { KEY_INIT("file_path"), false },
};

static const char *const cuts[CUT_COUNT] = {
	[CUT_DATA] = "sockline.packet.data",
	[CUT_COMMAND_LINE] = "process.command_line",
	[CUT_ARGS] = "process.args",
	[CUT_ANSWERS] = "dns.answers",
	[CUT_PARENT_EXECUTABLE] = "process.parent.executable",
	[CUT_EXECUTABLE] = "process.executable",
	[CUT_PEER_EXECUTABLE] = "sockline.peer.process.executable",
	[CUT_CGROUP] = "sockline.cgroup",
	[CUT_CONTAINER_ID] = "container.id",
	[CUT_HOLDERS] = "sockline.holders",
	[CUT_CAPTURE] = "sockline.stats.capture",
	[CUT_FILTER] = "sockline.config.filter",
	[CUT_INTERFACES] = "sockline.config.interfaces",
	[CUT_COMMAND] = "sockline.config.command",
	[CUT_SELECTION] = "sockline.config.selection",
	[CUT_FIELDS] = "sockline.config.fields",
	[CUT_WITHOUT] = "sockline.config.without",
	[CUT_NETNS_PATHS] = "sockline.config.netns_paths",
	[CUT_FILE] = "sockline.config.file",
	[CUT_FILE_PATH] = "file.path",
	[CUT_DEGRADED] = "sockline.degraded",
	[CUT_ERROR_MESSAGE] = "error.message",
	[CUT_MESSAGE] = "message",
	[CUT_USER_NAME] = "user.name",
	[CUT_RAW] = "sockline.raw",
};

struct writer *encode_writer_begin(struct record *record, char *room, size_t size)
{
	record->caching = false;
	record->failed = false;
	record->too_long = false;
	record->raw_lost = false;
	record->cut = 0;
	record->met = 0;
	record->marked = 0;
	record->raw_count = 0;
	record->depth = 0;
	record->fields = NULL;
	record->end = room ? room + size : NULL;
	record->writer = (struct writer){ .at = room, .record = record };
	return &record->writer;
}

int encode_writer_print(struct writer *writer, struct buf *line)
{
	const struct record *record = writer->record;
	struct json_object *root = record->path[0];
	size_t length = 0;
	const char *text = NULL;

	if (!record->failed)
		text = json_object_to_json_string_length(
			root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
	if (text)
		buf_append(line, text, length);
	json_object_put(root);
	return text ? 0 : -ENOMEM;
}

/* Takes value, which is NULL when memory was short. */
static void add(struct writer *writer, const char *name, struct json_object *value)
{
	struct record *record = writer->record;
	struct json_object *parent = record->path[record->depth - 1];
	int result = -1;

	if (record->failed || !value) {
		json_object_put(value);
		record->failed = true;
		return;
	}
	if (name)
		result = json_object_object_add_ex(parent, name, value,
		                                   JSON_C_OBJECT_ADD_KEY_IS_NEW |
		                                           JSON_C_OBJECT_KEY_IS_CONSTANT);
	else
		result = json_object_array_add(parent, value);
	if (result != 0) {
		json_object_put(value);
		record->failed = true;
	}
}

/*
 * Makes room for a member where at is NULL: false when it is not wanted. In a narrow record at
 * is the place until settle(); in a tree it stays NULL.
 */
static bool admit(struct writer *writer, const struct key *key)
{
	return !writer->record->fields || encode_narrow_take(writer, key);
}

static void settle(struct writer *writer)
{
	if (writer->record->fields)
		encode_narrow_give(writer);
}

void encode_writer_open(struct writer *writer, const struct key *key, bool array)
{
	struct record *record = writer->record;
	struct json_object *value;

	if (record->fields) {
		encode_narrow_open(writer, key, array);
		return;
	}
	value = array ? json_object_new_array() : json_object_new_object();
	if (record->depth > 0)
		add(writer, key->name, value);
	else
		record->failed = !value;
	/* After a failure nothing is added any more, but the depth still has to be right. */
	record->path[record->depth++] = value;
}

void encode_writer_close(struct writer *writer, char bracket)
{
	if (writer->record->fields)
		encode_narrow_close(writer, bracket);
	else
		writer->record->depth--;
}

bool encode_writer_wants(const struct record *record, const struct key *key)
{
	return !record->fields || encode_narrow_wants(record, key);
}

/* json-c escapes too little (and the slash): what it gets here is the inside of a string already. */
static int print_escaped(struct json_object *value, struct printbuf *out, int level, int flags)
{
	(void)level;
	(void)flags;
	if (printbuf_memappend(out, "\"", 1) < 0 ||
	    printbuf_memappend(out, json_object_get_string(value),
	                       json_object_get_string_len(value)) < 0)
		return -1;
	return printbuf_memappend(out, "\"", 1);
}

static void add_text(struct writer *writer, const char *name, const char *text, size_t length)
{
	struct json_object *value = json_object_new_string_len(text, (int)length);

	if (value)
		json_object_set_serializer(value, print_escaped, NULL, NULL);
	add(writer, name, value);
}

void encode_writer_text(struct writer *writer, const struct key *key, const char *text,
                        size_t length)
{
	if (writer->record->fields)
		encode_narrow_text(writer, key, text, length);
	else
		add_text(writer, key->name, text, length);
}

void encode_writer_time(struct writer *writer, const struct key *key, struct buf_time_cache *cache,
                        int64_t time_ns)
{
	char text[BUF_TIME_LENGTH];

	if (!encode_writer_wants(writer->record, key))
		return;
	buf_put_time(text, cache, time_ns);
	encode_writer_text(writer, key, text, sizeof text);
}

static void append_number(struct writer *writer, const struct key *key, bool negative,
                          uint64_t value)
{
	struct buf room;

	writer_append(writer, key->quoted, key->length);
	if (negative)
		writer_append(writer, "-", 1);
	room = writer_room(writer);
	buf_append_u64(&room, value);
	writer_take(writer, &room);
	writer_append(writer, ",", 1);
}

void encode_writer_large(struct writer *writer, const struct key *key, uint64_t value)
{
	if (writer->at)
		append_number(writer, key, false, value);
	else if (writer->record->fields)
		encode_narrow_u64(writer, key, value);
	else
		add(writer, key->name, json_object_new_uint64(value));
}

void encode_writer_i64(struct writer *writer, const struct key *key, int64_t value)
{
	bool indirect = !writer->at;

	if (indirect && !admit(writer, key))
		return;
	if (!writer->at)
		add(writer, key->name, json_object_new_int64(value));
	else
		append_number(writer, key, value < 0,
		              value < 0 ? -(uint64_t)value : (uint64_t)value);
	if (indirect)
		settle(writer);
}

void encode_writer_bool(struct writer *writer, const struct key *key, bool value)
{
	const char *text = value ? "true," : "false,";
	bool indirect = !writer->at;

	if (indirect && !admit(writer, key))
		return;
	if (!writer->at) {
		add(writer, key->name, json_object_new_boolean(value));
	} else {
		writer_append(writer, key->quoted, key->length);
		writer_append(writer, text, strlen(text));
	}
	if (indirect)
		settle(writer);
}

void encode_writer_seconds(struct writer *writer, const struct key *key, int64_t time_ns)
{
	char text[32];
	int64_t us = time_ns / 1000;
	int length = snprintf(text, sizeof text, "%s%" PRId64 ".%06d", us < 0 ? "-" : "",
	                      us < 0 ? -(us / 1000000) : us / 1000000,
	                      (int)(us < 0 ? -(us % 1000000) : us % 1000000));

	writer_append(writer, key->quoted, key->length);
	writer_append(writer, text, (size_t)length);
	writer_append(writer, ",", 1);
}

void encode_writer_keep_raw(struct writer *writer, const char *bytes, size_t length,
                            enum writer_raw raw)
{
	struct record *record = writer->record;

	if (raw == RAW_NONE)
		return;
	if (record->raw_count == WRITER_RAW_MAX) {
		record->raw_lost = true;
		return;
	}
	record->raws[record->raw_count].name = raw;
	record->raws[record->raw_count].bytes = bytes;
	record->raws[record->raw_count].length = length;
	record->raw_count++;
}

/*
 * A string that a formatter makes: in place, or for a tree in the scratch
 * buffer. One that overflows that fits no line either.
 */
static struct buf string_begin(struct writer *writer, const struct key *key)
{
	struct buf *scratch = &writer->record->encoder->scratch;

	if (!writer->at)
		return (struct buf){ .data = scratch->data, .capacity = scratch->capacity };
	writer_append(writer, key->quoted, key->length + 1);
	return writer_room(writer);
}

static void string_end(struct writer *writer, const struct key *key, const struct buf *string)
{
	if (writer->at) {
		writer_take(writer, string);
		writer_append(writer, "\",", 2);
	} else if (string->overflow) {
		writer->record->too_long = true;
	} else {
		add_text(writer, key->name, string->data, string->length);
	}
}

void encode_writer_string(struct writer *writer, const struct key *key, const char *bytes,
                          size_t length, enum writer_raw raw)
{
	bool indirect = !writer->at, exact;
	struct buf string;

	if (indirect && !admit(writer, key))
		return;
	string = string_begin(writer, key);
	exact = utf8_append_json(&string, bytes, length);
	string_end(writer, key, &string);
	if (!exact)
		encode_writer_keep_raw(writer, bytes, length, raw);
	if (indirect)
		settle(writer);
}

void encode_writer_base64(struct writer *writer, const struct key *key, const void *bytes,
                          size_t length)
{
	bool indirect = !writer->at;
	struct buf string;

	if (indirect && !admit(writer, key))
		return;
	string = string_begin(writer, key);
	buf_append_base64(&string, bytes, length);
	string_end(writer, key, &string);
	if (indirect)
		settle(writer);
}

void encode_writer_c_string(struct writer *writer, const struct key *key, const char *string,
                            enum writer_raw raw)
{
	if (string && *string)
		encode_writer_string(writer, key, string, strlen(string), raw);
}

static void write_raws_named(struct writer *writer, enum writer_raw name)
{
	const struct record *record = writer->record;
	const struct key *key = &raws[name].key;
	bool list = raws[name].list, open = false;

	for (int i = 0; i < record->raw_count; i++) {
		if (record->raws[i].name != name)
			continue;
		if (list && !open)
			writer_array(writer, key);
		open = true;
		encode_writer_base64(writer, list ? ELEMENT : key, record->raws[i].bytes,
		                     record->raws[i].length);
	}
	if (list && open)
		writer_array_end(writer);
}

void encode_writer_raw(struct writer *writer)
{
	if (writer->record->raw_count == 0 || writer_cuts(writer, CUT_RAW))
		return;
	writer_object(writer, KEY("raw"));
	for (int name = RAW_NONE + 1; name < RAW_COUNT; name++)
		write_raws_named(writer, (enum writer_raw)name);
	writer_object_end(writer);
}

void encode_writer_truncated(struct writer *writer)
{
	struct record *record = writer->record;
	uint32_t wanted = 0;

	for (int i = 0; i < CUT_COUNT; i++)
		if (!record->fields || fields_want(record->fields, cuts[i]))
			wanted |= 1u << i;
	record->marked &= wanted;
	wanted &= (record->cut & record->met) | record->marked |
	          (uint32_t)record->raw_lost << CUT_RAW;
	if (wanted == 0)
		return;
	writer_array(writer, KEY("truncated"));
	for (int i = 0; i < CUT_COUNT; i++) {
		if (wanted & 1u << i)
			writer_name(writer, ELEMENT, cuts[i]);
	}
	writer_array_end(writer);
}
