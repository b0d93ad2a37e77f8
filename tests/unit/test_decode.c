/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* Each case of decode_cases.h, whole, then every prefix of it at the end of a guard page. */
#include "decode/decode.h"

#include "check.h"
#include "decode_cases.h"
#include "decode_sane.h"
#include "random.h"

#define PACKET_MAX 4096
#define MUTATIONS  100000

#define CASES (sizeof(decode_cases) / sizeof(decode_cases[0]))

static void describe_tuple(FILE *out, const struct tuple *tuple, bool has_ports)
{
	char source[INET_TEXT_MAX], destination[INET_TEXT_MAX];

	inet_format(&tuple->source, source);
	inet_format(&tuple->destination, destination);
	if (has_ports)
		fprintf(out, "%s:%u>%s:%u ", source, tuple->source_port, destination,
		        tuple->destination_port);
	else
		fprintf(out, "%s>%s ", source, destination);
}

static void describe_mac(FILE *out, const uint8_t *mac)
{
	fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
	        mac[5]);
}

static void describe_link(FILE *out, const struct packet *packet)
{
	static const char *const directions[] = { "", "in ", "out ", "other " };

	fputs(directions[packet->direction], out);
	if (packet->ifindex != 0)
		fprintf(out, "if %u ", packet->ifindex);
	if (packet->has_mac) {
		fputs("mac ", out);
		describe_mac(out, packet->source_mac);
		if (packet->has_destination_mac) {
			putc('>', out);
			describe_mac(out, packet->destination_mac);
		}
		putc(' ', out);
	}
	if (packet->ether_type != 0)
		fprintf(out, "type %04x ", packet->ether_type);
	for (int i = 0; i < packet->vlan_count; i++)
		fprintf(out, "vlan %u ", packet->vlans[i]);
}

static void describe_ip(FILE *out, const struct packet *packet)
{
	describe_tuple(out, &packet->tuple, packet->has_ports);
	fprintf(out, "%u ttl %u ip %u ", packet->tuple.protocol, packet->ttl, packet->ip_length);
	if (packet->is_fragment)
		fprintf(out, "fragment %u+%u %s", packet->fragment_id, packet->fragment_offset,
		        packet->is_later_fragment ? "later " : "");
	else if (packet->has_fragment_id)
		fprintf(out, "unfragmented %u ", packet->fragment_id);
	if (packet->has_tcp)
		fprintf(out, "tcp 0x%02x %u %u %u ", packet->tcp_flags, packet->tcp_sequence,
		        packet->tcp_acknowledgement, packet->tcp_window);
	if (packet->has_icmp)
		fprintf(out, "icmp %u/%u ", packet->icmp_type, packet->icmp_code);
	if (packet->has_icmp_id)
		fprintf(out, "id %u ", packet->icmp_id);
	if (packet->has_icmp_inner) {
		fputs("about ", out);
		describe_tuple(out, &packet->icmp_inner, packet->icmp_inner.source_port != 0);
		fprintf(out, "%u ", packet->icmp_inner.protocol);
	}
	if (packet->payload != 0)
		fprintf(out, "payload %u@%u ", packet->payload, packet->payload_offset);
}

/* All that decode_packet found, in one line. */
static void describe(const struct packet *packet, char *text, size_t size)
{
	static const char *const statuses[] = { "ok", "truncated", "malformed", "unsupported" };
	FILE *out = fmemopen(text, size, "w");

	if (out == NULL)
		abort();
	fprintf(out, "%s ", statuses[packet->status]);
	describe_link(out, packet);
	if (packet->network == PACKET_ARP) {
		fprintf(out, "arp %u ", packet->arp_operation);
		describe_tuple(out, &packet->tuple, false);
	} else if (packet->network != PACKET_NETWORK_NONE) {
		describe_ip(out, packet);
	}
	fclose(out);
}

/* With a packet full of rubbish beforehand, but for what decode_packet leaves alone. */
static struct packet decode(int link_type, const uint8_t *bytes, size_t captured, size_t length)
{
	struct packet packet;

	memset(&packet, 0xa5, sizeof(packet));
	packet.time_ns = 1;
	packet.number = 2;
	packet.netns = 3;
	packet.ifindex = 0;
	decode_packet(link_type, bytes, (uint32_t)captured, (uint32_t)length, &packet);
	return packet;
}

static bool is_sane(const struct packet *packet)
{
	return packet->time_ns == 1 && packet->number == 2 && packet->netns == 3 &&
	       decode_is_sane(packet);
}

/* A copy that ends at guard, where an unmapped page begins. */
static const uint8_t *guard_copy(uint8_t *guard, const uint8_t *bytes, size_t size)
{
	return memcpy(guard - size, bytes, size);
}

static void test_whole(const struct decode_case *test, const uint8_t *bytes, size_t size)
{
	struct packet packet = decode(test->link_type, bytes, size, size + test->more);
	char text[512];

	describe(&packet, text, sizeof(text));
	if (!CHECK(strcmp(text, test->expected) == 0 && is_sane(&packet), "%s", test->name))
		printf("# got      %s\n# expected %s\n", text, test->expected);
}

static void test_prefixes(const struct decode_case *test, uint8_t *guard, const uint8_t *bytes,
                          size_t size)
{
	struct packet whole = decode(test->link_type, bytes, size, size + test->more);
	size_t wrong = 0;

	for (size_t captured = 0; captured <= size; captured++) {
		struct packet packet = decode(test->link_type, guard_copy(guard, bytes, captured),
		                              captured, size + test->more);
		bool holds = packet.captured == captured && is_sane(&packet) &&
		             decode_is_prefix(&packet, &whole);

		packet.captured = whole.captured;
		packet.content = whole.content; /* of what was captured */
		if (captured >= test->needs)
			holds = holds && decode_is_same(&packet, &whole);
		else
			holds = holds && (packet.status == DECODE_TRUNCATED ||
			                  (packet.status == DECODE_MALFORMED &&
			                   whole.status == DECODE_MALFORMED));
		/* The same bytes as all that was on the wire: anything but an over-read. */
		packet = decode(test->link_type, guard_copy(guard, bytes, captured), captured, 0);
		holds = holds && packet.length == captured && is_sane(&packet);
		if (!holds) {
			printf("# wrong with %zu of %zu bytes\n", captured, size);
			wrong++;
		}
	}
	CHECK_EQUAL(wrong, 0, "%s: every prefix, complete from %u bytes on", test->name,
	            test->needs);
}

/* No more is captured than is needed, and no less. */
static void test_snaplen(void)
{
	uint32_t most = 0;

	for (size_t i = 0; i < CASES; i++) {
		const struct decode_case *test = &decode_cases[i];

		if (strncmp(test->expected, "ok ", 3) == 0 && test->needs > most)
			most = test->needs;
	}
	CHECK(most <= DECODE_SNAPLEN && DECODE_SNAPLEN - most < 16,
	      "the longest headers are %u bytes, %d are captured", most, DECODE_SNAPLEN);
}

static void test_mutations(uint8_t *guard)
{
	struct random random = random_begin();
	size_t wrong = 0;

	for (int i = 0; i < MUTATIONS; i++) {
		const struct decode_case *test = &decode_cases[random_below(&random, CASES)];
		uint8_t bytes[PACKET_MAX];
		uint32_t size = decode_case_bytes(test, bytes, sizeof(bytes));
		uint32_t captured = random_below(&random, size + 1);
		struct packet packet;

		for (uint32_t left = random_below(&random, 4) + 1; size > 0 && left > 0; left--)
			bytes[random_below(&random, size)] = (uint8_t)random_u64(&random);
		packet = decode(test->link_type, guard_copy(guard, bytes, captured), captured,
		                size + test->more);
		if (!is_sane(&packet))
			wrong++;
	}
	CHECK_EQUAL(wrong, 0, "%d packets with changed bytes", MUTATIONS);
}

static void test_kept_fields(void)
{
	struct packet packet = { .time_ns = -5, .number = 6, .netns = 7, .ifindex = 8 };

	decode_packet(DECODE_LINK_RAW, NULL, 0, 0, &packet);
	CHECK(packet.time_ns == -5 && packet.number == 6 && packet.netns == 7 &&
	              packet.ifindex == 8,
	      "what the decoder does not know stays");
	CHECK(packet.link_type == DECODE_LINK_RAW && packet.status == DECODE_MALFORMED,
	      "nothing at all is malformed");
}

static uint32_t content_of(const uint8_t *bytes, uint32_t size)
{
	struct packet packet = { .number = 1 };

	decode_packet(DECODE_LINK_RAW, bytes, size, size, &packet);
	return packet.content;
}

/* Datagrams that have no number differ in the payload, and echoes in their sequence. */
static void test_content(void)
{
	enum { SIZE = 20 + 8 + 40, ID = 5, PROTOCOL = 9, CHECKSUM = 20 + 6, PAYLOAD = 20 + 8 };
	uint8_t bytes[SIZE] = {
		0x45, 0, 0, SIZE, [PROTOCOL] = IPPROTO_UDP, [25] = SIZE - 20, [PAYLOAD] = 1
	};
	uint32_t content = content_of(bytes, SIZE);

	bytes[CHECKSUM]++;
	CHECK_EQUAL(content_of(bytes, SIZE), content, "the checksum may be filled in later");
	bytes[PAYLOAD + 31]++;
	CHECK(content_of(bytes, SIZE) != content, "another payload");
	bytes[PAYLOAD + 31]--;
	bytes[PAYLOAD + 32]++;
	CHECK_EQUAL(content_of(bytes, SIZE), content, "is known by its first 32 bytes");
	CHECK(content_of(bytes, PAYLOAD) == 0 && content_of(bytes, PAYLOAD + 3) != content,
	      "or by those that were captured");
	bytes[ID] = 1;
	CHECK_EQUAL(content_of(bytes, SIZE), 0, "what has a number needs none");
	bytes[ID] = 0;
	bytes[PROTOCOL] = IPPROTO_ICMP;
	bytes[20] = 8;
	content = content_of(bytes, SIZE);
	bytes[20 + 7]++; /* the sequence number */
	CHECK(content_of(bytes, SIZE) != content, "the next echo");
	bytes[20 + 7]--;
	bytes[20 + 3]++;
	CHECK_EQUAL(content_of(bytes, SIZE), content, "an echo with another checksum");
}

/* A tag that the kernel delivers beside the packet, before what may be a further one. */
static void test_tags(void)
{
	static const struct {
		const char *name, *hex;
		uint16_t control;
		int count;
		uint16_t vlans[2];
		uint32_t wire;
	} cases[] = {
		{ "alone",
		  SLL2("00", "0001", "06", "0800") IP4("0028", "06") TCP,
		  5,
		  1,
		  { 5 },
		  58 },
		{ "a second one before the header",
		  SLL2("00", "0001", "06", "0800") "4007 0800" IP4("0028", "06") TCP,
		  5,
		  2,
		  { 5, 7 },
		  62 },
		{ "two more",
		  SLL2("00", "0001", "06", "0800") "2007 8100 0008 0800" IP4("0028", "06") TCP,
		  5,
		  2,
		  { 5, 7 },
		  66 },
		{ "before IPv6",
		  SLL2("00", "0001", "06", "86dd") "6007 86dd" IP6("0014", "06") TCP,
		  5,
		  2,
		  { 5, 7 },
		  82 },
		{ "outgoing, the same again",
		  SLL2("04", "0001", "06", "0800") "0005 0800" IP4("0028", "06") TCP,
		  5,
		  1,
		  { 5 },
		  58 },
		{ "outgoing, and a second one",
		  SLL2("04", "0001", "06", "0800") "0007 0800" IP4("0028", "06") TCP,
		  5,
		  2,
		  { 5, 7 },
		  62 },
		{ "of a tunnel",
		  SLL2("00", "fffe", "00", "0800") IP4("0028", "06") TCP,
		  5,
		  1,
		  { 5 },
		  44 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct decode_case bytes_of = { .hex = cases[i].hex };
		struct packet_tag tag = { .present = true, .control = cases[i].control };
		struct packet packet = { .number = 1 };
		uint8_t bytes[PACKET_MAX];
		uint32_t size = decode_case_bytes(&bytes_of, bytes, sizeof(bytes));

		decode_packet_tagged(DECODE_LINK_SLL2, bytes, size, size, &tag, &packet);
		CHECK(packet.status == DECODE_OK && packet.has_tcp &&
		              packet.vlan_count == cases[i].count &&
		              packet.vlans[0] == cases[i].vlans[0] &&
		              packet.vlans[1] == cases[i].vlans[1],
		      "a tag beside the packet, %s: %d tags", cases[i].name, packet.vlan_count);
		CHECK(packet_wire_length(&packet) == cases[i].wire &&
		              packet_wire_captured(&packet) == cases[i].wire,
		      "%s: %u bytes on the wire", cases[i].name, packet_wire_length(&packet));
	}
}

static void test_wire_length(void)
{
	static const struct {
		const char *name, *hex;
		int link_type;
		uint32_t wire;
	} cases[] = {
		{ "Ethernet", ETH("0800") IP4("0028", "06") TCP, 1, 54 },
		{ "SLL of Ethernet", SLL("0000", "0001", "0006", "0800") IP4("0028", "06") TCP, 113,
		  54 },
		{ "SLL of loopback", SLL("0000", "0304", "0006", "0800") IP4("0028", "06") TCP, 113,
		  54 },
		{ "SLL2 of Ethernet", SLL2("00", "0001", "06", "0800") IP4("0028", "06") TCP, 276,
		  54 },
		{ "SLL2 of a tunnel", SLL2("00", "fffe", "00", "0800") IP4("0028", "06") TCP, 276,
		  40 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct decode_case bytes_of = { .hex = cases[i].hex };
		uint8_t bytes[PACKET_MAX];
		uint32_t size = decode_case_bytes(&bytes_of, bytes, sizeof(bytes));
		struct packet packet = decode(cases[i].link_type, bytes, size, size + 10);

		CHECK(packet_wire_length(&packet) == cases[i].wire + 10 &&
		              packet_wire_captured(&packet) == cases[i].wire,
		      "%s: of %u bytes on the wire %u were captured", cases[i].name,
		      packet_wire_length(&packet), packet_wire_captured(&packet));
	}
}

int main(void)
{
	static const uint8_t nothing[PACKET_MAX];
	uint8_t *guard = check_guarded(nothing, sizeof(nothing)) + sizeof(nothing);

	for (size_t i = 0; i < CASES; i++) {
		uint8_t bytes[PACKET_MAX];
		size_t size = decode_case_bytes(&decode_cases[i], bytes, sizeof(bytes));

		test_whole(&decode_cases[i], bytes, size);
		test_prefixes(&decode_cases[i], guard, bytes, size);
	}
	test_snaplen();
	test_mutations(guard);
	test_kept_fields();
	test_content();
	test_tags();
	test_wire_length();
	return check_done();
}
