/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Container id and cgroup path from the text of /proc/PID/cgroup (cgroups(7)).
 * Pure. Known paths: docker and moby (/docker/<id>, docker-<id>.scope),
 * containerd and CRI (cri-containerd-<id>.scope, /kubepods/.../<id>), CRI-O
 * (crio-<id>.scope), podman (libpod-<id>.scope, libpod-conmon- excluded),
 * systemd-nspawn (machine-<name>.scope), LXC (/lxc/<name>, /lxc.payload.<name>).
 */
#ifndef SOCKLINE_PROCESSES_CONTAINER_H
#define SOCKLINE_PROCESSES_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Finds in text (length bytes) the cgroup path: of the v2 line "0::" when it is
 * not "/", else of name=systemd, else of the first v1 line that is not "/", else
 * "/". *path points into text, not NUL-terminated. False: no line at all.
 */
bool container_cgroup_path(const char *text, size_t length, const char **path, size_t *path_length);

/* Finds the container id in a path; *id points into path. False: not a container. */
bool container_id(const char *path, size_t length, const char **id, size_t *id_length);

#endif
