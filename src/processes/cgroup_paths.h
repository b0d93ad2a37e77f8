/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of control groups of v2 by their numbers, with the container that each is: those there
 * at the start, and those that events report since. A path stays when its cgroup is removed: a
 * number is not used again. Bounded; the oldest make room.
 */
#ifndef SOCKLINE_PROCESSES_CGROUP_PATHS_H
#define SOCKLINE_PROCESSES_CGROUP_PATHS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

struct cgroup_paths;

#define CGROUP_PATHS_MAX 16384
#define CGROUP_PATH_MAX  4096

/* NULL: memory is short. */
struct cgroup_paths *cgroup_paths_new(const struct hash_key *key);
void cgroup_paths_free(struct cgroup_paths *paths); /* NULL is fine */

/*
 * Enters all below a directory of the mount, as /proc/PID/cgroup shows them. root: also the root
 * itself, "/"; not where v1 is in use as well, for then most processes are in the root of v2, and
 * a v1 path says more.
 */
void cgroup_paths_walk(struct cgroup_paths *paths, int cgroups, bool root);
void cgroup_paths_add(struct cgroup_paths *paths, uint64_t id, const char *path, size_t length);
/* NULL: not known. container_id points into the path, or is NULL. Valid until the next is added. */
const char *cgroup_paths_find(const struct cgroup_paths *paths, uint64_t id,
                              const char **container_id, size_t *container_id_length);

#endif
