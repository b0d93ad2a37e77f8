/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One packet seen on several interfaces: a bridge and its port, a bond and its
 * slave, a container's device and its peer on the host. Known by its headers
 * (without TTL and checksums, which routers change) within a short time on
 * another interface; a retransmission comes on the same one. Bounded: old
 * entries are overwritten, so at a high rate some repetitions go unmarked.
 */
#ifndef SOCKLINE_STREAM_DUPLICATES_H
#define SOCKLINE_STREAM_DUPLICATES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "decode/packet.h"

struct duplicates;

#define DUPLICATES_WINDOW_NS (INT64_C(5) * 1000000) /* copies on one host differ by microseconds */

struct duplicates *duplicates_new(const struct hash_key *key); /* NULL: no memory */
void duplicates_free(struct duplicates *duplicates);

/*
 * The hash of what makes a copy; 0: no one's repetition, for want of an interface
 * index or of an IP header. Fetches the entry, which is far away more often than not.
 */
uint64_t duplicates_expect(const struct duplicates *duplicates, const struct packet *packet);

/*
 * The number of the packet that this one, of that hash, repeats, and whether one of its
 * copies was in the same network namespace; 0 = none. Remembers the packet. link: of a packet
 * that routers do not pass, interfaces_link() of its interface; there alone it has copies, or in
 * another namespace. 0 of others, and where it is not known.
 */
uint64_t duplicates_check(struct duplicates *duplicates, const struct packet *packet, uint64_t hash,
                          uint32_t link, bool *same_netns);

#endif
