/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Which ends of a packet are this host's, and which way it went. Pure, but for the address table. */
#ifndef SOCKLINE_STREAM_LOCALITY_H
#define SOCKLINE_STREAM_LOCALITY_H

#include <stdbool.h>

#include "decode/packet.h"
#include "interfaces/interfaces.h"

struct locality {
	bool source, destination; /* this host's */
	bool fanned_out;          /* to a group or to all: several sockets may receive it */
	/*
	 * The link layer's word where it has one, else by the addresses. Loopback counts as
	 * ingress, as libpcap hands it over.
	 */
	enum packet_direction direction;
};

/* interfaces NULL: a replay, nothing is local. */
struct locality locality_of(const struct interfaces *interfaces, const struct packet *packet,
                            int64_t seen_ns);

#endif
