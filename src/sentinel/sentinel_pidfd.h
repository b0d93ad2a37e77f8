/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions that only a descriptor answers: another process's is duplicated
 * (pidfd_getfd(2), Linux 5.6), asked and closed, some microseconds in all. If it
 * is closed there meanwhile, the socket ends that much later.
 */
#ifndef SOCKLINE_SENTINEL_SENTINEL_PIDFD_H
#define SOCKLINE_SENTINEL_SENTINEL_PIDFD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"

/*
 * Surely the only UDP socket on its local port: bound without SO_REUSEADDR and
 * SO_REUSEPORT, so that no second one could be. cookie: of the socket that is meant.
 */
bool sentinel_pidfd_is_alone(int pid, int fd, uint64_t cookie);

struct sentinel_pidfd_connection {
	struct tuple tuple; /* local end -> remote end */
	uint64_t inode, cookie;
	uint64_t netns_cookie; /* SO_NETNS_COOKIE, Linux 5.14 */
};

/* The TCP connection that the descriptor is. False: it is something else, or was refused. */
bool sentinel_pidfd_connection(int pid, int fd, struct sentinel_pidfd_connection *connection);

#endif
