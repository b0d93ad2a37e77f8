/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of proc_fd share, and those of attribution over it. */
#ifndef SOCKLINE_TESTS_PROC_FD_FIXTURE_H
#define SOCKLINE_TESTS_PROC_FD_FIXTURE_H

#include "base/clock.h"
#include "check.h"
#include "fake_proc.h"
#include "processes/proc_fd.h"

static const struct hash_key key = { { 5, 6 } };

struct fixture {
	struct process_table *table;
	struct proc_fd *fds;
};

static inline struct fixture begin(const char *proc_dir, uint32_t max_processes,
                                   uint32_t max_sockets)
{
	struct fixture fixture;
	struct error error;

	if (process_table_new(&fixture.table, proc_dir, max_processes, &key, &error) != 0 ||
	    proc_fd_new(&fixture.fds, fixture.table, max_sockets, &key, &error) != 0) {
		printf("Bail out! %s\n", error.text);
		exit(EXIT_FAILURE);
	}
	return fixture;
}

static inline void finish(struct fixture *fixture)
{
	proc_fd_free(fixture->fds);
	process_table_free(fixture->table);
}

static inline void walk(struct proc_fd *fds, bool changed_only)
{
	proc_fd_walk_start(fds, changed_only);
	while (!proc_fd_walk(fds, NS_PER_SECOND))
		;
}

/* "1 2 3": pids of the holders; "" when there is none. */
static inline const char *holders_of(struct proc_fd *fds, uint64_t inode)
{
	static char text[512];
	struct proc_fd_holders holders;
	size_t length = 0;

	text[0] = '\0';
	if (proc_fd_find(fds, inode, &holders) != 0)
		return text;
	for (int i = 0; i < holders.count; i++)
		length += (size_t)snprintf(text + length, sizeof text - length, "%s%d",
		                           i ? " " : "", holders.processes[i]->pid);
	if (holders.more)
		snprintf(text + length, sizeof text - length, " more");
	return text;
}

#endif
