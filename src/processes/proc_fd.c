/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/proc_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/proc_fd_private.h"

#define CANDIDATES_MAX 64

int proc_fd_new(struct proc_fd **fds, struct process_table *table, uint32_t max_sockets,
                const struct hash_key *key, struct error *error)
{
	struct proc_fd *new;

	if (max_sockets == 0)
		return error_set(error, EINVAL, "no room for sockets");
	new = calloc(1, sizeof *new);
	if (!new)
		return error_set(error, ENOMEM, "out of memory");
	new->table = table;
	fd_scan_init(&new->scan);
	fd_scan_init(&new->walk_scan);
	new->list.fd = -1;
	new->loadavg = openat(process_table_proc_fd(table), "loadavg", O_RDONLY | O_CLOEXEC);
	if (fd_index_init(&new->index,
	                  max_sockets < FD_INDEX_NONE ? max_sockets : FD_INDEX_NONE - 1,
	                  PROC_FD_PROCESSES_MAX, key) < 0) {
		proc_fd_free(new);
		return error_set(error, ENOMEM, "out of memory");
	}
	*fds = new;
	return 0;
}

void proc_fd_ignore_sizes(struct proc_fd *fds)
{
	fds->unsized = fds->scan.unsized = fds->walk_scan.unsized = true;
	fds->has_sizes = false;
}

static void release_held(struct proc_fd *fds)
{
	while (fds->held_count > 0)
		process_unref(fds->held[--fds->held_count]);
}

void proc_fd_free(struct proc_fd *fds)
{
	if (!fds)
		return;
	release_held(fds);
	fd_scan_stop(&fds->scan);
	fd_scan_stop(&fds->walk_scan);
	proc_dir_close(&fds->list);
	if (fds->loadavg >= 0)
		close(fds->loadavg);
	fd_index_free(&fds->index);
	free(fds);
}

void proc_fd_begin_holders(struct proc_fd *fds, struct proc_fd_holders *holders)
{
	release_held(fds);
	*holders = (struct proc_fd_holders){ 0 };
}

void proc_fd_add_holder(struct proc_fd *fds, struct proc_fd_holders *holders,
                        struct process *process)
{
	/* Asking the table for the next holder may evict this one from it. */
	fds->held[fds->held_count++] = process_ref(process);
	holders->processes[holders->count++] = process;
}

int proc_fd_end_holders(struct proc_fd *fds, uint64_t inode, struct proc_fd_holders *holders)
{
	/* Inodes are given out in sequence: no hash is needed to spread them. */
	struct proc_fd_asked *asked = &fds->asked[inode % PROC_FD_ASKED];

	/* A socket without holders may be a new one with an old number when it has some again. */
	if (asked->inode != inode || holders->count == 0) {
		asked->inode = inode;
		asked->walk = fds->walk.number;
	}
	holders->complete = fds->full.number > asked->walk && fds->full.complete &&
	                    fds->full.evicted == fds->index.evicted;
	return holders->count > 0 ? 0 : -ENOENT;
}

/* The holder's process and its directory. NULL: -ENOENT in *dir when it has exited. */
static struct process *holder_process(struct proc_fd *fds, const struct fd_holder *holder, int *dir)
{
	struct process *process = process_table_find(fds->table, holder->pid, holder->start_ticks);

	if (process && !process->exited_ns) {
		*dir = process_table_dir(fds->table, process);
		if (*dir >= 0)
			return process;
	}
	*dir = -EAGAIN; /* unless there is a reason */
	process = process_table_get(fds->table, holder->pid, dir);
	if (!process)
		return NULL;
	if (process->start_ticks != holder->start_ticks || process->exited_ns) {
		*dir = -ENOENT;
		return NULL;
	}
	*dir = process_table_dir(fds->table, process);
	return *dir >= 0 ? process : NULL;
}

/* What the link of an entry says now: 1 that socket, 0 or -errno; -ESRCH: the process has exited. */
static int read_entry(const struct fd_entry *entry, const struct fd_holder *holder, int dir)
{
	uint64_t inode = 0;
	char path[48];
	int result;

	if (holder->tid)
		snprintf(path, sizeof path, "task/%d/fd/%d", holder->tid, entry->fd);
	else
		snprintf(path, sizeof path, "fd/%d", entry->fd);
	result = fd_scan_read_link(dir, path, &inode);
	return result == 1 ? inode == entry->inode : result;
}

void proc_fd_next_turn(struct proc_fd *fds)
{
	if (++fds->turn == 0)
		fds->turn = 1;
}

void proc_fd_trust(struct proc_fd *fds, int64_t since_ns)
{
	fds->trusted_ns = since_ns;
}

/*
 * Read by the last walk, which began after the question: as good as to read it again. One entry
 * of each process is verified all the same, so that the table has the process as it is.
 */
static bool was_walked(const struct proc_fd *fds, const struct fd_entry *claim,
                       const struct fd_holder *holder)
{
	return fds->trusted_ns > 0 && fds->walk.began_ns >= fds->trusted_ns &&
	       holder->verified == fds->walk.number &&
	       (int32_t)(claim->stamp - fds->walk.stamp) > 0;
}

/* Verified in this turn already, or walked, and not reported to have exited since. */
static struct process *verified_before(struct proc_fd *fds, const struct fd_entry *claim,
                                       const struct fd_holder *holder)
{
	bool in_turn = fds->turn != 0 && claim->turn == fds->turn;
	struct process *process;

	if (!in_turn && !was_walked(fds, claim, holder))
		return NULL;
	process = process_table_find(fds->table, holder->pid, holder->start_ticks);
	return process && !process->exited_ns ? process : NULL;
}

struct process *proc_fd_verify(struct proc_fd *fds, uint32_t entry)
{
	struct fd_entry *claim = &fds->index.entries[entry];
	struct fd_holder *holder = &fds->index.holders[claim->holder];
	struct process *process = verified_before(fds, claim, holder);
	int dir, result = -ESRCH;

	if (process)
		return process;
	/* When the pid was reused within a tick, the table's process is not yet the holder. */
	for (int attempt = 0; attempt < 2 && result == -ESRCH; attempt++) {
		process = holder_process(fds, holder, &dir);
		if (!process && dir == -ENOENT)
			break;
		if (!process)
			return NULL; /* not known now */
		result = read_entry(claim, holder, dir);
		if (result == -ESRCH)
			process_table_exited(fds->table, holder->pid, clock_monotonic_ns());
	}
	if (result == 1) {
		claim->turn = fds->turn;
		holder->verified = fds->walk.number;
		return process_table_refresh(fds->table, process) == 0 ? process : NULL;
	}
	if (result == -ESRCH) {
		fds->counters.vanished++;
		fd_index_drop_holder(&fds->index, claim->holder);
		return NULL;
	}
	holder->descriptors = -1; /* it changed, though their number may be as it was */
	fd_index_remove(&fds->index, entry);
	return NULL;
}

struct candidate {
	int pid, fd;
	uint32_t entry;
};

static bool before(const struct candidate *a, const struct candidate *b)
{
	return a->pid < b->pid || (a->pid == b->pid && a->fd < b->fd);
}

/* The lowest of an inode's entries, in order; *more when there are others. Their number. */
static int collect(const struct proc_fd *fds, uint64_t inode, struct candidate *candidates,
                   bool *more)
{
	struct table_cursor cursor = fd_index_cursor(&fds->index, inode);
	uint32_t number;
	int count = 0;

	*more = false;
	while (table_next(&cursor, &number)) {
		const struct fd_entry *entry = &fds->index.entries[number];
		struct candidate candidate = { .fd = entry->fd, .entry = number };
		int at;

		if (entry->inode != inode)
			continue;
		candidate.pid = fds->index.holders[entry->holder].pid;
		if (count < CANDIDATES_MAX) {
			at = count++;
		} else {
			*more = true;
			at = count - 1; /* the last one makes room */
			if (!before(&candidate, &candidates[at]))
				continue;
		}
		for (; at > 0 && before(&candidate, &candidates[at - 1]); at--)
			candidates[at] = candidates[at - 1];
		candidates[at] = candidate;
	}
	return count;
}

int proc_fd_find(struct proc_fd *fds, uint64_t inode, struct proc_fd_holders *holders)
{
	struct candidate candidates[CANDIDATES_MAX];
	int count;

	proc_fd_begin_holders(fds, holders);
	do {
		int named = 0, dead = 0;

		count = collect(fds, inode, candidates, &holders->more);
		for (int i = 0; i < count; i++) {
			int pid = candidates[i].pid;
			struct process *process;

			/* One entry a process; and the entries of an exited one went with it. */
			if (pid == named || pid == dead)
				continue;
			process = proc_fd_verify(fds, candidates[i].entry);
			if (!process && fd_index_holder(&fds->index, pid) == FD_INDEX_NONE)
				dead = pid;
			if (!process)
				continue;
			named = pid;
			if (holders->count == PROC_FD_HOLDERS_MAX) {
				holders->more = true;
				break;
			}
			proc_fd_add_holder(fds, holders, process);
		}
		/* None of the lowest was right, and they are out of the index: the next ones. */
	} while (holders->count == 0 && holders->more && count > 0);
	return proc_fd_end_holders(fds, inode, holders);
}

void proc_fd_hint(struct proc_fd *fds, int pid)
{
	int last = 0;

	while (last < PROC_FD_HINTS - 1 && fds->hints[last] != 0 && fds->hints[last] != pid)
		last++;
	memmove(fds->hints + 1, fds->hints, (size_t)last * sizeof *fds->hints);
	fds->hints[0] = pid;
}

void proc_fd_exited(struct proc_fd *fds, int pid)
{
	uint32_t holder = fd_index_holder(&fds->index, pid);
	int kept = 0;

	if (holder != FD_INDEX_NONE)
		fd_index_drop_holder(&fds->index, holder);
	for (int i = 0; i < PROC_FD_MATCHES; i++)
		if (fds->matches[i].pid == pid)
			fds->matches[i].pid = 0;
	for (int i = 0; i < PROC_FD_HINTS && fds->hints[i] != 0; i++)
		if (fds->hints[i] != pid)
			fds->hints[kept++] = fds->hints[i];
	if (kept < PROC_FD_HINTS)
		fds->hints[kept] = 0;
}

const struct proc_fd_counters *proc_fd_counters(struct proc_fd *fds)
{
	fds->counters.evicted = fds->index.evicted;
	return &fds->counters;
}

uint32_t proc_fd_count(const struct proc_fd *fds)
{
	return fds->index.entry_count;
}
