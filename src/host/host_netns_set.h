/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The network namespaces of the host that are open now; attribution knows the same ones. */
#ifndef SOCKLINE_HOST_HOST_NETNS_SET_H
#define SOCKLINE_HOST_HOST_NETNS_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "base/error.h"
#include "base/loop.h"
#include "host/host_netns.h"
#include "host/host_netns_quota.h"

struct host_netns_set;

struct host_netns_set_options {
	struct loop *loop;               /* borrowed */
	struct attribution *attribution; /* borrowed */
	enum lister_mode sockets;
	struct host_netns_callbacks callbacks;
	/* As in struct host_callbacks, fd as there. */
	void (*found)(void *context, uint32_t netns, int fd);
	void (*opened)(void *context, uint32_t netns, int fd, int64_t age_ns, uint64_t missed);
	void (*closing)(void *context, uint32_t netns);
	void *context;
};

/* What the limit on descriptors keeps for all else, and what a namespace takes. */
#define HOST_NETNS_SET_RESERVE 384
#define HOST_NETNS_SET_EACH    4

struct host_netns_set *
host_netns_set_new(const struct host_netns_set_options *options); /* NULL and errno */
/* Closes all, without callbacks. NULL is fine. */
void host_netns_set_free(struct host_netns_set *set);

/* netns: the number. *degraded says what the namespace lacks (code 0: nothing). 0 or -errno. */
int host_netns_set_add_own(struct host_netns_set *set, uint32_t netns, struct error *degraded,
                           struct error *error);
/*
 * CAP_NET_ADMIN stays in force, see privileges.h: a namespace that is opened later needs a descriptor
 * less.
 */
void host_netns_set_keep_net_admin(struct host_netns_set *set);
/* Called once a second. */
void host_netns_set_tick(struct host_netns_set *set);
/* A file such as /run/netns/NAME; 0 also when it is open already. */
int host_netns_set_add_path(struct host_netns_set *set, const char *path, struct error *error);
/* The same for a namespace of which the number is known, when it is not open yet. */
void host_netns_set_offer(struct host_netns_set *set, uint32_t netns, const char *path,
                          int64_t made_ns);
/* Takes in which sockets were destroyed by now, see host_catch_up. */
void host_netns_set_catch_up(struct host_netns_set *set);
/* Which sockets, alone, and if packets of that time may be younger than what was read before. */
void host_netns_set_read_ended(struct host_netns_set *set, int64_t packets_ns);
/* Opens what is new on the host; closes what has neither process nor name any more. */
void host_netns_set_look(struct host_netns_set *set);
/*
 * From now on packets are read between any two that are opened or closed: what is found waits for
 * host_netns_set_step, which opens or closes one. True while there is more to do.
 */
void host_netns_set_begin(struct host_netns_set *set);
bool host_netns_set_step(struct host_netns_set *set);
bool host_netns_set_waits(const struct host_netns_set *set); /* some are found and not yet open */
/* How many may be watched at one time, by the limit on descriptors. */
int host_netns_set_max(const struct host_netns_set *set);
/* As host_netns_quota_report. */
bool host_netns_set_report(struct host_netns_set *set, struct host_netns_quota_user *report);

bool host_netns_set_is_open(const struct host_netns_set *set, uint32_t netns);
int host_netns_set_fd(const struct host_netns_set *set, uint32_t netns); /* -1: the own one */
void host_netns_set_list(const struct host_netns_set *set, uint32_t netns,
                         socket_callback *callback, void *context); /* as host_netns_list */
/* Whether the kernel tracks connections for NAT in one of them, and may be asked. */
bool host_netns_set_tracks(const struct host_netns_set *set);
/* Up to max numbers; returns how many there are. */
int host_netns_set_numbers(const struct host_netns_set *set, uint32_t *numbers, int max);
/* Sums, closed ones included. */
void host_netns_set_read_counters(const struct host_netns_set *set,
                                  struct host_netns_counters *counters);

#endif
