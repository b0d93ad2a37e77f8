/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a tracepoint's records the kernel writes at all, in the language of
 * Documentation/trace/events.rst, "Event filtering". Pure.
 */
#ifndef SOCKLINE_TRACEPOINTS_TRACE_FILTER_H
#define SOCKLINE_TRACEPOINTS_TRACE_FILTER_H

#include "base/buf.h"
#include "base/port_budget.h"
#include "tracepoints/trace_record.h"

/* Enough for all ports that the two budgets can leave out. */
#define TRACE_FILTER_MAX 1024

/*
 * Makes the filter of an event, with its NUL; length 1: it has none. routes:
 * local UDP ports whose route lookups are left out; receives: local TCP ports
 * whose reads are.
 */
void trace_filter_make(struct buf *filter, enum trace_record_event event,
                       const struct port_budget *routes, const struct port_budget *receives);

#endif
