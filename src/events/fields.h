/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which fields of records are wanted: two lists of dotted paths, resolved once into a
 * node for each object that is wanted in part. A path names a field, or an object with
 * all that it holds. The core is always wanted: without it no reader would know what a
 * record is, or that one is missing.
 */
#ifndef SOCKLINE_EVENTS_FIELDS_H
#define SOCKLINE_EVENTS_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

struct fields_node;

/* A member that differs from the others of its object. Tag 0: there is none. */
struct fields_slot {
	uint32_t tag;
	const struct fields_node *node;
};

/* An object that is wanted in part. */
struct fields_node {
	uint64_t wanted; /* a bit by the tag of each member that is; it may have others set, too */
	const struct fields_node *others; /* those without a slot: &fields_none or &fields_all */
	struct fields_slot *slots; /* NULL: none has one. A hash table by tag, at most half full */
	uint32_t mask;             /* how many slots there are, a power of two, less 1 */
};

/* Nothing of it is wanted; all that it holds is. */
extern const struct fields_node fields_none, fields_all;

struct fields {
	struct fields_node *nodes; /* the first is the record */
	unsigned count, room;
};

/*
 * wanted NULL: all fields. Then unwanted are left out; NULL: none. Both are lists of paths
 * with commas between them, as of --fields and --without, which the error names. NULL: a
 * path is not known (EINVAL), or memory was short (ENOMEM).
 */
struct fields *fields_new(const char *wanted, const char *unwanted, struct error *error);
void fields_free(struct fields *fields);

/* The node of a path; "": the record's. */
const struct fields_node *fields_node(const struct fields *fields, const char *path);
/* Is the path wanted, or anything of the object that it names? */
bool fields_want(const struct fields *fields, const char *path);

/*
 * Stands for a name among those of its object: test_fields proves that no two there have the
 * same. It is a constant where the compiler knows the name. Behind a name follow "\":\"", so
 * that four bytes can be read of each.
 */
static inline uint32_t fields_tag(const char *name, size_t length)
{
	uint32_t begin;

	memcpy(&begin, name, sizeof begin);
	begin = begin * 0x9e3779b1u +
	        ((uint32_t)length << 8 | (uint8_t)name[length - 1]) * 0x85ebca6bu;
	return begin ^ begin >> 15;
}

/* false: it does not. */
static inline bool fields_may_want(const struct fields_node *object, uint32_t tag)
{
	return object->wanted >> tag % 64 & 1;
}

/* The node of an object's member. */
static inline const struct fields_node *fields_member(const struct fields_node *object,
                                                      uint32_t tag)
{
	uint32_t place = tag & object->mask;

	if (!fields_may_want(object, tag))
		return &fields_none;
	while (object->slots && object->slots[place].tag != 0) {
		if (object->slots[place].tag == tag)
			return object->slots[place].node;
		place = (place + 1) & object->mask;
	}
	return object->others;
}

#endif
