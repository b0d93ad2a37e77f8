/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes that had the sockets which were listed when a capture began, by inode: what is
 * left to know of a socket that is closed before its first packet is read. Pure, bounded: the
 * oldest entry makes room. It says what was seen, and when; what may have become of that since is
 * for the one that asks.
 */
#ifndef SOCKLINE_ATTRIBUTION_EXISTING_OWNERS_H
#define SOCKLINE_ATTRIBUTION_EXISTING_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "processes/process.h"

struct existing_owners;

/* Times are monotonic. */
struct existing_owner {
	uint64_t inode;
	int64_t listed_ns;
	int64_t since_ns;        /* the search that found its holder began then; 0 = none did yet */
	int64_t verified_ns;     /* when that still had it, and no other had */
	int64_t lost_ns;         /* when that was first seen to have it no more; 0 = it has */
	struct process *process; /* counted; NULL: none was found yet, or several were */
	bool several;
};

struct existing_owners *existing_owners_new(uint32_t max, const struct hash_key *key);
void existing_owners_free(struct existing_owners *owners);

/* A socket was listed. */
void existing_owners_add(struct existing_owners *owners, uint64_t inode, int64_t listed_ns);
/* NULL: none. Valid until the next call of existing_owners_add or _forget. */
struct existing_owner *existing_owners_find(const struct existing_owners *owners, uint64_t inode);
void existing_owners_forget(struct existing_owners *owners, uint64_t inode);
/* The first, in the order in which they were added, that was not given out yet; NULL: none. */
struct existing_owner *existing_owners_first(const struct existing_owners *owners);
/* That one is given out. */
void existing_owners_pass(struct existing_owners *owners);
/* One after the other of those that were given out, in turn, for ever; NULL: there is none. */
struct existing_owner *existing_owners_turn(struct existing_owners *owners);
void existing_owners_set_process(struct existing_owner *owner, struct process *process);
uint32_t existing_owners_count(const struct existing_owners *owners);

#endif
