/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The making of network namespaces, at the moment when a thread does it. There is
 * no tracepoint for that, but the tables of statistics of a namespace are the only
 * per-CPU memory of their size that a running host allocates: setup_net() in
 * net/core/net_namespace.c, by way of percpu:percpu_alloc_percpu. A new interface
 * and a new cgroup have such tables, too, so an event is a hint and no proof.
 */
#ifndef SOCKLINE_TRACEPOINTS_NETNS_EVENTS_H
#define SOCKLINE_TRACEPOINTS_NETNS_EVENTS_H

#include <stdint.h>

#include "base/error.h"

struct netns_events;

/* What it needs is what tracepoints_open needs, and a descriptor a CPU. 0 or -errno. */
int netns_events_open(struct netns_events **events, struct error *error);
void netns_events_close(struct netns_events *events);   /* NULL is fine */
int netns_events_fd(const struct netns_events *events); /* readable as soon as there is an event */

/*
 * The thread tid of process pid is inside clone(2) or unshare(2), or was at time_ns
 * (monotonic, of the kernel): soon the process, or a child of the thread, is in
 * a new namespace. Such a system call makes several events.
 */
typedef void netns_events_callback(void *context, int pid, int tid, int64_t time_ns);
void netns_events_drain(struct netns_events *events, netns_events_callback *callback,
                        void *context);

#endif
