/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* All that is open in one network namespace of the host. */
#ifndef SOCKLINE_HOST_HOST_NETNS_H
#define SOCKLINE_HOST_HOST_NETNS_H

#include <stdint.h>

#include "attribution/attribution.h"
#include "base/error.h"
#include "base/loop.h"
#include "sockets/lister.h"

struct host_netns;

struct host_netns_callbacks {
	void (*destroyed)(void *context, const struct socket *socket);
	void (*lost)(void *context, int64_t since_ns); /* some of these, since then */
	/* See host.h. */
	void (*listed)(void *context, const struct socket *socket);
	void (*all_listed)(void *context, uint32_t netns, int64_t began_ns);
	void (*overrun)(void *context, const char *where, uint64_t lost);
	void *context;
};

/*
 * fd: of the namespace, taken over and closed in the end; -1 = the own one.
 * number: its inode. What sock_diag lacks is said in *degraded (empty = nothing).
 */
int host_netns_open(struct host_netns **result, struct loop *loop, int fd, uint32_t number,
                    enum lister_mode mode, const struct host_netns_callbacks *callbacks,
                    struct error *degraded, struct error *error);
void host_netns_close(struct host_netns *netns);
/* Takes in which sockets were destroyed by now, see host_catch_up. */
void host_netns_catch_up(struct host_netns *netns);

uint32_t host_netns_number(const struct host_netns *netns);
int host_netns_fd(const struct host_netns *netns); /* -1 = the own one */
/* What attribution needs to know of it; borrowed. */
struct attribution_namespace host_netns_view(const struct host_netns *netns);

/* Counters since pending_connect. */
struct host_netns_counters {
	uint64_t overruns, lost, resyncs, interrupted;
};
void host_netns_add_counters(const struct host_netns *netns, struct host_netns_counters *sum);

#endif
