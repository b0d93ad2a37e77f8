/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The fields that records have, by their dotted paths: those of src/schema/sockline.schema.json. */
#ifndef SOCKLINE_EVENTS_FIELD_TABLE_H
#define SOCKLINE_EVENTS_FIELD_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

#define FIELD_TABLE_PATH_MAX 80

/* Is it the path of a field or of an object? */
bool field_table_knows(const char *path, size_t length);

/* -EINVAL, and an error that names the option, the unknown path and the nearest known one. */
int field_table_refuse(const char *option, const char *path, size_t length, struct error *error);

/* One path a line, in order; an object comes before what it holds. */
void field_table_print(FILE *file);

#endif
