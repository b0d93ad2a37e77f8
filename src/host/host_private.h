/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of host share; no other file includes it. */
#ifndef SOCKLINE_HOST_HOST_PRIVATE_H
#define SOCKLINE_HOST_HOST_PRIVATE_H

#include "attribution/process_changes.h"
#include "attribution/sentinel_owners.h"
#include "attribution/trace_owners.h"
#include "host/host.h"
#include "host/host_netns_set.h"
#include "host/host_netns_watch.h"
#include "processes/proc_events.h"
#include "processes/proc_fd.h"
#include "processes/process_details.h"
#include "processes/process_table.h"
#include "sentinel/sentinel.h"
#include "tracepoints/args_reader.h"

#define HOST_DEGRADED_TEXT 384

struct host {
	struct host_options options;
	struct loop *loop;
	uint32_t netns;
	struct process_table *processes;
	struct process_details *details;
	struct proc_fd *fds;
	struct host_netns_set *netns_set;
	bool in_turn;         /* host_catch_up was called since the last host_work */
	int64_t caught_up_ns; /* up to then, what tracepoints and the connector reported is taken in */
	bool relieving;
	enum host_netns_mode netns_mode;
	struct host_netns_watch *netns_watch; /* NULL: the namespaces stay the same */
	int64_t namespaces_look_ns;           /* monotonic: when they are looked for next */
	struct proc_events *events;
	struct process_changes *changes;   /* what these report where tracepoints are in use */
	struct trace_owners *trace_owners; /* NULL: tracepoints are not in use */
	struct args_reader *args;          /* NULL: not wanted, or not to be had */
	struct sentinel *sentinel;         /* NULL: nor is the sentinel */
	struct sentinel_owners *sentinel_owners;
	char sentinel_why[256];
	const char *method_why;
	uint64_t trace_lost; /* as reported */
	struct attribution *attribution;
	struct error events_refused;
	struct loop_source *events_source, *trace_owners_source, *sentinel_source;
	char degraded_text[HOST_DEGRADED_MAX][HOST_DEGRADED_TEXT];
	const char *degraded[HOST_DEGRADED_MAX];
	int degraded_count;
};

/* A proc_events_callback; tracepoints report the same. */
proc_events_callback host_on_process_event;
void host_on_process_events_lost(struct host *host);
/* To whom it may concern; process NULL: not surely known. */
void host_report_life(const struct host *host, enum host_life life, struct process *process,
                      int64_t time_ns);

/*
 * host_events.c: the process events connector. It is opened before tracepoints are, so that no
 * change of ids after the first look at processes goes unseen; used when it is known what else
 * there is.
 */
int host_events_open(struct host *host, struct error *error);
void host_events_use(struct host *host);
void host_events_close(struct host *host);
/* What the connector has reported by now. */
void host_events_read(struct host *host);

/*
 * host_args.c: arguments. _open comes before any event is followed, so that each exec that is
 * reported has them; _use when it is known whether execs are.
 */
int host_args_open(struct host *host, struct error *error);
void host_args_use(struct host *host);
/* Takes in what tracepoints and the readers of arguments report, in this order. */
void host_args_drain(struct host *host);

/* host_report.c: what had no room since the last such call, and what is not watched. */
void host_report_losses(struct host *host);

/*
 * host_method.c: opens the first of tracepoints, sentinel and lookup that can be
 * had. What cannot is said once, with the reason.
 */
int host_method_open(struct host *host, struct error *error);
void host_method_check(struct host *host);
void host_method_drain_sentinel(struct host *host); /* where there is one */
void host_method_close(struct host *host);
void host_method_add_namespace(struct host *host, uint32_t netns, int fd);
void host_method_remove_namespace(struct host *host, uint32_t netns);

#endif
