/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "interfaces/interfaces.h"

#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "interfaces/interface_table.h"
#include "interfaces/interface_tunnel.h"
#include "sockets/netlink_pool.h"

#define RECEIVE_BUFFER (1 << 20)

struct interfaces {
	struct netlink *events;
	struct netlink_slot lists; /* apart, so that no event is taken for an answer */
	struct interface_table *table;
	uint64_t resyncs;
	int64_t read_ns; /* what happened before is in the table */
};

/* The attributes after a fixed part. */
static const void *attribute(const struct netlink_message *message, size_t fixed, uint16_t type,
                             size_t at_least)
{
	size_t size;
	const void *data = netlink_attribute((const char *)message->payload + fixed,
	                                     message->length - fixed, type, &size);

	return data && size >= at_least ? data : NULL;
}

/* What is below an interface, of the kinds whose frames are seen there as they are; or in them. */
static void read_lower(const struct netlink_message *message, struct interface *interface)
{
	static const char *const kinds[] = { "vlan",    "veth",   "macvlan",
		                             "macvtap", "ipvlan", "ipvtap" };
	const size_t fixed = NLMSG_ALIGN(sizeof(struct ifinfomsg));
	const void *link = attribute(message, fixed, IFLA_LINK, sizeof(interface->link));
	const char *kind = NULL;
	const void *info, *data, *vlan = NULL;
	size_t size, length = 0;

	info = netlink_attribute((const char *)message->payload + fixed, message->length - fixed,
	                         IFLA_LINKINFO, &size);
	if (info)
		kind = netlink_attribute(info, size, IFLA_INFO_KIND, &length);
	if (!kind || length == 0 || kind[length - 1] != '\0')
		return;
	data = netlink_attribute(info, size, IFLA_INFO_DATA, &length);
	/* What is below may be in another namespace, and the end of the tunnel with it. */
	if (attribute(message, fixed, IFLA_LINK_NETNSID, 0))
		return;
	interface_tunnel_read(kind, data, length, &interface->tunnel);
	if (!link)
		return;
	if (data)
		vlan = netlink_attribute(data, length, IFLA_VLAN_ID, &length);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kind, kinds[i]) == 0)
			memcpy(&interface->link, link, sizeof(interface->link));
	if (strcmp(kind, "vlan") == 0 && vlan && length >= sizeof(interface->vlan))
		memcpy(&interface->vlan, vlan, sizeof(interface->vlan));
}

/* The interface as the message has it; false when that is not all of it. */
static bool read_link(const struct netlink_message *message, const struct ifinfomsg *link,
                      struct interface *interface)
{
	const size_t fixed = NLMSG_ALIGN(sizeof(*link));
	const void *master = attribute(message, fixed, IFLA_MASTER, sizeof(interface->master));
	const char *name;
	size_t size;

	/* A wireless event has few attributes, no master for one. */
	if (attribute(message, fixed, IFLA_WIRELESS, 0))
		return false;
	name = netlink_attribute((const char *)message->payload + fixed, message->length - fixed,
	                         IFLA_IFNAME, &size);
	if (!name || size == 0 || size > sizeof(interface->name) || name[size - 1] != '\0')
		return false;
	memset(interface, 0, sizeof(*interface));
	interface->ifindex = (uint32_t)link->ifi_index;
	memcpy(interface->name, name, size);
	interface->type = link->ifi_type;
	interface->up = link->ifi_flags & IFF_UP;
	interface->running = link->ifi_flags & IFF_RUNNING;
	interface->loopback = link->ifi_flags & IFF_LOOPBACK;
	if (master)
		memcpy(&interface->master, master, sizeof(interface->master));
	read_lower(message, interface);
	return true;
}

static int take_link(struct interface_table *table, const struct netlink_message *message)
{
	struct ifinfomsg link;
	struct interface interface;

	if (message->length < NLMSG_ALIGN(sizeof(link)))
		return 0;
	memcpy(&link, message->payload, sizeof(link));
	/* AF_BRIDGE messages are about ports: RTM_DELLINK there means "left the bridge". */
	if (link.ifi_family != AF_UNSPEC || link.ifi_index <= 0)
		return 0;
	if (message->type == RTM_DELLINK) {
		interface_table_delete(table, (uint32_t)link.ifi_index);
		return 0;
	}
	return read_link(message, &link, &interface) ? interface_table_set(table, &interface) : 0;
}

static int take_address(struct interface_table *table, const struct netlink_message *message)
{
	struct ifaddrmsg header;
	struct inet_address address;
	const size_t fixed = NLMSG_ALIGN(sizeof(header));
	const void *bytes;
	size_t size;

	if (message->length < fixed)
		return 0;
	memcpy(&header, message->payload, sizeof(header));
	if (header.ifa_family != AF_INET && header.ifa_family != AF_INET6)
		return 0;
	size = header.ifa_family == AF_INET ? 4 : 16;
	/* With a peer, IFA_ADDRESS is the peer's. IPv6 has IFA_LOCAL only then. */
	bytes = attribute(message, fixed, IFA_LOCAL, size);
	if (!bytes)
		bytes = attribute(message, fixed, IFA_ADDRESS, size);
	if (!bytes)
		return 0;
	if (header.ifa_family == AF_INET)
		inet_from_v4(&address, bytes);
	else
		inet_from_v6(&address, bytes);
	if (message->type == RTM_NEWADDR)
		return interface_table_add_address(table, &address, header.ifa_index);
	interface_table_remove_address(table, &address, header.ifa_index);
	return 0;
}

static int take(void *context, const struct netlink_message *message)
{
	switch (message->type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return take_link(context, message);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return take_address(context, message);
	}
	return 0;
}

static void begin(void *context)
{
	interface_table_begin(context);
}

static int ask(struct interfaces *interfaces, uint16_t type, const void *request, size_t length)
{
	struct netlink *netlink;
	int result = netlink_slot_get(&interfaces->lists, &netlink);

	if (result != 0)
		return result;
	return netlink_dump(netlink, type, request, length, take, begin, interfaces->table);
}

static int list_links(struct interfaces *interfaces)
{
	const struct {
		struct ifinfomsg link;
		struct rtattr attribute;
		uint32_t mask;
	} request = {
		.attribute = { RTA_LENGTH(sizeof(uint32_t)), IFLA_EXT_MASK },
		.mask = RTEXT_FILTER_SKIP_STATS, /* they are most of an answer, and unused */
	};

	return ask(interfaces, RTM_GETLINK, &request, sizeof(request));
}

static int list_addresses(struct interfaces *interfaces)
{
	const struct ifaddrmsg request = { .ifa_family = AF_UNSPEC };

	return ask(interfaces, RTM_GETADDR, &request, sizeof(request));
}

/*
 * Lists all and removes what is gone. A listing that stays interrupted removes
 * nothing: things change at that very moment, so events about them follow.
 */
static int list(struct interfaces *interfaces)
{
	int error;

	begin(interfaces->table);
	error = list_links(interfaces);
	if (error == 0)
		interface_table_sweep_interfaces(interfaces->table);
	else if (error != -EAGAIN)
		return error;
	begin(interfaces->table);
	error = list_addresses(interfaces);
	if (error == 0)
		interface_table_sweep_addresses(interfaces->table);
	return error == -EAGAIN ? 0 : error;
}

static int join(struct interfaces *interfaces)
{
	static const int groups[] = { RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR };

	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		int error = netlink_join(interfaces->events, groups[i]);

		if (error)
			return error;
	}
	return 0;
}

static struct interfaces *new_empty(void)
{
	struct interfaces *interfaces = calloc(1, sizeof(*interfaces));

	if (interfaces)
		interfaces->table = interface_table_new();
	if (interfaces && !interfaces->table) {
		free(interfaces);
		return NULL;
	}
	return interfaces;
}

int interfaces_new(struct interfaces **interfaces, struct netlink_pool *pool, int netns_fd,
                   struct error *error)
{
	struct interfaces *new = new_empty();
	int result;

	if (!new)
		return error_set(error, ENOMEM, "interfaces: out of memory");
	result = netlink_open(&new->events, NETLINK_ROUTE, error);
	if (result == 0)
		result = netlink_slot_open(&new->lists, pool, netns_fd, NETLINK_ROUTE, error);
	if (result)
		goto fail;
	/* The default does for a quiet host; a loss costs a listing and no more. */
	netlink_set_receive_buffer(new->events, RECEIVE_BUFFER);
	/* First subscribe, then list: what happens in between is seen twice and not missed. */
	new->read_ns = clock_monotonic_ns();
	result = join(new);
	if (result == 0)
		result = list(new);
	if (result) {
		error_set(error, -result, "cannot list the network interfaces: %s",
		          strerror(-result));
		goto fail;
	}
	if (pool) /* it opens again when events were lost */
		netlink_slot_close(&new->lists);
	*interfaces = new;
	return 0;
fail:
	interfaces_free(new);
	return result;
}

void interfaces_free(struct interfaces *interfaces)
{
	if (!interfaces)
		return;
	netlink_slot_close(&interfaces->lists);
	netlink_close(interfaces->events);
	interface_table_free(interfaces->table);
	free(interfaces);
}

void interfaces_set_namespace(struct interfaces *interfaces, int netns_fd)
{
	interfaces->lists.netns_fd = netns_fd;
}

int interfaces_fd(const struct interfaces *interfaces)
{
	return netlink_fd(interfaces->events);
}

int interfaces_read(struct interfaces *interfaces)
{
	int64_t now_ns = clock_monotonic_ns();
	int result;

	interface_table_at(interfaces->table, interfaces->read_ns, now_ns);
	interfaces->read_ns = now_ns;
	result = netlink_receive(interfaces->events, take, interfaces->table);

	if (result == -ENOBUFS) {
		interfaces->resyncs++;
		result = list(interfaces);
	}
	return result < 0 ? result : 0;
}

const struct interface *interfaces_find(const struct interfaces *interfaces, uint32_t ifindex)
{
	return interface_table_find(interfaces->table, ifindex);
}

uint32_t interfaces_link(const struct interfaces *interfaces, uint32_t ifindex,
                         const uint16_t *vlans, int vlan_count)
{
	return interface_table_link(interfaces->table, ifindex, vlans, vlan_count);
}

const struct interface *interfaces_find_tunnel(const struct interfaces *interfaces,
                                               const struct packet *inner,
                                               const struct tuple *outer)
{
	return interface_table_find_tunnel(interfaces->table, inner, outer);
}

bool interfaces_is_local(const struct interfaces *interfaces, const struct inet_address *address)
{
	return interface_table_is_local(interfaces->table, address);
}

bool interfaces_was_local(const struct interfaces *interfaces, const struct inet_address *address,
                          int64_t at_ns)
{
	return interface_table_was_local(interfaces->table, address, at_ns);
}

uint32_t interfaces_had_address(const struct interfaces *interfaces,
                                const struct inet_address *address, int64_t at_ns)
{
	return interface_table_had_address(interfaces->table, address, at_ns);
}

uint64_t interfaces_resyncs(const struct interfaces *interfaces)
{
	return interfaces->resyncs;
}
