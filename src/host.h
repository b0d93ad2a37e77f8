/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live host: opens every source of knowledge about sockets, processes and
 * interfaces, keeps them current from the loop, and composes attribution of
 * them. What cannot be had is left out and named in `degraded`, not fatal.
 */
#ifndef SOCKLINE_HOST_H
#define SOCKLINE_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/loop.h"
#include "sockets/lister.h"
#include "sockets/socket.h"

#define HOST_DEGRADED_MAX 16

struct host;

struct host_callbacks {
	void (*socket_destroyed)(void *context, const struct socket *socket);
	/* Netlink messages were lost: where from, and how many in all. */
	void (*overrun)(void *context, const char *where, uint64_t lost);
	void *context;
};

struct host_options {
	enum lister_mode sockets;
	struct hash_key key;
	struct host_callbacks callbacks;
};

int host_new(struct host **host, struct loop *loop, const struct host_options *options,
             struct error *error);
void host_free(struct host *host);

struct attribution *host_attribution(struct host *host);
struct lister *host_lister(struct host *host); /* of the own network namespace */
uint32_t host_netns(const struct host *host); /* inode number of the own network namespace */
const char *const *host_degraded(const struct host *host, int *count);

/* Reads all sockets' owners anew; returns when done. */
void host_walk_all(struct host *host);
/* A slice of background work; true while there is more to do at once. */
bool host_work(struct host *host, int64_t budget_ns);
/* Once a second: expiry. */
void host_tick(struct host *host);

struct host_counters {
	struct { uint64_t tracked, evicted, scans, descriptors, vanished, permission_denied; } processes;
	struct { uint64_t overruns, lost, resyncs, interrupted; } netlink;
	uint64_t sockets; /* descriptors of sockets that are indexed */
};
void host_read_counters(struct host *host, struct host_counters *counters);

#endif
