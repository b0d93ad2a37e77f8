/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "processes/container.h"

#include <stdlib.h>
#include <string.h>

#include "processes/process.h"

#define ID_LENGTH 64

/* Not NUL-terminated. */
struct text {
	const char *bytes;
	size_t length;
};
#define TEXT(literal) ((struct text){ "" literal, sizeof(literal) - 1 })

static bool equal(struct text a, struct text b)
{
	return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

static bool strip_prefix(struct text *text, struct text prefix)
{
	if (text->length < prefix.length || memcmp(text->bytes, prefix.bytes, prefix.length) != 0)
		return false;
	text->bytes += prefix.length;
	text->length -= prefix.length;
	return true;
}

static bool strip_suffix(struct text *text, struct text suffix)
{
	if (text->length < suffix.length ||
	    memcmp(text->bytes + text->length - suffix.length, suffix.bytes, suffix.length) != 0)
		return false;
	text->length -= suffix.length;
	return true;
}

/* One line of /proc/PID/cgroup, "hierarchy:controllers:path". The path may contain ':'. */
struct line {
	struct text hierarchy;
	struct text controllers;
	struct text path;
};

static bool take_until(struct text *rest, char mark, struct text *taken)
{
	const char *end = memchr(rest->bytes, mark, rest->length);

	if (!end)
		return false;
	taken->bytes = rest->bytes;
	taken->length = (size_t)(end - rest->bytes);
	rest->bytes = end + 1;
	rest->length -= taken->length + 1;
	return true;
}

/* Takes the next line that is one. False at the end. */
static bool next_line(struct text *rest, struct line *line)
{
	while (rest->length > 0) {
		struct text whole;

		if (!take_until(rest, '\n', &whole)) {
			whole = *rest;
			rest->length = 0;
		}
		if (!take_until(&whole, ':', &line->hierarchy) ||
		    !take_until(&whole, ':', &line->controllers) || whole.length == 0 ||
		    whole.bytes[0] != '/')
			continue;
		/* A cgroup may be removed with processes in it. */
		process_strip_deleted(whole.bytes, &whole.length);
		line->path = whole;
		return true;
	}
	return false;
}

bool container_cgroup_path(const char *text, size_t length, const char **path, size_t *path_length)
{
	struct text rest = { text, length };
	struct text v2 = TEXT(""), systemd = TEXT(""), first = TEXT(""), chosen;
	struct line line;
	bool found = false;

	while (next_line(&rest, &line)) {
		found = true;
		if (equal(line.path, TEXT("/")))
			continue;
		if (equal(line.hierarchy, TEXT("0")) && line.controllers.length == 0)
			v2 = line.path;
		else if (equal(line.controllers, TEXT("name=systemd")))
			systemd = line.path;
		else if (first.length == 0)
			first = line.path;
	}
	if (!found)
		return false;
	/* Where all are "/", the last one will do. */
	chosen = v2.length > 0        ? v2
	         : systemd.length > 0 ? systemd
	         : first.length > 0   ? first
	                              : line.path;
	*path = chosen.bytes;
	*path_length = chosen.length;
	return true;
}

static bool is_id(struct text text)
{
	if (text.length != ID_LENGTH)
		return false;
	for (size_t i = 0; i < text.length; i++) {
		char c = text.bytes[i];

		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
	}
	return true;
}

/* The path up to a component, without the slash; and its last component. */
static struct text last_component(struct text path)
{
	size_t start = path.length;

	while (start > 0 && path.bytes[start - 1] != '/')
		start--;
	return (struct text){ path.bytes + start, path.length - start };
}

static struct text without_last_component(struct text path)
{
	size_t left = path.length - last_component(path).length;

	return (struct text){ path.bytes, left > 0 ? left - 1 : 0 };
}

/* docker-<id>.scope of the systemd cgroup driver; crio-<id> and libpod-<id> of cgroupfs. */
static bool match_prefixed(struct text component, struct text *id)
{
	static const struct text prefixes[] = {
		{ "docker-", 7 }, { "cri-containerd-", 15 }, { "crio-", 5 },
		{ "libpod-", 7 }, { "libpod-payload-", 15 }, { "nerdctl-", 8 },
		{ "podman-", 7 },
	};

	strip_suffix(&component, TEXT(".scope"));
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
		*id = component;
		if (strip_prefix(id, prefixes[i]) && is_id(*id))
			return true;
	}
	return false;
}

/* <slice>:<runtime>:<id>: a path meant for systemd, given to the cgroupfs driver. */
static bool match_colons(struct text component, struct text *id)
{
	static const struct text runtimes[] = {
		{ ":cri-containerd", 15 },
		{ ":docker", 7 },
		{ ":crio", 5 },
		{ ":nerdctl", 8 },
	};

	if (component.length < ID_LENGTH + 1)
		return false;
	*id = (struct text){ component.bytes + component.length - ID_LENGTH, ID_LENGTH };
	component.length -= ID_LENGTH;
	if (!is_id(*id) || !strip_suffix(&component, TEXT(":")))
		return false;
	for (size_t i = 0; i < sizeof runtimes / sizeof *runtimes; i++)
		if (strip_suffix(&component, runtimes[i]))
			return true;
	return false;
}

/* 64 hex digits alone are an id below certain names only: others name cgroups by hashes too. */
static bool match_bare(struct text component, struct text above, struct text *id)
{
	struct text parent = last_component(above);

	if (!is_id(component))
		return false;
	*id = component;
	if (equal(parent, TEXT("docker")) || equal(parent, TEXT("moby")) ||
	    equal(parent, TEXT("k8s.io")) || equal(parent, TEXT("actions_job")))
		return true;
	for (; above.length > 0; above = without_last_component(above)) {
		parent = last_component(above);
		if (equal(parent, TEXT("ecs")) || strip_prefix(&parent, TEXT("kubepods")))
			return true;
	}
	return false;
}

/* Virtual machines of libvirt have such scopes as well: machine-qemu\x2d1\x2dname.scope. */
static bool match_machine(struct text component, struct text below, struct text *id)
{
	struct text kind;

	*id = component;
	if (!(strip_prefix(id, TEXT("machine-")) && strip_suffix(id, TEXT(".scope"))) &&
	    !(strip_prefix(id, TEXT("systemd-nspawn@")) && strip_suffix(id, TEXT(".service"))))
		return false;
	kind = *id;
	/* The supervisor is systemd-nspawn itself, outside of its container. */
	return id->length > 0 && !strip_prefix(&kind, TEXT("qemu\\x2d")) &&
	       !equal(below, TEXT("supervisor"));
}

/* lxc.monitor.<name> is the monitor, outside of the container. */
static bool match_lxc(struct text component, struct text above, struct text *id)
{
	struct text parent = last_component(above);

	*id = component;
	if (strip_prefix(id, TEXT("lxc.payload.")))
		return id->length > 0;
	return component.length > 0 &&
	       (equal(parent, TEXT("lxc")) || equal(parent, TEXT("lxc.payload")));
}

bool container_id(const char *path, size_t length, const char **id, size_t *id_length)
{
	struct text rest = { path, length };
	struct text below = TEXT("");

	/* From the end: in a container of a container the inner one is meant. */
	while (rest.length > 0) {
		struct text component = last_component(rest);
		struct text found;

		rest = without_last_component(rest);
		if (match_prefixed(component, &found) || match_colons(component, &found) ||
		    match_bare(component, rest, &found) ||
		    match_machine(component, below, &found) || match_lxc(component, rest, &found)) {
			*id = found.bytes;
			*id_length = found.length;
			return true;
		}
		below = component;
	}
	return false;
}

bool container_find(const char *text, size_t length, const char **id, size_t *id_length)
{
	struct text rest = { text, length };
	struct text path;
	struct line line;

	if (!container_cgroup_path(text, length, &path.bytes, &path.length))
		return false;
	if (container_id(path.bytes, path.length, id, id_length))
		return true;
	while (next_line(&rest, &line))
		if (container_id(line.path.bytes, line.path.length, id, id_length))
			return true;
	return false;
}

static size_t size_of(const char *string)
{
	return string ? strlen(string) + 1 : 0;
}

static const char *copy(char **room, const char *string)
{
	char *to = *room;

	if (!string)
		return NULL;
	*room = stpcpy(to, string) + 1;
	return to;
}

struct container_facts *container_facts_new(const struct container_facts *from)
{
	size_t size = sizeof *from + size_of(from->name) + size_of(from->image) +
	              size_of(from->runtime) + size_of(from->namespace) + size_of(from->pod);
	struct container_facts *facts = malloc(size);
	char *room;

	if (!facts)
		return NULL;
	room = facts->strings;
	facts->references = 1;
	facts->name = copy(&room, from->name);
	facts->image = copy(&room, from->image);
	facts->runtime = copy(&room, from->runtime);
	facts->namespace = copy(&room, from->namespace);
	facts->pod = copy(&room, from->pod);
	return facts;
}

struct container_facts *container_facts_ref(struct container_facts *facts)
{
	facts->references++;
	return facts;
}

void container_facts_unref(struct container_facts *facts)
{
	if (facts && --facts->references == 0)
		free(facts);
}
