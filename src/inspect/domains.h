/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names were answers' for an address: a fact for each, with the time from which and until
 * which it holds, and for whom. Bounded: a newer fact takes the place of one that holds no
 * more, or of the one that ends first; then it is known that there may have been another. Pure.
 */
#ifndef SOCKLINE_INSPECT_DOMAINS_H
#define SOCKLINE_INSPECT_DOMAINS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/inet.h"
#include "inspect/dns.h"

#define DOMAINS_MAX      4096
#define DOMAINS_NAME_MAX 256 /* with its NUL; longer ones, which need escapes, are left out */
/* With a TTL of 0 an answer is for the connection that asked (RFC 1035 3.2.1), which then begins. */
#define DOMAINS_LEAST_NS (INT64_C(5) * 1000000000)

struct domains;

/* For whom an answer was, or who begins a connection. */
struct domains_client {
	struct inet_address address;
	uint32_t netns;
	uint32_t lane;  /* of a VLAN or a tunnel, where others may have the address too; 0 = none */
	bool local;     /* the address is of this host, whatever the lane */
	uint64_t owner; /* process.entity_id; 0 = not known */
};

struct domains *domains_new(const struct hash_key *key); /* NULL: no memory */
void domains_free(struct domains *domains);

/* Takes all addresses that the answer, of that time, gives to the name of its question. */
void domains_add(struct domains *domains, const struct domains_client *client,
                 const struct dns_message *answer, int64_t time_ns);
/*
 * The name by which this client knew the address at that time; NULL: none, or more than one
 * and the client's own process did not ask for just one of them. Borrowed until the next call.
 */
const char *domains_find(const struct domains *domains, const struct domains_client *client,
                         const struct inet_address *address, int64_t time_ns);

#endif
