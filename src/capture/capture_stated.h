/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What a capture file says of a packet besides its bytes. */
#ifndef SOCKLINE_CAPTURE_CAPTURE_STATED_H
#define SOCKLINE_CAPTURE_CAPTURE_STATED_H

#include <stdbool.h>

#include "capture/capture.h"
#include "capture/origin.h"

/* Inline, as most packets have nothing of it. */
static inline bool capture_stated_is_any(const struct capture_packet *captured)
{
	const struct packet_owners *owners = &captured->owners;

	return captured->interface > 0 || captured->direction != PACKET_DIRECTION_UNKNOWN ||
	       owners->any > 0 || owners->source > 0 || owners->destination > 0;
}

/*
 * Interface, namespace, direction and owners. The index of the interface that the packet's own
 * bytes have is more exact than one made of its number in the file.
 */
void capture_stated_apply(const struct origin *origin, const struct capture_packet *captured,
                          struct packet *packet);

#endif
