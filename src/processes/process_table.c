/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "processes/cgroup_files.h"
#include "processes/process_args.h"
#include "processes/process_table_private.h"

#define NONE PROCESS_SLOTS_NONE

#define DIRS_MIN     4
#define SWEEP_LENGTH 64 /* slots that one process_table_expire looks at */

static bool is_gone(int result)
{
	return result == -ESRCH || result == -ENOENT;
}

int process_table_new(struct process_table **table, const char *proc_dir, uint32_t max_processes,
                      const struct hash_key *key, struct error *error)
{
	struct process_table *new;
	struct rlimit limit;
	int dir_max = PROCESS_SLOTS_DIRS_MAX;
	int fd;

	if (max_processes == 0)
		return error_set(error, EINVAL, "no room for processes");
	fd = open(proc_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return error_set(error, errno, "%s: %s", proc_dir, strerror(errno));
	new = calloc(1, sizeof *new);
	if (!new) {
		close(fd);
		return error_set(error, ENOMEM, "out of memory");
	}
	process_read_init(&new->reader, fd);
	new->cgroups = cgroup_files_open();
	new->cgroup_paths = cgroup_paths_new(key);
	/* Others need descriptors too. */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 4 < (rlim_t)dir_max)
		dir_max = limit.rlim_cur / 4 > DIRS_MIN ? (int)(limit.rlim_cur / 4) : DIRS_MIN;
	if (process_slots_init(&new->store, max_processes, dir_max, key) < 0 ||
	    !new->cgroup_paths) {
		process_table_free(new);
		return error_set(error, ENOMEM, "out of memory");
	}
	*table = new;
	return 0;
}

void process_table_free(struct process_table *table)
{
	if (!table)
		return;
	process_slots_free(&table->store);
	cgroup_paths_free(table->cgroup_paths);
	process_args_budget_unref(table->args);
	if (table->cgroups >= 0)
		close(table->cgroups);
	close(table->reader.proc_fd);
	free(table);
}

/*
 * The parent as it is now: of the table, or from /proc. One that started
 * after its child is another process with a reused pid.
 */
static void find_parent(struct process_table *table, const struct process_stat *child,
                        struct process_parent *parent)
{
	const struct process *known;
	uint32_t number;

	parent->entity_id = 0;
	parent->name = parent->executable = NULL;
	if (child->parent_pid == 0)
		return;
	number = process_slots_find_live(&table->store, child->parent_pid);
	known = number != NONE ? process_table_slot(table, number)->process : NULL;
	if (known && known->start_ticks <= child->start_ticks) {
		parent->entity_id = known->entity_id;
		parent->name = known->name;
		parent->executable = known->executable;
	} else if (process_read_parent(&table->reader, child, parent) < 0) {
		parent->name = parent->executable = NULL;
	}
}

/*
 * The slot whose process the facts describe. It may be marked exited: too early,
 * or when only its first thread had ended.
 */
static uint32_t find_described(struct process_table *table, int pid, uint64_t directory)
{
	const struct process_facts *facts = &table->facts;
	uint32_t number = process_slots_find(&table->store, pid, facts->stat.start_ticks);

	/* A pid can be reused within one tick: start times are equal then. */
	if (number == NONE || process_table_slot(table, number)->directory == directory)
		return number;
	/* Reported by events, which report every reuse of a pid, too. */
	if (process_table_slot(table, number)->process->followed &&
	    !process_table_slot(table, number)->process->exited_ns)
		return number;
	return process_read_matches(process_table_slot(table, number)->process, facts) ? number
	                                                                               : NONE;
}

static int64_t insert_new(struct process_table *table, int pid)
{
	const struct process_facts *facts = &table->facts;
	struct process *process;
	int64_t number;

	find_parent(table, &facts->stat, &table->parent);
	process = process_read_make(&table->reader, pid, facts, &table->parent);
	if (!process)
		return -ENOMEM;
	process_table_set_start(table, process, facts->stat.start_ticks);
	process_table_doubt_lost(table, process);
	number = process_slots_insert(&table->store, process);
	if (number < 0)
		process_unref(process);
	table->counters.permission_denied += facts->refused;
	return number;
}

/* Reads the process below dir into the table. Its slot, or -errno. */
static int64_t read_process(struct process_table *table, int pid, int dir, uint64_t directory)
{
	struct process_facts *facts = &table->facts;
	struct process_slot *slot;
	uint32_t live;
	int64_t number;
	int result;

	result = process_read_facts(&table->reader, dir, facts);
	if (result < 0)
		return result;
	if (facts->tgid != 0 && facts->tgid != pid)
		return -ENOENT;
	table->counters.read++;
	number = find_described(table, pid, directory);
	/* One live process a pid: when this is another, the other has exited. */
	live = process_slots_find_live(&table->store, pid);
	if (live != NONE && live != number)
		process_table_retire(table, live, clock_monotonic_ns());
	if (number == NONE)
		number = insert_new(table, pid);
	if (number < 0)
		return number;
	slot = process_table_slot(table, (uint32_t)number);
	slot->directory = directory;
	slot->read_ns = clock_monotonic_ns();
	if (slot->process->start_unsure)
		process_table_set_start(table, slot->process, facts->stat.start_ticks);
	if (process_stat_exited(&facts->stat)) {
		/* A zombie has no executable any more: what was known of it stays. */
		if (!slot->process->followed)
			process_read_apply(slot->process, facts);
		if (!slot->process->exited_ns)
			process_slots_retire(&table->store, (uint32_t)number, slot->read_ns);
		return number;
	}
	if (slot->process->exited_ns)
		process_table_revive(table, (uint32_t)number);
	result = process_read_apply(slot->process, facts);
	if (result < 0)
		return result;
	process_table_read_args(table, slot->process, dir);
	return number;
}

/* The directory of a pid and its inode number: O_PATH descriptor or -errno. */
static int open_dir(struct process_table *table, int pid, uint64_t *directory)
{
	struct stat status;
	int fd = process_read_open(table->reader.proc_fd, pid);

	if ((fd == -EMFILE || fd == -ENFILE) && process_slots_close_dir(&table->store))
		fd = process_read_open(table->reader.proc_fd, pid);
	if (fd < 0)
		return fd;
	if (fstat(fd, &status) < 0) {
		int result = -errno;

		close(fd);
		return result;
	}
	*directory = status.st_ino;
	return fd;
}

/* A process that is not in the table, or not as a live one. Its slot, or -errno. */
static int64_t read_new(struct process_table *table, int pid)
{
	uint64_t directory = 0;
	int64_t number;
	int fd = open_dir(table, pid, &directory);

	if (fd < 0)
		return fd;
	number = read_process(table, pid, fd, directory);
	if (number < 0 || process_table_slot(table, (uint32_t)number)->process->exited_ns)
		close(fd);
	else
		process_slots_keep_dir(&table->store, (uint32_t)number, fd);
	return number;
}

/*
 * The slot's directory, opened when it is not kept. -errno: it cannot be
 * opened, or (-ESRCH) it is not certain that it is the same process.
 */
static int slot_dir(struct process_table *table, uint32_t number)
{
	struct process *process = process_table_slot(table, number)->process;
	uint64_t directory = 0;
	int64_t result = number;
	int fd = process_slots_kept_dir(&table->store, number);

	if (fd >= 0)
		return fd;
	fd = open_dir(table, process->pid, &directory);
	if (fd < 0)
		return fd;
	if (directory != process_table_slot(table, number)->directory) {
		/* The pid is reused, or procfs had dropped the directory from its cache. */
		process_ref(process); /* a new one might evict it */
		result = read_process(table, process->pid, fd, directory);
		if (result >= 0 &&
		    (process_table_slot(table, (uint32_t)result)->process != process ||
		     process->exited_ns))
			result = -ESRCH;
		process_unref(process);
	}
	if (result < 0) {
		close(fd);
		return is_gone((int)result) ? -ESRCH : (int)result;
	}
	process_slots_keep_dir(&table->store, number, fd);
	return fd;
}

static bool is_young(const struct process *process)
{
	return process_age_ns(process) < WINDOW_YOUNG_NS;
}

/* Whether it is alive: 0, or -errno. */
static int read_slot(struct process_table *table, uint32_t number, int dir)
{
	const struct process_slot *slot = process_table_slot(table, number);
	int64_t result = read_process(table, slot->process->pid, dir, slot->directory);

	if (result < 0)
		return (int)result;
	return result == number && !process_table_slot(table, number)->process->exited_ns ? 0
	                                                                                  : -ESRCH;
}

/*
 * 0: alive, and its strings are as fresh as the header says. -errno: -ESRCH it
 * has exited. Does not look whether it is alive when that is known.
 */
static int look_again(struct process_table *table, uint32_t number, bool known_alive)
{
	const struct process_slot *slot;
	struct stat status;
	int64_t result;
	bool young;
	int dir = slot_dir(table, number);

	if (dir < 0)
		return dir;
	slot = process_table_slot(table, number);
	young = is_young(slot->process);
	if (clock_monotonic_ns() - slot->read_ns <
	    (young ? WINDOW_YOUNG_REREAD_NS : WINDOW_REREAD_NS)) {
		if (!young)
			return known_alive || fstatat(dir, "stat", &status, 0) == 0 ? 0 : -errno;
		result = process_read_executable_same(dir, slot->process);
		if (result != 0)
			return result > 0 ? 0 : (int)result;
	}
	return read_slot(table, number, dir);
}

struct process *process_table_get(struct process_table *table, int pid, int *reason)
{
	uint32_t live = process_slots_find_live(&table->store, pid);
	int64_t number = -ESRCH;

	if (live != NONE) {
		struct process *process = process_table_slot(table, live)->process;
		int result;

		process_ref(process); /* its successor might evict it */
		result = look_again(table, live, false);
		if (is_gone(result) && process_table_slot(table, live)->process == process &&
		    !process->exited_ns)
			process_table_retire(table, live, clock_monotonic_ns());
		process_unref(process);
		if (result == 0) {
			process_slots_used(&table->store, live);
			return process_table_slot(table, live)->process;
		}
		number = result;
	}
	if (is_gone((int)number))
		number = read_new(table, pid);
	if (number >= 0)
		return process_table_slot(table, (uint32_t)number)->process;
	table->counters.vanished += is_gone((int)number);
	table->counters.permission_denied += number == -EACCES;
	if (reason)
		*reason = is_gone((int)number) ? -ENOENT : (int)number;
	return NULL;
}

struct process *process_table_find(struct process_table *table, int pid, uint64_t start_ticks)
{
	uint32_t number = process_slots_find(&table->store, pid, start_ticks);

	return number == NONE ? NULL : process_table_slot(table, number)->process;
}

/* Keeps no descriptor, so that those in use stay. */
static bool has_exited(const struct process_table *table, const struct process_slot *slot)
{
	struct process_stat stat;
	struct stat status;
	bool exited = false;
	int dir = process_read_open(table->reader.proc_fd, slot->process->pid);

	if (dir < 0)
		return is_gone(dir);
	/* Another inode number: the pid is reused, or procfs had dropped the directory. */
	if (fstat(dir, &status) == 0 && status.st_ino != slot->directory)
		exited = process_read_stat(dir, &stat) == 0 &&
		         !process_started_at(slot->process, stat.start_ticks);
	close(dir);
	return exited;
}

void process_table_expire(struct process_table *table, int64_t now_ns)
{
	struct process_slots *store = &table->store;
	uint32_t length = store->capacity < SWEEP_LENGTH ? store->capacity : SWEEP_LENGTH;

	while (store->exited.oldest != NONE &&
	       now_ns - process_table_slot(table, store->exited.oldest)->process->exited_ns >
	               WINDOW_PROCESS_KEEP_NS)
		process_slots_drop(store, store->exited.oldest);
	/* Some exits were not reported, and the process was not asked for since. */
	for (; length > 0; length--) {
		const struct process_slot *slot;

		table->sweep = table->sweep + 1 < store->capacity ? table->sweep + 1 : 0;
		slot = process_table_slot(table, table->sweep);
		if (slot->process && !slot->process->exited_ns && has_exited(table, slot))
			process_table_retire(table, table->sweep, now_ns);
	}
}

int process_table_open_dir(const struct process_table *table, int pid)
{
	return process_read_open(table->reader.proc_fd, pid);
}

int process_table_proc_fd(const struct process_table *table)
{
	return table->reader.proc_fd;
}

int process_table_dir(struct process_table *table, const struct process *process)
{
	uint32_t number = process_slots_find_live(&table->store, process->pid);

	if (number == NONE || process_table_slot(table, number)->process != process)
		return -ESRCH;
	return slot_dir(table, number);
}

int process_table_refresh(struct process_table *table, const struct process *process)
{
	uint32_t number = process_slots_find_live(&table->store, process->pid);
	int result;

	if (number == NONE || process_table_slot(table, number)->process != process)
		return -ESRCH;
	result = look_again(table, number, true);
	if (result == 0)
		process_slots_used(&table->store, number);
	return result;
}

int process_table_read_again(struct process_table *table, const struct process *process)
{
	uint32_t number = process_slots_find_live(&table->store, process->pid);
	int dir;

	if (number == NONE || process_table_slot(table, number)->process != process)
		return -ESRCH;
	dir = slot_dir(table, number);
	if (dir < 0)
		return dir;
	return read_slot(table, number, dir);
}

bool process_table_sees_all(const struct process_table *table)
{
	static const char initial[] = "pid:[4026531836]"; /* PROC_PID_INIT_INO, linux/proc_ns.h */
	int fd = table->reader.proc_fd;
	struct stat status;
	char link[64];
	ssize_t length;

	/* A process that may look at the first one may look at all, and hidepid hides none from it. */
	length = readlinkat(fd, "1/ns/pid", link, sizeof link);
	if (length < 0 && fstatat(fd, "1", &status, 0) == 0)
		length = readlinkat(fd, "self/ns/pid", link, sizeof link);
	return length == (ssize_t)sizeof initial - 1 &&
	       memcmp(link, initial, sizeof initial - 1) == 0;
}

const struct process_counters *process_table_counters(struct process_table *table)
{
	table->counters.evicted = table->store.evicted;
	return &table->counters;
}

uint32_t process_table_count(const struct process_table *table)
{
	return table->store.count;
}
