/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the two tests of process_table share. */
#ifndef SOCKLINE_TESTS_PROCESS_TABLE_FIXTURE_H
#define SOCKLINE_TESTS_PROCESS_TABLE_FIXTURE_H

#include "base/clock.h"
#include "check.h"
#include "fake_proc.h"
#include "processes/process_table.h"

static const struct hash_key key = { { 1, 2 } };

static inline struct process_table *open_table(const char *proc_dir, uint32_t max)
{
	struct process_table *table = NULL;
	struct error error;

	if (process_table_new(&table, proc_dir, max, &key, &error) != 0) {
		printf("Bail out! %s\n", error.text);
		exit(EXIT_FAILURE);
	}
	return table;
}

/* Where there must be a process, lest the rest makes no sense. */
static inline struct process *need(struct process *process)
{
	if (!process) {
		printf("Bail out! no process\n");
		exit(EXIT_FAILURE);
	}
	return process;
}

static inline bool is(const char *string, const char *expected)
{
	return string && strcmp(string, expected) == 0;
}

#endif
