/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interfaces and local addresses of one network namespace, kept current by
 * rtnetlink(7) multicast (RTNLGRP_LINK, IPV4_IFADDR, IPV6_IFADDR).
 */
#ifndef SOCKLINE_INTERFACES_INTERFACES_H
#define SOCKLINE_INTERFACES_INTERFACES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/inet.h"

struct interfaces;
struct packet;

/* What it is that comes out of an interface's other side. */
struct interface_tunnel {
	uint16_t types; /* 1 << enum packet_tunnel, or-ed; 0 = none ends there */
	enum interface_tunnel_outer {
		INTERFACE_TUNNEL_ANY,
		INTERFACE_TUNNEL_IPV4,
		INTERFACE_TUNNEL_IPV6,
	} outer : 8;
	bool any_id, has_id;
	uint32_t ids[2];                   /* of what comes in and of what goes out */
	struct inet_address local, remote; /* unspecified: any */
};

struct interface {
	uint32_t ifindex;
	char name[16];   /* IFNAMSIZ, NUL-terminated; any bytes but NUL, '/' and space */
	uint16_t type;   /* ARPHRD_* */
	bool up;         /* IFF_UP */
	bool running;    /* IFF_RUNNING */
	bool loopback;   /* IFF_LOOPBACK */
	bool deleted;    /* gone, kept so that late packets still have a name */
	uint32_t master; /* ifindex of bridge or bond, 0 */
	/* As a capture file names it, of any length, "" = not at all; NULL: it is of this host. */
	const char *long_name;
	/* ifindex of what its frames pass, too: below a VLAN or macvlan, the peer of a veth; 0 */
	uint32_t link;
	uint16_t vlan; /* the tag that they have there; 0 = none */
	struct interface_tunnel tunnel;
};

/*
 * Lists everything and subscribes; call it inside the namespace it is for. The socket for listings
 * may be one of a pool, see netlink_slot_open.
 */
struct netlink_pool;
int interfaces_new(struct interfaces **interfaces, struct netlink_pool *pool, int netns_fd,
                   struct error *error);
void interfaces_set_namespace(struct interfaces *interfaces, int netns_fd);
void interfaces_free(struct interfaces *interfaces);

int interfaces_fd(const struct interfaces *interfaces);
/* Reads what is pending; a lost message leads to a full listing. 0 or -errno. */
int interfaces_read(struct interfaces *interfaces);

/* NULL when unknown. Valid until the next interfaces_read. */
const struct interface *interfaces_find(const struct interfaces *interfaces, uint32_t ifindex);
/*
 * The link that a frame of an interface, with these VLAN tags, the outer one first, is on: the same
 * number for a bridge and its ports, for what has one below the other, and for a VLAN's interface
 * and its tag below.
 */
uint32_t interfaces_link(const struct interfaces *interfaces, uint32_t ifindex,
                         const uint16_t *vlans, int vlan_count);
/*
 * The interface in which the tunnel ends that inner came in, in a packet of that tuple; NULL: it
 * ends in none of this namespace. Valid as of interfaces_find.
 */
const struct interface *interfaces_find_tunnel(const struct interfaces *interfaces,
                                               const struct packet *inner,
                                               const struct tuple *outer);
/* An address of this namespace, all of 127/8 included. */
bool interfaces_is_local(const struct interfaces *interfaces, const struct inet_address *address);
/* The same at a moment (monotonic; 0 = now): an address that was removed lately is remembered. */
bool interfaces_was_local(const struct interfaces *interfaces, const struct inet_address *address,
                          int64_t at_ns);
/* The ifindex that had an address then; 0: none, or several had. */
uint32_t interfaces_had_address(const struct interfaces *interfaces,
                                const struct inet_address *address, int64_t at_ns);
uint64_t interfaces_resyncs(const struct interfaces *interfaces); /* lost messages, relisted */

#endif
