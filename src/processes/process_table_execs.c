/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of processes that are read from /proc, where execs and exits are reported without names,
 * or nothing is. Such reports are read after they happened: the process may be gone by then, and what
 * /proc says may be a later image. So each report is entered at its own time, into processes that
 * are gone as well, and what was read holds for the time of its reading.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "processes/process_table_private.h"

#define NONE PROCESS_SLOTS_NONE

static struct process *at(struct process_table *table, uint32_t number)
{
	return number == NONE ? NULL : process_table_slot(table, number)->process;
}

void process_table_follow_execs(struct process_table *table, bool reported)
{
	table->follows_execs = reported;
}

static bool has_image(const struct process *process)
{
	return process->name || process->executable;
}

static void forget_since(struct process *process, int64_t time_ns)
{
	if (!has_image(process))
		return;
	process_change(process, time_ns > process->since_ns ? time_ns : process->since_ns);
	process_forget_image(process);
}

void process_table_retire(struct process_table *table, uint32_t number, int64_t now_ns)
{
	struct process *process = at(table, number);

	if (!process->followed && !table->follows_execs)
		forget_since(process, process->image_read_ns);
	process_slots_retire(&table->store, number, now_ns);
}

void process_table_revive(struct process_table *table, uint32_t number)
{
	struct process *process = at(table, number);

	if (!process->followed && !table->follows_execs && !has_image(process))
		process_change(process, clock_monotonic_ns());
	process_slots_revive(&table->store, number);
}

void process_table_doubt_lost(const struct process_table *table, struct process *process)
{
	if (table->execs_lost_ns == 0 || process_began_after(process, table->execs_lost_ns))
		return;
	process_change(process, table->execs_lost_ns);
	if (process->former)
		process_forget_image(process->former);
}

void process_table_execs_lost(struct process_table *table)
{
	int64_t now_ns = clock_monotonic_ns();

	if (!table->follows_execs)
		return;
	for (uint32_t number = 0; number < table->store.capacity; number++) {
		struct process_slot *slot = process_table_slot(table, number);
		struct process *process = slot->process;

		if (!process || process->followed)
			continue;
		forget_since(process, process->image_read_ns);
		slot->read_ns = PROCESS_LONG_AGO_NS;
		if (!process->exited_ns)
			process_change(process,
			               now_ns); /* what is read from now on holds from now on */
	}
	table->execs_lost_ns = now_ns;
}

static bool same(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/*
 * An exec gives the process its new name some time before it is reported. What was read in between
 * is the next image, and that one is alike; the image before sent nothing after the reading.
 */
static void doubt_former(struct process *process)
{
	struct process *former = process->former;

	if (!former || !has_image(former) || former->image_first_ns <= former->since_ns)
		return;
	if (process->name && !same(former->name, process->name) &&
	    !same(former->executable, process->executable))
		return;
	process_change(former, former->image_first_ns);
	if (former->former)
		process_forget_image(former->former);
}

static struct process_exec *exec_of(struct process_table *table, int pid)
{
	return &table->execs[(uint32_t)pid % PROCESS_TABLE_EXECS];
}

/*
 * Into each process that may have had the pid then. The one that exited last may go on: another
 * thread than the first ran exec. Those that had ended by then do not mind.
 */
static void enter_exec(struct process_table *table, int pid, int64_t time_ns)
{
	uint32_t latest = process_slots_find(&table->store, pid, 0), number;
	struct table_cursor cursor = process_slots_cursor(&table->store, pid);

	while (process_slots_next(&table->store, &cursor, pid, &number)) {
		struct process *process = at(table, number);
		bool ended = process->exited_ns != 0 && process->exited_ns < time_ns;

		if (!process->followed && !process_began_after(process, time_ns) &&
		    (!ended || number == latest))
			process_table_executed(table, process, time_ns, NULL, 0);
	}
	*exec_of(table, pid) = (struct process_exec){ pid, time_ns };
}

/* What it was before this exec was not read. */
static void forget_before(const struct process_table *table, struct process *process,
                          int64_t time_ns)
{
	if (time_ns < table->execs_lost_ns)
		return;
	process_change(process, time_ns);
	if (process->former)
		process_forget_image(process->former);
}

void process_table_exec(struct process_table *table, int pid, int64_t time_ns)
{
	struct process *known = at(table, process_slots_find(&table->store, pid, 0)), *process;
	uint32_t live = process_slots_find_live(&table->store, pid);

	if (time_ns >= table->execs_lost_ns)
		enter_exec(table, pid, time_ns);
	if (live != NONE)
		process_table_slot(table, live)->read_ns = PROCESS_LONG_AGO_NS;
	if (known)
		process_ref(known); /* one that is read now might evict it */
	process = process_table_get(table, pid, NULL);
	if (process && !process->followed && process != known)
		forget_before(table, process, time_ns);
	else if (known && !known->followed)
		doubt_former(known);
	process_unref(known);
}

static bool is_older(const struct process *a, const struct process *b)
{
	return a->start_ticks < b->start_ticks ||
	       (a->start_ticks == b->start_ticks && a->turn < b->turn);
}

/*
 * Exits are reported in their order, and a process that was noticed to be gone was so before: the
 * oldest that had not ended by then is meant.
 */
void process_table_exited(struct process_table *table, int pid, int64_t now_ns)
{
	struct table_cursor cursor = process_slots_cursor(&table->store, pid);
	uint32_t number, oldest = NONE;

	while (process_slots_next(&table->store, &cursor, pid, &number)) {
		const struct process *process = at(table, number);

		if ((process->exited_ns == 0 || process->exited_ns > now_ns) &&
		    (oldest == NONE || is_older(process, at(table, oldest))))
			oldest = number;
	}
	if (oldest == NONE || process_began_after(at(table, oldest), now_ns)) {
		table->exits[(uint32_t)pid % PROCESS_TABLE_EXECS] =
			(struct process_exec){ pid, now_ns };
		return;
	}
	if (at(table, oldest)->exited_ns != 0)
		at(table, oldest)->exited_ns = now_ns;
	else
		process_table_retire(table, oldest, now_ns);
}

static void copy_memory(const struct process_memory *memory, struct process_facts *facts)
{
	memset(facts, 0, sizeof *facts);
	facts->read_ns = memory->read_ns != 0 ? memory->read_ns : clock_monotonic_ns();
	facts->stat.parent_pid = memory->parent_pid;
	facts->stat.start_ticks = memory->start_ticks;
	facts->netns = memory->netns;
	if (memory->name)
		snprintf(facts->stat.name, sizeof facts->stat.name, "%s", memory->name);
	if (memory->executable) {
		facts->executable_length =
			strnlen(memory->executable, sizeof facts->executable - 1);
		memcpy(facts->executable, memory->executable, facts->executable_length);
	}
	facts->executable_deleted = memory->executable_deleted;
}

/* A process that was not read itself while it ran that image. */
static void add_image(const struct process_table *table, struct process *process,
                      const struct process_memory *memory)
{
	struct process *then = process_table_state(process, memory->read_ns);
	struct process_texts texts = process_texts(then);

	if (process->followed || has_image(then) || !memory->name || memory->read_ns == 0 ||
	    memory->read_ns < table->execs_lost_ns)
		return;
	texts.name = (struct process_text){ memory->name, strlen(memory->name) };
	if (memory->executable)
		texts.executable =
			(struct process_text){ memory->executable, strlen(memory->executable) };
	if (process_set_texts(then, &texts) < 0)
		return;
	then->executable_deleted = memory->executable_deleted;
	then->image_read_ns = memory->read_ns;
	then->image_first_ns = memory->read_ns;
	then->generation++;
	if (then == process && !table->follows_execs && process->exited_ns != 0)
		forget_since(process, memory->read_ns);
}

/* It was read, and so lived, before the exit that was reported of its pid. */
static int64_t exit_of(const struct process_table *table, const struct process_memory *memory)
{
	const struct process_exec *exit =
		&table->exits[(uint32_t)memory->pid % PROCESS_TABLE_EXECS];
	bool known = exit->pid == memory->pid && memory->read_ns != 0 &&
	             exit->time_ns >= memory->read_ns && exit->time_ns < memory->exited_ns;

	return known ? exit->time_ns : memory->exited_ns;
}

struct process *process_table_remember(struct process_table *table,
                                       const struct process_memory *memory)
{
	uint32_t known = process_slots_find(&table->store, memory->pid, memory->start_ticks);
	struct process *process = at(table, known);
	int64_t number;

	if (process) {
		add_image(table, process, memory);
		return process;
	}
	copy_memory(memory, &table->facts);
	table->parent.name = memory->parent_name;
	table->parent.executable = NULL;
	table->parent.entity_id = 0;
	process = process_read_make(&table->reader, memory->pid, &table->facts, &table->parent);
	if (!process)
		return NULL;
	process->image_first_ns = process->image_read_ns;
	/* It ran another image since, which was reported when it was not known yet. */
	if (exec_of(table, memory->pid)->time_ns > process->image_read_ns ||
	    process->image_read_ns < table->execs_lost_ns)
		forget_since(process, process->image_read_ns);
	number = process_slots_insert(&table->store, process);
	if (number < 0) {
		process_unref(process);
		return NULL;
	}
	process_table_retire(table, (uint32_t)number, exit_of(table, memory));
	return at(table, (uint32_t)number);
}
