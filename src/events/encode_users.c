/* SPDX-License-Identifier: Apache-2.0 */
#include "events/encode_users.h"

#include <pwd.h>
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

struct encode_users {
	char *path;
	struct user *users; /* sorted */
	size_t count;
	uint32_t generation;
	bool checked;
	int64_t checked_ns;
	struct stat file; /* as it was when it was read */
};

static void free_list(struct user *users, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(users[i].name);
	free(users);
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
static size_t sort(struct user *users, size_t count)
{
	size_t kept = 0;

	if (count > 0)
		qsort(users, count, sizeof *users, by_uid_and_line);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && users[kept - 1].uid == users[i].uid)
			free(users[i].name);
		else
			users[kept++] = users[i];
	}
	return kept;
}

/* All or nothing: false leaves the names as they were. */
static bool read_file(struct encode_users *users)
{
	FILE *stream = fopen(users->path, "re");
	struct user *list = NULL;
	size_t count = 0, room = 0;
	const struct passwd *entry;
	bool complete = true;

	if (!stream)
		return false;
	while (count < ENCODE_USERS_MAX && (entry = fgetpwent(stream)) != NULL) {
		if (count == room) {
			size_t more = room > 0 ? room * 2 : 64;
			struct user *larger = reallocarray(list, more, sizeof *list);

			if (!larger) {
				complete = false;
				break;
			}
			list = larger;
			room = more;
		}
		list[count].uid = entry->pw_uid;
		list[count].line = (uint32_t)count;
		list[count].name = strdup(entry->pw_name);
		if (!list[count].name) {
			complete = false;
			break;
		}
		count++;
	}
	fclose(stream);
	if (!complete) {
		free_list(list, count);
		return false;
	}
	free_list(users->users, users->count);
	users->users = list;
	users->count = sort(list, count);
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
	free_list(users->users, users->count);
	free(users->path);
	free(users);
}

uint32_t encode_users_refresh(struct encode_users *users, int64_t time_ns)
{
	int64_t since_ns = time_ns - users->checked_ns;

	/* Times of events are only roughly in order; a step back of a clock is a reason to look, too. */
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
	const struct user *user;

	if (users->count == 0)
		return NULL;
	user = bsearch(&uid, users->users, users->count, sizeof *users->users, by_uid);
	return user ? user->name : NULL;
}
