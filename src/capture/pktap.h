/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* What the header of PKTAP (macOS, bsd/net/pktap.h) says besides the frame: see also decode.h. */
#ifndef SOCKLINE_CAPTURE_PKTAP_H
#define SOCKLINE_CAPTURE_PKTAP_H

#include "capture/origin.h"
#include "decode/packet.h"

struct pktap {
	uint32_t interface; /* of the origin; 0 = not known */
	struct packet_owners owners;
};

bool pktap_is(int link_type);
/* bytes: a packet of such a link type. */
struct pktap pktap_read(struct origin *origin, const uint8_t *bytes, uint32_t captured);

#endif
