/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: the first byte says how many bytes of a field's name follow; the
 * rest is a format file. What is learned of it must be inside a record.
 */
#include "tracepoints/tracefs.h"

#include <stdlib.h>
#include <string.h>

#include "tracepoints/trace_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A copy, so that the sanitizer sees both ends; never NULL. */
static char *copy_of(const uint8_t *bytes, size_t length, size_t room)
{
	char *copy = malloc(room + !room);

	if (copy == NULL)
		abort();
	memcpy(copy, bytes, length);
	return copy;
}

static void check_layout(const struct trace_record_layout *layout, int event)
{
	if (!layout->events[event].known)
		abort();
	for (int i = 0; i < TRACE_RECORD_FIELDS; i++)
		if (layout->events[event].offsets[i] >= layout->events[event].bytes)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct trace_record_layout layout = { .has_cgroup = false };
	struct tracefs_field field = { 1, 2 }, before = field;
	size_t name_length;
	char *name, *format;
	uint16_t id;

	if (size < 1 || (size_t)data[0] + 1 > size)
		return 0;
	name_length = data[0];
	name = copy_of(data + 1, name_length, name_length + 1);
	name[name_length] = '\0';
	data += 1 + name_length;
	size -= 1 + name_length;
	format = copy_of(data, size, size);
	if (!tracefs_parse_field(format, size, name, &field) &&
	    memcmp(&field, &before, sizeof field) != 0)
		abort();
	tracefs_parse_id(format, size, &id);
	for (int event = 0; event < TRACE_RECORD_EVENTS; event++)
		if (trace_record_learn(&layout, (enum trace_record_event)event, format, size) == 0)
			check_layout(&layout, event);
	free(format);
	free(name);
	return 0;
}
