/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP connections that are being opened: a process took a socket to SYN_SENT,
 * when its local port was not chosen yet; the socket's next transition has the
 * ports, in whatever context. Pure, bounded, keyed by the kernel's address of
 * the socket.
 */
#ifndef SOCKLINE_ATTRIBUTION_PENDING_CONNECTS_H
#define SOCKLINE_ATTRIBUTION_PENDING_CONNECTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"

struct pending_connects;

struct pending_connect {
	uint64_t socket; /* 0 = free entry */
	int pid;
	uint32_t netns;
	int64_t time_ns; /* of the step to SYN_SENT */
};

struct pending_connects *pending_connects_new(uint32_t max,
                                              const struct hash_key *key); /* NULL: no memory */
void pending_connects_free(struct pending_connects *connects);

/* The latest one for a socket counts. True when there was no room and another was dropped. */
bool pending_connects_put(struct pending_connects *connects,
                          const struct pending_connect *pending_connect);
/* Removes it; false when it is not there. */
bool pending_connects_take(struct pending_connects *connects, uint64_t socket,
                           struct pending_connect *pending_connect);
/* After lost events: an address may belong to another socket by now. */
void pending_connects_clear(struct pending_connects *connects);

#endif
