/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_users.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct user {
	uint32_t uid;
	uint32_t line; /* the first of several with one uid counts, as in getpwuid(3) */
	char *name;
};

struct user_list {
	struct user *users; /* sorted, once it is complete */
	size_t count, room;
};

struct encode_users {
	char *path;
	struct user_list list;
	uint32_t generation;
	bool checked;
	int64_t checked_ns;
	struct stat file; /* as it was when it was read */
};

static void free_list(struct user_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->users[i].name);
	free(list->users);
}

static int by_uid_and_line(const void *a, const void *b)
{
	const struct user *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static int by_uid(const void *key, const void *entry)
{
	uint32_t uid = *(const uint32_t *)key;
	const struct user *user = entry;

	return uid < user->uid ? -1 : uid > user->uid;
}

/* Sorts, and of each uid keeps the first. */
static void sort(struct user_list *list)
{
	size_t kept = 0;

	if (list->count > 0)
		qsort(list->users, list->count, sizeof *list->users, by_uid_and_line);
	for (size_t i = 0; i < list->count; i++) {
		if (kept > 0 && list->users[kept - 1].uid == list->users[i].uid)
			free(list->users[i].name);
		else
			list->users[kept++] = list->users[i];
	}
	list->count = kept;
}

/* name:password:uid:...; false: not such a line, or one of those that stand for NIS. */
static bool parse_line(const char *line, uint32_t *uid, size_t *name_length)
{
	const char *name_end = strchr(line, ':');
	const char *number = name_end ? strchr(name_end + 1, ':') : NULL;
	char *number_end;
	unsigned long long value;

	if (!number || name_end == line || line[0] == '+' || line[0] == '-' || line[0] == '#')
		return false;
	number++;
	value = strtoull(number, &number_end, 10);
	if (number_end == number || *number_end != ':' || *number == '-' || value > UINT32_MAX)
		return false;
	*uid = (uint32_t)value;
	*name_length = (size_t)(name_end - line);
	return true;
}

/* Takes the name. False: no memory. */
static bool add(struct user_list *list, uint32_t uid, char *name)
{
	if (list->count == list->room) {
		size_t room = list->room > 0 ? list->room * 2 : 64;
		struct user *larger = reallocarray(list->users, room, sizeof *larger);

		if (!larger) {
			free(name);
			return false;
		}
		list->users = larger;
		list->room = room;
	}
	list->users[list->count] = (struct user){ uid, (uint32_t)list->count, name };
	list->count++;
	return true;
}

/* All or nothing: false leaves the names as they were. */
static bool read_file(struct encode_users *users)
{
	FILE *stream = fopen(users->path, "re");
	struct user_list list = { .users = NULL };
	char *line = NULL;
	size_t size = 0, name_length;
	bool complete = true;
	uint32_t uid;

	if (!stream)
		return false;
	while (complete && list.count < ENCODE_USERS_MAX && getline(&line, &size, stream) > 0) {
		if (parse_line(line, &uid, &name_length)) {
			char *name = strndup(line, name_length);

			complete = name && add(&list, uid, name);
		}
	}
	free(line);
	fclose(stream);
	if (!complete) {
		free_list(&list);
		return false;
	}
	sort(&list);
	free_list(&users->list);
	users->list = list;
	return true;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void check_file(struct encode_users *users)
{
	struct stat file;

	if (stat(users->path, &file) != 0 || same_file(&file, &users->file))
		return;
	if (!read_file(users))
		return;
	users->file = file;
	users->generation++;
}

struct encode_users *encode_users_new(const char *path)
{
	struct encode_users *users = calloc(1, sizeof *users);

	if (!users)
		return NULL;
	users->path = strdup(path);
	if (!users->path) {
		free(users);
		return NULL;
	}
	check_file(users);
	return users;
}

void encode_users_free(struct encode_users *users)
{
	if (!users)
		return;
	free_list(&users->list);
	free(users->path);
	free(users);
}

uint32_t encode_users_refresh(struct encode_users *users, int64_t time_ns)
{
	int64_t since_ns = time_ns - users->checked_ns;

	/*
	 * Times of events are only roughly in order; a step back of a clock is a reason to look,
	 * too.
	 */
	if (!users->checked || since_ns >= ENCODE_USERS_REREAD_NS ||
	    since_ns <= -ENCODE_USERS_REREAD_NS) {
		if (users->checked)
			check_file(users);
		users->checked = true;
		users->checked_ns = time_ns;
	}
	return users->generation;
}

const char *encode_users_name(const struct encode_users *users, uint32_t uid)
{
	const struct user_list *list = &users->list;
	const struct user *user = NULL;

	if (list->count > 0)
		user = bsearch(&uid, list->users, list->count, sizeof *list->users, by_uid);
	return user ? user->name : NULL;
}
