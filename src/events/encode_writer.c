/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_writer.h"

#include <errno.h>
#include <json.h>
#include <stdio.h>

#include "base/utf8.h"
#include "events/encode_parts.h"

static const struct {
	const char *name;
	bool list; /* the field is an array: raw is one too */
} raws[RAW_COUNT] = {
	[RAW_NONE] = { NULL, false },
	[RAW_HOST_NAME] = { "host_name", false },
	[RAW_INTERFACE_NAME] = { "interface_name", false },
	[RAW_SOURCE_ADDRESS] = { "source_address", false },
	[RAW_PROCESS_NAME] = { "process_name", false },
	[RAW_PROCESS_EXECUTABLE] = { "process_executable", false },
	[RAW_PROCESS_ARGS] = { "process_args", true },
	[RAW_PARENT_NAME] = { "parent_name", false },
	[RAW_USER_NAME] = { "user_name", false },
	[RAW_CONTAINER_ID] = { "container_id", false },
	[RAW_CGROUP] = { "cgroup", false },
	[RAW_PEER_PROCESS_NAME] = { "peer_process_name", false },
	[RAW_PEER_PROCESS_EXECUTABLE] = { "peer_process_executable", false },
	[RAW_HOLDER_NAMES] = { "holder_names", true },
	[RAW_CAPTURES] = { "captures", true },
	[RAW_INTERFACES] = { "interfaces", true },
	[RAW_FILE] = { "file", false },
	[RAW_FILTER] = { "filter", false },
	[RAW_MESSAGE] = { "message", false },
	[RAW_ERROR_MESSAGE] = { "error_message", false },
	[RAW_FILE_PATH] = { "file_path", false },
};

static const char *const cuts[CUT_COUNT] = {
	[CUT_DATA] = "sockline.packet.data",
	[CUT_ARGS] = "process.args",
	[CUT_EXECUTABLE] = "process.executable",
	[CUT_PEER_EXECUTABLE] = "sockline.peer.process.executable",
	[CUT_CGROUP] = "sockline.cgroup",
	[CUT_CONTAINER_ID] = "container.id",
	[CUT_HOLDERS] = "sockline.holders",
	[CUT_CAPTURE] = "sockline.stats.capture",
	[CUT_FILTER] = "sockline.config.filter",
	[CUT_INTERFACES] = "sockline.config.interfaces",
	[CUT_FILE] = "sockline.config.file",
	[CUT_FILE_PATH] = "file.path",
	[CUT_DEGRADED] = "sockline.degraded",
	[CUT_ERROR_MESSAGE] = "error.message",
	[CUT_MESSAGE] = "message",
	[CUT_USER_NAME] = "user.name",
	[CUT_RAW] = "sockline.raw",
};

void encode_writer_begin(struct writer *writer, struct encoder *encoder, struct buf *line)
{
	writer->encoder = encoder;
	writer->line = line;
	writer->caching = false;
	writer->failed = false;
	writer->too_long = false;
	writer->cut = 0;
	writer->met = 0;
	writer->raw_count = 0;
	writer->raw_lost = false;
	writer->depth = 0;
}

int encode_writer_print(struct writer *writer, struct buf *line)
{
	struct json_object *root = writer->path[0];
	const char *text;
	size_t length;
	int result = 0;

	if (writer->failed) {
		result = -ENOMEM;
	} else if (writer->too_long) {
		result = -ENOBUFS;
	} else {
		text = json_object_to_json_string_length(
			root, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &length);
		if (!text)
			result = -ENOMEM;
		else
			buf_append(line, text, length);
	}
	json_object_put(root);
	return result;
}

/* Takes value, which is NULL when memory was short. */
static void add(struct writer *writer, const char *name, struct json_object *value)
{
	struct json_object *parent = writer->path[writer->depth - 1];
	int result = -1;

	if (writer->failed || !value) {
		json_object_put(value);
		writer->failed = true;
		return;
	}
	if (name)
		result = json_object_object_add_ex(parent, name, value, JSON_C_OBJECT_ADD_KEY_IS_NEW |
		                                                        JSON_C_OBJECT_KEY_IS_CONSTANT);
	else
		result = json_object_array_add(parent, value);
	if (result != 0) {
		json_object_put(value);
		writer->failed = true;
	}
}

void encode_writer_tree_open(struct writer *writer, const char *name, bool array)
{
	struct json_object *value = array ? json_object_new_array() : json_object_new_object();

	if (writer->depth > 0)
		add(writer, name, value);
	else
		writer->failed = !value;
	/* After a failure nothing is added any more, but the depth still has to be right. */
	writer->path[writer->depth++] = value;
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

void encode_writer_tree_text(struct writer *writer, const char *name, const char *text, size_t length)
{
	struct json_object *value = json_object_new_string_len(text, (int)length);

	if (value)
		json_object_set_serializer(value, print_escaped, NULL, NULL);
	add(writer, name, value);
}

void encode_writer_tree_u64(struct writer *writer, const char *name, uint64_t value)
{
	add(writer, name, json_object_new_uint64(value));
}

void encode_writer_tree_i64(struct writer *writer, const char *name, int64_t value)
{
	add(writer, name, json_object_new_int64(value));
}

void encode_writer_tree_bool(struct writer *writer, const char *name, bool value)
{
	add(writer, name, json_object_new_boolean(value));
}

void encode_writer_keep_raw(struct writer *writer, const char *bytes, size_t length,
                            enum writer_raw raw)
{
	if (raw == RAW_NONE)
		return;
	if (writer->raw_count == WRITER_RAW_MAX) {
		writer->raw_lost = true;
		return;
	}
	writer->raws[writer->raw_count].name = raw;
	writer->raws[writer->raw_count].bytes = bytes;
	writer->raws[writer->raw_count].length = length;
	writer->raw_count++;
}

/* Tree: the text was made in the scratch buffer; a string that overflows it fits no line. */
static void add_scratch(struct writer *writer, struct key key, struct buf *scratch)
{
	if (scratch->overflow)
		writer->too_long = true;
	else
		encode_writer_tree_text(writer, key.name, scratch->data, scratch->length);
}

void encode_writer_string(struct writer *writer, struct key key, const char *bytes, size_t length,
                          enum writer_raw raw)
{
	struct buf *scratch = &writer->encoder->scratch;
	bool exact;

	if (writer->line) {
		buf_append(writer->line, key.quoted, key.length + 1);
		exact = utf8_append_json(writer->line, bytes, length);
		buf_append_literal(writer->line, "\",");
	} else {
		buf_reset(scratch);
		exact = utf8_append_json(scratch, bytes, length);
		add_scratch(writer, key, scratch);
	}
	if (!exact)
		encode_writer_keep_raw(writer, bytes, length, raw);
}

void encode_writer_c_string(struct writer *writer, struct key key, const char *string,
                            enum writer_raw raw)
{
	if (string && *string)
		encode_writer_string(writer, key, string, strlen(string), raw);
}

void encode_writer_base64(struct writer *writer, struct key key, const void *bytes, size_t length)
{
	struct buf *scratch = &writer->encoder->scratch;

	if (writer->line) {
		buf_append(writer->line, key.quoted, key.length + 1);
		buf_append_base64(writer->line, bytes, length);
		buf_append_literal(writer->line, "\",");
	} else {
		buf_reset(scratch);
		buf_append_base64(scratch, bytes, length);
		add_scratch(writer, key, scratch);
	}
}

/* A key that is known at run time only. */
static struct key key_of(const char *name, char *quoted, size_t size)
{
	int length = snprintf(quoted, size, "\"%s\":\"", name);

	return (struct key){ name, quoted, (size_t)length - 1 };
}

static void write_raws_named(struct writer *writer, enum writer_raw name)
{
	char quoted[48];
	struct key key = key_of(raws[name].name, quoted, sizeof quoted);
	bool list = raws[name].list, open = false;

	for (int i = 0; i < writer->raw_count; i++) {
		if (writer->raws[i].name != name)
			continue;
		if (list && !open)
			writer_array(writer, key);
		open = true;
		encode_writer_base64(writer, list ? ELEMENT : key, writer->raws[i].bytes,
		                     writer->raws[i].length);
	}
	if (list && open)
		writer_array_end(writer);
}

void encode_writer_raw(struct writer *writer)
{
	if (writer->raw_count == 0 || writer_cuts(writer, CUT_RAW))
		return;
	writer_object(writer, KEY("raw"));
	for (int name = RAW_NONE + 1; name < RAW_COUNT; name++)
		write_raws_named(writer, (enum writer_raw)name);
	writer_object_end(writer);
}

void encode_writer_truncated(struct writer *writer)
{
	uint32_t cut = writer->cut & writer->met;

	if (cut == 0 && !writer->raw_lost)
		return;
	writer_array(writer, KEY("truncated"));
	for (int i = 0; i < CUT_COUNT; i++) {
		if (cut & 1u << i || (i == CUT_RAW && writer->raw_lost))
			writer_name(writer, ELEMENT, cuts[i]);
	}
	writer_array_end(writer);
}
