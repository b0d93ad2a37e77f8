/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Packets in packets: what is taken for a tunnel, and above all what is not. */
#include "decode/decode.h"
#include "decode/decode_tunnel.h"

#include "check.h"
#include "decode_sane.h"

#define PACKET_SIZE 512

/* clang-format off */

/* Building blocks. Blanks in hexadecimal are for the eye; outer packets are of 10.9.0.1 and .2. */
#define FRAME(type) "020000000002 020000000001 " type " "
#define OUT4F(total, fragment, protocol) \
	FRAME("0800") "4500 " total "0001" fragment "40" protocol "0000 0a090001 0a090002 "
#define OUT4(total, protocol) OUT4F(total, "0000", protocol)
#define OUT6(payload, next) FRAME("86dd") "60000000" payload next "40" \
	"20010db8000000000000000000000009 20010db800000000000000000000000a "
#define UDP(port, size) "c000" port size "0000 "
#define TCP "c000 0050 00000001 00000002 5012 7210 0000 0000 "
#define IN4L(total) "4500" total "0001 0000 4006 0000 0a000001 0a000002 " TCP
#define IN4 IN4L("0028")
#define IN6 "60000000 0014 06 40 " \
	"20010db8000000000000000000000001 20010db8000000000000000000000002 " TCP
#define ARP "0001 0800 06 04 0001 020000000001 0a000001 000000000000 0a000002 "
#define VXLAN(header) OUT4("005a", "11") UDP("12b5", "0046") header FRAME("0800") IN4
#define GENEVE(header) OUT4("004c", "11") UDP("17c1", "0038") header IN4
#define GTP(header) OUT4("004c", "11") UDP("0868", "0038") header IN4

#define TEXT4 "10.0.0.1:49152>10.0.0.2:80 40"
#define TEXT6 "2001:db8::1:49152>2001:db8::2:80 60"

static const struct tunnel_case {
	const char *name, *hex, *expected; /* expected "": no tunnel */
} cases[] = {
	{ "IPv4 in IPv4", OUT4("003c", "04") IN4, "ipip - 1 " TEXT4 },
	{ "IPv6 in IPv4", OUT4("0050", "29") IN6, "6in4 - 1 " TEXT6 },
	{ "IPv4 in IPv6", OUT6("0028", "04") IN4, "4in6 - 1 " TEXT4 },
	{ "IPv6 in IPv6", OUT6("003c", "29") IN6, "6in6 - 1 " TEXT6 },
	{ "protocol 4 with IPv6 in it", OUT4("0050", "04") IN6, "" },
	{ "a first fragment", OUT4F("003c", "2000", "04") IN4, "" },
	{ "a later fragment", OUT4F("003c", "0001", "04") IN4, "" },
	{ "an inner packet that ends behind the outer one", OUT4("003c", "04") IN4L("0029"), "" },
	{ "an inner packet with padding behind it", OUT4("0040", "04") IN4 "00000000", "ipip - 1 " TEXT4 },

	{ "GRE", OUT4("0040", "2f") "0000 0800" IN4, "gre - 1 " TEXT4 },
	{ "GRE over IPv6", OUT6("002c", "2f") "0000 0800" IN4, "gre - 1 " TEXT4 },
	{ "GRE with checksum, key and number", OUT4("004c", "2f")
	  "b000 0800 00000000 0000002a 00000001" IN4, "gre 42 1 " TEXT4 },
	{ "GRE with a key", OUT4("0058", "2f") "2000 86dd ffffffff" IN6, "gre 4294967295 1 " TEXT6 },
	{ "GRE, Ethernet in it", OUT4("004e", "2f") "0000 6558" FRAME("0800") IN4, "gre - 1 " TEXT4 },
	{ "GRE, MPLS in it", OUT4("0044", "2f") "0000 8847 00064140" IN4, "gre - 2 " TEXT4 },
	{ "GRE, a keepalive", OUT4("0018", "2f") "0000 0000", "" },
	{ "GRE with source routes", OUT4("0044", "2f") "4000 0800 00000000" IN4, "" },
	{ "GRE of version 1", OUT4("0048", "2f") "2001 0800 0028002a" IN4, "" },
	{ "GRE, less than its header says", OUT4("0018", "2f") "2000 0800", "" },
	{ "ERSPAN I", OUT4("004e", "2f") "0000 88be" FRAME("0800") IN4, "erspan - 1 " TEXT4 },
	{ "ERSPAN II", OUT4("005a", "2f") "1000 88be 00000001 1000 0014 00000000" FRAME("0800") IN4,
	  "erspan 20 1 " TEXT4 },
	{ "ERSPAN III", OUT4("005e", "2f") "1000 22eb 00000001 2000 0015 00000000 0000 0000"
	  FRAME("0800") IN4, "erspan 21 1 " TEXT4 },
	{ "ERSPAN III with a platform's header", OUT4("0066", "2f")
	  "1000 22eb 00000001 2000 0015 00000000 0000 0001 0000000000000000" FRAME("0800") IN4,
	  "erspan 21 1 " TEXT4 },
	{ "ERSPAN II of another version", OUT4("005a", "2f")
	  "1000 88be 00000001 3000 0014 00000000" FRAME("0800") IN4, "" },

	{ "VXLAN", VXLAN("08000000 00006400"), "vxlan 100 1 " TEXT4 },
	{ "VXLAN, the port of Linux", OUT4("005a", "11") UDP("2118", "0046") "08000000 00006400"
	  FRAME("0800") IN4, "vxlan 100 1 " TEXT4 },
	{ "VXLAN, group policy", VXLAN("88480007 00006400"), "vxlan 100 1 " TEXT4 },
	{ "VXLAN GPE, Ethernet in it", VXLAN("0c000003 00006400"), "vxlan 100 1 " TEXT4 },
	{ "VXLAN GPE, IPv4 in it", OUT4("004c", "11") UDP("12b6", "0038") "0c000001 00006400" IN4,
	  "vxlan 100 1 " TEXT4 },
	{ "VXLAN GPE, NSH in it", VXLAN("0c000004 00006400"), "" },
	{ "VXLAN with a tag inside", OUT4("005e", "11") UDP("12b5", "004a") "08000000 00006400"
	  FRAME("8100") "0005 0800" IN4, "vxlan 100 1 " TEXT4 " vlan 5" },
	{ "VXLAN, ARP in it", OUT4("004e", "11") UDP("12b5", "003a") "08000000 00006400" FRAME("0806") ARP,
	  "vxlan 100 1 10.0.0.1>10.0.0.2 0" },
	{ "VXLAN in GRE", OUT4("0072", "2f") "0000 0800" "4500 005a 0001 0000 4011 0000 0a080001 0a080002"
	  UDP("12b5", "0046") "08000000 00006400" FRAME("0800") IN4, "vxlan 100 2 " TEXT4 },
	{ "VXLAN to another port", OUT4("005a", "11") UDP("12b7", "0046") "08000000 00006400"
	  FRAME("0800") IN4, "" },
	{ "VXLAN without a number", VXLAN("00000000 00006400"), "" },
	{ "VXLAN, a reserved flag", VXLAN("0c000000 00006400"), "" },
	{ "VXLAN, a reserved bit", VXLAN("08000001 00006400"), "" },
	{ "VXLAN, group policy, a reserved bit", VXLAN("88800007 00006400"), "" },
	{ "VXLAN, the reserved byte", VXLAN("08000000 00006401"), "" },
	{ "VXLAN, neither IP nor ARP in it", OUT4("003a", "11") UDP("12b5", "0026") "08000000 00006400"
	  FRAME("88cc") "0000000000000000", "" },
	{ "VXLAN, an IP header that is none", OUT4("005a", "11") UDP("12b5", "0046") "08000000 00006400"
	  FRAME("86dd") IN4, "" },
	{ "text on that port", OUT4("0024", "11") UDP("12b5", "0010") "474554202f0d0a0d", "" },
	{ "nothing on that port", OUT4("001c", "11") UDP("12b5", "0008"), "" },

	{ "Geneve", GENEVE("0000 0800 00000a00"), "geneve 10 1 " TEXT4 },
	{ "Geneve, Ethernet in it", OUT4("005a", "11") UDP("17c1", "0046") "0000 6558 00000a00"
	  FRAME("0800") IN4, "geneve 10 1 " TEXT4 },
	{ "Geneve with critical options", OUT4("0054", "11") UDP("17c1", "0040")
	  "0240 0800 00000a00 0102800100000000" IN4, "geneve 10 1 " TEXT4 },
	{ "Geneve, more options than there is room", GENEVE("3f00 0800 00000a00"), "" },
	{ "Geneve of version 1", GENEVE("4000 0800 00000a00"), "" },
	{ "Geneve, a control packet", GENEVE("0080 0800 00000a00"), "" },
	{ "Geneve, a reserved bit", GENEVE("0001 0800 00000a00"), "" },
	{ "Geneve, the reserved byte", GENEVE("0000 0800 00000a01"), "" },
	{ "Geneve, another protocol", GENEVE("0000 88cc 00000a00"), "" },

	{ "GTP-U", GTP("30ff 0028 00000007"), "gtp 7 1 " TEXT4 },
	{ "GTP-U with an extension", OUT4("0054", "11") UDP("0868", "0040")
	  "34ff 0030 00000007 0000 00 85 01 0000 00" IN4, "gtp 7 1 " TEXT4 },
	{ "GTP-U with a number alone", OUT4("0050", "11") UDP("0868", "003c")
	  "32ff 002c 00000007 0001 00 85" IN4, "gtp 7 1 " TEXT4 },
	{ "GTP-U, an extension without end", OUT4("0054", "11") UDP("0868", "0040")
	  "34ff 0030 00000007 0000 00 85 00 0000 85" IN4, "" },
	{ "GTP-U, another length", GTP("30ff 0027 00000007"), "" },
	{ "GTP-U, an echo", GTP("3001 0028 00000007"), "" },
	{ "GTP of version 2", GTP("50ff 0028 00000007"), "" },
	{ "GTP'", GTP("20ff 0028 00000007"), "" },

	{ "L2TP", OUT4("004e", "11") UDP("06a5", "003a") "0002 0005 0009 ff03 0021" IN4, "l2tp 9 1 " TEXT4 },
	{ "L2TP with its length", OUT4("0050", "11") UDP("06a5", "003c")
	  "4002 0034 0005 0009 ff03 0021" IN4, "l2tp 9 1 " TEXT4 },
	{ "L2TP with numbers and padding", OUT4("0056", "11") UDP("06a5", "0042")
	  "0a02 0005 0009 0001 0001 0002 abcd 0021" IN4, "l2tp 9 1 " TEXT4 },
	{ "L2TP, another length", OUT4("0050", "11") UDP("06a5", "003c")
	  "4002 0035 0005 0009 ff03 0021" IN4, "" },
	{ "L2TP, a control message", OUT4("0050", "11") UDP("06a5", "003c")
	  "c002 0034 0005 0009 0000 0000" IN4, "" },
	{ "L2TP of version 3", OUT4("004e", "11") UDP("06a5", "003a") "0003 0005 0009 ff03 0021" IN4, "" },

	{ "MPLS alone", FRAME("8847") "00064140" IN4, "mpls 100 1 " TEXT4 },
	{ "PPPoE alone", FRAME("8864") "1100 0007 002a 0021" IN4, "pppoe 7 1 " TEXT4 },
};

/* clang-format on */

static uint32_t bytes_of(const char *hex, uint8_t bytes[PACKET_SIZE])
{
	uint32_t size = 0;
	unsigned byte;

	while (sscanf(hex, " %2x", &byte) == 1 && size < PACKET_SIZE) {
		bytes[size++] = (uint8_t)byte;
		hex += strspn(hex, " ") + 2;
	}
	return size;
}

/* What is in the captured bytes, as deep as it goes. */
static struct packet decode(const uint8_t *bytes, uint32_t captured, uint32_t size)
{
	struct packet packet = { .number = 1 }, inner;

	decode_packet(DECODE_LINK_ETHERNET, bytes, captured, size, &packet);
	for (int i = 0; i < PACKET_TUNNELS_MAX && decode_tunnel(&packet, bytes, &inner); i++)
		packet = inner;
	return packet;
}

static void describe(const struct packet *packet, char *text, size_t size)
{
	static const char *const names[] = {
		"none", "mpls", "pppoe", "gre",    "erspan", "ipip", "6in4",
		"4in6", "6in6", "vxlan", "geneve", "gtp",    "l2tp",
	};
	char id[16] = "-", source[INET_TEXT_MAX], destination[INET_TEXT_MAX], ports[2][8] = { "" };

	if (packet->has_tunnel_id)
		snprintf(id, sizeof id, "%" PRIu32, packet->tunnel_id);
	source[inet_format(&packet->tuple.source, source)] = '\0';
	destination[inet_format(&packet->tuple.destination, destination)] = '\0';
	if (packet->has_ports) {
		snprintf(ports[0], sizeof ports[0], ":%u", packet->tuple.source_port);
		snprintf(ports[1], sizeof ports[1], ":%u", packet->tuple.destination_port);
	}
	if (packet->tunnel == PACKET_NO_TUNNEL)
		*text = '\0';
	else
		snprintf(text, size, "%s %s %u %s%s>%s%s %" PRIu32, names[packet->tunnel], id,
		         packet->tunnel_depth, source, ports[0], destination, ports[1],
		         packet->ip_length);
	if (packet->vlan_count > 0)
		snprintf(text + strlen(text), size - strlen(text), " vlan %u", packet->vlans[0]);
}

/* Less may be known from fewer bytes, and nothing else. */
static void test_prefixes(const struct tunnel_case *test, const uint8_t *bytes, uint32_t size)
{
	uint8_t *guard = check_guarded(bytes, size) + size;
	struct packet whole = decode(bytes, size, size);
	int wrong = 0;

	for (uint32_t captured = 0; captured < size; captured++) {
		struct packet some;

		memmove(guard - captured, bytes, captured);
		some = decode(guard - captured, captured, size);
		wrong += !decode_is_sane(&some) || (some.tunnel_depth == whole.tunnel_depth &&
		                                    !decode_is_prefix(&some, &whole));
		some = decode(guard - captured, captured, captured);
		wrong += !decode_is_sane(&some);
	}
	CHECK_EQUAL(wrong, 0, "%s: every prefix", test->name);
}

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t bytes[PACKET_SIZE];
		uint32_t size = bytes_of(cases[i].hex, bytes);
		struct packet packet = decode(bytes, size, size);
		char text[160];

		describe(&packet, text, sizeof text);
		CHECK_TEXT(text, cases[i].expected, "%s", cases[i].name);
		CHECK(decode_is_sane(&packet), "%s: sane", cases[i].name);
		test_prefixes(&cases[i], bytes, size);
	}
	return check_done();
}
