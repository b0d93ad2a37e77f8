/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ICMP errors that quote a packet of no connection: what this host did not let out, or had no
 * neighbour for, is not captured itself. A ring; a newer one takes the oldest one's place. Those
 * that may have the same ends are linked, the latest first. Pure.
 */
#ifndef SOCKLINE_STREAM_UNCLAIMED_ERRORS_H
#define SOCKLINE_STREAM_UNCLAIMED_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/inet.h"
#include "connections/connection.h"

struct unclaimed_errors;

struct unclaimed_error {
	struct tuple tuple; /* of the quoted packet */
	uint32_t netns;
	int64_t seen_ns; /* monotonic */
	enum connection_reason reason;
	uint8_t type, code;
};

struct unclaimed_errors *unclaimed_errors_new(const struct hash_key *key); /* NULL: no memory */
void unclaimed_errors_free(struct unclaimed_errors *errors);
void unclaimed_errors_put(struct unclaimed_errors *errors, const struct unclaimed_error *error);
/*
 * The latest about a packet with these ends from that time on, and how many there are; NULL: none
 * is kept.
 */
const struct unclaimed_error *unclaimed_errors_find(const struct unclaimed_errors *errors,
                                                    uint32_t netns, const struct tuple *tuple,
                                                    int64_t from_ns, uint32_t *count);
/* An error from that time on had to make room: that none is found says nothing. */
bool unclaimed_errors_lack(const struct unclaimed_errors *errors, int64_t from_ns);

#endif
