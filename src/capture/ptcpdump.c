/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "capture/ptcpdump.h"

#include <limits.h>
#include <string.h>

#define ELLIPSIS "..."

/* -1: it is none, or more than maximum. */
static int64_t number_of(struct process_text value, int64_t maximum)
{
	int64_t number = 0;

	for (size_t i = 0; i < value.length; i++) {
		if (value.text[i] < '0' || value.text[i] > '9')
			return -1;
		number = 10 * number + (value.text[i] - '0');
		if (number > maximum)
			return -1;
	}
	return value.length > 0 ? number : -1;
}

static void set_pid(int *pid, struct process_text value)
{
	int64_t number = number_of(value, INT_MAX);

	if (number > 0)
		*pid = (int)number;
}

/* A part of a path would be another path. */
static void set_text(struct process_text *text, struct process_text value)
{
	const size_t cut = sizeof ELLIPSIS - 1;

	if (value.length == 0 ||
	    (value.length >= cut && memcmp(value.text + value.length - cut, ELLIPSIS, cut) == 0))
		return;
	*text = value;
}

static bool is(struct process_text key, const char *word)
{
	return key.length == strlen(word) && memcmp(key.text, word, key.length) == 0;
}

static void take(struct process_text key, struct process_text value, struct owner_facts *facts)
{
	int64_t number;

	if (is(key, "PID")) {
		set_pid(&facts->pid, value);
	} else if (is(key, "Cmd")) {
		set_text(&facts->texts.executable, value);
	} else if (is(key, "UserId")) {
		number = number_of(value, UINT32_MAX);
		facts->has_real_uid = number >= 0;
		facts->real_uid = number >= 0 ? (uint32_t)number : 0;
	} else if (is(key, "ParentPID")) {
		set_pid(&facts->parent_pid, value);
	} else if (is(key, "ParentCmd")) {
		set_text(&facts->texts.parent_executable, value);
	} else if (is(key, "ContainerId")) {
		set_text(&facts->texts.container_id, value);
	}
}

void ptcpdump_parse(const char *comment, size_t length, struct owner_facts *facts)
{
	const char *at = comment, *end = comment + length;

	while (at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const char *stop = newline ? newline : end;
		const char *colon = memchr(at, ':', (size_t)(stop - at));

		if (colon && stop - colon >= 2 && colon[1] == ' ')
			take((struct process_text){ at, (size_t)(colon - at) },
			     (struct process_text){ colon + 2, (size_t)(stop - colon) - 2 }, facts);
		at = stop + 1;
	}
}

static void name_by_path(struct process_text *name, struct process_text path)
{
	const char *slash = path.text ? memrchr(path.text, '/', path.length) : NULL;
	size_t length = slash ? path.length - (size_t)(slash + 1 - path.text) : 0;

	if (length > 0)
		*name = (struct process_text){ slash + 1, length };
}

void ptcpdump_complete(struct owner_facts *facts)
{
	name_by_path(&facts->texts.name, facts->texts.executable);
	name_by_path(&facts->texts.parent_name, facts->texts.parent_executable);
}
