/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Users and groups of a process, by events and from /proc. */
#include <stdbool.h>
#include <stdint.h>

#include "attribution/windows.h"
#include "processes/process_table_private.h"

#define USERNS_INITIAL 4026531837 /* PROC_USER_INIT_INO, linux/proc_ns.h */

/*
 * Where changes are not reported: root, a set-user-ID program and root of another user namespace
 * may call setuid(2) at any moment, so that their ids are those of the moment when they were seen.
 * Others keep theirs until they run a program.
 */
static bool may_change_ids(uint32_t userns, uint32_t real_uid, uint32_t effective_uid)
{
	return real_uid == 0 || effective_uid != real_uid ||
	       (userns != 0 && userns != USERNS_INITIAL);
}

static bool keeps_ids(const struct process_table *table, const struct process *process)
{
	return table->follows_ids ||
	       (process->has_uid && process->has_real_uid &&
	        !may_change_ids(process->userns, process->real_uid, process->uid));
}

void process_table_inherit_ids(const struct process_table *table, struct process *child,
                               const struct process *parent)
{
	if (!keeps_ids(table, parent) ||
	    (child->has_uid && !(table->follows_ids && parent->has_uid && parent->has_real_uid)))
		return;
	child->has_uid = parent->has_uid;
	child->uid = parent->uid;
	child->has_real_uid = parent->has_real_uid;
	child->has_real_gid = parent->has_real_gid;
	child->real_uid = parent->real_uid;
	child->real_gid = parent->real_gid;
	child->unconfirmed_ids = false;
	child->ids_read_ns = 0;
}

void process_table_follow_ids(struct process_table *table, bool reported)
{
	table->follows_ids = reported;
}

/* What was added is about the program and its container: other ids leave that as it is. */
static void changed_ids(struct process *process)
{
	if (process_has_added(process))
		process->added.generation++;
	process->generation++;
}

static void forget_ids(struct process *process)
{
	process->has_uid = process->has_real_uid = process->has_real_gid = false;
	changed_ids(process);
}

void process_table_ids_lost(struct process_table *table)
{
	for (uint32_t number = table->store.live.newest; number != PROCESS_SLOTS_NONE;) {
		struct process_slot *slot = process_table_slot(table, number);

		if (slot->process->followed) {
			forget_ids(slot->process);
			slot->read_ns = PROCESS_LONG_AGO_NS;
		}
		number = slot->older;
	}
}

/* The numbers are the host's. */
static void set_ids(struct process *process, const struct process_start_ids *ids)
{
	process->real_uid = ids->uid;
	process->uid = ids->effective_uid;
	process->real_gid = ids->gid;
	process->has_uid = process->has_real_uid = process->has_real_gid = true;
	process->unconfirmed_ids = false;
	process->ids_read_ns = 0;
	changed_ids(process);
}

/*
 * The numbers are those of the process's own user namespace, in which 0 is any user who ran
 * `unshare -U -r' and 1000 may be the host's 100999: they are taken only when that namespace is
 * the initial one, or is not known and nothing speaks for another. An exec keeps the real user, so
 * a number that is not the one inherited is of another namespace, or follows a setuid(2) that was
 * not seen. 0 says nothing even where it is the inherited one: a container's first process is
 * forked by root, becomes another user, and is 0 in its namespace. Then /proc says who it is, or
 * nothing does. Where changes are reported none of this is needed: an exec that changes ids is
 * reported as well, in the host's numbers.
 */
void process_table_started_with(struct process_table *table, struct process *process,
                                int64_t time_ns, const struct process_start_ids *ids)
{
	process->settled_ns = time_ns;
	if (!ids || process->ids_read_ns > time_ns ||
	    (table->follows_ids && process->has_uid && process->has_real_uid))
		return;
	if (!table->follows_ids && may_change_ids(process->userns, ids->uid, ids->effective_uid))
		return;
	if (process->userns == USERNS_INITIAL ||
	    (process->userns == 0 && process->unconfirmed_ids && ids->uid != 0 &&
	     process->real_uid == ids->uid))
		set_ids(process, ids);
}

void process_table_confirm_ids(struct process_table *table, struct process *process,
                               int64_t time_ns)
{
	struct process *then = process_table_state(process, time_ns);
	const struct process *former = process->former;

	if (!then->has_uid || keeps_ids(table, then) ||
	    then->ids_read_ns >= time_ns - WINDOW_IDS_NS)
		return;
	if (then != process || process->exited_ns != 0 ||
	    process_table_read_again(table, process) != 0)
		forget_ids(then);
	else if (process->former && process->former != former)
		forget_ids(process->former); /* until when it had them is not known */
}

/*
 * A change that /proc was read after: what was read is as new, and holds since the change when
 * that is what made it another.
 */
static bool was_read_after(struct process *process, int64_t time_ns, bool same)
{
	if (process->ids_read_ns <= time_ns)
		return false;
	if (same && process->former && process->since_ns > time_ns &&
	    process->former->since_ns <= time_ns) {
		process->since_wall_ns -= process->since_ns - time_ns;
		process->since_ns = time_ns;
	}
	return true;
}

void process_table_user_changed(struct process *process, int64_t time_ns, uint32_t uid,
                                uint32_t effective_uid)
{
	bool same = process->has_uid && process->has_real_uid && process->uid == effective_uid &&
	            process->real_uid == uid;

	if (was_read_after(process, time_ns, same) || same)
		return;
	process_change(process, time_ns);
	process->uid = effective_uid;
	process->real_uid = uid;
	process->has_uid = process->has_real_uid = true;
	process->generation++;
}

void process_table_group_changed(struct process *process, int64_t time_ns, uint32_t gid)
{
	bool same = process->has_real_gid && process->real_gid == gid;

	if (was_read_after(process, time_ns, same) || same)
		return;
	process_change(process, time_ns);
	process->real_gid = gid;
	process->has_real_gid = true;
	process->generation++;
}
