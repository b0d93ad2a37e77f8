/* SPDX-FileCopyrightText: The sockline authors */
/* SPDX-License-Identifier: Apache-2.0 */
/* The first bytes of a connection come in order, however its segments come. */
#include "inspect/flows.h"

#include <netinet/in.h>

#include "check.h"
#include "random.h"

#define ISN    0xfffffff0u /* the sequence numbers wrap */
#define LENGTH 3000

static bool add_packet(struct flows *flows, const struct packet *packet, const uint8_t *payload,
                       size_t captured, bool starts, struct flow_view *view)
{
	struct flows_place place = flows_place_of(flows, packet);

	return flows_add(flows, &place, packet, payload, captured, starts, view);
}

static enum flows_interest interest_in(const struct flows *flows, const struct packet *packet)
{
	struct flows_place place = flows_place_of(flows, packet);

	return flows_interest(flows, &place, packet);
}

static const struct hash_key key = { { 1, 2 } };
static uint8_t text[LENGTH];
static uint8_t *end; /* of so many bytes, at a guard page */

static struct packet segment(uint16_t port, uint32_t offset, size_t length, uint8_t flags)
{
	struct packet packet = {
		.has_tcp = true,
		.has_ports = true,
		.tcp_flags = flags,
		.tcp_sequence = ISN + 1 + offset,
		.payload = (uint32_t)length,
		.tuple = { .source_port = port, .destination_port = 443, .protocol = IPPROTO_TCP }
	};

	if (flags & TCP_FLAG_SYN)
		packet.tcp_sequence = ISN;
	inet_parse("192.0.2.1", &packet.tuple.source);
	inet_parse("192.0.2.2", &packet.tuple.destination);
	return packet;
}

static void begin(struct flows *flows, uint16_t port)
{
	struct packet packet = segment(port, 0, 0, TCP_FLAG_SYN);
	struct flow_view view;

	add_packet(flows, &packet, NULL, 0, false, &view);
}

/* Adds text[offset, offset + length); the bytes that are there without a gap, or 0. */
static size_t add(struct flows *flows, uint16_t port, size_t offset, size_t length)
{
	struct packet packet = segment(port, (uint32_t)offset, length, TCP_FLAG_ACK);
	struct flow_view view;
	size_t found;

	memcpy(end - length, text + offset, length);
	if (!add_packet(flows, &packet, end - length, length, false, &view))
		return 0;
	found = memcmp(view.bytes, text, view.length) == 0 && view.initial ? view.length
	                                                                   : LENGTH + 1;
	flows_wait(flows, &view, 0);
	return found;
}

static void test_order(void)
{
	struct flows *flows = flows_new(&key);

	CHECK_EQUAL(add(flows, 1, 0, 100), 0, "without its SYN a connection is not looked at");
	begin(flows, 2);
	CHECK_EQUAL(add(flows, 2, 0, 100), 100, "the first segment");
	CHECK_EQUAL(add(flows, 2, 0, 100), 0, "the same again: nothing new");
	CHECK_EQUAL(add(flows, 2, 100, 50), 150, "the second");
	CHECK_EQUAL(add(flows, 2, 300, 50), 0, "one behind a gap waits");
	CHECK_EQUAL(add(flows, 2, 120, 180), 350, "what fills the gap, and overlaps");
	begin(flows, 3);
	CHECK_EQUAL(add(flows, 3, 500, 500), 0, "the second first");
	CHECK_EQUAL(add(flows, 3, 0, 500), 1000, "then both");
	flows_free(flows);
}

/* The SYN was not captured: its answer says where the other direction begins. */
static void test_answer(void)
{
	struct flows *flows = flows_new(&key);
	struct packet answer = segment(1, 0, 0, TCP_FLAG_SYN | TCP_FLAG_ACK);
	struct flow_view view;

	answer.tuple = tuple_reverse(&answer.tuple);
	answer.tcp_acknowledgement = ISN + 1;
	add_packet(flows, &answer, NULL, 0, false, &view);
	CHECK_EQUAL(add(flows, 1, 0, 100), 100, "the first segment behind a SYN that was not seen");
	begin(flows, 1);
	CHECK_EQUAL(add(flows, 1, 100, 50), 150, "and the next, though the SYN comes at last");
	flows_free(flows);
}

/* The same ends in other networks: VLANs, tunnels and namespaces. */
static void test_networks(void)
{
	struct flows *flows = flows_new(&key);
	struct packet networks[] = {
		segment(1, 0, 100, TCP_FLAG_ACK), segment(1, 0, 100, TCP_FLAG_ACK),
		segment(1, 0, 100, TCP_FLAG_ACK), segment(1, 0, 100, TCP_FLAG_ACK),
		segment(1, 0, 100, TCP_FLAG_ACK), segment(1, 0, 100, TCP_FLAG_ACK)
	};
	struct packet priority = networks[0];
	struct flow_view view;
	int apart = 0;

	networks[1].vlan_count = networks[2].vlan_count = 1;
	networks[1].vlans[0] = 10;
	networks[2].vlans[0] = 20;
	networks[3].vlan_count = 2;
	networks[3].vlans[0] = 20;
	networks[3].vlans[1] = 10;
	networks[4].tunnel_lane = 7;
	networks[5].netns = 4;
	for (size_t i = 0; i < sizeof networks / sizeof *networks; i++)
		apart += add_packet(flows, &networks[i], text, 100, true, &view) &&
		         view.length == 100;
	CHECK_EQUAL(apart, (int)(sizeof networks / sizeof *networks),
	            "the beginning of each is that of a connection of its own");
	priority.vlan_count = 1;
	CHECK_EQUAL((int)interest_in(flows, &priority), FLOWS_WANTED,
	            "a priority makes no network");
	priority.vlans[0] = 30;
	CHECK_EQUAL((int)interest_in(flows, &priority), FLOWS_UNKNOWN, "another VLAN does");
	flows_free(flows);
}

/* TCP Fast Open, RFC 7413: the server may take what the SYN carries, or not. */
static void test_fast_open(void)
{
	struct flows *flows = flows_new(&key);
	struct packet syn = segment(1, 0, 100, TCP_FLAG_SYN);
	struct flow_view view;

	CHECK(add_packet(flows, &syn, text, 100, false, &view) && view.initial &&
	              view.length == 100,
	      "what a SYN carries");
	flows_wait(flows, &view, 0);
	CHECK_EQUAL(add(flows, 1, 0, 100), 0, "it is sent again");
	CHECK_EQUAL(add(flows, 1, 100, 50), 150, "what follows");
	flows_free(flows);
}

/* Any order, any overlap, some lost: what is given is a prefix of the text, at last all of it. */
static void test_random(void)
{
	struct random random = random_begin();
	struct flows *flows = flows_new(&key);
	int good = 0;

	for (int i = 0; i < 2000; i++) {
		uint16_t port = (uint16_t)(1000 + i % 5000);
		size_t most = 0;
		bool right = true;

		begin(flows, port);
		for (int j = 0; j < 200 && most < LENGTH; j++) {
			size_t offset = random_below(&random, LENGTH);
			size_t length = 1 + random_below(&random, 1460), found;

			if (j > 30 && random_below(&random, 2))
				offset = most;
			if (length > LENGTH - offset)
				length = LENGTH - offset;
			found = add(flows, port, offset, length);
			right &= found == 0 || (found >= most && found <= LENGTH);
			most = found > most ? found : most;
		}
		good += right && most == LENGTH;
	}
	CHECK_EQUAL(good, 2000, "2,000 texts in random segments");
	flows_free(flows);
}

static void test_consumed(void)
{
	struct flows *flows = flows_new(&key);
	struct packet packet = segment(4, 0, 100, TCP_FLAG_ACK);
	struct flow_view view;
	bool there;

	begin(flows, 4);
	there = add_packet(flows, &packet, text, 100, false, &view);
	flows_wait(flows, &view, 60);
	packet = segment(4, 100, 100, TCP_FLAG_ACK);
	there &= add_packet(flows, &packet, text + 100, 100, false, &view);
	CHECK(there && view.length == 140 && memcmp(view.bytes, text + 60, 140) == 0,
	      "the rest of the first, then the second");
	flows_wait(flows, &view, 140);
	packet = segment(4, 200, 30, TCP_FLAG_ACK);
	CHECK(add_packet(flows, &packet, text + 200, 30, false, &view) && view.length == 30,
	      "the third alone");
	packet = segment(4, 230, 30, TCP_FLAG_ACK);
	CHECK_EQUAL(interest_in(flows, &packet), FLOWS_WANTED, "more is wanted");
	flows_done(flows, view.direction);
	CHECK(interest_in(flows, &packet) == FLOWS_DONE &&
	              !add_packet(flows, &packet, text + 230, 30, false, &view),
	      "done: no more");
	packet.tuple = tuple_reverse(&packet.tuple);
	CHECK_EQUAL(interest_in(flows, &packet), FLOWS_WANTED, "but of the other direction");
	packet.netns = 1;
	CHECK_EQUAL(interest_in(flows, &packet), FLOWS_UNKNOWN, "and nothing elsewhere");
	packet.tcp_flags = TCP_FLAG_SYN;
	CHECK_EQUAL(interest_in(flows, &packet), FLOWS_WANTED, "a SYN begins one");
	begin(flows, 5);
	packet = segment(5, 0, 100, TCP_FLAG_ACK);
	there = add_packet(flows, &packet, text, 40, false, &view);
	CHECK(there && view.cut && view.length == 40, "a segment that was cut is marked");
	flows_wait(flows, &view, 0);
	packet = segment(5, 100, 100, TCP_FLAG_ACK);
	CHECK(!add_packet(flows, &packet, text, 100, false, &view), "nothing can follow it");
	packet = segment(6, 0, 100, TCP_FLAG_ACK);
	CHECK(add_packet(flows, &packet, text, 100, true, &view) && !view.initial,
	      "one met in its middle, whose packet could begin something");
	flows_free(flows);
}

/* More connections, and more that wait, than there is room for. */
static void test_bounds(void)
{
	struct flows *flows = flows_new(&key);
	int kept = 0;

	for (uint16_t port = 1; port <= 4 * FLOWS_BUFFERS; port++) {
		begin(flows, port);
		add(flows, port, 0, 100);
	}
	for (uint16_t port = 1; port <= 4 * FLOWS_BUFFERS; port++)
		kept += add(flows, port, 100, 50) == 150;
	CHECK(kept > 0 && kept <= FLOWS_BUFFERS, "%d of %d that wait are kept", kept,
	      4 * FLOWS_BUFFERS);
	for (uint16_t port = 1; port < 4 * FLOWS_MAX; port++)
		begin(flows, port);
	kept = 0;
	for (uint16_t port = 1; port < 4 * FLOWS_MAX; port++)
		kept += add(flows, port, 0, 100) == 100;
	CHECK(kept > FLOWS_MAX / 2 && kept <= FLOWS_MAX, "%d of %d connections", kept,
	      4 * FLOWS_MAX);
	flows_free(flows);
}

int main(void)
{
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = (uint8_t)(i * 7 + i / 256);
	end = check_guarded(text, sizeof text) + sizeof text;
	test_order();
	test_answer();
	test_networks();
	test_fast_open();
	test_random();
	test_consumed();
	test_bounds();
	return check_done();
}
