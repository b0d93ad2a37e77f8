/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libFuzzer: the first byte chooses the link type, the second how much more
 * than the rest was on the wire, and the tag beside it; the rest is the packet.
 */
#include "decode/decode.h"
#include "decode/decode_tunnel.h"

#include <stdlib.h>

#include "decode_sane.h"

static const int link_types[] = {
	DECODE_LINK_ETHERNET, DECODE_LINK_SLL,        DECODE_LINK_SLL2,  DECODE_LINK_NULL,
	DECODE_LINK_LOOP,     DECODE_LINK_RAW,        DECODE_LINK_PPP,   DECODE_LINK_IPV4,
	DECODE_LINK_IPV6,     DECODE_LINK_PPP_SERIAL, DECODE_LINK_CHDLC, DECODE_LINK_FRELAY,
	DECODE_LINK_WLAN,     DECODE_LINK_RADIOTAP,   DECODE_LINK_NFLOG, DECODE_LINK_PKTAP,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As deep as it goes. */
static void decode_tunnels(const struct packet *packet, const uint8_t *bytes)
{
	struct packet outer = *packet, inner;

	for (int i = 0; i < PACKET_TUNNELS_MAX && decode_tunnel(&outer, bytes, &inner); i++) {
		if (!decode_is_sane(&inner) || inner.tunnel_depth <= outer.tunnel_depth)
			abort();
		outer = inner;
	}
}

static struct packet decode(int link_type, const uint8_t *bytes, size_t captured, size_t length,
                            uint8_t vlan)
{
	/* A copy, so that the sanitizer sees both ends; never NULL. */
	uint8_t *copy = malloc(captured + !captured);
	struct packet_tag tag = { .present = vlan & 1, .control = vlan };
	struct packet packet = { 0 };

	if (copy == NULL)
		abort();
	memcpy(copy, bytes, captured);
	decode_packet_tagged(link_type, copy, (uint32_t)captured, (uint32_t)length, &tag, &packet);
	decode_tunnels(&packet, copy);
	free(copy);
	return packet;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct packet whole, again, prefix;
	size_t length;
	int link_type;

	if (size < 2)
		return 0;
	link_type = link_types[data[0] % (sizeof(link_types) / sizeof(link_types[0]))];
	length = size - 2 + (size_t)data[1] * 512;
	whole = decode(link_type, data + 2, size - 2, length, data[1]);
	again = decode(link_type, data + 2, size - 2, length, data[1]);
	prefix = decode(link_type, data + 2, (size - 2) / 2, length, data[1]);
	if (!decode_is_sane(&whole) || !decode_is_same(&whole, &again) ||
	    !decode_is_sane(&prefix) || !decode_is_prefix(&prefix, &whole))
		abort();
	return 0;
}
