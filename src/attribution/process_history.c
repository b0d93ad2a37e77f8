/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "attribution/process_history.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define NONE UINT32_MAX
/* What may pass between the start time of a process and the event of its fork. */
#define START_MARGIN_NS INT64_C(500000)

/* The text of an executable's path, shared by all that inherited it. */
struct path {
	uint32_t references;
	bool deleted;
	char text[];
};

struct entry {
	struct process_history_process process; /* pid 0: free */
	struct path *path;
	int64_t known_ns;    /* when it was forked or seeded: nothing is known from before */
	int64_t known_to_ns; /* events were lost then; INT64_MAX = current */
	int64_t ended_ns;    /* its exit, or the loss; 0 = in the list of the live ones */
	bool expects_image;  /* it ran exec, the next code mapped is its executable */
	bool mixed_netns;    /* its threads are in different ones */
	uint32_t newer, older;
};

struct list {
	uint32_t newest, oldest;
};

struct process_history {
	struct hash_key key;
	struct table *by_pid;
	struct entry *entries;
	uint32_t max, used, count;
	uint32_t free; /* linked by older */
	struct list live, ended;
	/* The latest entry of the pid last asked for; NONE: not known. Facts of one come in rows. */
	uint32_t asked;
	bool follows_namespaces;
	struct process_history_counters counters;
};

struct process_history *process_history_new(uint32_t max, const struct hash_key *key,
                                            bool follows_namespaces)
{
	struct process_history *history = calloc(1, sizeof *history);

	if (!history)
		return NULL;
	*history = (struct process_history){
		.key = *key,
		.by_pid = table_new(max),
		.entries = calloc(max, sizeof *history->entries), /* untouched pages cost nothing */
		.max = max,
		.free = NONE,
		.live = { NONE, NONE },
		.ended = { NONE, NONE },
		.asked = NONE,
		.follows_namespaces = follows_namespaces,
	};
	if (!history->by_pid || !history->entries) {
		process_history_free(history);
		return NULL;
	}
	return history;
}

static struct path *path_new(const char *text, size_t length, bool deleted)
{
	struct path *path;

	if (length >= PROCESS_HISTORY_PATH_MAX)
		return NULL;
	path = malloc(sizeof *path + length + 1);
	if (!path)
		return NULL;
	path->references = 1;
	path->deleted = deleted;
	memcpy(path->text, text, length);
	path->text[length] = '\0';
	return path;
}

static void path_unref(struct path *path)
{
	if (path && --path->references == 0)
		free(path);
}

/* Takes the reference over; NULL: not known. */
static void set_path(struct entry *entry, struct path *path)
{
	path_unref(entry->path);
	entry->path = path;
	entry->process.executable = path ? path->text : NULL;
	entry->process.executable_deleted = path && path->deleted;
}

void process_history_free(struct process_history *history)
{
	if (!history)
		return;
	for (uint32_t i = 0; i < history->used; i++)
		path_unref(history->entries[i].path);
	free(history->entries);
	table_free(history->by_pid);
	free(history);
}

static uint64_t hash_of(const struct process_history *history, int pid)
{
	return hash_number(&history->key, (uint32_t)pid);
}

static struct list *list_of(struct process_history *history, const struct entry *entry)
{
	return entry->ended_ns ? &history->ended : &history->live;
}

static void list_add(struct process_history *history, uint32_t number)
{
	struct entry *entry = &history->entries[number];
	struct list *list = list_of(history, entry);

	entry->newer = NONE;
	entry->older = list->newest;
	if (list->newest != NONE)
		history->entries[list->newest].newer = number;
	else
		list->oldest = number;
	list->newest = number;
}

static void list_remove(struct process_history *history, uint32_t number)
{
	struct entry *entry = &history->entries[number];
	struct list *list = list_of(history, entry);

	if (entry->newer != NONE)
		history->entries[entry->newer].older = entry->older;
	else
		list->newest = entry->older;
	if (entry->older != NONE)
		history->entries[entry->older].newer = entry->newer;
	else
		list->oldest = entry->newer;
}

static void drop(struct process_history *history, uint32_t number)
{
	struct entry *entry = &history->entries[number];

	list_remove(history, number);
	table_remove(history->by_pid, hash_of(history, entry->process.pid), number);
	path_unref(entry->path);
	*entry = (struct entry){ .older = history->free };
	history->free = number;
	history->count--;
	history->asked = NONE;
}

/* To the list of the ended ones, or with 0 back to that of the live ones. */
static void move(struct process_history *history, struct entry *entry, int64_t ended_ns)
{
	uint32_t number = (uint32_t)(entry - history->entries);

	list_remove(history, number);
	entry->ended_ns = ended_ns;
	list_add(history, number);
}

/* A live entry with nothing in it but the pid. NULL: no memory. */
static struct entry *insert(struct process_history *history, int pid, int64_t time_ns)
{
	uint32_t number;

	if (history->count == history->max) {
		drop(history,
		     history->ended.oldest != NONE ? history->ended.oldest : history->live.oldest);
		history->counters.evicted++;
	}
	number = history->free != NONE ? history->free : history->used;
	if (table_insert(history->by_pid, hash_of(history, pid), number) != 0)
		return NULL;
	if (number == history->used)
		history->used++;
	else
		history->free = history->entries[number].older;
	history->entries[number] = (struct entry){
		.process.pid = pid,
		.known_ns = time_ns,
		.known_to_ns = INT64_MAX,
	};
	list_add(history, number);
	history->count++;
	history->asked = NONE;
	return &history->entries[number];
}

/* The entry that events of this pid concern now; NULL when there is none to be sure of. */
static struct entry *current(const struct process_history *history, int pid)
{
	struct table_cursor cursor = table_cursor(history->by_pid, hash_of(history, pid));
	struct entry *newest = NULL;
	uint32_t number;

	while (table_next(&cursor, &number)) {
		struct entry *entry = &history->entries[number];

		if (entry->process.pid == pid && (!newest || entry->known_ns >= newest->known_ns))
			newest = entry;
	}
	return newest && newest->known_to_ns == INT64_MAX ? newest : NULL;
}

const struct process_history_process *process_history_find(struct process_history *history, int pid,
                                                           int64_t time_ns)
{
	struct table_cursor cursor;
	const struct entry *found = NULL, *seeded_later = NULL;
	bool later = false;
	uint32_t number;

	if (history->asked != NONE) {
		found = &history->entries[history->asked];
		if (found->process.pid == pid && found->known_ns <= time_ns)
			return time_ns <= found->known_to_ns ? &found->process : NULL;
		found = NULL;
	}
	cursor = table_cursor(history->by_pid, hash_of(history, pid));
	while (table_next(&cursor, &number)) {
		const struct entry *entry = &history->entries[number];

		if (entry->process.pid != pid)
			continue;
		later |= entry->known_ns > time_ns;
		if (entry->known_ns > time_ns && entry->process.forked_ns == 0)
			seeded_later =
				entry; /* had it begun since we look, its fork had been told */
		else if (entry->known_ns <= time_ns &&
		         (!found || entry->known_ns > found->known_ns))
			found = entry;
	}
	if (found && !later)
		history->asked = (uint32_t)(found - history->entries);
	if (!found)
		found = seeded_later;
	return found && time_ns <= found->known_to_ns ? &found->process : NULL;
}

static void copy_name(char *to, const char *name, size_t length)
{
	if (length > PROCESS_HISTORY_NAME_MAX - 1)
		length = PROCESS_HISTORY_NAME_MAX - 1;
	memset(to, 0, PROCESS_HISTORY_NAME_MAX);
	memcpy(to, name, length);
}

/* Ends what was known of the pid before: its exit was lost, or it was seeded after this fork. */
static void supersede(struct process_history *history, int pid, int64_t time_ns)
{
	struct entry *before = current(history, pid);

	if (!before)
		return;
	if (before->known_ns >= time_ns)
		drop(history, (uint32_t)(before - history->entries));
	else if (!before->ended_ns)
		move(history, before, time_ns);
}

void process_history_seed(struct process_history *history, const struct process *process,
                          int64_t time_ns)
{
	struct entry *entry = current(history, process->pid);

	/* Told of since its fork, or since it was seeded: that knows more. */
	if (process->exited_ns || (entry && !entry->ended_ns))
		return;
	entry = insert(history, process->pid, time_ns);
	if (!entry)
		return;
	entry->process.parent_pid = process->parent_pid;
	entry->process.netns = process->netns;
	entry->process.alone_ns = time_ns;
	if (process->name)
		copy_name(entry->process.name, process->name, strlen(process->name));
	if (process->parent_name)
		copy_name(entry->process.parent_name, process->parent_name,
		          strlen(process->parent_name));
	if (process->executable)
		set_path(entry, path_new(process->executable, strlen(process->executable),
		                         process->executable_deleted));
}

static void add_fork(struct process_history *history, const struct trace_event *event)
{
	struct entry *entry, *parent;

	history->counters.forks++;
	supersede(history, event->pid, event->time_ns);
	entry = insert(history, event->pid, event->time_ns);
	if (!entry)
		return;
	entry->process.parent_pid = event->parent_pid;
	entry->process.forked_ns = entry->process.alone_ns = event->time_ns;
	entry->process.started_ns = event->boottime_ns;
	parent = current(history, event->parent_pid);
	if (!parent) {
		history->counters.orphans++;
		return;
	}
	parent->process.alone_ns = event->time_ns;
	entry->process.netns = parent->mixed_netns ? 0 : parent->process.netns;
	memcpy(entry->process.name, parent->process.name, PROCESS_HISTORY_NAME_MAX);
	memcpy(entry->process.parent_name, parent->process.name, PROCESS_HISTORY_NAME_MAX);
	if (parent->path) {
		parent->path->references++;
		set_path(entry, parent->path);
	}
}

static void add_name(struct entry *entry, const struct trace_event *event)
{
	copy_name(entry->process.name, event->text, event->text_length);
	if (event->executed) {
		set_path(entry, NULL);
		entry->expects_image = true;
	}
}

static void add_image(struct entry *entry, const struct trace_event *event)
{
	static const char mark[] = " (deleted)"; /* d_path() of an unlinked file */
	size_t length = event->text_length, mark_length = sizeof mark - 1;
	bool deleted;

	if (!entry->expects_image)
		return;
	entry->expects_image = false;
	deleted = length > mark_length &&
	          memcmp(event->text + length - mark_length, mark, mark_length) == 0;
	if (deleted)
		length -= mark_length;
	set_path(entry, path_new(event->text, length, deleted));
}

static void add_netns(struct entry *entry, const struct trace_event *event)
{
	if (event->tid == event->pid && !entry->mixed_netns) {
		entry->process.netns = event->netns;
	} else if (event->netns != entry->process.netns) {
		entry->mixed_netns = true;
		entry->process.netns = 0;
	}
}

static void add_exit(struct process_history *history, struct entry *entry,
                     const struct trace_event *event)
{
	history->counters.exits++;
	if (event->text_length > 0)
		copy_name(entry->process.name, event->text, event->text_length);
	entry->process.cgroup_id = event->cgroup_id;
	entry->process.exited_ns = event->time_ns;
	if (!entry->ended_ns)
		move(history, entry, event->time_ns);
}

/* What is known holds up to the loss: any pid may be another process's afterwards. */
static void add_loss(struct process_history *history, const struct trace_event *event)
{
	for (uint32_t i = 0; i < history->used; i++) {
		struct entry *entry = &history->entries[i];

		if (entry->process.pid == 0)
			continue;
		if (entry->known_to_ns > event->since_ns)
			entry->known_to_ns = event->since_ns;
		if (!entry->ended_ns)
			move(history, entry, event->time_ns);
	}
}

/* Facts of a process that is there already. */
static void add_to(struct process_history *history, struct entry *entry,
                   const struct trace_event *event)
{
	switch (event->kind) {
	case TRACE_EVENT_NAME:
		/* An exec by another thread than the first: that one's exit was not the end. */
		if (entry->ended_ns)
			move(history, entry, 0);
		entry->process.exited_ns = 0;
		add_name(entry, event);
		break;
	case TRACE_EVENT_IMAGE:
		add_image(entry, event);
		break;
	case TRACE_EVENT_NETNS:
		if (history->follows_namespaces)
			add_netns(entry, event);
		break;
	case TRACE_EVENT_EXIT:
		add_exit(history, entry, event);
		break;
	case TRACE_EVENT_ROUTE:
	case TRACE_EVENT_STATE:
	case TRACE_EVENT_RECEIVE:
	case TRACE_EVENT_FORK:
	case TRACE_EVENT_LOST_SOCKETS:
	case TRACE_EVENT_LOST_PROCESSES:
		break;
	}
}

void process_history_add(struct process_history *history, const struct trace_event *event)
{
	struct entry *entry;

	if (event->kind == TRACE_EVENT_FORK) {
		add_fork(history, event);
	} else if (event->kind == TRACE_EVENT_LOST_PROCESSES) {
		add_loss(history, event);
	} else if (event->kind > TRACE_EVENT_FORK && event->kind < TRACE_EVENT_LOST_SOCKETS) {
		entry = current(history, event->pid);
		if (entry)
			add_to(history, entry, event);
	}
}

void process_history_expire(struct process_history *history, int64_t now_ns)
{
	while (history->ended.oldest != NONE &&
	       now_ns - history->entries[history->ended.oldest].ended_ns > PROCESS_HISTORY_KEEP_NS)
		drop(history, history->ended.oldest);
}

bool process_history_start_ticks(const struct process_history_process *process, int64_t tick_ns,
                                 uint64_t *ticks)
{
	if (process->started_ns <= 0)
		return false;
	*ticks = (uint64_t)(process->started_ns / tick_ns);
	return process->started_ns % tick_ns >= START_MARGIN_NS;
}

const struct process_history_counters *
process_history_counters(const struct process_history *history)
{
	return &history->counters;
}

uint32_t process_history_count(const struct process_history *history)
{
	return history->count;
}
