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

#endif
