/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the records of a run go: a sink on standard output or a file, watched in
 * the loop, flushed by policy, opened anew on demand.
 */
#ifndef SOCKLINE_OUTPUT_OUTLET_H
#define SOCKLINE_OUTPUT_OUTLET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"
#include "output/sink.h"

struct outlet;

/*
 * path NULL: standard output; otherwise file_open, which may have *repaired a
 * broken tail. Lines are written when the caller is idle, when many wait, or
 * after flush_interval_ns. 0 or -errno.
 */
int outlet_new(struct outlet **result, struct loop *loop, const char *path, size_t capacity,
               int64_t flush_interval_ns, uint64_t *repaired, struct error *error);
void outlet_free(struct outlet *outlet);

struct sink *outlet_sink(struct outlet *outlet);
/* After each turn. busy: more records are about to come at once. The state afterwards. */
enum sink_state outlet_turn(struct outlet *outlet, bool busy);
/*
 * Opens the path again, after logrotate has moved the old file away: what is
 * buffered goes to the old one. 0, also for standard output, where there is
 * nothing to do; or -errno, and the old file stays in use.
 */
int outlet_reopen(struct outlet *outlet, uint64_t *repaired, struct error *error);

#endif
