/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_parts.h"

static void write_strings(struct writer *writer, struct key key, const char *const *strings)
{
	writer_array(writer, key);
	for (int i = 0; i < 2; i++)
		writer_name(writer, ELEMENT, strings[i]);
	writer_array_end(writer);
}

/* Everything between the time and the sequence number depends on the action alone. */
static void write_class(struct writer *writer, enum event_action action)
{
	const struct event_class *class = event_class(action);

	writer_object(writer, KEY("ecs"));
	writer_literal(writer, "version", EVENT_ECS_VERSION);
	writer_object_end(writer);
	writer_object(writer, KEY("event"));
	writer_name(writer, KEY("kind"), class->kind);
	write_strings(writer, KEY("category"), class->categories);
	write_strings(writer, KEY("type"), class->types);
	writer_name(writer, KEY("action"), class->action);
	writer_name(writer, KEY("dataset"), class->dataset);
}

static void write_timestamp(struct writer *writer, int64_t time_ns)
{
	char text[BUF_TIME_LENGTH];
	struct buf digits = { .data = text, .capacity = sizeof text };

	buf_append_time_cached(&digits, &writer->encoder->second, time_ns);
	writer_text(writer, KEY("@timestamp"), text, digits.length);
}

void encode_record_begin(struct writer *writer, const struct event *event)
{
	struct memo *memo = &writer->encoder->classes[event->action];
	const char *from;

	writer_object(writer, ELEMENT);
	write_timestamp(writer, event->time_ns);
	from = encode_cache_from(writer);
	if (!encode_cache_replay(writer, memo)) {
		write_class(writer, event->action);
		encode_cache_keep(writer, memo, from);
	}
	writer_count(writer, KEY("sequence"), event->sequence);
}

void encode_record_host(struct writer *writer)
{
	struct encoder *encoder = writer->encoder;
	const char *from;

	writer_object_end(writer);
	from = encode_cache_from(writer);
	if (encode_cache_replay(writer, &encoder->host))
		return;
	writer_object(writer, KEY("host"));
	encode_writer_c_string(writer, KEY("name"), encoder->host_name, RAW_HOST_NAME);
	writer_object_end(writer);
	encode_cache_keep(writer, &encoder->host, from);
}

void encode_record_host_booted(struct writer *writer, const char *boot_id)
{
	writer_object_end(writer);
	writer_object(writer, KEY("host"));
	encode_writer_c_string(writer, KEY("name"), writer->encoder->host_name, RAW_HOST_NAME);
	if (boot_id) {
		writer_object(writer, KEY("boot"));
		encode_writer_c_string(writer, KEY("id"), boot_id, RAW_NONE);
		writer_object_end(writer);
	}
	writer_object_end(writer);
}

void encode_record_sockline(struct writer *writer)
{
	struct encoder *encoder = writer->encoder;
	const char *from = encode_cache_from(writer);

	if (encode_cache_replay(writer, &encoder->run))
		return;
	writer_object(writer, KEY("sockline"));
	writer_literal(writer, "schema", EVENT_SCHEMA_VERSION);
	writer_id(writer, KEY("run"), encoder->run_id);
	encode_cache_keep(writer, &encoder->run, from);
}

void encode_record_end(struct writer *writer)
{
	encode_writer_raw(writer);
	encode_writer_truncated(writer);
	writer_object_end(writer);
	writer_object_end(writer);
}
