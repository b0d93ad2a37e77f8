/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Network namespaces that are made while sockline runs, found by the events of
 * their making: netns_events.h, and for those that get a name the mounts below
 * /run/netns and /run/docker/netns (proc_pid_mountinfo(5): poll(2) reports each change).
 */
#ifndef SOCKLINE_HOST_HOST_NETNS_WATCH_H
#define SOCKLINE_HOST_HOST_NETNS_WATCH_H

#include <stdint.h>

#include "base/error.h"
#include "base/loop.h"

struct host_netns_watch;

/*
 * A namespace that may be a new one: its number, and a path to open it by. made_ns
 * (monotonic): when it was made, at most milliseconds early; 0 = not known.
 */
typedef void host_netns_watch_callback(void *context, uint32_t number, const char *path,
                                       int64_t made_ns);

/*
 * Without the events of the kernel only names are followed, and *refused says why
 * (code 0: nothing is missing). NULL: no memory.
 */
struct host_netns_watch *host_netns_watch_new(struct loop *loop,
                                              host_netns_watch_callback *callback, void *context,
                                              struct error *refused);
void host_netns_watch_free(struct host_netns_watch *watch); /* NULL is fine */
/* Looks at once at what the events have reported by now. */
void host_netns_watch_look(struct host_netns_watch *watch);
/* Readable when a namespace is being made; the loop must not sleep then. -1 = none. */
int host_netns_watch_fd(const struct host_netns_watch *watch);

#endif
