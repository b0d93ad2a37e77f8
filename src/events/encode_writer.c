/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <json.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "events/encode_parts.h"

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

void encode_writer_tree_open(struct writer *writer, const char *name, bool array)
{
	struct json_object *value = array ? json_object_new_array() : json_object_new_object();
	struct record *record = writer->record;

	if (record->depth > 0)
		add(writer, name, value);
	else
		record->failed = !value;
	/* After a failure nothing is added any more, but the depth still has to be right. */
	record->path[record->depth++] = value;
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

void encode_writer_tree_text(struct writer *writer, const char *name, const char *text,
                             size_t length)
{
	struct json_object *value = json_object_new_string_len(text, (int)length);

	if (value)
		json_object_set_serializer(value, print_escaped, NULL, NULL);
	add(writer, name, value);
}

static void append_name(struct writer *writer, const char *name)
{
	if (!name)
		return;
	writer_append(writer, "\"", 1);
	writer_append(writer, name, strlen(name));
	writer_append(writer, "\":", 2);
}

void encode_writer_large(struct writer *writer, const char *name, uint64_t value)
{
	struct buf room;

	if (writer_is_tree(writer)) {
		add(writer, name, json_object_new_uint64(value));
		return;
	}
	append_name(writer, name);
	room = writer_room(writer);
	buf_append_u64(&room, value);
	writer_take(writer, &room);
	writer_append(writer, ",", 1);
}

void encode_writer_i64(struct writer *writer, const struct key *key, int64_t value)
{
	struct buf room;

	if (!writer->at) {
		add(writer, key->name, json_object_new_int64(value));
		return;
	}
	writer_append(writer, key->quoted, key->length);
	if (value < 0)
		writer_append(writer, "-", 1);
	room = writer_room(writer);
	buf_append_u64(&room, value < 0 ? -(uint64_t)value : (uint64_t)value);
	writer_take(writer, &room);
	writer_append(writer, ",", 1);
}

void encode_writer_bool(struct writer *writer, const struct key *key, bool value)
{
	const char *text = value ? "true," : "false,";

	if (!writer->at) {
		add(writer, key->name, json_object_new_boolean(value));
		return;
	}
	writer_append(writer, key->quoted, key->length);
	writer_append(writer, text, strlen(text));
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
		encode_writer_tree_text(writer, key->name, string->data, string->length);
	}
}

void encode_writer_string(struct writer *writer, const struct key *key, const char *bytes,
                          size_t length, enum writer_raw raw)
{
	struct buf string = string_begin(writer, key);
	bool exact = utf8_append_json(&string, bytes, length);

	string_end(writer, key, &string);
	if (!exact)
		encode_writer_keep_raw(writer, bytes, length, raw);
}

void encode_writer_base64(struct writer *writer, const struct key *key, const void *bytes,
                          size_t length)
{
	struct buf string = string_begin(writer, key);

	buf_append_base64(&string, bytes, length);
	string_end(writer, key, &string);
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
	const struct record *record = writer->record;
	uint32_t cut = (record->cut & record->met) | record->marked;

	if (cut == 0 && !record->raw_lost)
		return;
	writer_array(writer, KEY("truncated"));
	for (int i = 0; i < CUT_COUNT; i++) {
		if (cut & 1u << i || (i == CUT_RAW && record->raw_lost))
			writer_name(writer, ELEMENT, cuts[i]);
	}
	writer_array_end(writer);
}
