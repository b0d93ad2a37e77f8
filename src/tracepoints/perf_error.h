/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Why the kernel refused perf events, in words that help. */
#ifndef SOCKLINE_TRACEPOINTS_PERF_ERROR_H
#define SOCKLINE_TRACEPOINTS_PERF_ERROR_H

#include "base/error.h"

/*
 * code: the errno of perf_event_open(2), or of the mapping of its ring. A refusal is
 * explained by what /proc/sys, the lockdown and the capabilities say now (perf_refusal.h).
 * Returns -code, as error_set does.
 */
int perf_error_explain(struct error *error, int code);
/* The capability by which this process may use perf events: CAP_PERFMON or CAP_SYS_ADMIN. */
int perf_error_capability(void);

#endif
