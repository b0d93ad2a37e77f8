/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * decode_dump FILE: what the decoder makes of each packet of a capture file, a
 * line of tab-separated columns each, names first. Empty = not there.
 *
 * decode_dump -p COUNT FILE: instead decodes the prefixes of the first COUNT
 * packets and compares them with the whole; each is looked into for names, too,
 * as what was cut there and as what ends there. Prints how many prefixes there
 * were, and how often names were found. In both every packet ends at an unmapped
 * page. Exit status 3: libpcap does not open the file.
 */
#include "decode/decode.h"
#include "decode/decode_tunnel.h"
#include "inspect/inspector.h"

#include <pcap/pcap.h>

#include "check.h"
#include "decode_sane.h"

#define GUARDED_MAX (1u << 20)
#define DENSE_MAX   4096 /* above, the cost of copying forbids every prefix; headers end below */
#define SPARSE_STEP 61

/* Prefixes of the packets of a file. */
struct prefixes {
	uint64_t packets; /* of so many */
	uint64_t count, names;
	struct inspector *inspector;
	uint32_t netns; /* each look is at a connection of its own */
	struct inspector_finding room;
};

static const char *const statuses[] = { "ok", "truncated", "malformed", "unsupported" };
static const char *const directions[] = { "", "in", "out", "other" };
static const char *const networks[] = { "", "ipv4", "ipv6", "arp" };

static void print_names(void)
{
	puts("number\tlink_type\tcaptured\tlength\tstatus\tdirection\tifindex\tsource_mac\t"
	     "destination_mac\tether_type\tvlans\tnetwork\tsource\tdestination\tarp\tprotocol\t"
	     "ttl\tip_length\tfragment_id\tfragment_offset\tis_fragment\tsource_port\t"
	     "destination_port\tpayload\tpayload_offset\tflags\tseq\tack\twindow\ticmp_type\t"
	     "icmp_code\ticmp_id\tinner_source\tinner_destination\tinner_protocol\t"
	     "inner_source_port\tinner_destination_port");
}

static void print_mac(bool known, const uint8_t *mac)
{
	if (known)
		printf("%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
		       mac[5]);
	putchar('\t');
}

static void print_number(bool known, uint32_t number)
{
	if (known)
		printf("%u", number);
	putchar('\t');
}

static void print_address(bool known, const struct inet_address *address)
{
	char text[INET_TEXT_MAX];

	if (known) {
		inet_format(address, text);
		fputs(text, stdout);
	}
	putchar('\t');
}

static void print_link(const struct packet *packet)
{
	printf("%u\t%d\t%u\t%u\t%s\t%s\t", (unsigned)packet->number, packet->link_type,
	       packet->captured, packet->length, statuses[packet->status],
	       directions[packet->direction]);
	print_number(packet->ifindex != 0, packet->ifindex);
	print_mac(packet->has_mac, packet->source_mac);
	print_mac(packet->has_destination_mac, packet->destination_mac);
	print_number(packet->ether_type != 0, packet->ether_type);
	for (int i = 0; i < packet->vlan_count; i++)
		printf("%s%u", i > 0 ? "," : "", packet->vlans[i]);
	putchar('\t');
}

static void print_network(const struct packet *packet)
{
	bool is_arp = packet->network == PACKET_ARP;
	bool is_ip = packet->network == PACKET_IPV4 || packet->network == PACKET_IPV6;
	bool has_addresses = is_ip || (is_arp && inet_is_v4(&packet->tuple.source));

	printf("%s\t", networks[packet->network]);
	print_address(has_addresses, &packet->tuple.source);
	print_address(has_addresses, &packet->tuple.destination);
	print_number(is_arp, packet->arp_operation);
	print_number(is_ip, packet->tuple.protocol);
	print_number(is_ip, packet->ttl);
	print_number(packet->ip_length != 0, packet->ip_length);
	print_number(packet->has_fragment_id, packet->fragment_id);
	print_number(packet->has_fragment_id, packet->fragment_offset);
	print_number(packet->has_fragment_id, packet->is_fragment);
}

static void print_transport(const struct packet *packet)
{
	const struct tuple *inner = &packet->icmp_inner;

	print_number(packet->has_ports, packet->tuple.source_port);
	print_number(packet->has_ports, packet->tuple.destination_port);
	print_number(true, packet->payload);
	print_number(packet->payload != 0, packet->payload_offset);
	print_number(packet->has_tcp, packet->tcp_flags);
	print_number(packet->has_tcp, packet->tcp_sequence);
	print_number(packet->has_tcp, packet->tcp_acknowledgement);
	print_number(packet->has_tcp, packet->tcp_window);
	print_number(packet->has_icmp, packet->icmp_type);
	print_number(packet->has_icmp, packet->icmp_code);
	print_number(packet->has_icmp_id, packet->icmp_id);
	print_address(packet->has_icmp_inner, &inner->source);
	print_address(packet->has_icmp_inner, &inner->destination);
	print_number(packet->has_icmp_inner, inner->protocol);
	print_number(packet->has_icmp_inner, inner->source_port);
	if (packet->has_icmp_inner)
		printf("%u", inner->destination_port);
	putchar('\n');
}

/* What it carries in tunnels, too. */
static bool are_sane(const struct packet *packet, const uint8_t *bytes)
{
	struct packet outer = *packet, inner;

	for (int i = 0; i < PACKET_TUNNELS_MAX && decode_tunnel(&outer, bytes, &inner); i++) {
		if (!decode_is_sane(&inner))
			return false;
		outer = inner;
	}
	return decode_is_sane(packet);
}

/* The first captured bytes, moved to the end of the guarded ones. */
static struct packet decode(int link_type, uint8_t *guard, const uint8_t *bytes, uint32_t captured,
                            uint32_t length, uint64_t number)
{
	struct packet packet = { .number = number };

	memcpy(guard - captured, bytes, captured);
	decode_packet(link_type, guard - captured, captured, length, &packet);
	if (!are_sane(&packet, guard - captured)) {
		fprintf(stderr, "packet %u, %u bytes: not sane\n", (unsigned)number, captured);
		exit(EXIT_FAILURE);
	}
	return packet;
}

static struct inspector_finding *on_finding(void *context, struct inspector_finding *finding)
{
	struct prefixes *prefixes = context;

	prefixes->names++;
	return finding;
}

/* The first packet of a connection, but for a SYN. */
static void look_once(struct prefixes *prefixes, struct packet packet, const uint8_t *bytes)
{
	struct packet syn = packet;

	syn.netns = packet.netns = ++prefixes->netns;
	if (packet.has_tcp) {
		syn.tcp_flags = TCP_FLAG_SYN;
		syn.tcp_sequence--;
		syn.payload = 0;
		packet.tcp_flags &= (uint8_t)~TCP_FLAG_SYN;
		inspector_look(prefixes->inspector, &syn, bytes, &prefixes->room);
	}
	if (inspector_wants(&packet))
		inspector_look(prefixes->inspector, &packet, bytes, &prefixes->room);
}

static void look(struct prefixes *prefixes, const struct packet *packet, const uint8_t *bytes)
{
	struct packet outer = *packet, inner;

	for (int i = 0; i <= PACKET_TUNNELS_MAX; i++) {
		struct packet ended = outer;

		ended.payload = packet_payload_captured(&outer);
		look_once(prefixes, outer, bytes);
		look_once(prefixes, ended, bytes);
		if (!decode_tunnel(&outer, bytes, &inner))
			break;
		outer = inner;
	}
}

static void check_prefixes(int link_type, uint8_t *guard, const uint8_t *bytes,
                           const struct packet *whole, struct prefixes *prefixes)
{
	for (uint32_t captured = 0; captured < whole->captured;
	     captured += captured < DENSE_MAX ? 1 : SPARSE_STEP) {
		struct packet prefix =
			decode(link_type, guard, bytes, captured, whole->length, whole->number);

		if (!decode_is_prefix(&prefix, whole)) {
			fprintf(stderr, "packet %u, %u bytes: no part of the whole\n",
			        (unsigned)whole->number, captured);
			exit(EXIT_FAILURE);
		}
		look(prefixes, &prefix, guard - captured);
		decode(link_type, guard, bytes, captured, 0, whole->number);
		prefixes->count++;
	}
}

static void dump(pcap_t *pcap, struct prefixes *prefixes)
{
	static const uint8_t nothing[GUARDED_MAX];
	uint8_t *guard = check_guarded(nothing, GUARDED_MAX) + GUARDED_MAX;
	struct pcap_pkthdr *header;
	const uint8_t *bytes;

	if (prefixes->packets == 0)
		print_names();
	for (uint64_t number = 1; pcap_next_ex(pcap, &header, &bytes) == 1; number++) {
		uint32_t captured = header->caplen < GUARDED_MAX ? header->caplen : GUARDED_MAX;
		struct packet packet =
			decode(pcap_datalink(pcap), guard, bytes, captured, header->len, number);

		if (prefixes->packets == 0) {
			print_link(&packet);
			print_network(&packet);
			print_transport(&packet);
		} else if (number <= prefixes->packets) {
			check_prefixes(packet.link_type, guard, bytes, &packet, prefixes);
		}
	}
	if (prefixes->packets != 0)
		printf("%" PRIu64 " prefixes, %" PRIu64 " times names in them\n", prefixes->count,
		       prefixes->names);
	if (*pcap_geterr(pcap) != '\0')
		fprintf(stderr, "%s\n", pcap_geterr(pcap));
}

int main(int argc, char **argv)
{
	char error[PCAP_ERRBUF_SIZE];
	static const struct hash_key key = { { 1, 2 } };
	struct prefixes prefixes = { 0 };
	pcap_t *pcap;

	if (argc == 4 && strcmp(argv[1], "-p") == 0)
		prefixes.packets = strtoull(argv[2], NULL, 10);
	else if (argc != 2)
		return 2;
	pcap = pcap_open_offline(argv[argc - 1], error);
	if (pcap == NULL) {
		fprintf(stderr, "%s\n", error);
		return 3;
	}
	prefixes.inspector = inspector_new(&key, on_finding, &prefixes);
	if (!prefixes.inspector)
		return EXIT_FAILURE;
	dump(pcap, &prefixes);
	inspector_free(prefixes.inspector);
	pcap_close(pcap);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
