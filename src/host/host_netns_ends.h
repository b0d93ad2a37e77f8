/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which namespaces have reports of destroyed sockets to read: one descriptor is ready when any of
 * them has, so that many quiet namespaces cost one system call together.
 */
#ifndef SOCKLINE_HOST_HOST_NETNS_ENDS_H
#define SOCKLINE_HOST_HOST_NETNS_ENDS_H

#include <stdint.h>

#include "base/loop.h"

struct host_netns_ends;

/* Reads what there is; since_ns: up to then everything was read before. Returns how many ended. */
typedef uint64_t host_netns_ends_read(void *namespace, int64_t since_ns);

/* NULL and errno. */
struct host_netns_ends *host_netns_ends_new(struct loop *loop, host_netns_ends_read *read);
void host_netns_ends_free(struct host_netns_ends *ends); /* NULL is fine */
/* fd is borrowed until it is closed, which removes it. 0 or -errno. */
int host_netns_ends_add(struct host_netns_ends *ends, int fd, void *namespace);
void host_netns_ends_remove(struct host_netns_ends *ends, int fd);
/* Reads all that are ready. */
void host_netns_ends_catch_up(struct host_netns_ends *ends);
/* Monotonic: what was reported before is read. */
int64_t host_netns_ends_read_ns(const struct host_netns_ends *ends);

#endif
