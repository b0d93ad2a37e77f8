/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table behind interfaces.h: interfaces by ifindex, local addresses, what was
 * deleted lately. Knows nothing of netlink. No allocation but to grow.
 */
#ifndef SOCKLINE_INTERFACES_INTERFACE_TABLE_H
#define SOCKLINE_INTERFACES_INTERFACE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"
#include "interfaces/interfaces.h"

/* Deleted interfaces that are remembered; beyond that the oldest goes. */
#define INTERFACE_TABLE_DELETED_MAX 1024

struct interface_table;

struct interface_table *interface_table_new(void);        /* NULL when memory is short */
void interface_table_free(struct interface_table *table); /* NULL is fine */

/* Adds it or replaces what is there, deleted or not. 0 or -ENOMEM. */
int interface_table_set(struct interface_table *table, const struct interface *interface);
/*
 * What is reported from now on happened after after_ns and before now_ns (monotonic): an
 * address is taken to be there as early, and to go as late, as that allows. 0, 0 at
 * first: what is there has always been.
 */
void interface_table_at(struct interface_table *table, int64_t after_ns, int64_t now_ns);
/* Marks it as deleted and its addresses as removed. */
void interface_table_delete(struct interface_table *table, uint32_t ifindex);
/* The same address may stand on several interfaces. 0 or -ENOMEM. */
int interface_table_add_address(struct interface_table *table, const struct inet_address *address,
                                uint32_t ifindex);
void interface_table_remove_address(struct interface_table *table,
                                    const struct inet_address *address, uint32_t ifindex);

/* A full listing: begin, set and add, then sweep what was not set or added since. */
void interface_table_begin(struct interface_table *table);
void interface_table_sweep_interfaces(struct interface_table *table);
void interface_table_sweep_addresses(struct interface_table *table);

/* As in interfaces.h. Pointers are valid until the next change. */
const struct interface *interface_table_find(const struct interface_table *table, uint32_t ifindex);
uint32_t interface_table_link(struct interface_table *table, uint32_t ifindex,
                              const uint16_t *vlans, int vlan_count);
const struct interface *interface_table_find_tunnel(struct interface_table *table,
                                                    const struct packet *inner,
                                                    const struct tuple *outer);
bool interface_table_is_local(const struct interface_table *table,
                              const struct inet_address *address);
bool interface_table_was_local(const struct interface_table *table,
                               const struct inet_address *address, int64_t at_ns);
uint32_t interface_table_had_address(const struct interface_table *table,
                                     const struct inet_address *address, int64_t at_ns);

#endif
