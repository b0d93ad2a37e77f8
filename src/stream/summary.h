/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person wants to know at the end of a run: connections by program and by
 * far end, the largest first, those that failed, and why owners are not known.
 * Bounded: programs and far ends beyond SUMMARY_NAMES_MAX are counted as "others".
 */
#ifndef SOCKLINE_STREAM_SUMMARY_H
#define SOCKLINE_STREAM_SUMMARY_H

#include <stdint.h>

#include "base/hash.h"
#include "events/event.h"

#define SUMMARY_NAMES_MAX 4096
#define SUMMARY_SHOWN     10

struct summary;

struct summary *summary_new(const struct hash_key *key); /* NULL: no memory */
void summary_free(struct summary *summary);

/* Takes connection_closed into account, and no other event. */
void summary_add(struct summary *summary, const struct event *event);
/* Calls print for each line, NUL-terminated, without LF; names have controls escaped. */
void summary_print(const struct summary *summary, void (*print)(void *context, const char *line),
                   void *context);

#endif
