/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/container_names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

#define JSON_DEPTH     32
#define NAMESPACES_MAX 32 /* of containerd, that are looked into */

bool container_names_is_id(const char *id)
{
	return strlen(id) == CONTAINER_NAMES_ID &&
	       strspn(id, "0123456789abcdef") == CONTAINER_NAMES_ID;
}

/* NULL: no such member, or no object that could have one. */
static struct json_object *member(struct json_object *object, const char *name)
{
	struct json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_object_object_get_ex(object, name, &value))
		return NULL;
	return value;
}

/* NULL: not a string, empty, too long, with a NUL in it, or not UTF-8. Lives as long as the tree. */
static const char *text_of(struct json_object *value)
{
	const char *text;
	int length;

	if (!json_object_is_type(value, json_type_string))
		return NULL;
	text = json_object_get_string(value);
	length = json_object_get_string_len(value);
	if (length <= 0 || length > CONTAINER_NAMES_TEXT_MAX || strlen(text) != (size_t)length ||
	    !utf8_valid(text, (size_t)length)) /* json-c takes any bytes */
		return NULL;
	return text;
}

static const char *text_in(struct json_object *object, const char *name)
{
	return text_of(member(object, name));
}

static struct json_object *parse_json(const char *text, size_t length)
{
	struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
	struct json_object *root = NULL;

	if (!tokener)
		return NULL;
	if (length > 0 && length <= INT_MAX) {
		root = json_tokener_parse_ex(tokener, text, (int)length);
		if (json_tokener_get_error(tokener) != json_tokener_success) {
			json_object_put(root);
			root = NULL;
		}
	}
	json_tokener_free(tokener);
	return root;
}

/* The labels that the kubelet gives; under Kubernetes the name is the container's in its pod. */
static void add_kubernetes(struct json_object *labels, struct container_facts *facts)
{
	const char *name = text_in(labels, "io.kubernetes.container.name");

	if (name)
		facts->name = name;
	facts->pod = text_in(labels, "io.kubernetes.pod.name");
	facts->namespace = text_in(labels, "io.kubernetes.pod.namespace");
}

static bool read_docker(struct json_object *root, const char *id, struct container_facts *facts)
{
	struct json_object *config = member(root, "Config");
	const char *own = text_in(root, "ID");

	if (!own || strcmp(own, id) != 0)
		return false;
	facts->runtime = "docker";
	facts->name = text_in(root, "Name");
	if (facts->name && facts->name[0] == '/')
		facts->name = facts->name[1] != '\0' ? facts->name + 1 : NULL;
	facts->image = text_in(config, "Image");
	add_kubernetes(member(config, "Labels"), facts);
	return true;
}

static bool read_containerd(struct json_object *root, const char *id, struct container_facts *facts)
{
	struct json_object *annotations = member(root, "annotations");

	(void)id;
	facts->name = text_in(annotations, "io.kubernetes.cri.container-name");
	if (!facts->name)
		facts->name = text_in(annotations, "nerdctl/name");
	facts->image = text_in(annotations, "io.kubernetes.cri.image-name");
	facts->pod = text_in(annotations, "io.kubernetes.cri.sandbox-name");
	facts->namespace = text_in(annotations, "io.kubernetes.cri.sandbox-namespace");
	if (!facts->name && !facts->pod)
		return false; /* docker's, and those of other clients: nothing but ids */
	facts->runtime = "containerd";
	return true;
}

static bool read_crio(struct json_object *root, const char *id, struct container_facts *facts)
{
	struct json_object *annotations = member(root, "annotations");

	(void)id;
	add_kubernetes(annotations, facts);
	if (!facts->pod)
		return false; /* podman's, which has its names in containers.json */
	facts->image = text_in(annotations, "io.kubernetes.cri-o.ImageName");
	facts->runtime = "cri-o";
	return true;
}

/* "metadata" is JSON in a string. *inner keeps what the facts point to. */
static bool read_podman(struct json_object *root, const char *id, struct container_facts *facts,
                        struct json_object **inner)
{
	size_t count =
		json_object_is_type(root, json_type_array) ? json_object_array_length(root) : 0;

	for (size_t i = 0; i < count; i++) {
		struct json_object *container = json_object_array_get_idx(root, i);
		const char *own = text_in(container, "id");
		struct json_object *names = member(container, "names");
		struct json_object *metadata = member(container, "metadata");

		if (!own || strcmp(own, id) != 0)
			continue;
		if (json_object_is_type(metadata, json_type_string))
			*inner = parse_json(json_object_get_string(metadata),
			                    (size_t)json_object_get_string_len(metadata));
		facts->name = text_in(*inner, "name");
		if (!facts->name && json_object_is_type(names, json_type_array))
			facts->name = text_of(json_object_array_get_idx(names, 0));
		facts->image = text_in(*inner, "image-name");
		facts->runtime = "podman";
		return true;
	}
	return false;
}

struct container_facts *container_names_parse(enum container_names_format format, const char *text,
                                              size_t length, const char *id)
{
	struct json_object *root = parse_json(text, length), *inner = NULL;
	struct container_facts found = { 0 }, *facts = NULL;
	bool is_its = false;

	switch (format) {
	case CONTAINER_NAMES_DOCKER:
		is_its = read_docker(root, id, &found);
		break;
	case CONTAINER_NAMES_CONTAINERD:
		is_its = read_containerd(root, id, &found);
		break;
	case CONTAINER_NAMES_CRIO:
		is_its = read_crio(root, id, &found);
		break;
	case CONTAINER_NAMES_PODMAN:
		is_its = read_podman(root, id, &found, &inner);
		break;
	}
	if (is_its)
		facts = container_facts_new(&found);
	json_object_put(inner);
	json_object_put(root);
	return facts;
}

/* The file's text, for free; NULL: there is none, or it is no regular file of a fair size. */
static char *read_text(int root, const char *path, size_t *length)
{
	int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	size_t got = 0;
	struct stat status;
	char *text = NULL;
	ssize_t count = 0;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 &&
	    status.st_size <= CONTAINER_NAMES_FILE_MAX)
		text = malloc((size_t)status.st_size);
	while (text && got < (size_t)status.st_size) {
		count = read(fd, text + got, (size_t)status.st_size - got);
		if (count == 0 || (count < 0 && errno != EINTR))
			break;
		got += count > 0 ? (size_t)count : 0;
	}
	close(fd);
	*length = got;
	return text;
}

static struct container_facts *read_file(int root, const char *path,
                                         enum container_names_format format, const char *id)
{
	struct container_facts *facts = NULL;
	size_t length = 0;
	char *text = read_text(root, path, &length);

	if (text)
		facts = container_names_parse(format, text, length, id);
	free(text);
	return facts;
}

/* containerd's own namespaces, "k8s.io", "moby" and "default" mostly. */
static struct container_facts *read_tasks(int root, const char *folder, const char *id)
{
	struct container_facts *facts = NULL;
	int fd = openat(root, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	char path[PATH_MAX];
	int left = NAMESPACES_MAX;

	if (!directory) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	while (!facts && left > 0 && (entry = readdir(directory))) {
		if (entry->d_name[0] == '.')
			continue;
		left--;
		snprintf(path, sizeof path, "%s/%s/config.json", entry->d_name, id);
		facts = read_file(dirfd(directory), path, CONTAINER_NAMES_CONTAINERD, id);
	}
	closedir(directory);
	return facts;
}

/* A folder of containers/storage, with which podman and CRI-O keep containers. */
static struct container_facts *read_storage(int root, const char *folder, const char *id)
{
	static const char *const lists[] = { "containers.json", "volatile-containers.json" };
	struct container_facts *facts;
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s/userdata/config.json", folder, id);
	facts = read_file(root, path, CONTAINER_NAMES_CRIO, id);
	for (size_t i = 0; !facts && i < sizeof lists / sizeof *lists; i++) {
		snprintf(path, sizeof path, "%s/%s", folder, lists[i]);
		facts = read_file(root, path, CONTAINER_NAMES_PODMAN, id);
	}
	return facts;
}

static struct container_facts *read_config(int root, const char *folder, const char *id)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s/config.v2.json", folder, id);
	return read_file(root, path, CONTAINER_NAMES_DOCKER, id);
}

struct container_facts *container_names_read(const char *root, const char *id)
{
	static const struct {
		struct container_facts *(*read)(int root, const char *folder, const char *id);
		const char *folder;
	} places[] = {
		{ read_config, "var/lib/docker/containers" },
		{ read_config, "var/snap/docker/common/var-lib-docker/containers" },
		{ read_storage, "run/containers/storage/overlay-containers" },
		{ read_storage, "var/lib/containers/storage/overlay-containers" },
		{ read_storage, "run/containers/storage/vfs-containers" },
		{ read_storage, "var/lib/containers/storage/vfs-containers" },
		{ read_storage, "run/containers/storage/btrfs-containers" },
		{ read_storage, "var/lib/containers/storage/btrfs-containers" },
		{ read_storage, "run/containers/storage/zfs-containers" },
		{ read_storage, "var/lib/containers/storage/zfs-containers" },
		{ read_tasks, "run/containerd/io.containerd.runtime.v2.task" },
		{ read_tasks, "run/k3s/containerd/io.containerd.runtime.v2.task" },
		{ read_tasks, "run/k0s/containerd/io.containerd.runtime.v2.task" },
		{ read_tasks,
		  "var/snap/microk8s/common/run/containerd/io.containerd.runtime.v2.task" },
	};
	struct container_facts *facts = NULL;
	int fd;

	if (!container_names_is_id(id))
		return NULL;
	fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	for (size_t i = 0; !facts && i < sizeof places / sizeof *places; i++)
		facts = places[i].read(fd, places[i].folder, id);
	close(fd);
	return facts;
}
