/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/cgroup_paths.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/table.h"
#include "processes/container.h"

#define DEPTH_MAX 32

struct entry {
	uint64_t id;
	char *path;
	const char *container_id; /* into path; NULL = not a container */
	size_t container_id_length;
};

/* A ring: the oldest is overwritten. */
struct cgroup_paths {
	struct hash_key key;
	struct table *by_id;
	struct entry *entries;
	uint32_t used, next;
};

struct cgroup_paths *cgroup_paths_new(const struct hash_key *key)
{
	struct cgroup_paths *paths = calloc(1, sizeof *paths);

	if (!paths)
		return NULL;
	paths->key = *key;
	paths->by_id = table_new(CGROUP_PATHS_MAX);
	paths->entries = calloc(CGROUP_PATHS_MAX, sizeof *paths->entries);
	if (!paths->by_id || !paths->entries) {
		cgroup_paths_free(paths);
		return NULL;
	}
	return paths;
}

void cgroup_paths_free(struct cgroup_paths *paths)
{
	if (!paths)
		return;
	for (uint32_t i = 0; paths->entries && i < paths->used; i++)
		free(paths->entries[i].path);
	free(paths->entries);
	table_free(paths->by_id);
	free(paths);
}

static struct entry *find(const struct cgroup_paths *paths, uint64_t id)
{
	struct table_cursor cursor = table_cursor(paths->by_id, hash_number(&paths->key, id));
	uint32_t number;

	while (table_next(&cursor, &number))
		if (paths->entries[number].id == id)
			return &paths->entries[number];
	return NULL;
}

static struct entry *make(struct cgroup_paths *paths, uint64_t id)
{
	struct entry *entry = &paths->entries[paths->next];

	if (paths->used == CGROUP_PATHS_MAX)
		table_remove(paths->by_id, hash_number(&paths->key, entry->id), paths->next);
	if (table_insert(paths->by_id, hash_number(&paths->key, id), paths->next) != 0)
		return NULL;
	if (paths->used < CGROUP_PATHS_MAX)
		paths->used++;
	paths->next = (paths->next + 1) % CGROUP_PATHS_MAX;
	entry->id = id;
	return entry;
}

void cgroup_paths_add(struct cgroup_paths *paths, uint64_t id, const char *path, size_t length)
{
	struct entry *entry = find(paths, id);
	char *copy = strndup(path, length);

	if (!copy)
		return;
	if (!entry)
		entry = make(paths, id);
	if (!entry) {
		free(copy);
		return;
	}
	free(entry->path);
	entry->path = copy;
	if (!container_id(copy, strlen(copy), &entry->container_id, &entry->container_id_length))
		entry->container_id = NULL;
}

const char *cgroup_paths_find(const struct cgroup_paths *paths, uint64_t id,
                              const char **container_id, size_t *container_id_length)
{
	const struct entry *entry = find(paths, id);

	if (!entry)
		return NULL;
	*container_id = entry->container_id;
	*container_id_length = entry->container_id ? entry->container_id_length : 0;
	return entry->path;
}

/* path: room for CGROUP_PATH_MAX, length of it in use. Closes fd. */
static void walk(struct cgroup_paths *paths, int fd, char *path, size_t length, int depth)
{
	DIR *folder = fdopendir(fd);
	struct dirent *entry;

	if (!folder) {
		close(fd);
		return;
	}
	while ((entry = readdir(folder))) {
		size_t name_length = strlen(entry->d_name);
		struct stat status;
		int below;

		if (entry->d_type != DT_DIR || entry->d_name[0] == '.' ||
		    length + 1 + name_length >= CGROUP_PATH_MAX || paths->used == CGROUP_PATHS_MAX)
			continue;
		path[length] = '/';
		memcpy(path + length + 1, entry->d_name, name_length + 1);
		below = openat(dirfd(folder), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (below < 0)
			continue;
		/* A cgroup's number is that of its folder. */
		if (fstat(below, &status) == 0)
			cgroup_paths_add(paths, status.st_ino, path, length + 1 + name_length);
		if (depth < DEPTH_MAX)
			walk(paths, below, path, length + 1 + name_length, depth + 1);
		else
			close(below);
	}
	closedir(folder);
}

void cgroup_paths_walk(struct cgroup_paths *paths, int cgroups, bool root)
{
	int fd = openat(cgroups, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char path[CGROUP_PATH_MAX];
	struct stat status;

	if (fd < 0)
		return;
	if (root && fstat(fd, &status) == 0)
		cgroup_paths_add(paths, status.st_ino, "/", 1);
	walk(paths, fd, path, 0, 0);
}
