/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "sentinel/sentinel_search.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "processes/process_read.h"

#define NEWEST_TRIED    4 /* young processes that are looked at each time */
#define NEWEST_QUICK    2
#define OTHERS_QUICK    4 /* and of the others, in a quick search */
#define NEWEST_SCANNED  4 /* young processes of which all descriptors are looked at */
#define NEAR_TRIED      2 /* holders whose neighbouring descriptors are tried */
#define SUSPECT_SCANNED 2 /* holders of which all descriptors are looked at */
#define LEVELS_MAX      4 /* of parents */

int sentinel_search_init(struct sentinel_search *search, struct sentinel_pids *young)
{
	search->holders.count = 0;
	search->young = young;
	search->scan.fd = -1;
	search->proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return search->proc_fd < 0 ? -errno : 0;
}

void sentinel_search_destroy(struct sentinel_search *search)
{
	sentinel_holders_clear(&search->holders);
	if (search->proc_fd >= 0)
		close(search->proc_fd);
}

/* Takes over dir. NULL when the process has just gone. */
static struct sentinel_holder *remember(struct sentinel_search *search, int pid, int dir, int fd,
                                        const struct sentinel_wanted *wanted)
{
	struct process_stat stat;
	int64_t now_ns;

	/* Without events a pid may be a thread's. */
	if (!search->young->events && sentinel_fds_leader(dir) != pid) {
		/* The leader has the same descriptors, and its turn comes: it is hinted at now. */
		sentinel_pids_add_hint(search->young, sentinel_fds_leader(dir));
		close(dir);
		return NULL;
	}
	now_ns = clock_monotonic_ns();
	if (process_read_stat(dir, &stat) < 0) {
		close(dir);
		return NULL;
	}
	return sentinel_holders_add(&search->holders,
	                            &(struct sentinel_holder){ .pid = pid,
	                                                       .dir = dir,
	                                                       .fd = fd,
	                                                       .uid = wanted->uid,
	                                                       .remote = wanted->remote,
	                                                       .stat = stat,
	                                                       .stat_ns = now_ns });
}

/* One that is known, again. */
static struct sentinel_holder *found_at(struct sentinel_search *search, int at, int fd,
                                        struct sentinel_wanted *wanted)
{
	struct sentinel_holder *holder = &search->holders.list[at];

	if (!holder->shared || holder->fd != fd)
		sentinel_pids_add_find(search->young, holder->pid, fd);
	holder->shared = true;
	holder->fd = fd;
	holder->uid = wanted->uid;
	holder->remote = wanted->remote;
	return sentinel_holders_to_front(&search->holders, at);
}

/* Where it was last time: of those who spoke to the same remote end, or of the others. */
static struct sentinel_holder *find_last(struct sentinel_search *search,
                                         struct sentinel_wanted *wanted, bool same_remote)
{
	for (int i = 0; i < search->holders.count; i++) {
		int64_t inode;

		if (search->holders.list[i].uid != wanted->uid ||
		    (search->holders.list[i].remote == wanted->remote) != same_remote)
			continue;
		inode = sentinel_fds_inode(search->holders.list[i].dir, search->holders.list[i].fd);
		if (inode == (int64_t)wanted->inode)
			return found_at(search, i, search->holders.list[i].fd, wanted);
		if (inode == -ESRCH)
			sentinel_holders_remove(&search->holders, i--);
	}
	return NULL;
}

static struct sentinel_holder *find_near(struct sentinel_search *search,
                                         struct sentinel_wanted *wanted)
{
	static const int steps[] = { 1, -1 };

	for (int i = 0; i < search->holders.count && i < NEAR_TRIED; i++) {
		struct sentinel_holder *holder = &search->holders.list[i];

		for (size_t step = 0; step < sizeof steps / sizeof *steps; step++) {
			int fd = holder->fd + steps[step];

			if (fd >= 0 && sentinel_fds_holds(holder->dir, fd, wanted->inode))
				return found_at(search, i, fd, wanted);
		}
		if (sentinel_fds_out_of_time(wanted))
			return NULL;
	}
	return NULL;
}

static struct sentinel_holder *found_in(struct sentinel_search *search, int pid, int dir, int fd,
                                        const struct sentinel_wanted *wanted)
{
	int known = sentinel_holders_find(&search->holders, pid);

	if (known >= 0) /* by another descriptor, or who had the pid before */
		sentinel_holders_remove(&search->holders, known);
	return remember(search, pid, dir, fd, wanted);
}

/* What other threads have found. */
static struct sentinel_holder *find_others(struct sentinel_search *search,
                                           struct sentinel_wanted *wanted)
{
	int pid, fd;

	for (int i = 0; i < SENTINEL_PIDS_FINDS; i++) {
		int dir;

		if (!sentinel_pids_get_find(search->young, i, &pid, &fd) ||
		    sentinel_holders_find(&search->holders, pid) >= 0)
			continue;
		dir = process_read_open(search->proc_fd, pid);
		if (dir < 0) {
			sentinel_pids_remove_find(search->young, pid);
			continue;
		}
		if (sentinel_fds_holds(dir, fd, wanted->inode))
			return found_in(search, pid, dir, fd, wanted);
		close(dir);
	}
	return NULL;
}

/* One young process; its likeliest descriptors, or all. */
static struct sentinel_holder *try_process(struct sentinel_search *search, int pid, bool all,
                                           struct sentinel_wanted *wanted)
{
	int dir = process_read_open(search->proc_fd, pid), fd;

	if (dir < 0) {
		sentinel_pids_remove(search->young, pid);
		return NULL;
	}
	search->looked[pid % SENTINEL_SEARCH_MEMORY].pid = pid;
	search->looked[pid % SENTINEL_SEARCH_MEMORY].time_ns = clock_monotonic_ns();
	fd = all ? sentinel_fds_all(dir, wanted, &search->scan)
	         : sentinel_fds_likely(dir, wanted, &search->scan);
	if (fd >= 0)
		return found_in(search, pid, dir, fd, wanted);
	close(dir);
	return NULL;
}

static int64_t looked_ns(const struct sentinel_search *search, int pid)
{
	size_t at = (size_t)pid % SENTINEL_SEARCH_MEMORY;

	return search->looked[at].pid == pid ? search->looked[at].time_ns : 0;
}

static struct sentinel_holder *find_newest(struct sentinel_search *search, int max, bool all,
                                           struct sentinel_wanted *wanted)
{
	struct sentinel_pids_cursor cursor = sentinel_pids_first(search->young);
	int pid;

	while (max > 0 && sentinel_pids_next(&cursor, &pid)) {
		struct sentinel_holder *found;

		if (!all && looked_ns(search, pid) >= wanted->begin_ns) /* it stands there twice */
			continue;
		max--;
		if (sentinel_fds_out_of_time(wanted))
			return NULL;
		found = try_process(search, pid, all, wanted);
		if (found)
			return found;
	}
	return NULL;
}

static struct sentinel_holder *find_hinted(struct sentinel_search *search,
                                           struct sentinel_wanted *wanted)
{
	struct sentinel_holder *found = NULL;

	for (int i = 0; !found && i < SENTINEL_PIDS_HINTS; i++) {
		int pid = sentinel_pids_get_hint(search->young, i);

		if (pid == 0 || looked_ns(search, pid) >= wanted->begin_ns)
			continue;
		if (sentinel_fds_out_of_time(wanted))
			return NULL;
		found = try_process(search, pid, wanted->listener, wanted);
	}
	return found;
}

/* The young one that was looked at longest ago, 0 when all were looked at in this search. */
static int next_in_turn(const struct sentinel_search *search, int64_t before_ns)
{
	struct sentinel_pids_cursor cursor = sentinel_pids_first(search->young);
	int pid, best = 0;
	int64_t best_ns = before_ns;

	while (best_ns > 0 && sentinel_pids_next(&cursor, &pid)) {
		int64_t time_ns = looked_ns(search, pid);

		if (time_ns >= best_ns)
			continue;
		best = pid;
		best_ns = time_ns;
	}
	return best;
}

/*
 * The young in turn: where they are many, each search gets on to others, and who sends
 * more than once is found.
 */
static struct sentinel_holder *find_in_turn(struct sentinel_search *search, int max,
                                            struct sentinel_wanted *wanted)
{
	struct sentinel_holder *found = NULL;
	int pid;

	while (!found && max-- > 0 && (pid = next_in_turn(search, wanted->begin_ns)) != 0) {
		if (sentinel_fds_out_of_time(wanted))
			return NULL;
		found = try_process(search, pid, wanted->listener, wanted);
	}
	return found;
}

static struct sentinel_holder *find_anywhere(struct sentinel_search *search,
                                             struct sentinel_wanted *wanted)
{
	for (int i = 0; i < search->holders.count && i < SUSPECT_SCANNED; i++) {
		int fd = sentinel_fds_all(search->holders.list[i].dir, wanted, &search->scan);

		if (fd >= 0)
			return found_at(search, i, fd, wanted);
		if (sentinel_fds_out_of_time(wanted))
			return NULL;
	}
	return NULL;
}

/*
 * The process that made the listener, which did not inherit it: not one of the children that
 * were forked with it, which are young and so are found first.
 */
static struct sentinel_holder *climb(struct sentinel_search *search, struct sentinel_holder *holder,
                                     struct sentinel_wanted *wanted)
{
	for (int level = 0; level < LEVELS_MAX && holder->stat.parent_pid > 1; level++) {
		int pid = holder->stat.parent_pid, fd = holder->fd;
		int dir = process_read_open(search->proc_fd, pid);
		struct sentinel_holder *parent;

		if (dir < 0)
			break;
		if (!sentinel_fds_holds(dir, fd, wanted->inode)) {
			close(dir);
			break;
		}
		parent = found_in(search, pid, dir, fd, wanted);
		if (!parent)
			break;
		holder = parent;
	}
	return holder;
}

bool sentinel_search_is_inherited(const struct sentinel_search *search,
                                  const struct sentinel_holder *holder, uint64_t inode)
{
	int dir;
	bool holds;

	if (holder->stat.parent_pid <= 1)
		return false;
	dir = process_read_open(search->proc_fd, holder->stat.parent_pid);
	if (dir < 0)
		return false;
	holds = sentinel_fds_holds(dir, holder->fd, inode);
	close(dir);
	return holds;
}

/* Likely descriptors of all the young. */
static struct sentinel_holder *find_widely(struct sentinel_search *search,
                                           struct sentinel_wanted *wanted)
{
	return find_in_turn(search, wanted->quick ? OTHERS_QUICK : SENTINEL_PIDS_MAX, wanted);
}

/* All descriptors of the likely. */
static struct sentinel_holder *find_deeply(struct sentinel_search *search,
                                           struct sentinel_wanted *wanted)
{
	struct sentinel_holder *found = NULL;

	if (wanted->quick)
		return NULL;
	if (!wanted->listener)
		found = find_newest(search, NEWEST_SCANNED, true, wanted);
	if (!found && !wanted->gave_up)
		found = find_anywhere(search, wanted);
	return found;
}

static struct sentinel_holder *find(struct sentinel_search *search, struct sentinel_wanted *wanted)
{
	struct sentinel_holder *found = find_last(search, wanted, true);

	if (!found)
		found = find_last(search, wanted, false);
	if (!found)
		found = find_others(search, wanted);
	if (found)
		return found;
	sentinel_pids_read(search->young, 2 * SENTINEL_PIDS_BATCH);
	/* A listener's turn comes: the newest, all of whose descriptors are read, take all the time. */
	if (!wanted->listener)
		found = find_newest(search, wanted->quick ? NEWEST_QUICK : NEWEST_TRIED, false,
		                    wanted);
	if (!found && !wanted->gave_up)
		found = find_hinted(search, wanted);
	if (!found && !wanted->gave_up && !wanted->quick)
		found = find_near(search, wanted);
	/* Each of the two may take all the time, so each comes first in half of the searches. */
	for (int i = 0; !found && !wanted->gave_up && i < 2; i++)
		found = search->deep_first == (i == 0) ? find_deeply(search, wanted)
		                                       : find_widely(search, wanted);
	return found;
}

struct sentinel_holder *sentinel_search_find(struct sentinel_search *search,
                                             struct sentinel_wanted *wanted)
{
	struct sentinel_holder *found;

	wanted->begin_ns = clock_monotonic_ns();
	wanted->gave_up = false;
	wanted->steps = 0;
	found = find(search, wanted);
	if (!found)
		search->deep_first = !search->deep_first;
	return found && wanted->listener ? climb(search, found, wanted) : found;
}
