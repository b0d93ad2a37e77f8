/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where one of the sentinel's threads looks at one network namespace: the packets
 * that its CPU handles there, its way to ask for sockets, and what it has seen.
 */
#ifndef SOCKLINE_SENTINEL_SENTINEL_NETNS_H
#define SOCKLINE_SENTINEL_SENTINEL_NETNS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "decode/packet.h"
#include "sentinel/sentinel_filter.h"
#include "sockets/socket.h"

struct sock_diag;

#define SENTINEL_NETNS_LOCALS 8
#define SENTINEL_NETNS_FLOWS  256

/* Which thread owns the entry. */
enum sentinel_netns_state {
	SENTINEL_NETNS_FREE,    /* the loop's, with nothing open */
	SENTINEL_NETNS_WATCHED, /* the thread's */
	SENTINEL_NETNS_LEAVING, /* the thread's, which is to leave it */
	SENTINEL_NETNS_LEFT,    /* the janitor's, which is to close it */
};

struct sentinel_netns {
	_Atomic int state;
	uint32_t number;       /* inode number */
	uint64_t netns_cookie; /* SO_NETNS_COOKIE; 0 = not known (before Linux 5.14) */
	int fd;                /* packet(7) */
	struct sock_diag *diag;
	int probes[2];              /* IPv4 and IPv6, to be bound to what may be local */
	struct netlink *routes;     /* is asked what is local when there are no probes; or NULL */
	uint32_t filter_generation; /* of the thread's settings that are in force here */
	/* Addresses asked for lately, the oldest is replaced. */
	struct {
		struct inet_address address;
		bool local;
		int64_t until_ns;
	} locals[SENTINEL_NETNS_LOCALS];
	unsigned next_local;
	/* Ports that are known to listen: connections to them wake nobody until then. */
	struct {
		uint16_t port;
		int64_t until_ns;
	} listeners[SENTINEL_FILTER_PORTS_MAX];
	int listener_count;
	/* What was reported lately, by a hash of the flow. */
	struct {
		uint64_t cookie;
		uint64_t flow;
		int64_t until_ns;
	} flows[SENTINEL_NETNS_FLOWS];
};

/* A packet as it came. */
struct sentinel_netns_packet {
	struct packet packet; /* direction and ifindex are set, time_ns is the wall clock's */
	bool valid;           /* decoded, and what is meant by a first packet */
};

/*
 * In the calling thread's namespace. *group joins the namespaces of one namespace, which
 * are opened in the order of their CPUs; 0 for the first, which sets it. The netns
 * stays free. 0 or -errno.
 */
int sentinel_netns_open(struct sentinel_netns *netns, uint32_t number, uint16_t *group,
                        struct error *error);
void sentinel_netns_close(struct sentinel_netns *netns);

/* 1, 0 when there is none, -errno. */
int sentinel_netns_read(const struct sentinel_netns *netns, struct sentinel_netns_packet *packet);
/* Packets lost since the last call, for want of room. */
unsigned sentinel_netns_lost(const struct sentinel_netns *netns);

/* In the calling thread's namespace: what sentinel_netns_is_local needs. 0 or -errno. */
int sentinel_netns_open_local(struct sentinel_netns *netns, struct error *error);
void sentinel_netns_close_local(struct sentinel_netns *netns);
/* Is it an address of the namespace? What is forwarded has another's. */
bool sentinel_netns_is_local(struct sentinel_netns *netns, const struct inet_address *address,
                             uint32_t ifindex, int64_t now_ns);

/* Has this socket been reported for this flow lately? */
bool sentinel_netns_was_reported(const struct sentinel_netns *netns, uint64_t flow, uint64_t cookie,
                                 int64_t now_ns);
void sentinel_netns_reported(struct sentinel_netns *netns, uint64_t flow, uint64_t cookie,
                             int64_t now_ns, int64_t keep_ns);

/* From now on connections to this port wake nobody for so long. False: there are too many. */
bool sentinel_netns_add_listener(struct sentinel_netns *netns, uint16_t port, int64_t now_ns,
                                 int64_t keep_ns);
/* Drops those whose time is over; true when there were any. */
bool sentinel_netns_expire_listeners(struct sentinel_netns *netns, int64_t now_ns);
/* Attaches the filter; tcp_in_except is filled in here. */
void sentinel_netns_set_filter(struct sentinel_netns *netns,
                               struct sentinel_filter_options *options);

#endif
