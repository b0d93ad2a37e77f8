/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tracepoints/tracefs.h"

#include <errno.h>
#include <fcntl.h>

#include "check.h"
#include "trace_formats.h"

static void test_fields(void)
{
	static const struct {
		const char *format, *name;
		bool found;
		uint16_t offset, size;
	} cases[] = {
		{ FORMAT_STATE, "common_flags", true, 2, 1 },
		{ FORMAT_STATE, "skaddr", true, 8, 8 },
		{ FORMAT_STATE, "sport", true, 24, 2 },
		{ FORMAT_STATE, "saddr", true, 32, 4 },
		{ FORMAT_STATE, "saddr_v6", true, 40, 16 },
		{ FORMAT_STATE, "daddr_v6", true, 56, 16 },
		{ FORMAT_STATE, "addr", false, 0, 0 },
		{ FORMAT_STATE, "saddr_v", false, 0, 0 },
		{ FORMAT_STATE, "saddr[4]", false, 0, 0 },
		{ FORMAT_STATE, "void", false, 0, 0 },
		{ FORMAT_STATE, "", false, 0, 0 },
		{ FORMAT_ROUTE_V6, "dst", true, 47, 16 },
		{ FORMAT_EXIT, "group_dead", true, 32, 1 },
		{ FORMAT_EXIT_OLD, "group_dead", false, 0, 0 },
		{ FORMAT_EXEC, "filename", true, 8, 4 },
		{ FORMAT_EXEC, "old_pid", true, 16, 4 },
		{ "\tfield:int a;\toffset:8;\tsize:4;", "a", true, 8, 4 },
		{ "\tfield:int a;\toffset:8;\tsize:4", "a", false, 0, 0 },
		{ "\tfield:int a;\toffset:;\tsize:4;", "a", false, 0, 0 },
		{ "\tfield:int a;\toffset:65536;\tsize:4;", "a", false, 0, 0 },
		{ "\tfield:int a;\toffset:99999999999999999999;\tsize:4;", "a", false, 0, 0 },
		{ "\tfield:int a;\toffset:-8;\tsize:4;", "a", false, 0, 0 },
		{ "\tfield:int a;\tsize:4;\toffset:8;", "a", false, 0, 0 },
		{ "field:int a;\toffset:8;\tsize:4;", "a", false, 0, 0 },
		{ "\tfield:a;\toffset:8;\tsize:4;", "a", true, 8, 4 },
		{ "\tfield:];\toffset:8;\tsize:4;", "]", true, 8, 4 },
		{ "\tfield:;\toffset:8;\tsize:4;", "a", false, 0, 0 },
		{ "\tfield:int a\toffset:8;\tsize:4;", "a", false, 0, 0 },
		{ "", "a", false, 0, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t length = strlen(cases[i].format);
		const char *format = (const char *)check_guarded(cases[i].format, length);
		struct tracefs_field field = { 0, 0 };
		bool found = tracefs_parse_field(format, length, cases[i].name, &field);

		CHECK(found == cases[i].found && field.offset == cases[i].offset &&
		              field.size == cases[i].size,
		      "field '%s', case %zu", cases[i].name, i);
	}
}

static void test_ids(void)
{
	static const struct {
		const char *format;
		bool found;
		uint16_t id;
	} cases[] = {
		{ FORMAT_STATE, true, 2287 },   { "ID: 7", true, 7 },
		{ "ID: 65535\n", true, 65535 }, { "ID: 65536\n", false, 0 },
		{ "ID: \n", false, 0 },         { "ID: 7x\n", false, 0 },
		{ "id: 7\n", false, 0 },        { "name: ID: 7\n", false, 0 },
		{ "\n\nID: 0\n", true, 0 },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t length = strlen(cases[i].format);
		uint16_t id = 0;
		bool found = tracefs_parse_id((const char *)check_guarded(cases[i].format, length),
		                              length, &id);

		CHECK(found == cases[i].found && id == cases[i].id, "ID, case %zu", i);
	}
}

/* Whatever is cut off, nothing is read behind the end, and what is found is right. */
static void test_prefixes(void)
{
	static const char format[] = FORMAT_STATE;
	size_t wrong = 0;

	for (size_t length = 0; length < sizeof format; length++) {
		const char *prefix = (const char *)check_guarded(format, length);
		struct tracefs_field field;
		uint16_t id;

		if (tracefs_parse_field(prefix, length, "daddr_v6", &field) &&
		    (field.offset != 56 || field.size != 16))
			wrong++;
		/* The last digits may be cut off. */
		if (tracefs_parse_id(prefix, length, &id) && id != 2287 &&
		    prefix[length - 1] == '\n')
			wrong++;
	}
	CHECK_EQUAL(wrong, 0, "every prefix of a format file");
}

static void test_live(void)
{
	char *format = malloc(TRACEFS_FORMAT_MAX);
	struct error error = { .text = "" };
	int directory = tracefs_open(&error);
	long length;
	uint16_t id;

	if (directory < 0) {
		CHECK(error.code == -directory && error.text[0] != '\0',
		      "a reason is given # SKIP %s", error.text);
		free(format);
		return;
	}
	CHECK((fcntl(directory, F_GETFD) & FD_CLOEXEC) != 0, "the directory is not inherited");
	CHECK_EQUAL(tracefs_read_format(directory, "sock/nothing_such", format), -ENOENT,
	            "no such tracepoint");
	length = tracefs_read_format(directory, "sched/sched_process_exit", format);
	CHECK(length > 0 && tracefs_parse_id(format, (size_t)length, &id), "a tracepoint's number");
	close(directory);
	free(format);
}

int main(void)
{
	test_fields();
	test_ids();
	test_prefixes();
	test_live();
	return check_done();
}
