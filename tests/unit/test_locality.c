/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
#include "stream/locality.h"

#include <netinet/in.h>

#include "check.h"
#include "netns.h"

#define UNKNOWN PACKET_DIRECTION_UNKNOWN
#define HERE    "127.0.0.1"

/* This host's addresses are those of lo. */
static const struct {
	const char *title, *source, *destination;
	enum packet_direction link; /* what the link layer says */
	bool ours_from, ours_to, fanned_out;
	enum packet_direction direction; /* afterwards */
} cases[] = {
	{ "loopback", HERE, "127.0.0.2", PACKET_INGRESS, true, true, false, PACKET_INGRESS },
	{ "loopback, not marked", HERE, HERE, UNKNOWN, true, true, false, PACKET_INGRESS },
	{ "IPv6 loopback", "::1", "::1", UNKNOWN, true, true, false, PACKET_INGRESS },
	{ "sent", HERE, "192.0.2.1", PACKET_EGRESS, true, false, false, PACKET_EGRESS },
	{ "sent, not marked", HERE, "192.0.2.1", UNKNOWN, true, false, false, PACKET_EGRESS },
	{ "received", "192.0.2.1", HERE, PACKET_INGRESS, false, true, false, PACKET_INGRESS },
	{ "received, not marked", "192.0.2.1", HERE, UNKNOWN, false, true, false, PACKET_INGRESS },
	{ "to others", "192.0.2.1", "192.0.2.2", PACKET_OTHERHOST, false, false, false,
	  PACKET_OTHERHOST },
	{ "to others, not marked", "192.0.2.1", "192.0.2.2", UNKNOWN, false, false, false,
	  UNKNOWN },
	{ "forwarded, coming in", "192.0.2.1", "198.51.100.1", PACKET_INGRESS, false, false, false,
	  PACKET_INGRESS },
	{ "forwarded, going out", "192.0.2.1", "198.51.100.1", PACKET_EGRESS, false, false, false,
	  PACKET_EGRESS },
	{ "a DHCP client's first", "0.0.0.0", "255.255.255.255", PACKET_EGRESS, true, false, true,
	  PACKET_EGRESS },
	{ "another's first", "0.0.0.0", "255.255.255.255", PACKET_INGRESS, false, true, true,
	  PACKET_INGRESS },
	{ "multicast received", "192.0.2.1", "224.0.0.251", PACKET_INGRESS, false, true, true,
	  PACKET_INGRESS },
	{ "multicast sent", HERE, "224.0.0.251", PACKET_EGRESS, true, false, true, PACKET_EGRESS },
	{ "multicast sent, not marked", HERE, "224.0.0.251", UNKNOWN, true, false, true,
	  PACKET_EGRESS },
	{ "IPv6 multicast", "2001:db8::1", "ff02::fb", PACKET_INGRESS, false, true, true,
	  PACKET_INGRESS },
	{ "IPv6 without an address as yet", "::", "ff02::1:ff00:1", PACKET_EGRESS, true, false,
	  true, PACKET_EGRESS },
};

static struct packet make(const char *source, const char *destination, enum packet_direction link)
{
	struct packet packet = { .direction = link };

	inet_parse(source, &packet.tuple.source);
	inet_parse(destination, &packet.tuple.destination);
	packet.network = inet_is_v4(&packet.tuple.source) ? PACKET_IPV4 : PACKET_IPV6;
	return packet;
}

static void test_cases(const struct interfaces *interfaces)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct packet packet = make(cases[i].source, cases[i].destination, cases[i].link);
		struct locality locality = locality_of(interfaces, &packet, 0);

		CHECK(locality.source == cases[i].ours_from &&
		              locality.destination == cases[i].ours_to,
		      "%s: whose ends (%d %d)", cases[i].title, locality.source,
		      locality.destination);
		CHECK_EQUAL(locality.fanned_out, cases[i].fanned_out, "%s: to several or not",
		            cases[i].title);
		CHECK_EQUAL(locality.direction, cases[i].direction, "%s: direction %u",
		            cases[i].title, locality.direction);
	}
}

static void test_broadcast(const struct interfaces *interfaces)
{
	struct packet packet = make("192.0.2.1", "192.0.2.255", PACKET_INGRESS);
	struct locality locality = locality_of(interfaces, &packet, 0);

	CHECK(!locality.fanned_out, "the broadcast address of a network: not known by its number");
	packet.has_destination_mac = true;
	memset(packet.destination_mac, 0xff, sizeof packet.destination_mac);
	locality = locality_of(interfaces, &packet, 0);
	CHECK(locality.fanned_out && locality.destination, "but by the link layer's address");
	packet.has_destination_mac = false;
	packet.is_broadcast = true;
	locality = locality_of(interfaces, &packet, 0);
	CHECK(locality.fanned_out && locality.destination,
	      "or by the packet's type, under \"any\"");
	packet.direction = UNKNOWN;
	locality = locality_of(interfaces, &packet, 0);
	CHECK(locality.direction == PACKET_INGRESS && locality.destination,
	      "to all and from another: it came in");
}

static void test_others(const struct interfaces *interfaces)
{
	struct packet packet = make(HERE, HERE, UNKNOWN);
	struct locality locality = locality_of(NULL, &packet, 0);

	CHECK(!locality.source && !locality.destination && locality.direction == UNKNOWN,
	      "in a replay nothing is local");
	packet.network = PACKET_ARP;
	locality = locality_of(interfaces, &packet, 0);
	CHECK(!locality.source && !locality.destination && locality.direction == UNKNOWN,
	      "nor is ARP");
}

int main(void)
{
	struct interfaces *interfaces;
	struct error error;

	if (!test_netns_enter())
		return 0;
	if (interfaces_new(&interfaces, NULL, -1, &error) != 0) {
		printf("Bail out! %s\n", error.text);
		return EXIT_FAILURE;
	}
	test_cases(interfaces);
	test_broadcast(interfaces);
	test_others(interfaces);
	interfaces_free(interfaces);
	return check_done();
}
