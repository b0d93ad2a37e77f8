/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Owners that a capture file states: in a replay they stand where attribution is asked in a live
 * run. Each packet has its own; a connection has the first one of each end, and another one as soon
 * as a packet states that.
 */
#ifndef SOCKLINE_STREAM_STATED_H
#define SOCKLINE_STREAM_STATED_H

#include "capture/origin.h"
#include "decode/packet.h"
#include "connections/connection.h"

struct stated {
	/*
	 * That of the sender's end, and the receiver's. NULL = not stated. One without a process
	 * states that the end is of the host, and why no owner is known. Valid during this packet.
	 */
	const struct owner *source, *destination;
	const struct owner *any; /* one of the two */
};

/* guesses: those that are likely, but not known, are taken, too. */
struct stated stated_find(const struct origin *origin, const struct packet *packet, bool guesses);
bool stated_is_any(const struct stated *stated);

/* True: an owner of the connection, whose end `from` sent the packet, is another than before. */
bool stated_bind(const struct stated *stated, struct connection *connection,
                 enum connection_end from);

#endif
