/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "events/encode_parts.h"

static void write_strings(struct writer *writer, const struct key *key, const char *const *strings)
{
	writer_array(writer, key);
	for (int i = 0; i < 2; i++)
		writer_name(writer, ELEMENT, strings[i]);
	writer_array_end(writer);
}

/* Everything between the time and the sequence number depends on the action alone. */
void encode_record_class(struct writer *writer, const void *object, int action)
{
	const struct event_class *class = event_class((enum event_action)action);

	(void)object;
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

void encode_record_begin(struct writer *outside, const struct event *event)
{
	struct writer own = writer_own(outside), *const writer = &own;

	encode_record_open(writer, event);
	writer_return(outside, &own);
}

static void write_labels(struct writer *writer, char *const *labels)
{
	if (!labels[0])
		return;
	writer_object(writer, KEY("labels"));
	for (int i = 0; labels[i]; i += 2) {
		char quoted[ENCODER_LABEL_NAME_MAX + 5];
		const struct key key = {
			.name = labels[i],
			.quoted = quoted,
			.length =
				(size_t)snprintf(quoted, sizeof quoted, "\"%s\":\"", labels[i]) - 1,
		};

		encode_writer_c_string(writer, &key, labels[i + 1], RAW_NONE);
	}
	writer_object_end(writer);
}

static void write_host(struct writer *writer, const char *boot_id)
{
	const struct encoder *encoder = writer->record->encoder;

	writer_object(writer, KEY("host"));
	encode_writer_c_string(writer, KEY("name"), encoder->host_name, RAW_HOST_NAME);
	if (encoder->host_id)
		encode_writer_c_string(writer, KEY("id"), encoder->host_id, RAW_NONE);
	writer_object(writer, KEY("os"));
	writer_literal(writer, "type", "linux");
	writer_object_end(writer);
	if (boot_id) {
		writer_object(writer, KEY("boot"));
		encode_writer_c_string(writer, KEY("id"), boot_id, RAW_NONE);
		writer_object_end(writer);
	}
	writer_object_end(writer);
	write_labels(writer, encoder->labels);
}

void encode_record_host_at(struct writer *writer, const void *object, int piece)
{
	const struct interface *interface = object;

	(void)piece;
	write_host(writer, NULL);
	if (interface)
		encode_tuple_observer(writer,
		                      interface->long_name ? interface->long_name : interface->name,
		                      interface->ifindex);
}

void encode_record_host_booted(struct writer *writer, const char *boot_id)
{
	writer_object_end(writer);
	write_host(writer, boot_id);
}

void encode_record_run(struct writer *writer, const void *object, int piece)
{
	(void)object;
	(void)piece;
	writer_object(writer, KEY("sockline"));
	writer_literal(writer, "schema", EVENT_SCHEMA_VERSION);
	writer_id(writer, KEY("run"), writer->record->encoder->run_id);
}

void encode_record_end(struct writer *writer)
{
	encode_record_close(writer);
}
