/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The data of test_decode.c: packets in hexadecimal, and the text of what they decode to. */
#ifndef SOCKLINE_TESTS_DECODE_CASES_H
#define SOCKLINE_TESTS_DECODE_CASES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */

/* Building blocks. Blanks in hexadecimal are for the eye. */
#define ETH(type) "020000000002 020000000001 " type " "
#define SLL(packet_type, hardware, size, type) \
	packet_type hardware size "0200000000010000 " type " "
#define SLL2(packet_type, hardware, size, type) \
	type "0000 00000007" hardware packet_type size "0200000000010000 "
#define IP4F(total, id, fragment, protocol) \
	"4500 " total id fragment "40" protocol "0000 0a000001 0a000002 "
#define IP4(total, protocol) IP4F(total, "0001", "0000", protocol)
#define IP6(payload, next) \
	"60000000" payload next "40" \
	"20010db8000000000000000000000001 20010db8000000000000000000000002 "
#define PORTS "c000 0050 "
#define TCPX(size, flags) PORTS "00000001 00000002 " size flags "7210 0000 0000 "
#define TCP TCPX("50", "12")
#define UDP(size) PORTS size "0000 "
#define SCTP PORTS "00000000 00000000 "
#define BYTES4 "61626364 "
#define BYTES8 BYTES4 BYTES4

#define QUOTED(protocol) "4500 0100 0001 0000 40" protocol "0000 0a000002 0a000001 "
#define QUOTED6(next) \
	"60000000 0100" next "40" \
	"20010db8000000000000000000000002 20010db8000000000000000000000001 "
#define OPTIONS "3c00010400000000 "
#define OPTIONS5 OPTIONS OPTIONS OPTIONS OPTIONS OPTIONS
#define OPTIONS15 OPTIONS5 OPTIONS5 OPTIONS5
#define VLANS4 "0001 8100 0001 8100 0001 8100 0001 8100 "
#define VLANS16 VLANS4 VLANS4 VLANS4 VLANS4

#define MACS "mac 02:00:00:00:00:01>02:00:00:00:00:02 "
#define V4 "10.0.0.1>10.0.0.2 "
#define V4P "10.0.0.1:49152>10.0.0.2:80 "
#define V6 "2001:db8::1>2001:db8::2 "
#define V6P "2001:db8::1:49152>2001:db8::2:80 "
#define TCP_TEXT "tcp 0x12 1 2 29200 "
#define QUOTED_TEXT "about 10.0.0.2:49152>10.0.0.1:80 "
#define QUOTED6_TEXT "about 2001:db8::2:49152>2001:db8::1:80 "

static const struct decode_case {
	const char *name;
	int link_type;
	const char *hex;
	uint32_t more; /* bytes on the wire that the capture lacks */
	uint32_t needs; /* with so many bytes the result is that of the whole packet */
	const char *expected;
} decode_cases[] = {
	/* Link types */
	{ "MPLS, two labels", 1, ETH("8847") "00064040 000c8140" IP4("0028", "06") TCP, 0, 62,
	  "ok " MACS "type 8847 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "MPLS in a VLAN, IPv6", 1, ETH("8100") "0005 8848 00064140" IP6("0014", "06") TCP, 0, 82,
	  "ok " MACS "type 8848 vlan 5 " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "MPLS, a pseudowire", 1, ETH("8847") "00064140 00000000", 0, 19,
	  "unsupported " MACS "type 8847 " },
	{ "MPLS over PPP", 9, "ff03 0281 00064140" IP4("0028", "06") TCP, 0, 48,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "C_HDLC", 104, "0f00 0800" IP4("0028", "06") TCP, 0, 44,
	  "ok type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "C_HDLC, keepalive", 104, "8f00 8035", 0, 4, "unsupported type 8035 " },
	{ "PPP_SERIAL, PPP", 50, "ff03 0021" IP4("0028", "06") TCP, 0, 44,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "PPP_SERIAL, Cisco", 50, "8f00 86dd" IP6("0014", "06") TCP, 0, 64,
	  "ok type 86dd " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "FRELAY", 107, "1841 03cc" IP4("0028", "06") TCP, 0, 44,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "FRELAY, four bytes of address, SNAP", 107, "18420043 0300 80 000000 86dd"
	  IP6("0014", "06") TCP, 0, 72, "ok type 86dd " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "FRELAY, Cisco", 107, "1841 0800" IP4("0028", "06") TCP, 0, 44,
	  "ok type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "802.11, to the access point", 105, "0801 0000 020000000003 020000000001 020000000002 0000"
	  "aaaa03 000000 0800" IP4("0028", "06") TCP, 0, 72,
	  "ok " MACS "type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "radiotap, QoS from the access point", 127, "0000 0800 00000000"
	  "8802 0000 020000000002 020000000003 020000000001 0000 0000"
	  "aaaa03 000000 0800" IP4("0028", "06") TCP, 0, 82,
	  "ok " MACS "type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "radiotap, encrypted", 127, "0000 0800 00000000"
	  "0841 0000 020000000003 020000000001 020000000002 0000 00000000", 0, 32, "unsupported " },
	{ "PKTAP", 258, "6c000000 01000000 01000000" "656e3000 0000000000000000000000000000000000000000"
	  "02000000" "0000000000000000 0000000000000000 0000000000000000 0000000000000000"
	  "0000000000000000 0000000000000000 0000000000000000 0000000000000000 00000000"
	  ETH("0800") IP4("0028", "06") TCP, 0, 162,
	  "ok out " MACS "type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "Ethernet", 1, ETH("0800") IP4("0028", "06") TCP, 0, 54,
	  "ok " MACS "type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "Ethernet padding is not payload", 1,
	  ETH("0800") IP4("0028", "06") TCP "000000000000", 0, 54,
	  "ok " MACS "type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "VLAN", 1, ETH("8100") "2005 0800" IP4("0028", "06") TCP, 0, 58,
	  "ok " MACS "type 0800 vlan 5 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "service VLAN", 1, ETH("88a8") "0064 8100 ffff 86dd" IP6("0014", "06") TCP, 0, 82,
	  "ok " MACS "type 86dd vlan 100 vlan 4095 " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "three VLANs, two kept", 1,
	  ETH("9100") "0001 8100 0002 8100 0003 0800" IP4("0028", "06") TCP, 0, 66,
	  "ok " MACS "type 0800 vlan 1 vlan 2 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "EtherType not decoded", 1, ETH("88cc") "0000", 0, 14,
	  "unsupported " MACS "type 88cc " },
	{ "EtherType between length and type", 1, ETH("05dd") "0000", 0, 14,
	  "unsupported " MACS "type 05dd " },
	{ "802.3, LLC", 1, ETH("0026") "424203 0000000000", 0, 17,
	  "unsupported " MACS "type 0026 " },
	{ "802.3, SNAP", 1, ETH("0030") "aaaa03 000000 0800" IP4("0028", "06") TCP, 0, 62,
	  "ok " MACS "type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "802.3, SNAP of a vendor", 1, ETH("0030") "aaaa03 00000c 2000", 0, 22,
	  "unsupported " MACS "type 0030 " },
	{ "802.3, SNAP with no EtherType", 1, ETH("0030") "aaaa03 000000 0003", 0, 22,
	  "unsupported " MACS "type 0003 " },
	{ "1500 is a length", 1, ETH("05dc") "aaaa03 000000 0806", 100, 99,
	  "truncated " MACS "type 0806 " },
	{ "runt frame", 1, "020000000002 0200", 0, 0, "malformed " },
	{ "nothing", 1, "", 0, 0, "malformed " },
	{ "nothing captured", 1, "", 60, 99, "truncated " },
	{ "PPPoE session", 1,
	  ETH("8864") "1100 0001 002a 0021" IP4("0028", "06") TCP, 0, 62,
	  "ok " MACS "type 8864 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "PPPoE session, IPv6", 1,
	  ETH("8864") "1100 0001 003e 0057" IP6("0014", "06") TCP, 0, 82,
	  "ok " MACS "type 8864 " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "PPPoE session, LCP", 1, ETH("8864") "1100 0001 0006 c021 0100", 0, 22,
	  "unsupported " MACS "type 8864 " },
	{ "PPPoE of another version", 1, ETH("8864") "2100 0001 0006 0021", 0, 20,
	  "unsupported " MACS "type 8864 " },
	{ "PPP", 9, "ff03 0021" IP4("0028", "06") TCP, 0, 44,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "PPP, compressed", 9, "21" IP4("0028", "06") TCP, 0, 41,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "SLL, to this host", 113, SLL("0000", "0001", "0006", "0800") IP4("0028", "06") TCP,
	  0, 56, "ok in mac 02:00:00:00:00:01 type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "SLL, broadcast", 113, SLL("0001", "0001", "0006", "88cc"), 0, 16,
	  "unsupported in mac 02:00:00:00:00:01 type 88cc " },
	{ "SLL, multicast", 113, SLL("0002", "0001", "0006", "88cc"), 0, 16,
	  "unsupported in mac 02:00:00:00:00:01 type 88cc " },
	{ "SLL, to another host", 113, SLL("0003", "0001", "0006", "88cc"), 0, 16,
	  "unsupported other mac 02:00:00:00:00:01 type 88cc " },
	{ "SLL, outgoing, no address", 113, SLL("0004", "fffe", "0000", "86dd")
	  IP6("0014", "06") TCP, 0, 76,
	  "ok out type 86dd " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "SLL, unknown packet type", 113, SLL("0007", "0001", "0006", "88cc"), 0, 16,
	  "unsupported mac 02:00:00:00:00:01 type 88cc " },
	{ "SLL, VLAN", 113, SLL("0000", "0001", "0006", "8100") "0005 0800" IP4("0028", "06")
	  TCP, 0, 60,
	  "ok in mac 02:00:00:00:00:01 type 0800 vlan 5 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "SLL, netlink is no EtherType", 113, SLL("0004", "0338", "0000", "0800") BYTES8, 0, 16,
	  "unsupported out " },
	{ "SLL, 802.3 without LLC", 113, SLL("0002", "0001", "0006", "0001") "ffff", 0, 16,
	  "unsupported in mac 02:00:00:00:00:01 type 0001 " },
	{ "SLL, 802.2", 113, SLL("0002", "0001", "0006", "0004") "424203", 0, 19,
	  "unsupported in mac 02:00:00:00:00:01 type 0004 " },
	{ "SLL, 802.2 with SNAP", 113, SLL("0000", "0001", "0006", "0004")
	  "aaaa03 000000 0800" IP4("0028", "06") TCP, 0, 64,
	  "ok in mac 02:00:00:00:00:01 type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "SLL2", 276, SLL2("04", "0001", "06", "0800") IP4("0028", "06") TCP, 0, 60,
	  "ok out if 7 mac 02:00:00:00:00:01 type 0800 " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "SLL2, to another host", 276, SLL2("03", "0001", "06", "88cc"), 0, 20,
	  "unsupported other if 7 mac 02:00:00:00:00:01 type 88cc " },
	{ "NULL, big-endian", 0, "00000002" IP4("0028", "06") TCP, 0, 44,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "NULL, little-endian", 0, "02000000" IP4("0028", "06") TCP, 0, 44,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "NULL, IPv6 of Linux", 0, "0a000000" IP6("0014", "06") TCP, 0, 64,
	  "ok " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "NULL, IPv6 of NetBSD", 0, "18000000" IP6("0014", "06") TCP, 0, 64,
	  "ok " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "NULL, IPv6 of FreeBSD", 0, "1c000000" IP6("0014", "06") TCP, 0, 64,
	  "ok " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "NULL, IPv6 of macOS", 0, "0000001e" IP6("0014", "06") TCP, 0, 64,
	  "ok " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "NULL, another family", 0, "07000000" BYTES8, 0, 4, "unsupported " },
	{ "LOOP", 108, "00000002" IP4("0028", "06") TCP, 0, 44,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "LOOP is big-endian", 108, "02000000" IP4("0028", "06") TCP, 0, 4, "unsupported " },
	{ "RAW, IPv4", 12, IP4("0028", "06") TCP, 0, 40, "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "RAW of OpenBSD", 14, IP4("0028", "06") TCP, 0, 40,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "RAW, IPv6", 101, IP6("0014", "06") TCP, 0, 60,
	  "ok " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "RAW, neither", 12, "50000000", 0, 1, "malformed " },
	{ "IPV4", 228, IP4("0028", "06") TCP, 0, 40, "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "IPV6", 229, IP6("0014", "06") TCP, 0, 60, "ok " V6P "6 ttl 64 ip 60 " TCP_TEXT },
	{ "link type not decoded", 220, BYTES8, 0, 0, "unsupported " },

	/* ARP */
	{ "ARP request", 1, ETH("0806")
	  "0001 0800 0604 0001 020000000001 0a000001 000000000000 0a000002", 0, 42,
	  "ok " MACS "type 0806 arp 1 10.0.0.1>10.0.0.2 " },
	{ "ARP reply", 1, ETH("0806")
	  "0001 0800 0604 0002 020000000001 0a000001 000000000000 0a000002", 0, 42,
	  "ok " MACS "type 0806 arp 2 10.0.0.1>10.0.0.2 " },
	{ "ARP for another protocol", 1, ETH("0806") "0001 0801 0202 0001 00000000 00000000",
	  0, 30, "ok " MACS "type 0806 arp 1 ::>:: " },
	{ "ARP too short", 1, ETH("0806") "0001 0800 0604 0001 020000000001", 0, 22,
	  "malformed " MACS "type 0806 arp 1 ::>:: " },

	/* IPv4 */
	{ "options", 12, "4600 002c 0000 4000 4006 0000 0a000001 0a000002 01010101" TCP, 0, 44,
	  "ok " V4P "6 ttl 64 ip 44 " TCP_TEXT },
	{ "longest header", 12, "4f00 003c 0000 4000 4063 0000 0a000001 0a000002"
	  BYTES8 BYTES8 BYTES8 BYTES8 BYTES8, 0, 60, "ok " V4 "99 ttl 64 ip 60 " },
	{ "version 6 in IPv4", 1, ETH("0800") "6500" BYTES8 BYTES8 BYTES8, 0, 34,
	  "malformed " MACS "type 0800 " },
	{ "IHL 4", 12, "4400 0028 0000 0000 4006 0000 0a000001 0a000002" TCP, 0, 20,
	  "malformed " V4 "6 ttl 64 ip 0 " },
	{ "total length below the header", 12, IP4("0013", "06") TCP, 0, 20,
	  "malformed " V4 "6 ttl 64 ip 0 " },
	{ "total length below IHL", 12,
	  "4600 0017 0000 4000 4006 0000 0a000001 0a000002 01010101" TCP, 0, 20,
	  "malformed " V4 "6 ttl 64 ip 0 " },
	{ "header alone", 12, IP4("0014", "63"), 0, 20, "ok " V4 "99 ttl 64 ip 20 " },
	{ "total length over the wire", 12, IP4("05dc", "06") TCP BYTES8, 0, 40,
	  "ok " V4P "6 ttl 64 ip 48 " TCP_TEXT "payload 8@40 " },
	{ "total length 0 (offload)", 1, ETH("0800") IP4("0000", "06") TCP BYTES8, 70000, 54,
	  "ok " MACS "type 0800 " V4P "6 ttl 64 ip 70048 " TCP_TEXT "payload 70008@54 " },
	{ "wire ends in the header", 12, "4500 0028 0000 4000", 0, 1, "malformed " },
	{ "first fragment", 12, IP4F("0030", "0777", "2000", "06") TCP BYTES8, 0, 40,
	  "ok " V4P "6 ttl 64 ip 48 fragment 1911+0 " TCP_TEXT "payload 8@40 " },
	{ "later fragment", 12, IP4F("001c", "0777", "20b9", "06") BYTES8, 0, 20,
	  "ok " V4 "6 ttl 64 ip 28 fragment 1911+1480 later payload 8@20 " },
	{ "last fragment", 12, IP4F("001c", "0777", "1fff", "06") BYTES8, 0, 20,
	  "ok " V4 "6 ttl 64 ip 28 fragment 1911+65528 later payload 8@20 " },
	{ "first fragment of eight bytes", 12, IP4F("001c", "0777", "2000", "06") BYTES8, 0, 24,
	  "truncated 10.0.0.1:24930>10.0.0.2:25444 6 ttl 64 ip 28 fragment 1911+0 " },
	{ "first fragment of UDP", 12, IP4F("0024", "0777", "2000", "11") UDP("0400") BYTES8,
	  0, 28, "ok " V4P "17 ttl 64 ip 36 fragment 1911+0 payload 8@28 " },
	{ "do not fragment", 12, IP4F("0028", "0777", "4000", "06") TCP, 0, 40,
	  "ok " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "AH in IPv4", 12, IP4("0040", "33")
	  "06040000 00000001 00000002" BYTES8 BYTES4 TCP, 0, 64,
	  "ok " V4P "6 ttl 64 ip 64 " TCP_TEXT },
	{ "AH below its fixed part", 12, IP4("0034", "33") "06000000 00000001 00000002" TCP,
	  0, 28, "malformed " V4 "51 ttl 64 ip 52 " },
	{ "AH over the datagram", 12, IP4("0034", "33") "06ff0000 00000001 00000002" TCP,
	  0, 28, "malformed " V4 "51 ttl 64 ip 52 " },
	{ "hop-by-hop is no header of IPv4", 12, IP4("001c", "00") BYTES8, 0, 20,
	  "ok " V4 "0 ttl 64 ip 28 payload 8@20 " },

	/* IPv6 */
	{ "each extension header", 229, IP6("0074", "00")
	  "2b00010400000000 3c00000000000000 8700010400000000 8b00000000000000"
	  "8c00000000000000 3300000000000000 2c020000 00000001 00000002 00000003"
	  "3c000000 0000abcd 0602 0114" BYTES8 BYTES8 BYTES4 TCP, 0, 156,
	  "ok " V6P "6 ttl 64 ip 156 unfragmented 43981 " TCP_TEXT },
	{ "as many headers as are followed", 229, IP6("0094", "3c") OPTIONS15
	  "0600010400000000" TCP, 0, 188, "ok " V6P "6 ttl 64 ip 188 " TCP_TEXT },
	{ "one more", 229, IP6("009c", "3c") OPTIONS15 OPTIONS "0600010400000000" TCP, 0, 176,
	  "unsupported " V6 "60 ttl 64 ip 196 " },
	{ "no next header", 1, ETH("86dd") IP6("0000", "3b") "000000000000", 0, 54,
	  "ok " MACS "type 86dd " V6 "59 ttl 64 ip 40 " },
	{ "no next header, and yet data", 229, IP6("0008", "3b") BYTES8, 0, 40,
	  "ok " V6 "59 ttl 64 ip 48 " },
	{ "jumbogram", 229, IP6("0000", "00") "0600 c204 00011184" TCP, 70000, 68,
	  "ok " V6P "6 ttl 64 ip 70068 " TCP_TEXT "payload 70000@68 " },
	{ "payload length 0 (offload)", 229, IP6("0000", "06") TCP, 70000, 60,
	  "ok " V6P "6 ttl 64 ip 70060 " TCP_TEXT "payload 70000@60 " },
	{ "payload length over the wire", 229, IP6("05dc", "06") TCP BYTES8, 0, 60,
	  "ok " V6P "6 ttl 64 ip 68 " TCP_TEXT "payload 8@60 " },
	{ "version 4 in IPv6", 1, ETH("86dd") IP4("0028", "06") TCP, 0, 54,
	  "malformed " MACS "type 86dd " },
	{ "IPv6, first fragment", 229, IP6("0018", "2c") "1100 0001 0000abcd" UDP("0400") BYTES8,
	  0, 56, "ok " V6P "17 ttl 64 ip 64 fragment 43981+0 payload 8@56 " },
	{ "IPv6, later fragment", 229, IP6("0010", "2c") "1100 05a9 0000abcd" BYTES8, 0, 48,
	  "ok " V6 "17 ttl 64 ip 56 fragment 43981+1448 later payload 8@48 " },
	{ "IPv6, later fragment of options", 229, IP6("0010", "2c") "3c00 05a8 0000abcd" BYTES8,
	  0, 48, "ok " V6 "60 ttl 64 ip 56 fragment 43981+1448 later payload 8@48 " },
	{ "first fragment ends in a header", 229, IP6("0010", "2c") "3c00 0001 0000abcd"
	  "0601 0104 00000000", 0, 99, "truncated " V6 "60 ttl 64 ip 56 fragment 43981+0 " },
	{ "extension header over the datagram", 229, IP6("0008", "3c") "06ff 0104 00000000",
	  0, 48, "malformed " V6 "60 ttl 64 ip 48 " },
	{ "no room for an extension header", 229, IP6("0004", "3c") "0600 0104 00000000",
	  0, 40, "malformed " V6 "60 ttl 64 ip 44 " },
	{ "ESP", 229, IP6("0010", "32") BYTES8 BYTES8, 0, 40,
	  "ok " V6 "50 ttl 64 ip 56 payload 16@40 " },
	{ "ESP in IPv4", 12, IP4("0024", "32") BYTES8 BYTES8, 0, 20,
	  "ok " V4 "50 ttl 64 ip 36 payload 16@20 " },

	/* TCP */
	{ "TCP options and data", 12, IP4("0034", "06") TCPX("60", "18") "01010101" BYTES8, 0, 44,
	  "ok " V4P "6 ttl 64 ip 52 tcp 0x18 1 2 29200 payload 8@44 " },
	{ "TCP, every flag", 12, IP4("0028", "06") TCPX("50", "ff"), 0, 40,
	  "ok " V4P "6 ttl 64 ip 40 tcp 0xff 1 2 29200 " },
	{ "TCP, data offset 4", 12, IP4("0028", "06") TCPX("40", "12"), 0, 40,
	  "malformed " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "TCP, data offset over the datagram", 12, IP4("0028", "06") TCPX("60", "12") BYTES8,
	  0, 40, "malformed " V4P "6 ttl 64 ip 40 " TCP_TEXT },
	{ "datagram ends in the TCP header", 12, IP4("0020", "06") TCP, 0, 24,
	  "malformed " V4P "6 ttl 64 ip 32 " },
	{ "datagram ends in the ports", 12, IP4("0016", "06") TCP, 0, 20,
	  "malformed " V4 "6 ttl 64 ip 22 " },

	/* UDP, UDP-Lite, SCTP, DCCP */
	{ "UDP", 12, IP4("0024", "11") UDP("0010") BYTES8, 0, 28,
	  "ok " V4P "17 ttl 64 ip 36 payload 8@28 " },
	{ "UDP, empty", 12, IP4("001c", "11") UDP("0008"), 0, 28, "ok " V4P "17 ttl 64 ip 28 " },
	{ "UDP, trailer behind it", 12, IP4("0024", "11") UDP("000c") BYTES8, 0, 28,
	  "ok " V4P "17 ttl 64 ip 36 payload 4@28 " },
	{ "UDP, length 7", 12, IP4("0024", "11") UDP("0007") BYTES8, 0, 28,
	  "malformed " V4P "17 ttl 64 ip 36 " },
	{ "UDP, length 0", 12, IP4("0024", "11") UDP("0000") BYTES8, 0, 28,
	  "malformed " V4P "17 ttl 64 ip 36 " },
	{ "UDP, length over the datagram", 12, IP4("0024", "11") UDP("0011") BYTES8, 0, 28,
	  "malformed " V4P "17 ttl 64 ip 36 payload 8@28 " },
	{ "UDP, length and datagram over the wire", 12, IP4("0400", "11") UDP("03ec") BYTES8,
	  0, 28, "ok " V4P "17 ttl 64 ip 36 payload 8@28 " },
	{ "UDP jumbogram", 229, IP6("0000", "00") "1100 c204 00011178" UDP("0000"), 70000, 56,
	  "ok " V6P "17 ttl 64 ip 70056 payload 70000@56 " },
	{ "UDP-Lite, coverage 8", 12, IP4("0024", "88") UDP("0008") BYTES8, 0, 28,
	  "ok " V4P "136 ttl 64 ip 36 payload 8@28 " },
	{ "UDP-Lite, coverage 0", 12, IP4("0024", "88") UDP("0000") BYTES8, 0, 28,
	  "ok " V4P "136 ttl 64 ip 36 payload 8@28 " },
	{ "SCTP", 12, IP4("0028", "84") SCTP BYTES8, 0, 32,
	  "ok " V4P "132 ttl 64 ip 40 payload 8@32 " },
	{ "SCTP too short", 12, IP4("001c", "84") UDP("0008"), 0, 24,
	  "malformed " V4P "132 ttl 64 ip 28 " },
	{ "DCCP, long sequence numbers, an option", 12,
	  IP4("0030", "21") PORTS "05000000 01000000 00000001 00000000 " BYTES8, 0, 40,
	  "ok " V4P "33 ttl 64 ip 48 payload 8@40 " },
	{ "DCCP, short sequence numbers", 12, IP4("0024", "21") PORTS "03000000 04000001 " BYTES4, 0, 32,
	  "ok " V4P "33 ttl 64 ip 36 payload 4@32 " },
	{ "DCCP, data in the header", 12, IP4("0028", "21") PORTS "03000000 01000000 00000001 " BYTES4,
	  0, 32, "malformed " V4P "33 ttl 64 ip 40 " },
	{ "DCCP too short", 12, IP4("001c", "21") UDP("0008"), 0, 24,
	  "malformed " V4P "33 ttl 64 ip 28 " },
	{ "another protocol", 12, IP4("001c", "2f") BYTES8, 0, 20,
	  "ok " V4 "47 ttl 64 ip 28 payload 8@20 " },

	/* ICMP */
	{ "echo, cut behind its identifier", 12, IP4("0024", "01") "0800 0000 1234", 10, 26,
	  "truncated " V4 "1 ttl 64 ip 36 icmp 8/0 id 4660 payload 8@28 " },
	{ "echo, cut before its identifier", 12, IP4("0024", "01") "0800 0000 12", 11, 25,
	  "truncated " V4 "1 ttl 64 ip 36 icmp 8/0 payload 8@28 " },
	{ "echo", 12, IP4("0024", "01") "0800 0000 1234 0001" BYTES8, 0, 28,
	  "ok " V4 "1 ttl 64 ip 36 icmp 8/0 id 4660 payload 8@28 " },
	{ "echo reply", 12, IP4("001c", "01") "0000 0000 1234 0001", 0, 28,
	  "ok " V4 "1 ttl 64 ip 28 icmp 0/0 id 4660 " },
	{ "timestamp", 12, IP4("0028", "01") "0d00 0000 1234 0001" BYTES8 BYTES4, 0, 28,
	  "ok " V4 "1 ttl 64 ip 40 icmp 13/0 id 4660 payload 12@28 " },
	{ "address mask reply", 12, IP4("0020", "01") "1200 0000 1234 0001" BYTES4, 0, 28,
	  "ok " V4 "1 ttl 64 ip 32 icmp 18/0 id 4660 payload 4@28 " },
	{ "router solicitation", 12, IP4("001c", "01") "0a00 0000 0000 0000", 0, 28,
	  "ok " V4 "1 ttl 64 ip 28 icmp 10/0 " },
	{ "traceroute", 12, IP4("001c", "01") "1e00 0000 1234 0001", 0, 28,
	  "ok " V4 "1 ttl 64 ip 28 icmp 30/0 " },
	{ "ICMP too short", 12, IP4("0018", "01") "0301 0000", 0, 22,
	  "malformed " V4 "1 ttl 64 ip 24 icmp 3/1 " },
	{ "port unreachable", 12, IP4("0038", "01") "0303 0000 00000000" QUOTED("11") UDP("0010"),
	  0, 52, "ok " V4 "1 ttl 64 ip 56 icmp 3/3 " QUOTED_TEXT "17 payload 28@28 " },
	{ "source quench", 12, IP4("0038", "01") "0400 0000 00000000" QUOTED("06") UDP("0010"),
	  0, 52, "ok " V4 "1 ttl 64 ip 56 icmp 4/0 " QUOTED_TEXT "6 payload 28@28 " },
	{ "redirect", 12, IP4("0038", "01") "0501 0000 0a000003" QUOTED("11") UDP("0010"),
	  0, 52, "ok " V4 "1 ttl 64 ip 56 icmp 5/1 " QUOTED_TEXT "17 payload 28@28 " },
	{ "time exceeded", 12, IP4("0038", "01") "0b00 0000 00000000" QUOTED("84") UDP("0010"),
	  0, 52, "ok " V4 "1 ttl 64 ip 56 icmp 11/0 " QUOTED_TEXT "132 payload 28@28 " },
	{ "parameter problem", 12, IP4("0038", "01") "0c00 0000 00000000" QUOTED("88")
	  UDP("0010"), 0, 52,
	  "ok " V4 "1 ttl 64 ip 56 icmp 12/0 " QUOTED_TEXT "136 payload 28@28 " },
	{ "no error, no quotation", 12, IP4("0038", "01") "0600 0000 00000000" QUOTED("11")
	  UDP("0010"), 0, 28, "ok " V4 "1 ttl 64 ip 56 icmp 6/0 payload 28@28 " },
	{ "error about a protocol without ports", 12, IP4("0038", "01") "0302 0000 00000000"
	  QUOTED("2f") BYTES8, 0, 48, "ok " V4 "1 ttl 64 ip 56 icmp 3/2 "
	  "about 10.0.0.2>10.0.0.1 47 payload 28@28 " },
	{ "error about an echo", 12, IP4("0038", "01") "0301 0000 00000000"
	  QUOTED("01") "0800 0000 1234 0001", 0, 48, "ok " V4 "1 ttl 64 ip 56 icmp 3/1 "
	  "about 10.0.0.2>10.0.0.1 1 payload 28@28 " },
	{ "quotation without its ports", 12, IP4("0032", "01") "0303 0000 00000000" QUOTED("11")
	  "c000", 0, 50, "ok " V4 "1 ttl 64 ip 50 icmp 3/3 payload 22@28 " },
	{ "quotation of half a header", 12, IP4("0026", "01") "0303 0000 00000000"
	  "4500 0100 0001 0000 4011", 0, 28, "ok " V4 "1 ttl 64 ip 38 icmp 3/3 payload 10@28 " },
	{ "no quotation", 12, IP4("001c", "01") "0303 0000 00000000", 0, 28,
	  "ok " V4 "1 ttl 64 ip 28 icmp 3/3 " },
	{ "quotation of a later fragment", 12, IP4("0038", "01") "0b01 0000 00000000"
	  "4500 0100 0001 0010 4011 0000 0a000002 0a000001" BYTES8, 0, 48,
	  "ok " V4 "1 ttl 64 ip 56 icmp 11/1 payload 28@28 " },
	{ "quotation of nonsense", 12, IP4("0038", "01") "0303 0000 00000000"
	  "f500 0100 0001 0010 4011 0000 0a000002 0a000001" BYTES8, 0, 48,
	  "ok " V4 "1 ttl 64 ip 56 icmp 3/3 payload 28@28 " },
	{ "ICMPv6 echo", 229, IP6("0010", "3a") "8000 0000 1234 0001" BYTES8, 0, 48,
	  "ok " V6 "58 ttl 64 ip 56 icmp 128/0 id 4660 payload 8@48 " },
	{ "ICMPv6 echo reply", 229, IP6("0008", "3a") "8100 0000 1234 0001", 0, 48,
	  "ok " V6 "58 ttl 64 ip 48 icmp 129/0 id 4660 " },
	{ "neighbour solicitation", 229, IP6("0018", "3a") "8700 0000 00000000" BYTES8 BYTES8,
	  0, 48, "ok " V6 "58 ttl 64 ip 64 icmp 135/0 payload 16@48 " },
	{ "ICMPv6 unreachable", 229, IP6("0038", "3a") "0104 0000 00000000"
	  QUOTED6("11") UDP("0010"), 0, 92,
	  "ok " V6 "58 ttl 64 ip 96 icmp 1/4 " QUOTED6_TEXT "17 payload 48@48 " },
	{ "packet too big", 229, IP6("0038", "3a") "0200 0000 00000500"
	  QUOTED6("06") UDP("0010"), 0, 92,
	  "ok " V6 "58 ttl 64 ip 96 icmp 2/0 " QUOTED6_TEXT "6 payload 48@48 " },
	{ "ICMPv6 time exceeded", 229, IP6("0038", "3a") "0300 0000 00000000"
	  QUOTED6("11") UDP("0010"), 0, 92,
	  "ok " V6 "58 ttl 64 ip 96 icmp 3/0 " QUOTED6_TEXT "17 payload 48@48 " },
	{ "parameter problem behind options", 229, IP6("0040", "3a") "0400 0000 00000028"
	  QUOTED6("3c") "1100010400000000" UDP("0010"), 0, 100,
	  "ok " V6 "58 ttl 64 ip 104 icmp 4/0 " QUOTED6_TEXT "17 payload 56@48 " },

	/* What DECODE_SNAPLEN has room for. */
	{ "the longest headers", 276, SLL2("00", "0001", "06", "86dd") IP6("00bc", "3c") OPTIONS15
	  "0600010400000000" TCPX("f0", "12") BYTES8 BYTES8 BYTES8 BYTES8 BYTES8, 0, 248,
	  "ok in if 7 mac 02:00:00:00:00:01 type 86dd " V6P "6 ttl 64 ip 228 " TCP_TEXT },
	{ "the longest error", 276, SLL2("00", "0001", "06", "86dd") IP6("00b8", "3a")
	  "0104 0000 00000000" QUOTED6("3c") OPTIONS15 "1100010400000000" UDP("0010"), 0, 240,
	  "ok in if 7 mac 02:00:00:00:00:01 type 86dd " V6 "58 ttl 64 ip 224 icmp 1/4 "
	  QUOTED6_TEXT "17 payload 176@68 " },
	{ "the longest error of IPv4", 276, SLL2("00", "0001", "06", "0800")
	  "4f00 0084 0000 4000 4001 0000 0a000001 0a000002" BYTES8 BYTES8 BYTES8 BYTES8 BYTES8
	  "0303 0000 00000000" "4f00 0100 0001 0000 4011 0000 0a000002 0a000001"
	  BYTES8 BYTES8 BYTES8 BYTES8 BYTES8 PORTS, 0, 152,
	  "ok in if 7 mac 02:00:00:00:00:01 type 0800 " V4 "1 ttl 64 ip 132 icmp 3/3 "
	  QUOTED_TEXT "17 payload 64@88 " },

	{ "VLANs without end", 1, ETH("8100") VLANS16 "0001 8100" BYTES8, 0, 82,
	  "unsupported " MACS "type 8100 vlan 1 vlan 1 " },
};
/* clang-format on */

static inline unsigned decode_case_nibble(char digit)
{
	return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

/* The packet of a case into bytes, which has room for size. Returns its length. */
static inline uint32_t decode_case_bytes(const struct decode_case *source, uint8_t *bytes,
                                         size_t size)
{
	uint32_t nibbles = 0;

	memset(bytes, 0, size);
	for (const char *hex = source->hex; *hex != '\0'; hex++) {
		if (*hex == ' ')
			continue;
		if (nibbles / 2 == size)
			abort();
		bytes[nibbles / 2] = (uint8_t)(bytes[nibbles / 2] * 16u + decode_case_nibble(*hex));
		nibbles++;
	}
	return nibbles / 2;
}

#endif
