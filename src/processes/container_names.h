/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Name, image and pod of a container, from the files that its runtime keeps about it. No
 * API is asked, nothing is written, and what cannot be read stays unknown.
 *
 *	docker      var/lib/docker/containers/ID/config.v2.json; that of a snap below
 *	            var/snap/docker/common/var-lib-docker
 *	containerd  run/containerd/io.containerd.runtime.v2.task/NAMESPACE/ID/config.json, the
 *	            OCI spec: annotations of CRI and nerdctl; the same below run/k3s, run/k0s and
 *	            var/snap/microk8s/common/run
 *	podman      containers.json, and since podman 4.4 volatile-containers.json for those of
 *	            `podman run --rm', so of Quadlet, in DRIVER-containers below
 *	            var/lib/containers/storage; below run/containers/storage with transient_store
 *	            (containers-storage.conf(5), which names the drivers)
 *	CRI-O       ID/userdata/config.json in the same folders
 *
 * These files hold the environment of the container as well: it is never looked at.
 */
#ifndef SOCKLINE_PROCESSES_CONTAINER_NAMES_H
#define SOCKLINE_PROCESSES_CONTAINER_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "processes/container.h"

#define CONTAINER_NAMES_ID       64          /* hexadecimal digits of an id */
#define CONTAINER_NAMES_FILE_MAX (512 << 10) /* bytes; a longer file is not read */
#define CONTAINER_NAMES_TEXT_MAX 512         /* bytes; a longer name is not known */

enum container_names_format {
	CONTAINER_NAMES_DOCKER,     /* config.v2.json */
	CONTAINER_NAMES_CONTAINERD, /* config.json, with the annotations of CRI or nerdctl */
	CONTAINER_NAMES_CRIO,       /* config.json, with the annotations of CRI-O */
	CONTAINER_NAMES_PODMAN,     /* containers.json: a list of containers of the storage */
};

/* 64 hexadecimal digits: safe as the name of a folder. Names of LXC and nspawn are no ids. */
bool container_names_is_id(const char *id);

/*
 * Pure: a new struct with one reference for the container of this id; NULL when the text
 * is no JSON of the format, says nothing that is looked for, or memory is short.
 */
struct container_facts *container_names_parse(enum container_names_format format, const char *text,
                                              size_t length, const char *id);

/*
 * Reads the files below a folder, "/" but in tests: may wait for the disk. As
 * container_names_parse; NULL too when there is no file that can be read.
 */
struct container_facts *container_names_read(const char *root, const char *id);

#endif
