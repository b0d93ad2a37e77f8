/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel's events report of processes, entered where /proc is read as well. */
#include <errno.h>
#include <string.h>

#include "attribution/windows.h"
#include "base/clock.h"
#include "processes/cgroup_files.h"
#include "processes/process_args.h"
#include "processes/process_table_private.h"

#define NONE PROCESS_SLOTS_NONE

/* The root of v2. Beside v1, where most processes are in it, that says nothing. */
#define ROOT_ID 1

static struct process *at(struct process_table *table, uint32_t number)
{
	return number == NONE ? NULL : process_table_slot(table, number)->process;
}

struct process *process_table_at(struct process_table *table, int pid, int64_t time_ns)
{
	return at(table, process_slots_find_at(&table->store, pid, time_ns));
}

struct process *process_table_current(struct process_table *table, int pid)
{
	return process_table_at(table, pid, INT64_MAX - 1);
}

/* As /proc/PID/stat would show it, or with *unsure perhaps the tick before. */
static uint64_t ticks_of(const struct process_table *table, int64_t boottime_ns, bool *unsure)
{
	*unsure = boottime_ns <= 0 || boottime_ns % table->reader.tick_ns < WINDOW_START_NS;
	return boottime_ns > 0 ? (uint64_t)(boottime_ns / table->reader.tick_ns) : 0;
}

/*
 * An unsure start is read, as every run has it. A process that is gone by now is named by the
 * tick of its event: no run that has not read it yet can read it any more.
 */
static void set_start(struct process_table *table, struct process *process,
                      const struct process_fork *fork, uint64_t ticks, bool unsure)
{
	struct process_stat stat = { .start_ticks = 0 };
	int result;

	process_table_set_start(table, process, ticks);
	process->start_unsure = unsure;
	if (!unsure)
		return;
	result = fork->boottime_ns > 0
	                 ? process_read_stat_of(table->reader.proc_fd, fork->pid, &stat)
	                 : -EACCES;
	if (result == 0 && process_started_at(process, stat.start_ticks))
		process_table_set_start(table, process, stat.start_ticks);
	else if (result != 0 && result != -ENOENT && result != -ESRCH)
		process->entity_id = 0;
}

/* A process that /proc was read of before the event of its fork came. */
static uint32_t find_read_before(struct process_table *table, const struct process_fork *fork,
                                 uint64_t ticks, bool unsure)
{
	uint32_t live = process_slots_find_live(&table->store, fork->pid);
	const struct process *process = at(table, live);

	if (!process || (process->followed && process->forked_ns != 0))
		return NONE;
	if (fork->boottime_ns <= 0 || process->start_ticks == ticks ||
	    (unsure && process->start_ticks == ticks - 1))
		return live;
	return NONE;
}

static int set_texts(struct process *process, const struct process_texts *texts)
{
	process->generation++;
	return process_set_texts(process, texts);
}

/*
 * It has its parent's image, users and namespaces. What /proc has of it meanwhile may have
 * become so later: where each change is reported, it has had its parent's until then.
 */
static void inherit(const struct process_table *table, struct process *child,
                    const struct process *parent)
{
	struct process_texts texts = process_texts(child), inherited;
	/* By number: where a child begins elsewhere, its first event says so. */
	bool inherited_cgroup = parent && parent->cgroup_id != 0 && parent->cgroup_id != ROOT_ID;

	if (!parent)
		return;
	inherited = process_texts(parent);
	texts.name = texts.parent_name = inherited.name;
	texts.executable = texts.parent_executable = inherited.executable;
	if (inherited_cgroup) {
		texts.cgroup = inherited.cgroup;
		texts.container_id = inherited.container_id;
	}
	if (set_texts(child, &texts) < 0)
		return;
	child->executable_deleted = parent->executable_deleted;
	process_image_unref(child->image);
	child->image = process_image_ref(parent->image);
	child->cgroup_id = inherited_cgroup ? parent->cgroup_id : 0;
	child->parent_entity_id = parent->entity_id;
	process_table_inherit_ids(table, child, parent);
	child->netns = parent->mixed_netns ? 0 : parent->netns;
	child->userns = parent->userns;
}

static struct process *add_child(struct process_table *table, const struct process_fork *fork,
                                 struct process *parent)
{
	struct process *process;
	bool unsure;
	uint64_t ticks = ticks_of(table, fork->boottime_ns, &unsure);
	uint32_t number = find_read_before(table, fork, ticks, unsure);
	uint32_t live = process_slots_find_live(&table->store, fork->pid);

	if (live != NONE && live != number) /* its exit was not reported */
		process_slots_retire(&table->store, live, fork->time_ns);
	process = at(table, number);
	if (!process) {
		int64_t inserted;

		process = process_read_new(&table->reader, fork->pid, ticks);
		if (!process)
			return NULL;
		set_start(table, process, fork, ticks, unsure);
		inserted = process_slots_insert(&table->store, process);
		if (inserted < 0) {
			process_unref(process);
			return NULL;
		}
		process_table_slot(table, (uint32_t)inserted)->read_ns = PROCESS_LONG_AGO_NS;
	}
	process->parent_pid = fork->parent_pid;
	process->followed = true;
	process->forked_ns = process->known_ns = process->sole_holder_since_ns = fork->time_ns;
	/* Its execs since are reported still, whatever /proc said in the end. */
	process_forget_image(process);
	process->image_read_ns = 0;
	inherit(table, process, parent ? process_table_state(parent, fork->time_ns) : NULL);
	if (parent)
		parent->sole_holder_since_ns = fork->time_ns;
	return process;
}

struct process *process_table_fork(struct process_table *table, const struct process_fork *fork)
{
	struct process *parent = process_table_current(table, fork->parent_pid), *process;

	/* A full table may drop the parent for the child. */
	if (parent)
		process_ref(parent);
	process = add_child(table, fork, parent);
	if (parent)
		process_unref(parent);
	return process;
}

void process_table_seed(struct process_table *table, struct process *process, int64_t time_ns)
{
	(void)table;
	if (process->exited_ns || (process->followed && process->lost_from_ns == INT64_MAX))
		return;
	if (process->followed) {
		process->lost_to_ns = time_ns;
	} else {
		process->known_ns = time_ns;
		process->followed = true;
	}
	process->image_read_ns = process->sole_holder_since_ns = time_ns;
}

void process_table_lost(struct process_table *table, int64_t since_ns)
{
	for (uint32_t number = table->store.live.newest; number != NONE;) {
		struct process_slot *slot = process_table_slot(table, number);

		if (slot->process->followed) {
			if (slot->process->lost_from_ns > since_ns)
				slot->process->lost_from_ns = since_ns;
			slot->process->lost_to_ns = INT64_MAX;
			slot->process->image_read_ns = since_ns; /* no longer by events */
			process_image_unref(slot->process->image);
			slot->process->image = NULL;
			slot->read_ns = PROCESS_LONG_AGO_NS;
		}
		number = slot->older;
	}
}

void process_table_walk_cgroups(struct process_table *table)
{
	table->foreign_cgroups = !cgroup_files_are_ours();
	if (table->cgroups >= 0 && !table->foreign_cgroups)
		cgroup_paths_walk(table->cgroup_paths, table->cgroups,
		                  cgroup_files_all_v2(table->cgroups));
}

void process_table_cgroup_made(struct process_table *table, uint64_t id, const char *path,
                               size_t length)
{
	if (!table->foreign_cgroups)
		cgroup_paths_add(table->cgroup_paths, id, path, length);
}

void process_table_in_cgroup(struct process_table *table, struct process *process, uint64_t id,
                             int64_t time_ns)
{
	struct process_text container = { NULL, 0 };
	struct process_texts texts;
	const char *path;

	if (id == 0 || id == process->cgroup_id)
		return;
	path = cgroup_paths_find(table->cgroup_paths, id, &container.text, &container.length);
	if (process->cgroup_id != 0)
		process_change(process, time_ns);
	/* The path of an unknown number is what /proc says, and not the one before. */
	if (path || process->cgroup_id != 0) {
		texts = process_texts(process);
		texts.cgroup = (struct process_text){ path, path ? strlen(path) : 0 };
		texts.container_id = container;
		set_texts(process, &texts);
	}
	process->cgroup_id = id;
}

/*
 * wait(2) gives the status of an exit of all threads, or that of the first thread. So it is
 * sure when the first was the last, and when the last ended with the same.
 */
static void settle_end(struct process *process)
{
	struct process_end *end = &process->end;
	uint32_t status = end->first_status;

	if (end->last_tid == 0 || !end->has_first ||
	    (end->last_tid != process->pid && !(end->has_last && end->last_status == status)))
		return;
	end->has_code = true;
	end->code = (uint8_t)(status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff);
}

void process_table_thread_ended(struct process *process, int tid, uint32_t wait_status)
{
	struct process_end *end = &process->end;

	if (tid == process->pid) {
		end->has_first = true;
		end->first_status = wait_status;
	} else if (tid == end->last_tid) {
		end->has_last = true;
		end->last_status = wait_status;
	}
	settle_end(process);
}

void process_table_ended(struct process_table *table, struct process *process, int64_t time_ns,
                         int last_tid)
{
	uint32_t number = process_slots_find_live(&table->store, process->pid);

	if (last_tid != 0) {
		process->end.wall_ns = time_ns + clock_realtime_offset_ns();
		process->end.last_tid = last_tid;
		settle_end(process);
	}
	if (number != NONE && at(table, number) == process)
		process_slots_retire(&table->store, number, time_ns);
	else if (process->exited_ns > time_ns)
		process->exited_ns = time_ns;
}

void process_table_revived(struct process_table *table, struct process *process)
{
	uint32_t number = process_slots_find_at(&table->store, process->pid, INT64_MAX - 1);

	if (process->exited_ns && at(table, number) == process)
		process_slots_revive(&table->store, number);
}

/* A new program has a new file and new arguments, but for what was read of them since. */
static void renew_image(const struct process_table *table, struct process *process, int64_t time_ns,
                        bool keep)
{
	if (process->former && process->former->file.read_ns > time_ns)
		process->former->file = (struct process_file){ 0 };
	if (!keep || process->file.read_ns <= time_ns)
		process->file = (struct process_file){ 0 };
	if (keep && process->image && process->image->read_ns > time_ns)
		return;
	/* The same, of arguments; a child may have that image too. */
	if (process->image && process->image->read_ns > time_ns)
		process_image_forget_args(process->image);
	process_image_unref(process->image);
	process->image = table->args ? process_image_new() : NULL;
}

void process_table_executed(struct process_table *table, struct process *process, int64_t time_ns,
                            const char *name, size_t length)
{
	struct process_texts texts;
	bool read_later = process->image_read_ns > time_ns, keep = read_later && !name;

	process_change(process, time_ns);
	process->executed_ns = time_ns;
	/* What was read from /proc was the next image already. */
	if (read_later && process->former)
		process_forget_image(process->former);
	renew_image(table, process, time_ns, keep);
	if (!keep) {
		process->image_read_ns = process->image_first_ns = 0;
		process->executable_deleted = false;
		texts = process_texts(process);
		texts.name = (struct process_text){ name, length };
		texts.executable = (struct process_text){ NULL, 0 };
		if (set_texts(process, &texts) < 0)
			process_forget_image(process);
	}
	process->expects_image = true;
	process->end = (struct process_end){ 0 }; /* of a thread, which this one has replaced */
	/*
	 * The file may be set-user-ID, and a setuid(2) before it unseen; what was read later is of
	 * the new image already.
	 */
	if (!table->follows_ids && process->ids_read_ns <= time_ns) {
		process->unconfirmed_ids = process->has_real_uid;
		process->has_uid = process->has_real_uid = process->has_real_gid = false;
	}
}

void process_table_renamed(struct process *process, int64_t time_ns, const char *name,
                           size_t length)
{
	struct process_texts texts;

	process_change(process, time_ns);
	texts = process_texts(process);
	texts.name = (struct process_text){ name, length };
	set_texts(process, &texts);
}

void process_table_mapped(struct process *process, const char *path, size_t length)
{
	struct process_texts texts = process_texts(process);

	if (!process->expects_image)
		return;
	process->expects_image = false;
	process->executable_deleted = process_strip_deleted(path, &length);
	if (length >= PROCESS_PATH_MAX)
		return;
	texts.executable = (struct process_text){ path, length };
	set_texts(process, &texts);
}
