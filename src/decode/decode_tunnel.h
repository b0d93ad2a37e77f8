/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Packets in packets: IP and ARP in GRE (RFC 2784, 2890) and its ERSPAN (I to III), IP in IP (RFC
 * 2003, 2473, 4213), VXLAN (RFC 7348, with its group policy, and GPE), Geneve (RFC 8926), GTP-U (3GPP TS
 * 29.281) and L2TP (RFC 2661). Pure and bounded, as decode.h is.
 *
 * A UDP port is no more than a guess. What is behind it is taken for a tunnel only if nothing in
 * its header, nor in the IP header that it carries, is other than such a tunnel has it.
 */
#ifndef SOCKLINE_DECODE_DECODE_TUNNEL_H
#define SOCKLINE_DECODE_DECODE_TUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/packet.h"

enum decode_tunnel_port {
	DECODE_PORT_L2TP = 1701,
	DECODE_PORT_GTP = 2152,
	DECODE_PORT_VXLAN = 4789,
	DECODE_PORT_VXLAN_GPE = 4790,
	DECODE_PORT_GENEVE = 6081,
	DECODE_PORT_VXLAN_LINUX = 8472, /* Linux's default: older than the standard */
};

/* What it is if it is a tunnel at all, by its protocol and port. */
static inline enum packet_tunnel decode_tunnel_of(const struct packet *packet)
{
	bool v4 = packet->network == PACKET_IPV4;

	switch (packet->tuple.protocol) {
	case 4:
		return v4 ? PACKET_IPIP : PACKET_4IN6;
	case 41:
		return v4 ? PACKET_6IN4 : PACKET_6IN6;
	case 47:
		return PACKET_GRE;
	case 17:
		break;
	default:
		return PACKET_NO_TUNNEL;
	}
	switch (packet->tuple.destination_port) {
	case DECODE_PORT_L2TP:
		return PACKET_L2TP;
	case DECODE_PORT_GTP:
		return PACKET_GTP;
	case DECODE_PORT_VXLAN:
	case DECODE_PORT_VXLAN_GPE:
	case DECODE_PORT_VXLAN_LINUX:
		return PACKET_VXLAN;
	case DECODE_PORT_GENEVE:
		return PACKET_GENEVE;
	default:
		return PACKET_NO_TUNNEL;
	}
}

/*
 * The packet in a packet; bytes: those that it was decoded from. False: there is none, or it is not
 * known to be one. A fragment is not looked into. *inner has the time, the number and the capture
 * of *packet; its length is that of the whole frame, its offsets are from the first byte of that.
 */
bool decode_tunnel(const struct packet *packet, const uint8_t *bytes, struct packet *inner);

#endif
