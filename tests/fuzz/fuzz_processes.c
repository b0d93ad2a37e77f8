/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: texts of /proc and messages of the process events connector. The
 * first byte chooses the parser, the rest is its input.
 */
#include <stdlib.h>
#include <string.h>

#include "processes/container.h"
#include "processes/container_names.h"
#include "processes/proc_events.h"
#include "processes/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void fuzz_stat(const char *text, size_t length)
{
	struct process_stat stat;

	if (!process_parse_stat(text, length, &stat))
		return;
	check(memchr(stat.name, '\0', sizeof stat.name) != NULL);
	check(stat.parent_pid >= 0 && stat.threads >= 0);
	process_stat_exited(&stat);
}

static void fuzz_status(const char *text, size_t length)
{
	uint32_t uid;
	int tgid = -1;

	if (process_parse_status(text, length, &tgid, &uid))
		check(tgid >= 0);
}

static void fuzz_link(const char *text, size_t length)
{
	char *string = strndup(text, length);
	uint64_t inode;

	check(string != NULL);
	if (process_parse_link(string, "socket:[", &inode))
		check(strtoull(string + strlen("socket:["), NULL, 10) == inode);
	free(string);
}

static void fuzz_cgroup(const char *text, size_t length)
{
	size_t path_length = 0, id_length = 0;
	const char *path, *id;

	if (container_cgroup_path(text, length, &path, &path_length))
		check(path >= text && path + path_length <= text + length && path[0] == '/');
	if (container_find(text, length, &id, &id_length))
		check(id_length > 0 && id >= text && id + id_length <= text + length);
	if (container_id(text, length, &id, &id_length))
		check(id_length > 0 && id >= text && id + id_length <= text + length &&
		      memchr(id, '/', id_length) == NULL);
}

/* The first byte chooses the format. */
static void fuzz_container(const char *text, size_t length)
{
	static const char id[] = "1f2e3d4c5b6a79880123456789abcdef0123456789abcdef0123456789abcdef";
	struct container_facts *facts;

	if (length == 0)
		return;
	facts = container_names_parse((enum container_names_format)(text[0] & 3), text + 1,
	                              length - 1, id);
	if (!facts)
		return;
	check(facts->references == 1 && facts->runtime != NULL);
	check(!facts->name ||
	      (facts->name[0] != '\0' && strlen(facts->name) <= CONTAINER_NAMES_TEXT_MAX));
	container_facts_unref(facts);
}

static void fuzz_event(const char *message, size_t length)
{
	struct proc_event event;

	if (proc_events_parse(message, length, &event))
		check(event.pid > 0 && event.tid > 0 && event.kind <= PROC_EVENT_THREAD_EXIT &&
		      (event.tid == event.pid) == (event.kind != PROC_EVENT_THREAD_EXIT));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const parsers[])(const char *, size_t) = {
		fuzz_stat, fuzz_status, fuzz_link, fuzz_cgroup, fuzz_event, fuzz_container,
	};
	char *copy;

	if (size < 1)
		return 0;
	/* A copy, so that the sanitizer sees both ends; never NULL. */
	copy = malloc(size - 1 + (size == 1));
	check(copy != NULL);
	memcpy(copy, data + 1, size - 1);
	parsers[data[0] % (sizeof parsers / sizeof *parsers)](copy, size - 1);
	free(copy);
	return 0;
}
