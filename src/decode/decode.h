/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captured bytes -> struct packet. Pure and bounded: it reads no byte outside
 * [bytes, bytes + captured), follows at most DECODE_HEADERS_MAX headers and
 * never fails: what it cannot read is a status in the result.
 *
 * Link types: Ethernet (with 802.1Q/802.1ad, SNAP, PPPoE), Linux SLL and SLL2,
 * NULL, LOOP, PPP, RAW, IPV4, IPV6, PPP_SERIAL, C_HDLC, FRELAY, 802.11 data that is not
 * encrypted, with radiotap and without, NFLOG, PKTAP; MPLS below each of them. Network: IPv4 (RFC
 * 791, options skipped, AH followed), IPv6 (RFC 8200, extension headers followed: hop-by-hop,
 * routing, fragment, destination options, AH RFC 4302, mobility, HIP, shim6), ARP (RFC 826).
 * Transport: TCP (RFC 9293), UDP, UDP-Lite (RFC 3828), ICMP, ICMPv6, SCTP (RFC 9260),
 * DCCP (RFC 4340).
 */
#ifndef SOCKLINE_DECODE_DECODE_H
#define SOCKLINE_DECODE_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "decode/packet.h"

#define DECODE_HEADERS_MAX 16
/*
 * Bytes of a packet that hold all there is to know: 248 are a cooked link header,
 * IPv6, as many extension headers of the usual size as are followed, and a TCP
 * header with all the options there can be. Whatever records are asked for, they
 * are made of these headers; no payload is looked at.
 */
#define DECODE_SNAPLEN 256

enum decode_link {
	DECODE_LINK_NULL = 0,
	DECODE_LINK_ETHERNET = 1,
	DECODE_LINK_PPP = 9,
	DECODE_LINK_RAW = 12,
	DECODE_LINK_PPP_SERIAL = 50,
	DECODE_LINK_CHDLC = 104,
	DECODE_LINK_WLAN = 105,
	DECODE_LINK_FRELAY = 107,
	DECODE_LINK_LOOP = 108,
	DECODE_LINK_SLL = 113,
	DECODE_LINK_RADIOTAP = 127,
	DECODE_LINK_PKTAP_OLD = 149, /* before it had a number of its own */
	DECODE_LINK_IPV4 = 228,
	DECODE_LINK_IPV6 = 229,
	DECODE_LINK_NFLOG = 239,
	DECODE_LINK_PKTAP = 258,
	DECODE_LINK_SLL2 = 276,
};

/*
 * Fills *packet entirely, except time_ns, number and netns, which it leaves as
 * they are. length is the size before the packet was cut (>= captured, else it is
 * raised to captured). ifindex is set from SLL2 and otherwise left as it is.
 */
void decode_packet(int link_type, const uint8_t *bytes, uint32_t captured, uint32_t length,
                   struct packet *packet);
/* The same for SLL2 with the tag that the kernel delivers beside the packet (packet(7)). */
void decode_packet_tagged(int link_type, const uint8_t *bytes, uint32_t captured, uint32_t length,
                          const struct packet_tag *tag, struct packet *packet);

/*
 * Raw IP as OpenBSD numbered it. libpcap compiles no filter for a link type that it does not
 * know, not even none at all, and a file that neither knows is refused by that.
 */
#define DECODE_LINK_RAW_OPENBSD 14

#endif
