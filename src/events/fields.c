/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "events/fields.h"

#include <errno.h>
#include <stdlib.h>

#include "events/field_table.h"

/* What a reader needs to order records, to know what each is, and to see that one is missing. */
static const char *const core[] = {
	"@timestamp", "event.action", "event.sequence", "sockline.run", "sockline.truncated",
};

#define SLOTS_FIRST 8

const struct fields_node fields_none = { .others = &fields_none };
const struct fields_node fields_all = { .wanted = UINT64_MAX, .others = &fields_all };

/* Makes a node of which everything is alike. NULL: memory was short. */
static struct fields_node *add_node(struct fields *fields, const struct fields_node *others)
{
	struct fields_node *node = &fields->nodes[fields->count];

	if (fields->count == fields->room)
		return NULL;
	node->slots = calloc(SLOTS_FIRST, sizeof *node->slots);
	if (!node->slots)
		return NULL;
	node->mask = SLOTS_FIRST - 1;
	node->others = others;
	node->wanted = others->wanted;
	fields->count++;
	return node;
}

/* The slot of the tag, or the free one where it would be. */
static struct fields_slot *slot_of(const struct fields_node *object, uint32_t tag)
{
	uint32_t place = tag & object->mask;

	while (object->slots[place].tag != 0 && object->slots[place].tag != tag)
		place = (place + 1) & object->mask;
	return &object->slots[place];
}

/* Twice as many slots. */
static bool grow(struct fields_node *object)
{
	struct fields_slot *slots = object->slots;
	uint32_t count = object->mask + 1;
	struct fields_slot *wider = calloc(2 * (size_t)count, sizeof *wider);

	if (!wider)
		return false;
	object->slots = wider;
	object->mask = 2 * count - 1;
	for (uint32_t i = 0; i < count; i++)
		if (slots[i].tag != 0)
			*slot_of(object, slots[i].tag) = slots[i];
	free(slots);
	return true;
}

static uint32_t used(const struct fields_node *object)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i <= object->mask; i++)
		count += object->slots[i].tag != 0;
	return count;
}

static uint32_t tag_of(const char *name, size_t length)
{
	char quoted[FIELD_TABLE_PATH_MAX + 4] = "";

	memcpy(quoted, name, length);
	memcpy(quoted + length, "\":\"", sizeof "\":\"");
	return fields_tag(quoted, length);
}

/* The object's member, which is made if need be. NULL: memory was short. */
static struct fields_slot *add_member(struct fields_node *object, const char *name, size_t length)
{
	uint32_t tag = tag_of(name, length);
	struct fields_slot *slot = slot_of(object, tag);

	if (slot->tag != 0)
		return slot;
	if (2 * (used(object) + 1) > object->mask) {
		if (!grow(object))
			return NULL;
		slot = slot_of(object, tag);
	}
	*slot = (struct fields_slot){ .tag = tag, .node = object->others };
	object->wanted |= UINT64_C(1) << tag % 64;
	return slot;
}

/* The node of a member that is an object, where it is wanted in part. NULL: memory was short. */
static struct fields_node *part(struct fields *fields, struct fields_node *object, const char *name,
                                size_t length)
{
	struct fields_slot *slot = add_member(object, name, length);
	struct fields_node *node;

	if (!slot)
		return NULL;
	if (slot->node != &fields_none && slot->node != &fields_all)
		return &fields->nodes[slot->node - fields->nodes];
	node = add_node(fields, slot->node);
	if (node)
		slot->node = node;
	return node;
}

/* What the path names is wanted, or not, with all that it holds. The path is known. */
static bool set(struct fields *fields, const char *path, size_t length,
                const struct fields_node *value)
{
	struct fields_node *object = &fields->nodes[0];
	struct fields_slot *slot;
	const char *dot;

	while ((dot = memchr(path, '.', length))) {
		size_t name = (size_t)(dot - path);

		object = part(fields, object, path, name);
		if (!object)
			return false;
		path += name + 1;
		length -= name + 1;
	}
	slot = add_member(object, path, length);
	if (slot)
		slot->node = value;
	return slot;
}

static int set_list(struct fields *fields, const char *option, const char *list,
                    const struct fields_node *value, struct error *error)
{
	for (;;) {
		size_t length = strcspn(list, ",");

		if (!field_table_knows(list, length))
			return field_table_refuse(option, list, length, error);
		if (!set(fields, list, length, value))
			return error_set(error, ENOMEM, "out of memory");
		if (list[length] == '\0')
			return 0;
		list += length + 1;
	}
}

/* At most as many objects as there are dots. */
static unsigned dots(const char *list)
{
	unsigned count = 0;

	for (; list && *list; list++)
		count += *list == '.';
	return count;
}

static int resolve(struct fields *fields, const char *wanted, const char *unwanted,
                   struct error *error)
{
	int result = 0;

	fields->room = 1 + dots(wanted) + dots(unwanted);
	for (size_t i = 0; i < sizeof core / sizeof *core; i++)
		fields->room += dots(core[i]);
	fields->nodes = calloc(fields->room, sizeof *fields->nodes);
	if (!fields->nodes || !add_node(fields, wanted ? &fields_none : &fields_all))
		return error_set(error, ENOMEM, "out of memory");
	if (wanted)
		result = set_list(fields, "--fields", wanted, &fields_all, error);
	if (result == 0 && unwanted)
		result = set_list(fields, "--without", unwanted, &fields_none, error);
	for (size_t i = 0; i < sizeof core / sizeof *core && result == 0; i++)
		if (!set(fields, core[i], strlen(core[i]), &fields_all))
			result = error_set(error, ENOMEM, "out of memory");
	return result;
}

struct fields *fields_new(const char *wanted, const char *unwanted, struct error *error)
{
	struct fields *fields = calloc(1, sizeof *fields);

	if (!fields) {
		error_set(error, ENOMEM, "out of memory");
		return NULL;
	}
	if (resolve(fields, wanted, unwanted, error) != 0) {
		fields_free(fields);
		return NULL;
	}
	return fields;
}

void fields_free(struct fields *fields)
{
	if (!fields)
		return;
	for (unsigned i = 0; i < fields->count; i++)
		free(fields->nodes[i].slots);
	free(fields->nodes);
	free(fields);
}

const struct fields_node *fields_node(const struct fields *fields, const char *path)
{
	const struct fields_node *node = &fields->nodes[0];

	while (*path != '\0') {
		size_t length = strcspn(path, ".");

		node = fields_member(node, tag_of(path, length));
		path += length + (path[length] == '.');
	}
	return node;
}

bool fields_want(const struct fields *fields, const char *path)
{
	return fields_node(fields, path) != &fields_none;
}
