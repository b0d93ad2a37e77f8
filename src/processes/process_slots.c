/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/process_slots.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define NONE           PROCESS_SLOTS_NONE
#define CAPACITY_FIRST 256

static uint64_t hash_pid(const struct process_slots *slots, int pid)
{
	return hash_number(&slots->key, (uint32_t)pid);
}

static uint32_t *recent_of(struct process_slots *slots, int pid)
{
	return &slots->recent[(uint32_t)pid % PROCESS_SLOTS_RECENT];
}

int process_slots_init(struct process_slots *slots, uint32_t max, int dir_max,
                       const struct hash_key *key)
{
	*slots = (struct process_slots){
		.key = *key,
		.by_pid = table_new(max),
		.max = max < NONE ? max : NONE - 1,
		.free = NONE,
		.live = { NONE, NONE },
		.exited = { NONE, NONE },
		.dir_max = dir_max < PROCESS_SLOTS_DIRS_MAX ? dir_max : PROCESS_SLOTS_DIRS_MAX,
	};
	for (int i = 0; i < PROCESS_SLOTS_RECENT; i++)
		slots->recent[i] = NONE;
	return slots->by_pid ? 0 : -ENOMEM;
}

void process_slots_free(struct process_slots *slots)
{
	while (process_slots_close_dir(slots))
		;
	for (uint32_t i = 0; i < slots->capacity; i++)
		process_unref(slots->slots[i].process);
	free(slots->slots);
	table_free(slots->by_pid);
}

static struct process_slots_list *list_of(struct process_slots *slots, uint32_t number)
{
	return slots->slots[number].process->exited_ns ? &slots->exited : &slots->live;
}

static void list_add(struct process_slots *slots, uint32_t number)
{
	struct process_slots_list *list = list_of(slots, number);
	struct process_slot *slot = &slots->slots[number];

	slot->newer = NONE;
	slot->older = list->newest;
	if (list->newest != NONE)
		slots->slots[list->newest].newer = number;
	else
		list->oldest = number;
	list->newest = number;
}

static void list_remove(struct process_slots *slots, uint32_t number)
{
	struct process_slots_list *list = list_of(slots, number);
	struct process_slot *slot = &slots->slots[number];

	if (slot->newer != NONE)
		slots->slots[slot->newer].older = slot->older;
	else
		list->newest = slot->older;
	if (slot->older != NONE)
		slots->slots[slot->older].newer = slot->newer;
	else
		list->oldest = slot->newer;
}

static void close_dir(struct process_slots *slots, uint32_t number)
{
	struct process_slot *slot = &slots->slots[number];
	uint32_t last;

	if (slot->fd < 0)
		return;
	close(slot->fd);
	slot->fd = -1;
	last = slots->dirs[--slots->dir_count];
	slots->dirs[slot->dir] = last;
	slots->slots[last].dir = slot->dir;
}

/* A linear search, but only when one is asked for that is not among the last ones. */
bool process_slots_close_dir(struct process_slots *slots)
{
	uint32_t oldest;

	if (slots->dir_count == 0)
		return false;
	oldest = slots->dirs[0];
	for (int i = 1; i < slots->dir_count; i++)
		if (slots->slots[slots->dirs[i]].fd_used < slots->slots[oldest].fd_used)
			oldest = slots->dirs[i];
	close_dir(slots, oldest);
	return true;
}

void process_slots_keep_dir(struct process_slots *slots, uint32_t number, int fd)
{
	struct process_slot *slot = &slots->slots[number];

	close_dir(slots, number);
	if (slots->dir_count == slots->dir_max)
		process_slots_close_dir(slots);
	slot->fd = fd;
	slot->dir = slots->dir_count;
	slot->fd_used = ++slots->turn;
	slots->dirs[slots->dir_count++] = number;
}

int process_slots_kept_dir(struct process_slots *slots, uint32_t number)
{
	slots->slots[number].fd_used = ++slots->turn;
	return slots->slots[number].fd;
}

void process_slots_drop(struct process_slots *slots, uint32_t number)
{
	struct process_slot *slot = &slots->slots[number];

	close_dir(slots, number);
	list_remove(slots, number);
	table_remove(slots->by_pid, hash_pid(slots, slot->process->pid), number);
	process_unref(slot->process);
	slot->process = NULL;
	slot->older = slots->free;
	slots->free = number;
	slots->count--;
}

static int grow(struct process_slots *slots)
{
	uint32_t capacity = slots->capacity ? slots->capacity * 2 : CAPACITY_FIRST;
	struct process_slot *grown;

	if (capacity > slots->max || capacity < slots->capacity)
		capacity = slots->max;
	grown = realloc(slots->slots, (size_t)capacity * sizeof *grown);
	if (!grown)
		return -ENOMEM;
	for (uint32_t i = capacity; i > slots->capacity; i--) {
		grown[i - 1] = (struct process_slot){ .older = slots->free, .fd = -1 };
		slots->free = i - 1;
	}
	slots->slots = grown;
	slots->capacity = capacity;
	return 0;
}

int64_t process_slots_insert(struct process_slots *slots, struct process *process)
{
	uint32_t number;

	if (slots->count == slots->max) {
		process_slots_drop(slots, slots->exited.oldest != NONE ? slots->exited.oldest
		                                                       : slots->live.oldest);
		slots->evicted++;
	}
	if (slots->free == NONE && grow(slots) < 0)
		return -ENOMEM;
	number = slots->free;
	if (table_insert(slots->by_pid, hash_pid(slots, process->pid), number) < 0)
		return -ENOMEM;
	*recent_of(slots, process->pid) = NONE;
	slots->free = slots->slots[number].older;
	slots->slots[number] = (struct process_slot){ .process = process, .fd = -1 };
	list_add(slots, number);
	slots->count++;
	return number;
}

uint32_t process_slots_find(const struct process_slots *slots, int pid, uint64_t start_ticks)
{
	struct table_cursor cursor = table_cursor(slots->by_pid, hash_pid(slots, pid));
	uint32_t number, best = NONE;

	while (table_next(&cursor, &number)) {
		const struct process *process = slots->slots[number].process;

		if (process->pid != pid ||
		    (start_ticks && !process_started_at(process, start_ticks)))
			continue;
		if (!process->exited_ns)
			return number;
		if (best == NONE || process->exited_ns > slots->slots[best].process->exited_ns)
			best = number;
	}
	return best;
}

struct table_cursor process_slots_cursor(const struct process_slots *slots, int pid)
{
	return table_cursor(slots->by_pid, hash_pid(slots, pid));
}

bool process_slots_next(const struct process_slots *slots, struct table_cursor *cursor, int pid,
                        uint32_t *number)
{
	while (table_next(cursor, number))
		if (slots->slots[*number].process->pid == pid)
			return true;
	return false;
}

uint8_t process_slots_turn(const struct process_slots *slots, int pid, uint64_t start_ticks,
                           const struct process *process)
{
	struct table_cursor cursor = table_cursor(slots->by_pid, hash_pid(slots, pid));
	uint32_t number;
	uint8_t turn = 0;

	while (table_next(&cursor, &number)) {
		const struct process *other = slots->slots[number].process;

		if (other != process && other->pid == pid && other->entity_id != 0 &&
		    other->start_ticks == start_ticks && other->turn >= turn && turn < UINT8_MAX)
			turn = other->turn < UINT8_MAX ? (uint8_t)(other->turn + 1) : UINT8_MAX;
	}
	return turn;
}

static bool is_known_at(const struct process *process, int64_t time_ns)
{
	return time_ns <= process->lost_from_ns || time_ns >= process->lost_to_ns;
}

static uint32_t find_at(const struct process_slots *slots, int pid, int64_t time_ns)
{
	struct table_cursor cursor = table_cursor(slots->by_pid, hash_pid(slots, pid));
	uint32_t number, found = NONE, there_before = NONE;

	while (table_next(&cursor, &number)) {
		const struct process *process = slots->slots[number].process;

		if (process->pid != pid || !process->followed)
			continue;
		if (process->known_ns <= time_ns) {
			if (found == NONE ||
			    process->known_ns > slots->slots[found].process->known_ns)
				found = number;
		} else if (process->forked_ns == 0) {
			/* Had it begun since events are followed, its fork had been reported. */
			there_before = number;
		}
	}
	if (found == NONE)
		found = there_before;
	return found != NONE && is_known_at(slots->slots[found].process, time_ns) ? found : NONE;
}

/* No other can be meant: it lives, and none with its pid was entered since it was found. */
static bool is_recent(const struct process_slots *slots, uint32_t recent, int pid, int64_t time_ns)
{
	const struct process *process = recent != NONE ? slots->slots[recent].process : NULL;

	return process && process->pid == pid && process->followed && !process->exited_ns &&
	       process->known_ns <= time_ns && is_known_at(process, time_ns);
}

uint32_t process_slots_find_at(struct process_slots *slots, int pid, int64_t time_ns)
{
	uint32_t *recent = recent_of(slots, pid);

	if (!is_recent(slots, *recent, pid, time_ns))
		*recent = find_at(slots, pid, time_ns);
	return *recent;
}

uint32_t process_slots_find_live(const struct process_slots *slots, int pid)
{
	uint32_t number = process_slots_find(slots, pid, 0);

	return number != NONE && !slots->slots[number].process->exited_ns ? number : NONE;
}

void process_slots_used(struct process_slots *slots, uint32_t number)
{
	list_remove(slots, number);
	list_add(slots, number);
}

void process_slots_retire(struct process_slots *slots, uint32_t number, int64_t now_ns)
{
	close_dir(slots, number);
	list_remove(slots, number);
	slots->slots[number].process->exited_ns = now_ns > 0 ? now_ns : 1;
	list_add(slots, number);
}

void process_slots_revive(struct process_slots *slots, uint32_t number)
{
	list_remove(slots, number);
	slots->slots[number].process->exited_ns = 0;
	list_add(slots, number);
}
