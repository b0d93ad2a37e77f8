/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --self-test: everything is open as for a run, but files, which are looked at alone. What is there
 * and what is missing is printed.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app/option_table.h"
#include "app/run_private.h"
#include "base/clock.h"
#include "security/capabilities.h"

#define CONNECT_NS   (2 * NS_PER_SECOND)
#define CONNECT_STEP (50 * NS_PER_MS)

static void __attribute__((format(printf, 2, 3))) print(const char *what, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	printf("%-12s", what);
	vprintf(format, arguments);
	putchar('\n');
	va_end(arguments);
}

static int namespaces_of(const struct capture_set *captures)
{
	int count = 0;

	for (int i = 0; i < capture_set_count(captures); i++) {
		bool again = false;

		for (int before = 0; before < i && !again; before++)
			again = capture_set_netns(captures, before) ==
			        capture_set_netns(captures, i);
		count += !again;
	}
	return count;
}

/* By name, those of one namespace: the others have the same. */
static void print_captures(const struct run *run)
{
	int count = run->captures ? capture_set_count(run->captures) : 0;

	for (int i = 0; i < count; i++)
		if (capture_set_netns(run->captures, i) == capture_set_netns(run->captures, 0))
			print("capture", "%s", capture_set_name(run->captures, i));
	if (count > 0 && !run_is_replay(run))
		print("namespaces", "%d captured", namespaces_of(run->captures));
}

static void print_owners(const struct run *run)
{
	if (!run->host)
		return;
	print("owners", "%s", option_table_word("attribution", host_method(run->host)));
	for (int i = 0; i < run->privileges.count; i++)
		print("capability", "%s: %s", capabilities_name(run->privileges.list[i].capability),
		      run->privileges.list[i].feature);
}

/* A socket is connected when the first records are written. */
static bool is_connected(struct run *run)
{
	const struct timespec step = { .tv_nsec = CONNECT_STEP };
	int64_t end_ns = clock_monotonic_ns() + CONNECT_NS;

	while (outlet_turn(run->outlet, false) == SINK_OPEN && sink_is_absent(run->sink) &&
	       clock_monotonic_ns() < end_ns)
		nanosleep(&step, NULL);
	return !sink_is_absent(run->sink);
}

/* Returns how many are missing, as the next. */
static int print_file(const char *what, const char *path, const struct error *missing)
{
	if (missing->code != 0)
		print("MISSING", "%s", missing->text);
	else
		print(what, "%s", path);
	return missing->code != 0;
}

static int print_output(struct run *run)
{
	const char *path = run->options->output_file;
	struct outlet_changes changes;

	if (outlet_is_file(path))
		return print_file("output", path, &run->output_missing);
	if (is_connected(run)) {
		print("output", "%s", path ? path : "standard output");
		return 0;
	}
	outlet_take_changes(run->outlet, &changes);
	print("MISSING", "%s: %s; records would wait", path,
	      changes.failed > 0 ? changes.error.text : "no answer");
	return 1;
}

static int print_packets(const struct run *run)
{
	const char *path = run->options->write_file;

	if (!path)
		return 0;
	return print_file("packets", strcmp(path, "-") == 0 ? "standard output" : path,
	                  &run->packets_missing);
}

int run_self_test(struct run *run)
{
	const char *const *degraded = NULL;
	int count = 0, missing;

	if (run->host)
		degraded = host_degraded(run->host, &count);
	print_captures(run);
	print_owners(run);
	missing = count + print_output(run) + print_packets(run);
	for (int i = 0; i < count; i++)
		print("MISSING", "%s", degraded[i]);
	if (missing > 0)
		print("", "see PRIVILEGES in sockline(8)");
	return missing == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
