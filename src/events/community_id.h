/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Community ID v1 (github.com/corelight/community-id-spec):
 * "1:" base64(SHA-1(seed . address . address . protocol . 0 . [port . port])).
 */
#ifndef SOCKLINE_EVENTS_COMMUNITY_ID_H
#define SOCKLINE_EVENTS_COMMUNITY_ID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/inet.h"

#define COMMUNITY_ID_SIZE 31 /* "1:" + 28 characters + NUL */

/*
 * Either direction of a tuple gives the same id, but for ICMP messages that
 * have no answer: there the sender must be the source.
 *
 * For ICMP and ICMPv6 source_port is the type and destination_port the code of
 * a message from source to destination: a reply's own type, not its request's.
 * Otherwise the ports, in host byte order as in every tuple. has_ports false,
 * and protocols other than TCP, UDP, SCTP and the two: addresses and protocol
 * alone. IPv4 is hashed as 4 bytes. text holds COMMUNITY_ID_SIZE bytes.
 */
void community_id(uint16_t seed, const struct tuple *tuple, bool has_ports, char *text);
/* Where v4 is not what tuple_is_v4 says: mapped addresses in IPv6 packets. */
void community_id_of(uint16_t seed, const struct tuple *tuple, bool v4, bool has_ports, char *text);

#endif
