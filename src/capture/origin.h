/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a capture file says of its packets besides their bytes: where they were captured, and which
 * processes they are of. Packets name both by number, so that they point nowhere. Bounded; what
 * finds no room is not known.
 */
#ifndef SOCKLINE_CAPTURE_ORIGIN_H
#define SOCKLINE_CAPTURE_ORIGIN_H

#include <stddef.h>
#include <stdint.h>

#include "capture/owner_facts.h"
#include "interfaces/interfaces.h"

#define ORIGIN_INTERFACES_MAX 1024
#define ORIGIN_OWNERS_MAX     65536

struct origin;

struct origin *origin_new(void); /* NULL: no memory */
void origin_free(struct origin *origin);

/*
 * The number of an interface, from 1 on, which is the same for the same index, namespace (0 = not
 * known) and name; name NULL: it has none. 0: no room.
 */
uint32_t origin_add_interface(struct origin *origin, uint32_t index, uint32_t netns,
                              const char *name, size_t length);
/* NULL for 0. Valid until origin_free. */
const struct interface *origin_interface(const struct origin *origin, uint32_t number);

/* Its network namespace on the host that captured it; 0 = not known, and for 0. */
uint32_t origin_netns(const struct origin *origin, uint32_t number);

/*
 * In the place of the kernel's number, by which interfaces differ: as there, that of loopback
 * is 1. 0 for 0.
 */
uint32_t origin_ifindex(const struct origin *origin, uint32_t number);

/*
 * Owners have numbers from 1 on. hash stands for all that the file says of one: the same text says
 * the same. A file whose texts have one hash on purpose could as well have one text.
 */
uint64_t origin_hash(const void *bytes, size_t length, uint64_t before);
uint32_t origin_find_owner(const struct origin *origin, uint64_t hash); /* 0: there is none */
/* 0: no room, or no such process can be. */
uint32_t origin_add_owner(struct origin *origin, uint64_t hash, const struct owner_facts *facts);
/* NULL for 0. Valid until an owner is added. */
const struct owner *origin_owner(const struct origin *origin, uint32_t number);

#endif
