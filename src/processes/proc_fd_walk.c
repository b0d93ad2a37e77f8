/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the descriptors of processes: of one, or of all in slices. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "processes/proc_fd.h"
#include "processes/proc_fd_private.h"

/* Where descriptors are counted by listing; a process with more is read again, in slices. */
#define LISTED_MAX 4096
/* More links than this take over a millisecond. */
#define LARGE_MIN   512
#define LARGE_SHARE 20 /* of the time, what they cost is waited for nineteen-fold */

static void count_failure(struct proc_fd *fds, int result)
{
	fds->counters.permission_denied += result == -EACCES;
	fds->counters.vanished += result == -ENOENT;
}

int proc_fd_scan_process(struct proc_fd *fds, int pid)
{
	int proc_fd = process_table_proc_fd(fds->table);
	uint32_t holder;
	int result;

	result = fd_scan_start(&fds->scan, &fds->index, proc_fd, pid, ++fds->stamp, &fds->counters);
	if (result == 0)
		result = fd_scan_run(&fds->scan, &fds->index, INT64_MAX, &fds->counters);
	if (result < 0) {
		count_failure(fds, result);
		return result;
	}
	holder = fd_index_holder(&fds->index, pid);
	if (holder == FD_INDEX_NONE)
		return 0;
	fds->index.holders[holder].walk = fds->walk.number;
	return (int)fds->index.holders[holder].count;
}

void proc_fd_walk_start(struct proc_fd *fds, bool changed_only)
{
	if (fds->walk.active && (changed_only || !fds->walk.changed_only))
		return;
	fd_scan_stop(&fds->walk_scan);
	proc_dir_close(&fds->list);
	fds->walk = (struct proc_fd_walk){
		.active = true,
		.changed_only = changed_only,
		.complete = process_table_sees_all(fds->table),
		.number = fds->walk.number + 1,
		.began_ns = clock_monotonic_ns(),
		.evicted = fds->index.evicted,
		.stamp = fds->stamp,
	};
	/* A failure shows at the first step. */
	proc_dir_open(&fds->list, process_table_proc_fd(fds->table), ".");
}

bool proc_fd_walk_active(const struct proc_fd *fds)
{
	return fds->walk.active;
}

int64_t proc_fd_count_descriptors(struct proc_fd *fds, int at, const char *path,
                                  const struct stat *status, int max)
{
	int64_t size = fd_scan_size(status, fds->unsized);

	fds->has_sizes |= size > 0;
	/* Before Linux 6.2 all sizes are 0; the directory of proc_fd_scan_process is free. */
	return fds->has_sizes ? size : proc_dir_count(&fds->scan.dir, at, path, max);
}

/* The process's number of descriptors, at most LISTED_MAX + 1 where they are listed; -errno. */
static int64_t count_of(struct proc_fd *fds, int pid, struct stat *status)
{
	int proc = process_table_proc_fd(fds->table);
	char path[32];

	snprintf(path, sizeof path, "%d/fd", pid);
	if (fstatat(proc, path, status, 0) < 0)
		return -errno;
	return proc_fd_count_descriptors(fds, proc, path, status, LISTED_MAX);
}

int proc_fd_scan_small(struct proc_fd *fds, int pid, int most)
{
	struct stat status;
	int64_t count = count_of(fds, pid, &status);

	if (count < 0)
		return (int)count;
	return count > most ? -E2BIG : proc_fd_scan_process(fds, pid);
}

/* As many descriptors as when they were read, and the same process. */
static bool is_unchanged(const struct fd_holder *holder, const struct stat *status, int64_t count)
{
	return holder->directory == status->st_ino && holder->descriptors >= 0 &&
	       holder->descriptors == count;
}

/* Is it large, and another one's turn? */
static bool must_wait(struct proc_fd *fds, int pid, const struct fd_holder *holder, int64_t count)
{
	if ((!holder || holder->links <= LARGE_MIN) && count <= LISTED_MAX)
		return false;
	if (fds->walk.large_pid != 0 || fds->walk.began_ns < fds->large.next_ns)
		return true;
	if (pid <= fds->large.last_pid) {
		fds->walk.large_waits = true;
		return true;
	}
	fds->walk.large_pid = fds->large.last_pid = pid;
	return false;
}

/* Is there nothing to read of it now, in a walk over changed ones? */
static bool is_left_out(struct proc_fd *fds, int pid, uint32_t number)
{
	const struct fd_holder *holder =
		number != FD_INDEX_NONE ? &fds->index.holders[number] : NULL;
	struct stat status;
	int64_t count = count_of(fds, pid, &status);

	if (count < 0)
		return false;
	return (holder && is_unchanged(holder, &status, count)) ||
	       must_wait(fds, pid, holder, count);
}

static void note_large(struct proc_fd *fds, int64_t took_ns)
{
	fds->walk.large_ns += took_ns;
	fds->large.spent_ns += took_ns;
	fds->large.next_ns = clock_monotonic_ns() + (LARGE_SHARE - 1) * fds->walk.large_ns;
}

int64_t proc_fd_take_large_ns(struct proc_fd *fds)
{
	int64_t spent_ns = fds->large.spent_ns;

	fds->large.spent_ns = 0;
	return spent_ns;
}

static void note_result(struct proc_fd *fds, int result)
{
	if (result >= 0)
		return;
	count_failure(fds, result);
	if (result != -ENOENT)
		fds->walk.complete = false;
}

static void mark_seen(struct proc_fd *fds, int pid)
{
	uint32_t holder = fd_index_holder(&fds->index, pid);

	if (holder != FD_INDEX_NONE)
		fds->index.holders[holder].walk = fds->walk.number;
}

/* Leaves a scan under way when the process's descriptors are to be read. */
static void visit(struct proc_fd *fds, int pid)
{
	uint32_t holder = fd_index_holder(&fds->index, pid);
	int result;

	if (!fds->walk.changed_only || !is_left_out(fds, pid, holder)) {
		result = fd_scan_start(&fds->walk_scan, &fds->index,
		                       process_table_proc_fd(fds->table), pid, ++fds->stamp,
		                       &fds->counters);
		note_result(fds, result);
		if (result == -ENOENT)
			return;
	}
	mark_seen(fds, pid);
}

/* Processes that the walk did not meet have exited. */
static void drop_unseen(struct proc_fd *fds)
{
	int64_t now = clock_monotonic_ns();

	for (uint32_t i = 0; i < fds->index.holder_capacity; i++) {
		const struct fd_holder *holder = &fds->index.holders[i];
		int pid = holder->pid;

		if (pid == 0 || holder->walk == fds->walk.number)
			continue;
		process_table_exited(fds->table, pid, now);
		proc_fd_exited(fds, pid);
	}
}

static void finish(struct proc_fd *fds, int result)
{
	proc_dir_close(&fds->list);
	fds->walk.active = false;
	if (result < 0)
		return; /* the list of processes could not be read */
	drop_unseen(fds);
	if (fds->walk.large_pid == 0 && fds->walk.large_waits)
		fds->large.last_pid = 0; /* the first one again */
	if (!fds->walk.changed_only) {
		fds->counters.scans++;
		fds->full = fds->walk;
	}
}

bool proc_fd_walk(struct proc_fd *fds, int64_t budget_ns)
{
	int64_t deadline = clock_monotonic_ns() + budget_ns;

	if (!fds->walk.active)
		return true;
	do {
		int pid, result;

		if (fds->walk_scan.pid != 0) {
			int64_t began_ns = clock_monotonic_ns();

			pid = fds->walk_scan.pid;
			result =
				fd_scan_run(&fds->walk_scan, &fds->index, deadline, &fds->counters);
			if (pid == fds->walk.large_pid)
				note_large(fds, clock_monotonic_ns() - began_ns);
			note_result(fds, result);
			if (result == -ENOENT)
				proc_fd_exited(fds, pid);
			continue;
		}
		result = fds->list.fd < 0 ? -EBADF : proc_dir_next(&fds->list, &pid);
		if (result <= 0) {
			finish(fds, result);
			return true;
		}
		visit(fds, pid);
	} while (clock_monotonic_ns() < deadline);
	return false;
}

bool proc_fd_walked_since(const struct proc_fd *fds, int64_t since_ns, bool *complete)
{
	if (fds->full.number == 0 || fds->full.began_ns < since_ns)
		return false;
	*complete = fds->full.complete && fds->full.evicted == fds->index.evicted;
	return true;
}
