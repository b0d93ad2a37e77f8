/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* All that is open in one network namespace of the host. */
#ifndef SOCKLINE_HOST_HOST_NETNS_H
#define SOCKLINE_HOST_HOST_NETNS_H

#include <stdbool.h>
#include <stdint.h>

#include "attribution/attribution.h"
#include "base/error.h"
#include "base/loop.h"
#include "host/host_netns_ends.h"
#include "sockets/lister.h"
#include "sockets/netlink_pool.h"

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

/* What all namespaces have alike, borrowed for as long as one is open, as is what it points to. */
struct host_netns_shared {
	struct loop *loop;
	enum lister_mode sockets;
	struct host_netns_callbacks callbacks;
	struct netlink_pool *pool;    /* of the sockets for questions in other namespaces */
	struct host_netns_ends *ends; /* its reading is host_netns_read_ended */
	bool keeps_net_admin;         /* CAP_NET_ADMIN stays in force */
	bool tracks;                  /* the kernel answers questions about NAT */
	int resyncing;                /* namespaces whose sockets are to be listed again */
};

/*
 * fd: of the namespace, taken over and closed in the end; -1 = the own one.
 * number: its inode. What sock_diag lacks is said in *degraded (empty = nothing).
 */
int host_netns_open(struct host_netns **result, struct host_netns_shared *shared, int fd,
                    uint32_t number, struct error *degraded, struct error *error);
host_netns_ends_read host_netns_read_ended; /* of a struct host_netns */
void host_netns_close(struct host_netns *netns);
/* Lists sockets again where reports of their ends were lost. */
void host_netns_catch_up(struct host_netns *netns);

/*
 * The TCP sockets that are not closed, where their ends are reported. A listing that is not whole is
 * one all the same.
 */
void host_netns_list(struct host_netns *netns, socket_callback *callback, void *context);
uint32_t host_netns_number(const struct host_netns *netns);
int host_netns_fd(const struct host_netns *netns); /* for netns_enter; -1 = the own one */
/* What attribution needs to know of it; borrowed. */
struct attribution_namespace host_netns_view(const struct host_netns *netns);

/* Counters since pending_connect. */
struct host_netns_counters {
	uint64_t overruns, lost, resyncs, interrupted;
};
void host_netns_add_counters(const struct host_netns *netns, struct host_netns_counters *sum);

#endif
