/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/flow_key.h"

#include <netinet/in.h>

#include "check.h"
#include "events/community_id.h"

#define SYN TCP_FLAG_SYN
#define ACK TCP_FLAG_ACK

#define IP4(number) .network = PACKET_IPV4, .tuple = { .protocol = (number) }
#define IP6(number) .network = PACKET_IPV6, .tuple = { .protocol = (number) }
#define IP4_PORTS(number)                                                                          \
	.network = PACKET_IPV4, .has_ports = true,                                                 \
	.tuple = { .protocol = (number), .source_port = 1000, .destination_port = 53 }
#define ICMP(kind, number) .has_icmp = true, .icmp_type = (kind), .icmp_code = (number)
#define WITH_ID            .has_icmp_id = true, .icmp_id = 77

/* What of a packet matters here; addresses are those of the IP version. */
static const struct {
	const char *title;
	struct packet packet;
	bool keyed;
	uint16_t source_port, destination_port; /* of the key */
	enum flow_key_sender sender;
	bool refusal, has_id;
} cases[] = {
	{ "TCP SYN",
	  { IP4_PORTS(IPPROTO_TCP), .has_tcp = true, .tcp_flags = SYN },
	  true,
	  1000,
	  53,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "TCP SYN and ACK",
	  { IP4_PORTS(IPPROTO_TCP), .has_tcp = true, .tcp_flags = SYN | ACK },
	  true,
	  1000,
	  53,
	  FLOW_KEY_RESPONDER,
	  false,
	  true },
	{ "TCP in its middle",
	  { IP4_PORTS(IPPROTO_TCP), .has_tcp = true, .tcp_flags = ACK },
	  true,
	  1000,
	  53,
	  FLOW_KEY_UNKNOWN,
	  false,
	  true },
	{ "TCP RST",
	  { IP4_PORTS(IPPROTO_TCP), .has_tcp = true, .tcp_flags = TCP_FLAG_RST },
	  true,
	  1000,
	  53,
	  FLOW_KEY_UNKNOWN,
	  false,
	  true },
	{ "TCP of which the ports alone were captured",
	  { IP4_PORTS(IPPROTO_TCP), .status = DECODE_TRUNCATED },
	  true,
	  1000,
	  53,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "TCP without ports",
	  { IP4(IPPROTO_TCP), .status = DECODE_TRUNCATED },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  false },
	{ "UDP", { IP4_PORTS(IPPROTO_UDP) }, true, 1000, 53, FLOW_KEY_INITIATOR, false, true },
	{ "UDP-Lite",
	  { IP4_PORTS(IPPROTO_UDPLITE) },
	  true,
	  1000,
	  53,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "SCTP", { IP4_PORTS(IPPROTO_SCTP) }, true, 1000, 53, FLOW_KEY_INITIATOR, false, true },
	{ "the first fragment",
	  { IP4_PORTS(IPPROTO_UDP), .is_fragment = true },
	  true,
	  1000,
	  53,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "a later fragment",
	  { IP4(IPPROTO_UDP), .is_fragment = true, .is_later_fragment = true },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  false },
	{ "ARP", { .network = PACKET_ARP }, false, 0, 0, FLOW_KEY_INITIATOR, false, false },
	{ "what is not decoded",
	  { .status = DECODE_UNSUPPORTED },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  false },
	{ "GRE", { IP4(IPPROTO_GRE) }, true, 0, 0, FLOW_KEY_INITIATOR, false, true },
	{ "a cut header chain",
	  { IP6(IPPROTO_GRE), .status = DECODE_TRUNCATED },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  false },
	{ "echo request",
	  { IP4(IPPROTO_ICMP), ICMP(8, 0), WITH_ID },
	  true,
	  77,
	  77,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "echo reply",
	  { IP4(IPPROTO_ICMP), ICMP(0, 0), WITH_ID },
	  true,
	  77,
	  77,
	  FLOW_KEY_RESPONDER,
	  false,
	  true },
	{ "timestamp reply",
	  { IP4(IPPROTO_ICMP), ICMP(14, 0), WITH_ID },
	  true,
	  77,
	  77,
	  FLOW_KEY_RESPONDER,
	  false,
	  true },
	{ "port unreachable",
	  { IP4(IPPROTO_ICMP), ICMP(3, 3) },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  true,
	  true },
	{ "protocol unreachable",
	  { IP4(IPPROTO_ICMP), ICMP(3, 2) },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  true,
	  true },
	{ "host unreachable",
	  { IP4(IPPROTO_ICMP), ICMP(3, 1) },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "time exceeded",
	  { IP4(IPPROTO_ICMP), ICMP(11, 0) },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "ICMP without its header",
	  { IP4(IPPROTO_ICMP), .status = DECODE_TRUNCATED },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  false },
	{ "ICMPv6 echo request",
	  { IP6(IPPROTO_ICMPV6), ICMP(128, 0), WITH_ID },
	  true,
	  77,
	  77,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "ICMPv6 echo reply",
	  { IP6(IPPROTO_ICMPV6), ICMP(129, 0), WITH_ID },
	  true,
	  77,
	  77,
	  FLOW_KEY_RESPONDER,
	  false,
	  true },
	{ "ICMPv6 port unreachable",
	  { IP6(IPPROTO_ICMPV6), ICMP(1, 4) },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  true,
	  true },
	{ "ICMPv6 no route",
	  { IP6(IPPROTO_ICMPV6), ICMP(1, 0) },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
	{ "neighbour solicitation",
	  { IP6(IPPROTO_ICMPV6), ICMP(135, 0) },
	  false,
	  0,
	  0,
	  FLOW_KEY_INITIATOR,
	  false,
	  true },
};

static void address(struct packet *packet)
{
	bool v6 = packet->network == PACKET_IPV6;

	inet_parse(v6 ? "2001:db8::1" : "10.0.0.1", &packet->tuple.source);
	inet_parse(v6 ? "2001:db8::2" : "10.0.0.2", &packet->tuple.destination);
}

static void test_cases(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct packet packet = cases[i].packet;
		struct tuple key = { .reserved = { 9 } };
		bool keyed;

		address(&packet);
		keyed = flow_key_of(&packet, &key);
		CHECK_EQUAL(keyed, cases[i].keyed, "%s: %s a connection", cases[i].title,
		            cases[i].keyed ? "of" : "of not");
		if (keyed)
			CHECK(key.source_port == cases[i].source_port &&
			              key.destination_port == cases[i].destination_port &&
			              key.protocol == packet.tuple.protocol &&
			              inet_equal(&key.source, &packet.tuple.source) &&
			              key.reserved[0] == 0,
			      "%s: its key", cases[i].title);
		if (keyed)
			CHECK_EQUAL(flow_key_sender(&packet), cases[i].sender, "%s: its sender",
			            cases[i].title);
		packet.has_icmp_inner = packet.has_icmp;
		CHECK_EQUAL(flow_key_error(&packet) == CONNECTION_REFUSED, cases[i].refusal,
		            "%s: a refusal or not", cases[i].title);
		CHECK_EQUAL(flow_key_has_community_id(&packet), cases[i].has_id,
		            "%s: has a Community ID or not", cases[i].title);
	}
}

static void test_errors(void)
{
	static const struct {
		uint8_t protocol, type, code;
		enum connection_reason reason;
		bool final, counts;
	} errors[] = {
		{ IPPROTO_ICMP, 3, 0, CONNECTION_UNREACHABLE, true, true },
		{ IPPROTO_ICMP, 3, 1, CONNECTION_UNREACHABLE, true, true },
		{ IPPROTO_ICMP, 3, 2, CONNECTION_REFUSED, true, true },
		{ IPPROTO_ICMP, 3, 3, CONNECTION_REFUSED, true, true },
		{ IPPROTO_ICMP, 3, 4, CONNECTION_REASON_NONE, true, true },
		{ IPPROTO_ICMP, 3, 10, CONNECTION_UNREACHABLE, true, true },
		{ IPPROTO_ICMP, 3, 13, CONNECTION_UNREACHABLE, true, true },
		{ IPPROTO_ICMP, 11, 0, CONNECTION_UNREACHABLE, false, true },
		{ IPPROTO_ICMP, 12, 0, CONNECTION_UNREACHABLE, true, true },
		{ IPPROTO_ICMPV6, 4, 1, CONNECTION_UNREACHABLE, true, true },
		{ IPPROTO_ICMP, 4, 0, CONNECTION_REASON_NONE, false, false },
		{ IPPROTO_ICMP, 5, 0, CONNECTION_REASON_NONE, false, false },
		{ IPPROTO_ICMPV6, 1, 1, CONNECTION_UNREACHABLE, true, true },
		{ IPPROTO_ICMPV6, 1, 4, CONNECTION_REFUSED, true, true },
		{ IPPROTO_ICMPV6, 2, 0, CONNECTION_REASON_NONE, false, true },
		{ IPPROTO_ICMPV6, 3, 0, CONNECTION_UNREACHABLE, false, true },
	};

	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		struct packet packet = {
			.has_icmp = true,
			.has_icmp_inner = true,
			.tuple.protocol = errors[i].protocol,
			.icmp_type = errors[i].type,
			.icmp_code = errors[i].code,
		};

		CHECK(flow_key_error(&packet) == errors[i].reason &&
		              flow_key_error_is_final(&packet) == errors[i].final &&
		              flow_key_is_error(&packet) == errors[i].counts,
		      "protocol %u, type %u, code %u", errors[i].protocol, errors[i].type,
		      errors[i].code);
		packet.has_icmp_inner = false;
		CHECK(flow_key_error(&packet) == CONNECTION_REASON_NONE &&
		              !flow_key_is_error(&packet),
		      "about no packet: none");
	}
}

/* The identifiers themselves are compared with tshark's in tests/golden. */
static void test_community_id(void)
{
	static const struct {
		const char *source, *destination;
		struct packet packet;
		const char *id;
	} known[] = {
		{ "127.0.0.1",
		  "127.0.0.1",
		  { .network = PACKET_IPV4,
		    .has_ports = true,
		    .tuple = { .protocol = IPPROTO_TCP,
		               .source_port = 1122,
		               .destination_port = 3344 } },
		  "1:jFSTezdNrFgNSrsEQyOUW8QbOVw=" },
		{ "127.0.0.1",
		  "127.0.0.1",
		  { IP4(IPPROTO_ICMP), ICMP(8, 0), WITH_ID },
		  "1:PRCVIRO2XedYcoD1kwnYlWfzz28=" },
		{ "10.0.0.2",
		  "10.0.0.1",
		  { IP4(IPPROTO_ICMP), ICMP(11, 0) },
		  "1:c5iqfdGYsNWhMJVcYXWPNWbpnKs=" },
		{ "1.2.3.4", "5.6.7.8", { IP4(IPPROTO_GRE) }, "1:+mluqz76jObh6dJLwnhX08n5St4=" },
	};
	char text[COMMUNITY_ID_SIZE], seeded[COMMUNITY_ID_SIZE];

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		struct packet packet = known[i].packet;

		inet_parse(known[i].source, &packet.tuple.source);
		inet_parse(known[i].destination, &packet.tuple.destination);
		flow_key_community_id(&packet, 0, text);
		CHECK_TEXT(text, known[i].id, "%s: %s", known[i].id, text);
		flow_key_community_id(&packet, 1, seeded);
		CHECK(strcmp(text, seeded) != 0, "another seed, another identifier");
	}
}

int main(void)
{
	test_cases();
	test_errors();
	test_community_id();
	return check_done();
}
