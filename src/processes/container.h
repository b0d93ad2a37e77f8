/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container id and cgroup path from the text of /proc/PID/cgroup (cgroups(7)).
 * Pure. Known paths: docker and moby (/docker/<id>, docker-<id>.scope),
 * containerd and CRI (cri-containerd-<id>.scope, /kubepods/.../<id>,
 * <slice>:cri-containerd:<id>), CRI-O (crio-<id>.scope), nerdctl, ECS, podman
 * (libpod-<id>.scope; libpod-conmon- is not in the container), systemd-nspawn
 * (machine-<name>.scope, systemd-nspawn@<name>.service), LXC (/lxc/<name>,
 * /lxc.payload.<name>). An id is 64 hex digits, a name of nspawn and LXC any text.
 */
#ifndef SOCKLINE_PROCESSES_CONTAINER_H
#define SOCKLINE_PROCESSES_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Finds in text (length bytes) the cgroup path: of the v2 line "0::" when it is
 * not "/", else of name=systemd, else of the first v1 line that is not "/", else
 * "/". Without " (deleted)". *path points into text, not NUL-terminated. False:
 * no line at all.
 */
bool container_cgroup_path(const char *text, size_t length, const char **path, size_t *path_length);

/* Finds the innermost container's id in a path; *id points into path. False: not a container. */
bool container_id(const char *path, size_t length, const char **id, size_t *id_length);

/*
 * The same for the whole text of /proc/PID/cgroup: the path above, else the
 * first line that has one (hybrid hosts where a runtime uses v1 alone).
 */
bool container_find(const char *text, size_t length, const char **id, size_t *id_length);

/*
 * What the files of a container's runtime say about it (container_names.h). Shared by
 * reference count, immutable. NULL = not known; strings are UTF-8.
 */
struct container_facts {
	uint32_t references;
	const char *name;
	const char *image;     /* "docker.io/library/nginx:1.27" */
	const char *runtime;   /* "docker", "containerd", "podman", "cri-o" */
	const char *namespace; /* of the pod in Kubernetes */
	const char *pod;       /* its name */
	char strings[];
};

/* Copies the strings. NULL when memory is short. */
struct container_facts *container_facts_new(const struct container_facts *from);
struct container_facts *container_facts_ref(struct container_facts *facts);
void container_facts_unref(struct container_facts *facts); /* NULL is fine */

#endif
