/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Where a new socket is likely to be. Short connections reuse the lowest free descriptor. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/proc_fd.h"
#include "processes/proc_fd_private.h"
#include "processes/proc_loadavg.h"

#define NEIGHBOURS   3 /* after the last match */
#define LOWEST_FD    3 /* 0 to 2 are the standard streams */
#define LOWEST_COUNT 4
#define SCAN_CALLS   12 /* system calls of a scan besides its readlinks */
#define GENERATIONS  4  /* of processes that have one socket by inheritance */

struct attempt {
	struct proc_fd *fds;
	uint64_t inode;
	int budget; /* system calls left */
	struct proc_fd_holders *holders;
};

static void remember(struct proc_fd *fds, int pid, int fd)
{
	int last = 0;

	while (last < PROC_FD_MATCHES - 1 && fds->matches[last].pid != 0 &&
	       fds->matches[last].pid != pid)
		last++;
	memmove(fds->matches + 1, fds->matches, (size_t)last * sizeof *fds->matches);
	fds->matches[0] = (struct proc_fd_match){ pid, fd };
}

static bool accept(struct attempt *attempt, struct process *process, int fd)
{
	if (!process)
		return false;
	proc_fd_add_holder(attempt->fds, attempt->holders, process);
	remember(attempt->fds, process->pid, fd);
	attempt->fds->counters.predicted++;
	return true;
}

/* Where to look. */
struct place {
	int pid;
	int dir;
	struct process *process; /* whose the directory is, in the table; NULL: opened by us */
};

static int open_place(struct attempt *attempt, struct place *place)
{
	attempt->budget -= 2;
	place->process = NULL;
	place->dir = process_table_open_dir(attempt->fds->table, place->pid);
	return place->dir < 0 ? place->dir : 0;
}

static int find_place(struct attempt *attempt, struct place *place, int pid)
{
	struct process_table *table = attempt->fds->table;

	*place = (struct place){ .pid = pid, .dir = -1 };
	place->process = process_table_find(table, pid, 0);
	if (place->process && !place->process->exited_ns)
		place->dir = process_table_dir(table, place->process);
	return place->dir >= 0 ? 0 : open_place(attempt, place);
}

/* The holder for a process; one of another process with the same pid goes. NONE: no memory. */
static uint32_t take_holder(struct proc_fd *fds, const struct process *process)
{
	uint32_t holder = fd_index_holder(&fds->index, process->pid);

	if (holder != FD_INDEX_NONE) {
		if (fds->index.holders[holder].start_ticks == process->start_ticks)
			return holder;
		fd_index_drop_holder(&fds->index, holder);
	}
	holder = fd_index_add_holder(&fds->index, process->pid, process->start_ticks);
	if (holder != FD_INDEX_NONE)
		fds->index.holders[holder].walk = fds->walk.number;
	return holder;
}

/* A descriptor matched. In our own directory that says whose pid it is, and not yet which process. */
static bool found(struct attempt *attempt, const struct place *place, int fd)
{
	struct proc_fd *fds = attempt->fds;
	struct process *process = place->process;
	uint32_t holder, entry;

	if (!process)
		process = process_table_get(fds->table, place->pid, NULL);
	if (!process || process->exited_ns)
		return false;
	holder = take_holder(fds, process);
	if (holder == FD_INDEX_NONE)
		return false;
	entry = fd_index_put(&fds->index, holder, fd, attempt->inode, fds->stamp);
	if (entry == FD_INDEX_NONE)
		return false;
	if (!place->process)
		process = proc_fd_verify(fds, entry);
	else if (process_table_refresh(fds->table, process) != 0)
		process = NULL;
	return accept(attempt, process, fd);
}

static void leave_place(const struct place *place)
{
	if (!place->process && place->dir >= 0)
		close(place->dir);
}

static bool try_fd(struct attempt *attempt, struct place *place, int fd)
{
	struct proc_fd *fds = attempt->fds;
	uint64_t inode;
	char path[24];
	int result;

	if (attempt->budget <= 0)
		return false;
	attempt->budget--;
	snprintf(path, sizeof path, "fd/%d", fd);
	result = fd_scan_read_link(place->dir, path, &inode);
	if (result == -ESRCH && place->process) {
		/* The table did not know that it exited. The pid may be another's by now. */
		process_table_exited(fds->table, place->pid, clock_monotonic_ns());
		if (open_place(attempt, place) == 0)
			result = fd_scan_read_link(place->dir, path, &inode);
	}
	if (result != 1 || inode != attempt->inode)
		return false;
	if (found(attempt, place, fd))
		return true;
	attempt->budget = 0; /* it was there, and exited in this moment: no use to go on */
	return false;
}

static bool try_match(struct attempt *attempt, struct proc_fd_match match, int first, int count)
{
	struct place place;
	bool matched = false;

	if (find_place(attempt, &place, match.pid) < 0)
		return false;
	for (int i = 0; i < count && !matched; i++)
		matched = try_fd(attempt, &place, match.fd + first + i);
	leave_place(&place);
	return matched;
}

static bool try_matches(struct attempt *attempt)
{
	struct proc_fd_match matches[PROC_FD_MATCHES];
	static const struct {
		int first, count;
	} rounds[] = { { 0, 1 }, { 1, NEIGHBOURS } };

	memcpy(matches, attempt->fds->matches, sizeof matches);
	for (size_t round = 0; round < 2; round++)
		for (int i = 0; i < PROC_FD_MATCHES && attempt->budget > 0; i++)
			if (matches[i].pid != 0 &&
			    try_match(attempt, matches[i], rounds[round].first,
			              rounds[round].count))
				return true;
	return false;
}

/* Reads the whole directory, where it changed and the budget allows. */
static void scan_changed(struct attempt *attempt, int dir, int pid)
{
	struct proc_fd *fds = attempt->fds;
	uint32_t number = fd_index_holder(&fds->index, pid);
	const struct fd_holder *holder = NULL;
	struct stat status;
	int64_t count;

	attempt->budget--;
	if (fstatat(dir, "fd", &status, 0) < 0)
		return;
	if (number != FD_INDEX_NONE)
		holder = &fds->index.holders[number];
	count = proc_fd_count_descriptors(fds, dir, "fd", &status, attempt->budget);
	if (count < 0 ||
	    (holder && holder->descriptors == count && holder->directory == status.st_ino))
		return;
	if (SCAN_CALLS + count > attempt->budget)
		return;
	attempt->budget -= SCAN_CALLS + (int)count;
	proc_fd_scan_process(fds, pid);
}

static bool try_index(struct attempt *attempt, int pid)
{
	const struct fd_index *index = &attempt->fds->index;
	struct table_cursor cursor = fd_index_cursor(index, attempt->inode);
	uint32_t number;

	while (table_next(&cursor, &number)) {
		const struct fd_entry *entry = &index->entries[number];
		int fd = entry->fd; /* the entry may go */

		if (entry->inode == attempt->inode && index->holders[entry->holder].pid == pid)
			return accept(attempt, proc_fd_verify(attempt->fds, number), fd);
	}
	return false;
}

static bool try_hint(struct attempt *attempt, int pid)
{
	struct place place;
	bool matched = false;
	int result = find_place(attempt, &place, pid);

	if (result == -ENOENT)
		proc_fd_exited(attempt->fds, pid);
	if (result < 0)
		return false;
	for (int fd = LOWEST_FD; fd < LOWEST_FD + LOWEST_COUNT && !matched; fd++)
		matched = try_fd(attempt, &place, fd);
	if (!matched) {
		scan_changed(attempt, place.dir, pid);
		matched = try_index(attempt, pid);
	}
	leave_place(&place);
	return matched;
}

static void hint_newest(struct attempt *attempt)
{
	struct proc_fd *fds = attempt->fds;
	int pid;

	if (fds->loadavg < 0)
		return;
	attempt->budget--;
	pid = proc_loadavg_last_pid(fds->loadavg);
	if (pid == 0 || pid == fds->newest_pid)
		return;
	fds->newest_pid = pid;
	proc_fd_hint(fds, pid);
}

/*
 * A child that was forked after the socket was opened has it, too, and is found first when it is
 * young. Its parent has it at the same descriptor: one look at each. True: there are ancestors.
 */
static bool add_ancestors(struct attempt *attempt)
{
	const struct process *process = attempt->holders->processes[0];
	int fd = attempt->fds->matches[0].fd;
	bool matched = true;

	for (int i = 0; i < GENERATIONS && matched && process->parent_pid > 1; i++) {
		struct place place;

		if (find_place(attempt, &place, process->parent_pid) < 0)
			break;
		attempt->budget = 1;
		matched = try_fd(attempt, &place, fd);
		leave_place(&place);
		process = attempt->holders->processes[attempt->holders->count - 1];
	}
	return attempt->holders->count > 1;
}

int proc_fd_predict(struct proc_fd *fds, uint64_t inode, int budget,
                    struct proc_fd_holders *holders)
{
	struct attempt attempt = { fds, inode, budget, holders };
	int hints[PROC_FD_HINTS];
	bool matched;

	proc_fd_begin_holders(fds, holders);
	matched = try_matches(&attempt);
	if (!matched)
		hint_newest(&attempt);
	memcpy(hints, fds->hints,
	       sizeof hints); /* those that have exited are taken out meanwhile */
	for (int i = 0; i < PROC_FD_HINTS && hints[i] != 0 && !matched && attempt.budget > 0; i++)
		matched = try_hint(&attempt, hints[i]);
	if (matched && add_ancestors(&attempt))
		return proc_fd_find(fds, inode, holders);
	return proc_fd_end_holders(fds, inode, holders);
}

int proc_fd_inherited(struct proc_fd *fds, uint64_t inode, int parent_pid, int pid)
{
	struct table_cursor cursor = fd_index_cursor(&fds->index, inode);
	struct proc_fd_holders holders = { 0 };
	struct attempt attempt = { fds, inode, 2 * SCAN_CALLS, &holders };
	const struct process *process;
	struct place place;
	uint32_t number;
	int fd = -1;
	bool has;

	while (table_next(&cursor, &number)) {
		const struct fd_entry *entry = &fds->index.entries[number];

		if (entry->inode == inode && fds->index.holders[entry->holder].pid == parent_pid)
			fd = entry->fd;
	}
	if (fd < 0)
		return 0;
	if (find_place(&attempt, &place, pid) < 0)
		return -ESRCH;
	has = try_fd(&attempt, &place, fd);
	leave_place(&place);
	if (has)
		return 1;
	process = process_table_get(fds->table, pid, NULL);
	return process && !process->exited_ns ? 0 : -ESRCH;
}
