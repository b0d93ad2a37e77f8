/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why the kernel refuses perf events to this process, in words that help. Pure: what
 * is known of the kernel and the process goes in, a text comes out.
 */
#ifndef SOCKLINE_TRACEPOINTS_PERF_REFUSAL_H
#define SOCKLINE_TRACEPOINTS_PERF_REFUSAL_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define PERF_PARANOID_UNKNOWN INT_MIN

struct perf_refusal {
	int code; /* errno of perf_event_open(2): EPERM or EACCES */
	/*
	 * kernel.perf_event_paranoid. Levels above 2 are those of Debian and Ubuntu: they
	 * want CAP_SYS_ADMIN, where Linux itself is content with CAP_PERFMON.
	 */
	int paranoid;
	bool locked_down;      /* for confidentiality, kernel_lockdown(7) */
	bool knows_perfmon;    /* the kernel has CAP_PERFMON: Linux 5.8 */
	uint64_t capabilities; /* effective, as in security/capabilities.h */
};

/* Fills *error; returns -code. */
int perf_refusal_explain(const struct perf_refusal *refusal, struct error *error);
/* The least capability that is enough, of those that are held: CAP_PERFMON or CAP_SYS_ADMIN. */
int perf_refusal_capability(const struct perf_refusal *refusal);

#endif
